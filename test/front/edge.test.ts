import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, definePlugin, refuse } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { localOptionsOf } from "../../packages/host/dist/host/host.js";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { startHost, type TestHost, temporary } from "../harness/hosts.ts";
import { ask, bearer, initialize, raw, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };
const PATHS = ["/mcp", "/healthz", "/readyz", "/", "/elsewhere"];
const METHODS = ["GET", "POST", "DELETE", "OPTIONS", "PUT", "HEAD"];

let running: TestHost;
let url: URL;
beforeAll(async () => {
  const listen = { origins: ["https://app.example"], hosts: ["mcp.example", "proxy.example:8443"] };
  running = await startHost({ mcpServers, listen }, { insecureNoAuth: true });
  ({ url } = running);
});
afterAll(() => running[Symbol.asyncDispose]());

const get = (headers: string): Promise<string> => raw(url, `GET /healthz HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`);

describe("Origin", () => {
  test("a foreign one is refused on every path and method before anything else is looked at", async () => {
    for (const path of PATHS)
      for (const method of METHODS) {
        const { status } = await ask(url, { path, method, headers: { origin: "https://evil.example" } });
        expect(status, `${method} ${path}`).toBe(403);
      }
  });

  test("what only looks like an allowed one is refused", async () => {
    const { port } = url;
    for (const origin of [
      "null",
      "",
      "not a url",
      "https://app.example/",
      "https://app.example.",
      "https://app.example:443",
      "https://app.example:8443",
      "https://APP.example",
      "http://app.example",
      "https://user@app.example",
      "https://app.example@evil.example",
      "https://app.example.evil.example",
      `http://user@127.0.0.1:${port}`,
      `http://localhost.:${port}`,
      `http://localhost:${Number(port) + 1}`,
      "http://localhost",
      `https://localhost:${port}`,
      "https://app.example, https://app.example",
    ]) {
      const { status, json } = await ask(url, { headers: { origin }, body: initialize() });
      expect(status, origin).toBe(403);
      expect(json, origin).toMatchObject({ id: null, error: { code: -31403, data: { origin: "mcp-host", type: "forbidden" } } });
    }
  });

  test("two of them are refused, even two allowed ones", async () => {
    const allowed = "Origin: https://app.example\r\n";
    expect(await get(`Host: ${url.host}\r\n${allowed}`)).toMatch(/^HTTP\/1.1 200 /);
    expect(await get(`Host: ${url.host}\r\n${allowed}${allowed}`)).toMatch(/^HTTP\/1.1 403 /);
    expect(await get(`Host: ${url.host}\r\n${allowed}oRiGiN: https://evil.example\r\n`)).toMatch(/^HTTP\/1.1 403 /);
  });

  test("the host's own, the configured ones and none at all pass", async () => {
    for (const origin of [
      `http://localhost:${url.port}`,
      `http://127.0.0.1:${url.port}`,
      `http://[::1]:${url.port}`,
      "https://app.example",
      undefined,
    ])
      expect((await ask(url, { headers: { origin }, body: initialize() })).status, origin).toBe(200);
  });
});

describe("Host", () => {
  test("a wrong one is refused on every path", async () => {
    const { port } = url;
    for (const path of PATHS)
      for (const host of [
        "evil.example",
        `evil.example:${port}`,
        "localhost.",
        `127.0.0.1:${Number(port) + 1}`,
        "127.0.0.1.nip.io",
        "user@localhost",
        "proxy.example",
        "localhost:443",
        "mcp.example:8443",
      ])
        expect((await ask(url, { path, headers: { host } })).status, `${host} ${path}`).toBe(403);
  });

  test("a missing one and two of them are refused", async () => {
    expect(await get("")).toMatch(/^HTTP\/1.1 400 /);
    expect(await raw(url, "GET /healthz HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1.1 403 /);
    expect(await get(`Host: ${url.host}\r\nHost: ${url.host}\r\n`)).toMatch(/^HTTP\/1.1 4/);
    expect(await get(`Host: ${url.host}\r\nHost: evil.example\r\n`)).toMatch(/^HTTP\/1.1 4/);
  });

  test("the loopback names and those of listen.hosts pass, in any case", async () => {
    const { port } = url;
    for (const host of [
      `localhost:${port}`,
      `LocalHost:${port}`,
      `127.0.0.1:${port}`,
      `[::1]:${port}`,
      "mcp.example",
      `mcp.example:${port}`,
      "mcp.example:443",
      "MCP.example:80",
      "proxy.example:8443",
    ])
      expect((await ask(url, { path: "/healthz", headers: { host } })).status, host).toBe(200);
  });

  test("a host that listens on another loopback address is reached by it", async () => {
    await using other = await startHost({ mcpServers, listen: { host: "127.0.0.2" } });
    expect(other.url.hostname).toBe("127.0.0.2");
    expect((await ask(other.url, { path: "/healthz" })).status).toBe(200);
    expect((await ask(other.url, { path: "/healthz", headers: { origin: other.url.origin } })).status).toBe(200);
  });
});

describe("binding", () => {
  test("beyond loopback the host refuses to start without an auth plugin", async () => {
    for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.test", "localhost.example"])
      await expect(startHost({ mcpServers, listen: { host } }), host).rejects.toThrow(ConfigError);
    await expect(startHost({ mcpServers, listen: { host: "0.0.0.0" } })).rejects.toThrow(/listen\.host: "0\.0\.0\.0".*--insecure-no-auth/);
  });

  test("behind a proxy likewise: a name that is not this machine's is how others reach the host", async () => {
    for (const name of ["mcp.example", "mcp.example:8443", "192.0.2.1", "localhost.example", "[2001:db8::1]:8080", "127.0.0.1.nip.io"])
      await expect(startHost({ mcpServers, listen: { hosts: ["localhost", name] } }), name).rejects.toThrow(
        `listen.hosts: "${name}" is how other machines reach the host through a proxy, and no auth plugin is loaded`,
      );
    const hosts = ["localhost", "LocalHost:3000", "127.0.0.1:8080", "127.0.0.2", "[::1]", "[::1]:80", "app.localhost:80"];
    await using near = await startHost({ mcpServers, listen: { hosts } });
    expect((await ask(near.url, { path: "/healthz", headers: { host: "app.localhost:80" } })).status).toBe(200);
    expect(near.logs.filter(({ level }) => level === "warn")).toEqual([]);
    await using guarded = await startHost({ mcpServers, plugins: [bearer()], listen: { hosts: ["mcp.example"] } });
    expect((await ask(guarded.url, { headers: { host: "mcp.example" }, body: initialize() })).status).toBe(401);
  });

  test("with insecureNoAuth it starts and warns", async () => {
    await using open = await startHost({ mcpServers, listen: { host: "0.0.0.0" } }, { insecureNoAuth: true });
    expect(open.logs).toContainEqual(expect.objectContaining({ level: "warn", message: expect.stringContaining("--insecure-no-auth") }));
    expect((await ask(new URL(`http://127.0.0.1:${open.url.port}/healthz`))).status).toBe(200);
    expect(running.logs).toContainEqual(expect.objectContaining({ level: "warn", name: "mcp.example" }));
  });

  test("with an auth plugin it starts, and only who authenticates gets in", async () => {
    await using open = await startHost({ mcpServers, plugins: [bearer()], listen: { host: "0.0.0.0" } });
    const endpoint = new URL(`http://127.0.0.1:${open.url.port}/mcp`);
    const refused = await ask(endpoint, { body: initialize() });
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toMatch(/^Bearer/);
    expect((await ask(endpoint, { headers: { authorization: "Bearer alice" }, body: initialize() })).status).toBe(200);
  });
});

describe("CORS", () => {
  test("is off while no origins are configured", async () => {
    await using plain = await startHost({ mcpServers });
    const own = `http://localhost:${plain.url.port}`;
    const preflight = await ask(plain.url, { method: "OPTIONS", headers: { origin: own, "access-control-request-method": "POST" } });
    expect(preflight.status).toBe(405);
    expect(preflight.headers.allow).toBe("GET, POST, DELETE");
    const answer = await ask(plain.url, { headers: { origin: own }, body: initialize() });
    expect(Object.keys({ ...preflight.headers, ...answer.headers }).filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test("answers a preflight of an allowed origin, and exposes the three headers that a client needs", async () => {
    const headers = { origin: "https://app.example", "access-control-request-method": "POST" };
    const preflight = await ask(url, { method: "OPTIONS", headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      "access-control-allow-origin": "https://app.example",
      "access-control-allow-methods": "GET, POST, DELETE",
      vary: "Origin",
    });
    expect(preflight.headers["access-control-allow-headers"]).toMatch(/Mcp-Session-Id/);
    const answer = await ask(url, { headers, body: initialize() });
    expect(answer.headers["access-control-expose-headers"]).toBe(
      "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy",
    );
    expect(answer.headers["access-control-allow-origin"]).toBe("https://app.example");
    expect(answer.headers["access-control-allow-credentials"]).toBeUndefined();
  });

  test("answers a preflight of every route before anybody is authenticated, at the endpoint and elsewhere", async () => {
    const routes = definePlugin({
      name: "routes",
      host: "^1.0.0",
      apply: ({ hooks }) =>
        hooks.http.tap("routes", (app) => app.get("/.well-known/oauth-protected-resource", (context) => context.json({}))),
    });
    await using guarded = await startHost({
      mcpServers,
      plugins: [bearer(), routes()],
      listen: { origins: ["https://app.example"], sse: true },
    });
    const headers = { origin: "https://app.example", "access-control-request-method": "GET" };
    for (const [path, methods] of [
      ["/mcp", "GET, POST, DELETE"],
      ["/mcp/", "GET, POST, DELETE"],
      ["/sse", "GET, POST, DELETE"],
      ["/.well-known/oauth-protected-resource", "GET, HEAD, POST, PUT, PATCH, DELETE"],
      ["/.well-known/oauth-protected-resource/mcp", "GET, HEAD, POST, PUT, PATCH, DELETE"],
      ["/healthz", "GET, HEAD, POST, PUT, PATCH, DELETE"],
    ] as const) {
      const answer = await ask(guarded.url, { method: "OPTIONS", path, headers });
      expect(answer, path).toMatchObject({
        status: 204,
        headers: { "access-control-allow-origin": "https://app.example", "access-control-allow-methods": methods },
      });
      const foreign = await ask(guarded.url, { method: "OPTIONS", path, headers: { ...headers, origin: "https://evil.example" } });
      expect([foreign.status, foreign.headers["access-control-allow-origin"]], path).toEqual([403, undefined]);
    }
  });

  test("answers nobody else's preflight", async () => {
    for (const origin of [`http://localhost:${url.port}`, undefined])
      expect((await ask(url, { method: "OPTIONS", headers: { origin } })).status, origin).toBe(405);
    const foreign = await ask(url, { method: "OPTIONS", headers: { origin: "https://evil.example" } });
    expect(foreign.headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("a POST that a web form could send is refused", async () => {
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data",
      "application/jsonp",
      "text/json",
      "",
      undefined,
    ]) {
      const { status, json } = await ask(url, { headers: { "content-type": type }, body: initialize() });
      expect([status, json.error.data.type], type).toEqual([415, "unsupported_media_type"]);
    }
    for (const type of ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
      expect((await ask(url, { headers: { "content-type": type }, body: initialize() })).status, type).toBe(200);
  });
});

test("Accept must have both forms of an answer, and for a GET the stream; nothing and wildcards count", async () => {
  for (const accept of ["application/json", "text/event-stream", "text/html", "image/*"]) {
    const { status, json } = await ask(url, { headers: { accept }, body: initialize() });
    expect([status, json.error.data.type], accept).toEqual([406, "not_acceptable"]);
  }
  for (const accept of [
    undefined,
    "",
    "*/*",
    "application/*",
    "Application/*, text/*",
    "application/json, text/*;q=0.5",
    "text/event-stream;q=0.5,application/json",
    "Application/JSON, Text/Event-Stream",
  ]) {
    const { status, headers } = await ask(url, { headers: { accept }, body: initialize() });
    expect([status, headers["content-type"]], accept).toEqual([200, "application/json"]);
  }
  const client = await WireClient.connect(url);
  for (const accept of ["application/json", "application/*"]) expect((await client.ask({ headers: { accept } })).status, accept).toBe(406);
  for (const accept of [undefined, "text/*"]) {
    const stream = await client.open({ headers: { accept } });
    expect(stream.status, accept).toBe(200);
    stream.leave();
  }
});

test("a slash at the end of the host's own paths says nothing, nor does one in listen.path", async () => {
  for (const path of ["/mcp", "/mcp/"]) {
    await using host = await startHost({ mcpServers, listen: { path } });
    expect(host.url.pathname).toBe("/mcp");
    for (const asked of ["/mcp", "/mcp/", "/mcp/?x=1"])
      expect((await ask(host.url, { path: asked, body: initialize() })).status, `${asked} for ${path}`).toBe(200);
    expect((await ask(host.url, { path: "/healthz/" })).status).toBe(200);
    for (const other of ["/mcp//", "//mcp", "/mcp/x", "/"]) expect((await ask(host.url, { path: other })).status, other).toBe(404);
  }
});

test.each<[string, () => unknown, number]>([
  ["says nothing", () => undefined, 401],
  ["gives null", () => null, 401],
  ["gives a name only", () => "alice", 401],
  ["gives no id", () => ({ roles: [] }), 401],
  ["gives an empty id", () => ({ id: "", roles: [] }), 401],
  ["gives no roles", () => ({ id: "alice" }), 401],
  [
    "throws",
    () => {
      throw new Error("the key server at 10.0.0.1 is down");
    },
    500,
  ],
  ["rejects", () => Promise.reject(new Error("the key server at 10.0.0.1 is down")), 500],
  ["refuses", () => Promise.reject(refuse("rate_limited", "too many tries", { retryAfterMs: 1_500 })), 429],
])("an auth plugin that %s lets nobody in", async (_what, authenticate, status) => {
  const broken = definePlugin({
    name: "broken",
    host: "^1.0.0",
    apply: (host) => host.hooks.authenticate.tap("broken", authenticate as () => undefined), // wrong on purpose
  });
  await using closed = await startHost({ mcpServers, plugins: [broken()] });
  for (const asked of [{ body: initialize() }, { method: "GET" }, { method: "DELETE" }]) {
    const answer = await ask(closed.url, asked);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain("10.0.0.1");
    if (status === 429) expect(answer.headers["retry-after"]).toBe("2");
  }
  expect(closed.host.status().sessions).toBe(0);
});

test("a token in the query is not looked at", async () => {
  await using closed = await startHost({ mcpServers, plugins: [bearer()] });
  for (const query of ["?access_token=alice", "?token=alice", "?authorization=Bearer%20alice"])
    expect((await ask(closed.url, { path: `/mcp${query}`, body: initialize() })).status, query).toBe(401);
  const { status } = await ask(closed.url, {
    path: "/mcp?access_token=bob",
    headers: { authorization: "Bearer alice" },
    body: initialize(),
  });
  expect(status).toBe(200);
  expect([...localOptionsOf(closed.host).sessions].map(({ principal }) => principal.id)).toEqual(["alice"]);
});

test("every answer has the security headers, refusals of every kind included", async () => {
  const client = await WireClient.connect(url);
  const stream = await client.open({ path: "/mcp" });
  const answers = {
    success: await client.request("ping"),
    accepted: await client.notify("notifications/x"),
    stream,
    health: await ask(url, { path: "/healthz" }),
    "foreign origin": await ask(url, { headers: { origin: "https://evil.example" } }),
    "foreign host": await ask(url, { headers: { host: "evil.example" } }),
    preflight: await ask(url, { method: "OPTIONS", headers: { origin: "https://app.example" } }),
    "no session": await ask(url, { body: { jsonrpc: "2.0", id: 1, method: "ping" } }),
    "not JSON": await client.ask({ body: "{" }),
    "not found": await ask(url, { path: "/elsewhere" }),
    "wrong method": await ask(url, { method: "PUT", body: {} }),
    deleted: await client.ask({ method: "DELETE" }),
  };
  await stream.ended;
  for (const [what, { headers }] of Object.entries(answers))
    expect(headers, what).toMatchObject({ "x-content-type-options": "nosniff", "x-frame-options": "DENY", "cache-control": "no-store" });
  for (const { headers } of Object.values(answers)) expect(headers["x-powered-by"] ?? headers.server).toBeUndefined();
});

test("/healthz answers while the host listens, /readyz while every required upstream is up", async () => {
  expect(await ask(url, { path: "/healthz" })).toMatchObject({ status: 200, json: { status: "ok" } });
  expect(await ask(url, { path: "/readyz" })).toMatchObject({ status: 200, json: { status: "ok" } });
  await using sick = await startHost({
    mcpServers: { ...mcpServers, dead: { command: "/no/such/program", required: true }, other: { command: "/no/such/other" } },
  });
  expect(await ask(sick.url, { path: "/healthz" })).toMatchObject({ status: 200, json: { status: "ok" } });
  expect(await ask(sick.url, { path: "/readyz" })).toMatchObject({ status: 503, json: { status: "not ready", down: ["dead"] } });
});

test("no HTTP path, method, header, MCP method or parameter can add or run a command", async () => {
  using folder = temporary();
  const marker = join(folder.path, "ran");
  const server = {
    command: process.execPath,
    args: ["-e", `require("fs").writeFileSync(${JSON.stringify(marker)}, "")`],
    env: {},
    cwd: folder.path,
  };
  await using plain = await startHost({ mcpServers });
  const reachable: string[] = [];
  const paths = [
    ...PATHS,
    "/mcp/",
    "/mcp/servers",
    "/servers",
    "/config",
    "/admin",
    "/api/servers",
    "/api/mcp/connect",
    "/mcp-rest/test/connection",
    "/sse",
    "/stdio",
    "/message",
    "/.well-known/mcp",
  ];
  const headers = { "x-mcp-command": process.execPath, "x-mcp-args": JSON.stringify(server.args) };
  for (const path of paths)
    for (const method of [...METHODS, "PATCH"]) {
      const query = `?transportType=stdio&command=${encodeURIComponent(process.execPath)}&args=${encodeURIComponent(JSON.stringify(server.args))}`;
      const { status } = await ask(plain.url, {
        path: path + query,
        method,
        headers,
        body: method === "GET" || method === "HEAD" ? undefined : { ...server, serverConfig: server, mcpServers: { evil: server } },
      });
      if (status < 400) reachable.push(`${method} ${path}`);
    }
  expect([...new Set(reachable.map((route) => route.split(" ")[1]))]).toEqual(["/healthz", "/readyz"]);
  await ask(plain.url, { headers, body: { ...initialize(), params: { ...initialize().params, ...server, mcpServers: { evil: server } } } });
  const client = await WireClient.connect(plain.url, { headers });
  for (const method of [
    "servers/add",
    "mcpServers/add",
    "config/set",
    "server/connect",
    "tools/call",
    "resources/read",
    "logging/setLevel",
  ]) {
    const { json } = await client.request(method, {
      name: "evil",
      uri: "file:///evil",
      ...server,
      server,
      _meta: { server },
      mcpServers: { evil: server },
    });
    expect(json.error, method).toBeDefined();
  }
  expect(plain.host.status().upstreams.map(({ name }) => name)).toEqual(["up"]);
  expect(existsSync(marker)).toBe(false);
});

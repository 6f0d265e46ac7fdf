import { admin } from "@host/plugin-admin";
import { oauth } from "@host/plugin-oauth";
import { type Config, definePlugin, type OperatedEvent } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { startHost, type TestHost } from "../../../test/harness/hosts.ts";
import { bearer, WireClient } from "../../../test/harness/wire.ts";
import { ask, TOKENS } from "./running.ts";

const tokens = [
  { name: "reader", token: TOKENS.read },
  { name: "op", token: TOKENS.operate, scope: "operate" as const },
];

const near = () => ({ near: { transport: fakeUpstream({ tools: { read: () => "text" } }).transport } });

const base = ({ url }: TestHost): URL => new URL("/admin/api/v1/", url);

/** Where the API of its own listens. */
function ownBase({ host }: TestHost): URL {
  const { url } = host.reports().admin as { url: string };
  return new URL(`${url}/`);
}

test("roles of clients are scopes, as far as the options say so; tokens go on beside them", async () => {
  const plugins = [bearer(), admin({ tokens, roles: { read: ["viewer"], configure: ["boss"] } })];
  await using running = await startHost({ mcpServers: near(), plugins });
  const as = (name: string) => ({ headers: { authorization: `Bearer ${name}` } });
  expect((await ask(base(running), "GET", "whoami", as("ann:viewer"))).body).toMatchObject({ who: "admin:ann", scope: "read" });
  expect((await ask(base(running), "GET", "whoami", as("bob:viewer,boss"))).body).toMatchObject({ scope: "configure" });
  expect((await ask(base(running), "POST", "reload", as("ann:viewer"))).status).toBe(403);
  expect((await ask(base(running), "POST", "reload", as("bob:boss"))).status).toBe(200);
  expect((await ask(base(running), "GET", "whoami", as("eve"))).status).toBe(403);
  expect((await ask(base(running), "GET", "whoami")).status).toBe(401);
  expect((await ask(base(running), "GET", "whoami", "operate")).body).toMatchObject({ who: "admin:op" });
  // A token of operators is none of a client.
  await expect(WireClient.connect(running.url, { headers: {} })).rejects.toThrow();
});

test("a role without an Authorization header may read, and changes nothing", async () => {
  const certified = definePlugin({
    name: "certified",
    host: "^1.0.0",
    apply: (host) => host.hooks.authenticate.tap("certified", () => ({ id: "ann", roles: ["boss"] })),
  });
  await using running = await startHost({ mcpServers: near(), plugins: [certified(), admin({ roles: { configure: ["boss"] } })] });
  expect((await ask(base(running), "GET", "whoami")).body).toMatchObject({ who: "admin:ann", scope: "configure" });
  expect((await ask(base(running), "POST", "reload")).status).toBe(401);
  expect((await ask(base(running), "POST", "reload", { headers: { authorization: "Anything goes" } })).status).toBe(200);
});

test("what another plugin offers needs the scope that it says, also where nobody is told of it", async () => {
  await using running = await startHost({ mcpServers: near(), plugins: [admin({ tokens }), oauth()] });
  expect((await ask(base(running), "POST", "plugins/oauth/finish", "read", { id: "x", url: "http://x/" })).status).toBe(403);
  expect((await ask(base(running), "POST", "plugins/oauth/finish", "operate", { id: "x", url: "http://x/" })).status).toBe(422);
});

test("every change is told with who had it done, and what only reads is not", async () => {
  const told: OperatedEvent[] = [];
  const hears = definePlugin({
    name: "hears",
    host: "^1.0.0",
    apply: (host) => host.hooks.operated.tap("hears", (event) => void told.push(event)),
  });
  await using running = await startHost({ mcpServers: near(), plugins: [admin({ tokens }), hears()] });
  await ask(base(running), "GET", "status", "operate");
  await ask(base(running), "POST", "servers/near/reconnect", "operate");
  await ask(base(running), "POST", "servers/none/reconnect", "operate");
  await ask(base(running), "POST", "reload", "read");
  expect(told.map(({ who, via, operation, params, outcome }) => ({ who, via, operation, params, isDone: outcome === "ok" }))).toEqual([
    { who: "admin:op", via: "admin", operation: "reconnect", params: { upstream: "near" }, isDone: true },
    { who: "admin:op", via: "admin", operation: "reconnect", params: { upstream: "none" }, isDone: false },
  ]);
  expect(running.host.config.plugins).toHaveLength(2);
});

test("on a port of its own it is nowhere else, and checks names by itself", async () => {
  await using running = await startHost({ mcpServers: near(), plugins: [admin({ tokens, listen: { port: 0 } })] });
  const own = ownBase(running);
  expect(own.port).not.toBe(running.url.port);
  expect((await ask(base(running), "GET", "status", "read")).status).toBe(404);
  expect((await ask(own, "GET", "status", "read")).status).toBe(200);
  expect((await ask(own, "GET", "status")).status).toBe(401);
  expect((await ask(own, "GET", "docs")).status).toBe(200);
  expect((await ask(new URL("/", own), "GET", "mcp", "read")).status).toBe(404);
  const { request } = await import("node:http");
  const from = async (origin: string) =>
    (await fetch(new URL("status", own), { headers: { origin, authorization: `Bearer ${TOKENS.read}` } })).status;
  expect([await from("http://evil.example"), await from("null"), await from(own.origin)]).toEqual([403, 403, 200]);
  const status = await new Promise((done) =>
    request(new URL("status", own), { headers: { host: "evil.example", authorization: `Bearer ${TOKENS.read}` } }, (response) => {
      response.resume();
      done(response.statusCode);
    }).end(),
  );
  expect(status).toBe(403);
});

test("a reload loses neither the port, nor what is kept of calls, nor a request; a token that is gone lets nobody in", async () => {
  const config = (more: Parameters<typeof admin>[0], listen?: { port: number }): Config => ({
    listen: { port: 0 },
    mcpServers: near(),
    plugins: [admin({ ...more, ...(listen && { listen }) })],
  });
  await using running = await startHost(config({ tokens }, { port: 0 }));
  const own = ownBase(running);
  const client = await WireClient.connect(running.url);
  await client.call("read");
  let isOver = false;
  const statuses = new Set<number>();
  const asking = (async () => {
    while (!isOver) statuses.add((await ask(own, "GET", "health", "operate")).status);
  })();
  await running.host.reload(config({ tokens: tokens.slice(1), calls: 50 }, { port: 0 }));
  await running.host.reload(config({ tokens: tokens.slice(1), calls: 60 }, { port: 0 }));
  isOver = true;
  await asking;
  expect([...statuses]).toEqual([200]);
  expect(ownBase(running).href).toBe(own.href);
  expect((await ask(own, "GET", "status", "read")).status).toBe(401);
  const { body } = await ask(own, "GET", "calls?method=tools/call", "operate");
  expect(body.calls).toMatchObject([{ entry: "read", outcome: "ok" }]);
  await client.ask({ method: "DELETE" });
});

test("with traces a call is kept with what every plugin did to it", async () => {
  const refuses = definePlugin({
    name: "refuses",
    host: "^1.0.0",
    apply(host) {
      host.hooks.permit.tap("refuses", (_entry, _caller, exchange) => (exchange?.params.arguments === undefined ? undefined : false));
    },
  });
  await using running = await startHost({ mcpServers: near(), plugins: [admin({ tokens, traces: true, calls: 2 }), refuses()] });
  const client = await WireClient.connect(running.url);
  await client.request("tools/call", { name: "read", arguments: { secret: 1 } }).catch(() => {});
  const { body } = await ask(base(running), "GET", "calls?method=tools/call", "read");
  const [{ id }] = body.calls as [{ id: string }];
  await vi.waitFor(async () => {
    const { body: call } = await ask(base(running), "GET", `calls/${id}`, "read");
    expect(JSON.stringify(call)).toContain('"plugin":"refuses"');
  });
  await client.ask({ method: "DELETE" });
  expect(running.host.reports().admin).toMatchObject({ calls: 2 });
});

test.each<[string, Config, string]>([
  [
    "beyond this machine without anybody who says who operators are",
    { mcpServers: {}, plugins: [admin({ listen: { port: 0, host: "0.0.0.0", hosts: ["a.example"] } })] },
    "options.tokens",
  ],
  [
    "beyond this machine by no name",
    { mcpServers: {}, plugins: [admin({ tokens, listen: { port: 0, host: "0.0.0.0" } })] },
    "options.listen.hosts",
  ],
  ["on the way of the MCP endpoint", { listen: { port: 0, path: "/admin" }, mcpServers: {}, plugins: [admin({ tokens })] }, "options.path"],
])("it does not start %s", async (_, config, words) => {
  await expect(startHost(config)).rejects.toThrow(words);
});

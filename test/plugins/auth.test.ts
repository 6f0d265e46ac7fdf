import { type AuthOptions, auth } from "@host/plugin-auth";
import { metrics } from "@host/plugin-metrics";
import { createHost } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AUDIENCE, type TestIssuer, testIssuer, unsigned } from "../../packages/plugin-auth/test/issuer.ts";
import { home, run } from "../harness/cli.ts";
import { httpTransport, sdkClient, stdioTransport } from "../harness/clients.ts";
import { guarded } from "../harness/guarded.ts";
import { httpProcess, ROOT, spawnHost, startHost, temporary, upstream } from "../harness/hosts.ts";

const PEPPER = "a pepper that only tests know";

let issuer: TestIssuer;
let web: Awaited<ReturnType<typeof httpProcess>>;
beforeAll(async () => {
  issuer = await testIssuer();
  web = await httpProcess("upstream", [
    "http",
    "--options",
    JSON.stringify({ name: "web", only: ["echo", "fail", "headers", "received"] }),
  ]);
});
afterAll(async () => {
  await issuer[Symbol.asyncDispose]();
  await web.stop();
});

/** A key of `id` and its entry in the config, made by the command that operators use. */
async function madeKey(id: string, roles: string[]): Promise<{ key: string; entry: { id: string; digest: string; roles: string[] } }> {
  using at = home({ plugins: [["@host/plugin-auth", { apiKeys: { pepper: PEPPER } }]] });
  const { stdout, stderr, code } = await run(at, [
    "auth",
    "new-key",
    "--id",
    id,
    ...(roles.length > 0 ? ["--roles", roles.join(",")] : []),
  ]);
  expect(code, stderr).toBe(0);
  return { key: stdout.trim(), entry: JSON.parse(stderr.trim().split("\n").at(-1) ?? "") };
}

const jwt = () => ({ issuer: issuer.issuer, jwksUri: issuer.jwksUri });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
};

function post(url: URL | string, headers: Record<string, string>, body: unknown = INITIALIZE): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { accept: "application/json, text/event-stream", "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function connected(url: URL, token: string) {
  const client = sdkClient();
  await client.connect(httpTransport(url, bearer(token)));
  return client;
}

const names = async (client: ReturnType<typeof sdkClient>): Promise<string[]> =>
  (await client.listTools()).tools.map(({ name }) => name).sort();

/** The server that rules name, where nobody calls it. */
const FILES = { files: { url: "http://127.0.0.1:9/mcp", start: "lazy" } } as const;

describe("clients over HTTP", () => {
  const options = (keys: unknown[] = []): AuthOptions => ({
    apiKeys: { pepper: PEPPER, keys } as AuthOptions["apiKeys"] & object,
    jwt: [jwt()],
    resource: { url: AUDIENCE, name: "Test host", scopes: ["mcp:use", "mcp:admin"] },
    scopes: { required: ["mcp:use"], implies: { "mcp:admin": ["mcp:use"] } },
    rules: [
      { roles: ["dev", "scope:mcp:admin"], allow: { servers: ["*"] } },
      { roles: ["guest", "scope:mcp:use"], allow: { tools: ["files:echo"] }, when: 'arguments.text != "forbidden"' },
      { deny: { tools: ["*received"] } },
    ],
  });
  const servers = () => ({ files: upstream({ name: "files", only: ["echo", "received"], without: ["tasks"] }), web: { url: web.url } });

  test("come with API keys and with tokens at once, and see and use what their roles allow", async () => {
    const [dev, guest] = await Promise.all([madeKey("dev", ["dev"]), madeKey("guest", ["guest"])]);
    await using running = await startHost({
      mcpServers: servers(),
      plugins: ["@host/plugin-namespace", auth(options([dev.entry, guest.entry]))],
    });
    const everything = ["files__echo", "web__echo", "web__fail", "web__headers"];
    const admin = await issuer.sign({ sub: "root", scope: "mcp:admin" });
    for (const token of [dev.key, admin]) {
      const client = await connected(running.url, token);
      await expect.poll(() => names(client)).toEqual(everything);
      await client.close();
    }
    for (const token of [guest.key, await issuer.sign({ scope: "mcp:use" })]) {
      const client = await connected(running.url, token);
      expect(await names(client)).toEqual(["files__echo"]);
      expect(await client.callTool({ name: "files__echo", arguments: { text: "fine" } })).toMatchObject({ content: expect.anything() });
      await expect(client.callTool({ name: "files__echo", arguments: { text: "forbidden" } })).rejects.toMatchObject({ code: -31403 });
      const hidden = await client.callTool({ name: "web__echo", arguments: {} }).catch((error: Error) => error.message);
      const unknown = await client.callTool({ name: "web__nothing", arguments: {} }).catch((error: Error) => error.message);
      expect(String(hidden).replace("web__echo", "X")).toBe(String(unknown).replace("web__nothing", "X"));
      await client.close();
    }
    expect(running.host.reports().auth).toMatchObject({
      keys: 2,
      issuers: [{ name: "jwt" }],
      rules: 3,
      default: "deny",
      remembered: 2,
    });
  });

  test("are led to the authorization server, by metadata at both well-known places", async () => {
    await using running = await startHost({ mcpServers: FILES, plugins: [auth(options())] });
    const refused = await post(running.url, {});
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe(
      'Bearer scope="mcp:use", resource_metadata="https://host.example/.well-known/oauth-protected-resource/mcp"',
    );
    expect(await refused.json()).toMatchObject({ error: { code: -31401, data: { type: "unauthorized" } } });
    const documents = await Promise.all(
      ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"].map(async (path) =>
        (await fetch(new URL(path, running.url))).json(),
      ),
    );
    expect(documents[0]).toEqual({
      resource: AUDIENCE,
      authorization_servers: [issuer.issuer],
      bearer_methods_supported: ["header"],
      scopes_supported: ["mcp:use", "mcp:admin"],
      resource_name: "Test host",
    });
    expect(documents[1]).toEqual(documents[0]);
  });

  test("are told what scope they lack, every one in one challenge", async () => {
    await using running = await startHost({ mcpServers: FILES, plugins: [auth({ ...options(), scopes: { required: ["a", "b"] } })] });
    const refused = await post(running.url, bearer(await issuer.sign({ scope: "a" })));
    expect(refused.status).toBe(403);
    expect(refused.headers.get("www-authenticate")).toBe(
      'Bearer error="insufficient_scope", scope="a b", resource_metadata="https://host.example/.well-known/oauth-protected-resource/mcp"',
    );
    expect(await refused.json()).toMatchObject({ error: { code: -31403, data: { type: "insufficient_scope" } } });
    expect((await post(running.url, bearer(await issuer.sign({ scope: "a b" })))).status).toBe(200);
  });

  test("are refused with anything else: 401, whatever the method, and never with another word than why", async () => {
    const { key, entry } = await madeKey("dev", ["dev"]);
    await using running = await startHost({ mcpServers: FILES, plugins: [auth(options([{ ...entry, expires: "2020-01-01T00:00:00Z" }]))] });
    const good = await issuer.sign({ scope: "mcp:use" });
    const withQuery = new URL(`?access_token=${good}&token=${good}`, running.url);
    const claims = { iss: issuer.issuer, aud: AUDIENCE, sub: "x", exp: 4e9 };
    const cases: [URL, Record<string, string>, string | undefined][] = [
      [withQuery, {}, undefined],
      [running.url, { "x-api-key": key, cookie: `token=${good}` }, undefined],
      [running.url, { authorization: `Basic ${good}` }, "holds no bearer token"],
      [running.url, { authorization: `Bearer ${good} ${good}` }, "holds no bearer token"],
      [running.url, bearer(key), "has expired"],
      [running.url, bearer(`${key}x`), "is not known here"],
      [running.url, bearer("opaque"), "no JWT"],
      [running.url, bearer(unsigned({ alg: "none" }, claims)), "invalid_token"],
      [running.url, bearer(await issuer.sign({ iss: "https://other.example", scope: "mcp:use" })), "issuer is not accepted"],
      [running.url, bearer(await issuer.sign({ aud: "https://other.example", scope: "mcp:use" })), "aud"],
    ];
    for (const [url, headers, words] of cases) {
      const answer = await post(url, headers);
      expect(answer.status, JSON.stringify(headers)).toBe(401);
      const challenge = answer.headers.get("www-authenticate") ?? "";
      expect(challenge).toMatch(/^Bearer .*resource_metadata="/);
      if (words === undefined) expect(challenge).not.toContain("error");
      else expect(challenge).toContain(words);
    }
    for (const method of ["GET", "DELETE"])
      expect((await fetch(running.url, { method, headers: { accept: "text/event-stream", "mcp-session-id": "x" } })).status).toBe(401);
  });

  test("keep their sessions to themselves, and a weaker token of the same user stays out", async () => {
    await using running = await startHost({ mcpServers: FILES, plugins: [auth({ ...options(), claims: ["team"] })] });
    const sign = (claims: Record<string, unknown>) => issuer.sign({ scope: "mcp:use x", client_id: "app", team: "blue", ...claims });
    const session = (await post(running.url, bearer(await sign({})))).headers.get("mcp-session-id") as string;
    const ping = { jsonrpc: "2.0", id: 2, method: "ping" };
    const unknown = await (await post(running.url, { ...bearer(await sign({})), "mcp-session-id": "none" }, ping)).text();
    for (const claims of [{ sub: "bob" }, { scope: "mcp:use" }, { client_id: "other" }, { team: "red" }]) {
      const headers = { ...bearer(await sign(claims)), "mcp-session-id": session };
      const answer = await post(running.url, headers, ping);
      expect([answer.status, await answer.text()], JSON.stringify(claims)).toEqual([404, unknown]);
      for (const method of ["GET", "DELETE"])
        expect((await fetch(running.url, { method, headers: { ...headers, accept: "text/event-stream" } })).status, method).toBe(404);
    }
    const fresh = await sign({ jti: "a new token of the same" });
    expect((await post(running.url, { ...bearer(fresh), "mcp-session-id": session }, ping)).status).toBe(200);
  });
});

test("clients over stdio have the roles of the config, and rules hold for them", async () => {
  const config = {
    roles: ["guest"],
    mcpServers: { files: upstream({ only: ["echo", "received"], without: ["tasks"] }), web: { url: web.url } },
    plugins: ["@host/plugin-namespace", ["@host/plugin-auth", { rules: [{ roles: ["guest"], allow: { tools: ["*__echo"] } }] }]],
  };
  const client = sdkClient();
  await client.connect(stdioTransport(process.execPath, [`${ROOT}/test/harness/stdio-host.mjs`, JSON.stringify(config)]));
  await expect.poll(() => names(client)).toEqual(["files__echo", "web__echo"]);
  await expect(client.callTool({ name: "files__received", arguments: {} })).rejects.toThrow(/Unknown tool/);
  await client.close();
});

describe("credentials for servers", () => {
  const open: AuthOptions["rules"] = [{ allow: { servers: ["*"] } }];
  const whoami = async (client: ReturnType<typeof sdkClient>): Promise<string | undefined> =>
    ((await client.callTool({ name: "whoami", arguments: {} })).content as { text: string }[])[0]?.text;

  test("per principal: everybody's own, on connections of their own, and nobody's instead of missing ones", async () => {
    await using server = await guarded(["Bearer token-of-alice", "Bearer token-of-bob", "Bearer operator"]);
    const [alice, bob, eve] = await Promise.all(["alice", "bob", "eve"].map((id) => madeKey(id, [])));
    if (!alice || !bob || !eve) throw new Error("three keys were made");
    await using running = await startHost({
      mcpServers: { up: { url: server.url, headers: { Authorization: "Bearer operator" } } },
      plugins: [
        auth({
          apiKeys: { pepper: PEPPER, keys: [alice.entry, bob.entry, eve.entry] },
          rules: open,
          credentials: { up: { from: "principal", values: { "key:alice": "token-of-alice", "key:bob": "token-of-bob" } } },
        }),
      ],
    });
    expect(running.host.status().upstreams[0]?.isolation, "raised by the plugin").toBe("principal");
    const clients = await Promise.all([alice, bob, alice].map(({ key }) => connected(running.url, key)));
    expect(await Promise.all(clients.map(whoami))).toEqual(["Bearer token-of-alice", "Bearer token-of-bob", "Bearer token-of-alice"]);
    const stranger = await connected(running.url, eve.key);
    expect(await names(stranger)).toEqual([]);
    expect(server.requests.filter(({ authorization }) => authorization === "Bearer operator")).toEqual([]);
    await Promise.all([...clients, stranger].map((client) => client.close()));
  });

  test("from a claim, as it stands or looked up", async () => {
    await using server = await guarded(["blue-token", "Bearer own-token"]);
    await using running = await startHost({
      mcpServers: { team: { url: server.url }, own: { url: server.url } },
      plugins: [
        "@host/plugin-namespace",
        auth({
          jwt: [{ ...jwt(), audience: AUDIENCE }],
          rules: open,
          credentials: {
            team: { from: "claim", claim: "team", values: { blue: "blue-token" }, header: "authorization", scheme: "" },
            own: { from: "claim", claim: ["tokens", "own"] },
          },
        }),
      ],
    });
    const client = await connected(running.url, await issuer.sign({ team: "blue", tokens: { own: "own-token" } }));
    const answers = await Promise.all(
      ["team__whoami", "own__whoami"].map(async (name) => ((await client.callTool({ name })).content as { text: string }[])[0]?.text),
    );
    expect(answers).toEqual(["blue-token", "Bearer own-token"]);
    const other = await connected(running.url, await issuer.sign({ team: "constructor", tokens: { own: 7 } }));
    expect(await names(other)).toEqual([]);
    await Promise.all([client.close(), other.close()]);
  });

  test("by client credentials: asked for once, renewed when they are refused, shared by all", async () => {
    await using server = await guarded();
    const { key, entry } = await madeKey("dev", []);
    await using running = await startHost({
      mcpServers: { up: { url: server.url } },
      plugins: [
        auth({
          apiKeys: { pepper: PEPPER, keys: [entry] },
          rules: open,
          credentials: {
            up: {
              from: "client-credentials",
              tokenUrl: server.tokenUrl,
              clientId: "the host",
              clientSecret: "s+c/t:",
              scope: "a b",
              resource: server.url,
            },
          },
        }),
      ],
    });
    const client = await connected(running.url, key);
    await expect.poll(() => names(client)).toEqual(["whoami"]);
    expect(await whoami(client)).toBe("Bearer granted-token-1");
    expect(server.grants).toEqual([
      {
        form: { grant_type: "client_credentials", scope: "a b", resource: server.url },
        authorization: `Basic ${Buffer.from("the+host:s%2Bc%2Ft%3A").toString("base64")}`,
      },
    ]);
    server.accepted.clear();
    expect(await whoami(client)).toBe("Bearer granted-token-2");
    server.accepted.clear();
    server.grant = () => ({ status: 400, body: { error: "invalid_client", error_description: "secret words" } });
    await expect(whoami(client)).rejects.toMatchObject({ data: { type: "upstream_down", sent: "no" } });
    expect(JSON.stringify(running.logs)).toContain("invalid_client");
    expect(JSON.stringify(running.logs)).not.toContain("secret words");
    await client.close();
  });
});

test("a client's own token, its session, and every secret of the config leave the host nowhere", async () => {
  // It answers 401 with the headers that it was sent, as servers do when they debug.
  await using strict = await guarded(["static-canary-refused"]);
  const { key, entry } = await madeKey("canary", []);
  const token = await issuer.sign({ sub: "canary", note: "unread-claim-canary" });
  const secrets = [key, token, token.split(".")[2] as string, PEPPER, "static-canary-http", "static-canary-stdio", "static-canary-refused"];
  await using running = await startHost({
    mcpServers: {
      files: upstream({ name: "files", only: ["environment", "received", "echo"] }),
      web: { url: web.url },
      strict: { url: strict.url },
      broken: { url: "http://127.0.0.1:9/mcp" },
    },
    plugins: [
      "@host/plugin-namespace",
      metrics({ principals: 10 }),
      auth({
        apiKeys: { pepper: PEPPER, keys: [entry] },
        jwt: [{ ...jwt(), audience: AUDIENCE }],
        rules: [{ allow: { servers: ["*"] } }],
        credentials: {
          web: { from: "static", value: "static-canary-http", header: "X-Own", scheme: "" },
          files: { from: "static", value: "static-canary-stdio", env: "OWN" },
          strict: { from: "static", value: "static-canary-refused", scheme: "" },
        },
      }),
    ],
  });
  const sinks = new Map<string, string>();
  for (const [how, secret] of Object.entries({ key, token })) {
    const sink = (name: string, value: unknown): void => void sinks.set(`${name} (${how})`, JSON.stringify(value));
    const client = sdkClient();
    const headers = { ...bearer(secret), cookie: `session=${secret}`, "proxy-authorization": secret, "x-api-key": secret };
    const transport = httpTransport(running.url, headers);
    await client.connect(transport);
    secrets.push(transport.sessionId as string); // the host gives one over HTTP
    await expect.poll(() => names(client)).toEqual(expect.arrayContaining(["files__environment", "strict__whoami", "web__headers"]));
    const call = async (name: string, args = {}): Promise<Record<string, unknown>> =>
      (await client.callTool({ name, arguments: args })).structuredContent as Record<string, unknown>;
    const failure = (name: string): Promise<{ message: string; data: unknown }> =>
      client.callTool({ name }).then(
        () => expect.fail(`${name} was answered`),
        ({ message, data }) => ({ message, data }),
      );

    const { headers: arrived } = (await call("web__headers")) as { headers: Record<string, string> };
    expect(arrived["x-own"]).toBe("static-canary-http");
    const { env, argv } = (await call("files__environment")) as { env: Record<string, string>; argv: string[] };
    expect(env.OWN).toBe("static-canary-stdio");
    expect(argv.length).toBeGreaterThan(1);
    // What the servers were given on purpose is no leak.
    sink("headers", { ...arrived, "x-own": "" });
    sink("environment", { ...env, OWN: "" });
    sink("arguments of the process", argv);
    sink("messages over HTTP", await call("web__received", { all: true }));
    sink("messages over stdio", await call("files__received", { all: true }));
    sink("an upstream's error", await failure("web__fail"));
    sink("an unknown name", await failure("broken__x"));
    strict.accepted.clear();
    const refused = await failure("strict__whoami");
    expect(refused).toMatchObject({ data: { type: "upstream_auth" } });
    sink("refused by an upstream", refused);
    strict.accepted.add("static-canary-refused");
    await client.close();
    sink("refused by the host", await (await post(running.url, bearer(`${secret}x`))).text());
  }
  expect(JSON.stringify(strict.requests)).toContain("static-canary-refused");
  const scrape = await (await fetch(new URL("/metrics", running.url), { headers: bearer(key) })).text();
  expect(scrape).toMatch(/^mcp_host_auth_requests_total\{.*method="jwt".*\} [1-9]/m);
  sinks.set("metrics", scrape);
  sinks.set("stats", await (await fetch(new URL("/stats", running.url), { headers: bearer(key) })).text());
  sinks.set("logs", JSON.stringify(running.logs));
  sinks.set("status", JSON.stringify(running.host.status()));
  sinks.set("reports", JSON.stringify(running.host.reports()));
  sinks.set("pipeline", JSON.stringify(running.host.pipeline()));
  for (const [name, sink] of sinks) for (const secret of [...secrets, "unread-claim-canary"]) expect(sink, name).not.toContain(secret);
});

describe("it never fails open", () => {
  test("a denied URI is denied in every spelling that may mean it, and a permission needs all of them", async () => {
    const { key, entry } = await madeKey("reader", ["reader"]);
    const rules = [
      { allow: { servers: ["up"] } },
      { deny: { resources: ["test://up/archive/x/../%73ecret/**", "test://up%2Fitems//secret"] } },
    ];
    await using host = await startHost({
      mcpServers: { up: upstream({ name: "up" }) },
      plugins: [auth({ apiKeys: { pepper: PEPPER, keys: [entry] }, rules })],
    });
    await host.host.known(10_000);
    const client = await connected(host.url, key);
    expect((await client.readResource({ uri: "test://up/items/public" })).contents).toHaveLength(1);
    for (const path of [
      "items/secret",
      "items/%73ecret",
      "items/secret?",
      "items/secret#a",
      "items/secret%00",
      "archive/./secret/1",
      "items\\secret",
    ])
      await expect(client.readResource({ uri: `test://up/${path}` }), path).rejects.toThrow("Resource not found");
    for (const path of ["archive//secret/1", "archive/%73ecret/1", "archive/x/../secret/1", "archive/./secret/"])
      await expect(client.readResource({ uri: `test://up/${path}` }), path).rejects.toThrow("Resource not found");
    await client.close();
  });

  test("clients without credentials have the roles of `anonymous`, and bad credentials are refused all the same", async () => {
    const { key, entry } = await madeKey("member", ["member"]);
    const rules = [
      { roles: ["visitor"], allow: { tools: ["echo"] } },
      { roles: ["member"], allow: { servers: ["*"] } },
    ];
    await using host = await startHost({
      mcpServers: { web: { url: web.url } },
      plugins: [auth({ anonymous: ["visitor"], apiKeys: { pepper: PEPPER, keys: [entry] }, rules })],
    });
    await host.host.known(10_000);
    const visitor = sdkClient();
    await visitor.connect(httpTransport(host.url));
    expect(await names(visitor)).toEqual(["echo"]);
    const member = await connected(host.url, key);
    expect((await names(member)).length).toBeGreaterThan(1);
    expect((await post(host.url, bearer(`${key.slice(0, -1)}_`))).status).toBe(401);
    expect((await post(host.url, { authorization: "" })).status).toBe(401);
    await visitor.close();
    await member.close();
  });

  test("a host that listens without a way to tell who comes does not start", async () => {
    await expect(createHost({ listen: { port: 0 }, plugins: [auth()] }).start()).rejects.toThrow(/nothing says who they are/);
  });

  test("with onError skip it does not start", async () => {
    await expect(createHost({ plugins: [{ use: auth(), onError: "skip" }] }).start()).rejects.toThrow(
      /plugins\[0\]\.onError: plugin "auth" decides/,
    );
  });

  test("without rules nothing is offered to anybody", async () => {
    const { key, entry } = await madeKey("dev", ["admin"]);
    await using running = await startHost({
      mcpServers: { web: { url: web.url } },
      plugins: [auth({ apiKeys: { pepper: PEPPER, keys: [entry] } })],
    });
    const client = await connected(running.url, key);
    await running.host.known(5_000);
    expect(await names(client)).toEqual([]);
    await expect(client.callTool({ name: "echo", arguments: {} })).rejects.toThrow(/Unknown tool/);
    await client.close();
  });

  test("while an issuer's keys cannot be had, its tokens are refused; API keys go on", async () => {
    const { key, entry } = await madeKey("dev", []);
    const jwksUri = "http://127.0.0.1:9/jwks";
    await using running = await startHost({
      mcpServers: {},
      plugins: [auth({ apiKeys: { pepper: PEPPER, keys: [entry] }, jwt: [{ ...jwt(), jwksUri, audience: AUDIENCE }] })],
    });
    const refused = await post(running.url, bearer(await issuer.sign()));
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate"), "the token may be good").toBe("Bearer");
    expect((await post(running.url, bearer(key))).status).toBe(200);
  });
});

test("a key that the command made opens a host in a process of its own, with the pepper from a file", async () => {
  const { key, entry } = await madeKey("ops", ["ops"]);
  using folder = temporary({ pepper: `${PEPPER}\n` });
  await using running = await spawnHost({
    mcpServers: { files: upstream({ only: ["echo"], without: ["tasks"] }) },
    plugins: [
      [
        "@host/plugin-auth",
        { apiKeys: { pepper: `\${file:${folder.path}/pepper}`, keys: [entry] }, rules: [{ roles: ["ops"], allow: { servers: ["*"] } }] },
      ],
    ],
  });
  const client = await connected(running.url, key);
  await expect.poll(() => names(client)).toEqual(["echo"]);
  await client.close();
  expect((await post(running.url, bearer(key.replace(/.$/, (last) => (last === "A" ? "B" : "A"))))).status).toBe(401);
  for (const secret of [key, PEPPER]) expect(running.stderr() + running.stdout()).not.toContain(secret);
});

import { definePlugin, type Exchange, type HttpFacts, type Plugin, type PluginHost, type RefusedEvent, refuse } from "mcp-host";
import { describe, expect, test } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { startHost } from "../harness/hosts.ts";
import { SocketClient, refusal as socketRefusal } from "../harness/socket.ts";
import { ask, bearer, initialize, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };
const alice = { authorization: "Bearer alice" };

function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

/** Keeps what was turned away, and every header that it may. */
function audit(): { plugin: Plugin; refused: RefusedEvent[] } {
  const refused: RefusedEvent[] = [];
  const made = plugin("audit", (host) => {
    host.keepHeaders("User-Agent", "x-tenant");
    host.hooks.refused.tap("audit", (event) => void refused.push(event));
  });
  return { plugin: made, refused };
}

/** Turns away who says so, and notes what it was asked for. */
function door(): { plugin: Plugin; asked: HttpFacts[] } {
  const asked: HttpFacts[] = [];
  const made = plugin("door", (host) =>
    host.hooks.admit.tap("door", async (request) => {
      asked.push(request);
      if (request.headers["x-flood"] !== undefined) throw refuse("rate_limited", "too many of you", { retryAfterMs: 2_000 });
    }),
  );
  return { plugin: made, asked };
}

describe("admit", () => {
  test("is asked on every way in, before authenticate and by whoever comes, but for probes and preflights", async () => {
    const { plugin: guard, asked } = door();
    const routes = plugin("routes", (host) =>
      host.hooks.http.tap("routes", (app, publicApp) => {
        app.get("/inside", (context) => context.json("inside"));
        publicApp.get("/outside", (context) => context.json("outside"));
      }),
    );
    let authenticated = 0;
    const counting = plugin("counting", (host) => host.hooks.authenticate.tap("counting", () => void authenticated++));
    const listen = { sse: true, websocket: true, origins: ["https://page.example"] };
    await using running = await startHost({ mcpServers, listen, plugins: [guard, counting, bearer(), routes] });
    const flood = { "x-flood": "1", ...alice };
    const paths = ["/mcp", "/mcp/p/none", "/sse", "/messages?sessionId=x", "/inside", "/outside", "/nowhere"];
    for (const path of paths) {
      const { status, headers, json } = await ask(running.url, { path, headers: flood });
      expect([status, json?.error.data.type, headers["retry-after"]], path).toEqual([429, "rate_limited", "2"]);
    }
    expect(await socketRefusal(running.url, { headers: flood })).toMatchObject({ status: 429 });
    expect(asked.map(({ path }) => path)).toEqual([...paths.map((path) => path.split("?")[0]), "/ws"]);
    expect(asked[0]).toMatchObject({ method: "GET", address: "127.0.0.1", headers: { "x-flood": "1" } });
    expect(authenticated).toBe(0);
    for (const path of ["/healthz", "/readyz"]) expect((await ask(running.url, { path, headers: flood })).status, path).toBe(200);
    const preflight = { origin: "https://page.example", "access-control-request-method": "POST", ...flood };
    expect((await ask(running.url, { method: "OPTIONS", headers: preflight })).status).toBe(204);
    expect(asked).toHaveLength(paths.length + 1);
    expect((await ask(running.url, { path: "/outside" })).json).toBe("outside");
    expect((await ask(running.url, { path: "/inside", headers: alice })).json).toBe("inside");
    expect((await ask(running.url, { headers: alice, body: initialize() })).status).toBe(200);
  });

  test("may say which of its rules turned a request away, to whoever observes", async () => {
    const rules = plugin("rules", (host) =>
      host.hooks.admit.tap("rules", ({ headers }) => {
        if (headers["x-flood"]) throw refuse("rate_limited", "no", { rule: "floods" });
        if (headers["x-other"]) throw refuse("forbidden", "no");
      }),
    );
    const { plugin: auditor, refused } = audit();
    await using running = await startHost({ mcpServers, plugins: [rules, auditor] });
    const { text } = await ask(running.url, { body: initialize(), headers: { "x-flood": "1" } });
    expect(text).not.toContain("floods");
    await ask(running.url, { body: initialize(), headers: { "x-other": "1" } });
    expect(refused.map(({ decision, rule }) => [decision?.plugin, rule])).toEqual([
      ["rules", "floods"],
      ["rules", undefined],
    ]);
  });

  test("comes without authenticate: who is admitted is anonymous", async () => {
    const seen: string[] = [];
    const noting = plugin("noting", (host) => host.hooks.session.tap("noting", ({ session }) => void seen.push(session.principal.id)));
    await using running = await startHost({ mcpServers, plugins: [door().plugin, noting] });
    const client = await WireClient.connect(running.url);
    expect((await client.call("echo", { a: 1 })).arguments).toEqual({ a: 1 });
    expect(seen).toEqual(["anonymous"]);
    expect((await client.ask({ body: client.body("ping"), headers: { "x-flood": "1" } })).status).toBe(429);
  });

  test.each<[string, () => unknown]>([
    ["throws", () => expect.fail("canary")],
    ["hangs", () => new Promise(() => {})],
    ["gives false, as a bail hook would", () => false],
  ])("fails closed, also with onError skip: a tap that %s", async (_, tap) => {
    const broken = definePlugin({
      name: "broken",
      host: "^1.0.0",
      apply: (host) => host.hooks.admit.tap("broken", tap as () => undefined), // code without types gives anything
    });
    const { plugin: auditor, refused } = audit();
    await using running = await startHost({ mcpServers, plugins: [{ use: broken(), onError: "skip", timeout: 50 }, auditor] });
    const { status, json, text } = await ask(running.url, { body: initialize() });
    expect([status, json.error.data]).toMatchObject([500, { type: "plugin_failure", plugin: "broken" }]);
    expect(text).not.toContain("canary");
    expect(refused).toMatchObject([{ decision: { plugin: "broken", hook: "admit" }, type: "plugin_failure", status: 500 }]);
  });

  test("that a reload brings while a request waits to be let in is asked for it, too", async () => {
    let asked!: () => void;
    let goOn!: () => void;
    const waiting = new Promise<void>((resolve) => (asked = resolve));
    const slow = plugin("slow", (host) =>
      host.hooks.admit.tap("slow", () => {
        asked();
        return new Promise<void>((resolve) => (goOn = resolve));
      }),
    );
    const closed = plugin("closed", (host) =>
      host.hooks.admit.tap("closed", () => {
        throw refuse("forbidden", "closed now");
      }),
    );
    await using running = await startHost({ mcpServers, plugins: [slow] });
    const answer = ask(running.url, { body: initialize() });
    await waiting;
    await running.host.reload({ mcpServers, listen: { port: 0 }, plugins: [closed] });
    goOn();
    expect((await answer).json.error.message).toBe("closed now");
  });
});

describe("principal", () => {
  const tenants = (add: (request: HttpFacts) => Record<string, unknown>): Plugin =>
    plugin("tenants", (host) => host.hooks.principal.tap("tenants", async (principal, request) => ({ ...principal, ...add(request) })));

  test("adds roles, claims and a binding to whoever was authenticated, and the session is bound to them", async () => {
    const seen: unknown[] = [];
    const noting = plugin("noting", (host) => host.hooks.settled.tap("noting", ({ principal }) => void seen.push(principal)));
    const add = tenants(({ headers }) => ({ roles: ["reader"], claims: { tenant: headers["x-tenant"] }, binding: headers["x-tenant"] }));
    await using running = await startHost({ mcpServers, plugins: [bearer(), add, noting] });
    const client = await WireClient.connect(running.url, { headers: { ...alice, "x-tenant": "blue" } });
    await client.call("echo");
    expect(seen.at(-1)).toEqual({ id: "alice", roles: ["reader"], claims: { tenant: "blue" }, binding: "blue" });
    const { status, json } = await client.ask({ body: client.body("ping"), headers: { "x-tenant": "red" } });
    expect([status, json.error.data.type]).toEqual([404, "session_not_found"]);
  });

  test("is asked for nobody who was not authenticated, and never for anonymous", async () => {
    let asked = 0;
    const counting = plugin("counting", (host) =>
      host.hooks.principal.tap("counting", (principal) => {
        asked++;
        return principal;
      }),
    );
    const everybody = plugin("everybody", (host) => host.hooks.authenticate.tap("everybody", () => ({ id: "anonymous", roles: [] })));
    for (const plugins of [[counting], [counting, everybody], [counting, bearer()]]) {
      await using running = await startHost({ mcpServers, plugins });
      const { status } = await ask(running.url, { body: initialize() });
      expect([status, asked]).toEqual([plugins.length === 1 || plugins[1] === everybody ? 200 : 401, 0]);
    }
  });

  test.each<[string, Record<string, unknown>]>([
    ["another id", { id: "root" }],
    ["roles that are no array of strings", { roles: "admin" }],
    ["a role that is no string", { roles: [1] }],
    ["claims that are no object", { claims: "tenant" }],
    ["a binding that is no string", { binding: 3 }],
  ])("is the plugin's failure where it gives %s", async (_, wrong) => {
    const { plugin: auditor, refused } = audit();
    await using running = await startHost({ mcpServers, plugins: [bearer(), tenants(() => wrong), auditor] });
    const { status, json } = await ask(running.url, { body: initialize(), headers: alice });
    expect([status, json.error.data]).toMatchObject([500, { type: "plugin_failure", plugin: "tenants" }]);
    expect(refused).toMatchObject([{ decision: { plugin: "tenants", hook: "principal" } }]);
    expect(running.logs.find(({ message }) => message === "a plugin failed")).toMatchObject({ plugin: "tenants", hook: "principal" });
  });

  test("is asked again by a reload for what lasts: who is another now is cut off", async () => {
    const listen = { port: 0, websocket: true };
    await using running = await startHost({ mcpServers, listen, plugins: [bearer()] });
    const client = await SocketClient.connect(running.url, { headers: alice });
    await running.host.reload({ mcpServers, listen, plugins: [bearer(), tenants(() => ({ roles: ["other"] }))] });
    expect(await client.closed).toMatchObject({ code: 1008 });
  });
});

describe("refused", () => {
  test("tells what the edge and plugins turned away, by whom, and no credentials", async () => {
    const { plugin: auditor, refused } = audit();
    const listen = { websocket: true, sse: true };
    const failing = plugin("failing", (host) =>
      host.hooks.authenticate.tap("failing", ({ headers }) => {
        if (headers["x-kind"] === "refused") throw refuse("forbidden", "not you");
        if (headers["x-kind"] === "failed") throw new Error("canary");
        return undefined;
      }),
    );
    await using running = await startHost({
      mcpServers,
      listen,
      limits: { requestBytes: 10_000 },
      plugins: [failing, bearer(), auditor],
    });
    const facts = { "user-agent": "test", "x-tenant": "blue Bearer abcdefghijklmnop", cookie: "a=canary", "x-other": "canary" };
    const client = await WireClient.connect(running.url, { headers: { ...facts, ...alice } });
    const cases: [string | undefined, Parameters<typeof ask>[1], string, number, string | undefined][] = [
      ["a foreign Host", { headers: { host: "evil.example" } }, "forbidden", 403, undefined],
      ["a foreign Origin", { headers: { origin: "https://evil.example" } }, "forbidden", 403, undefined],
      ["nobody", { body: initialize(), headers: { authorization: "Basic canary" } }, "unauthorized", 401, undefined],
      ["authenticate's no", { headers: { "x-kind": "refused" } }, "forbidden", 403, "failing"],
      ["authenticate's failure", { headers: { "x-kind": "failed" } }, "plugin_failure", 500, "failing"],
      ["an unknown session", { headers: { ...alice, "mcp-session-id": "canary" }, body: {} }, "session_not_found", 404, undefined],
      ["no session", { headers: alice, body: { jsonrpc: "2.0", id: 1, method: "ping" } }, "session_required", 400, undefined],
      ["a large body", { headers: alice, body: `"${"x".repeat(10_000)}"` }, "payload_too_large", 413, undefined],
      ["no JSON", { headers: alice, body: "{" }, "parse_error", 400, undefined],
      ["no message", { headers: { ...alice, "mcp-session-id": client.session }, body: 3 }, "invalid_request", 400, undefined],
      ["an unknown path", { path: "/nowhere" }, "not_found", 404, undefined],
      ["another method", { method: "PUT", headers: alice }, "method_not_allowed", 405, undefined],
    ];
    for (const [name, asked, type, status, by] of cases) {
      const answer = await ask(running.url, { ...asked, headers: { ...facts, ...asked?.headers } });
      const [event, ...more] = refused.splice(0);
      expect(answer.status, name).toBe(status);
      expect(more, name).toEqual([]);
      expect(event, name).toEqual({
        request: {
          method: asked?.method ?? (asked?.body === undefined ? "GET" : "POST"),
          path: asked?.path ?? "/mcp",
          address: "127.0.0.1",
          headers: { "user-agent": "test", "x-tenant": "blue [redacted]" },
        },
        exchange: undefined,
        decision: by === undefined ? undefined : { plugin: by, hook: "authenticate" },
        type,
        status,
        message: answer.json.error.message,
      });
      expect(JSON.stringify(event), name).not.toContain("canary");
    }
    expect(await socketRefusal(running.url)).toMatchObject({ status: 401 });
    expect(refused.splice(0)).toMatchObject([{ request: { path: "/ws" }, type: "unauthorized", status: 401 }]);
    await ask(running.url, { path: "/messages", method: "POST", headers: alice });
    expect(refused.splice(0)).toMatchObject([{ request: { path: "/messages" }, type: "session_required" }]);
    expect((await client.call("echo")).arguments).toEqual({});
    expect(refused).toEqual([]);
  });

  test("tells of clients' notifications that permit or transform turned away, with their exchange", async () => {
    const { plugin: auditor, refused } = audit();
    const names = ["hidden", "judged", "transformed", "broken"];
    const strict = plugin("strict", (host) => {
      host.hooks.permit.tap("strict", ({ native }, _, exchange) =>
        native === "notifications/hidden" || (exchange && native === "notifications/judged") ? false : undefined,
      );
      host.hooks.transform.for("*").tap("strict", (params, exchange: Exchange) => {
        if (exchange.method === "notifications/transformed") throw refuse("invalid_params", "not like this");
        if (exchange.method === "notifications/broken") throw new Error("canary");
        return params;
      });
    });
    await using running = await startHost({ mcpServers, plugins: [strict, auditor] });
    const client = await WireClient.connect(running.url, { headers: { "user-agent": "test" } });
    for (const name of names) await client.notify(`notifications/${name}`);
    await expect.poll(() => refused.length).toBe(4);
    expect(refused).toMatchObject([
      { type: "method_not_found", decision: { plugin: "strict", hook: "permit" } },
      { type: "forbidden", decision: { plugin: "strict", hook: "permit" } },
      { type: "invalid_params", decision: { plugin: "strict", hook: "transform" }, message: "not like this" },
      { type: "plugin_failure", decision: { plugin: "strict", hook: "transform" }, message: 'plugin "strict" failed' },
    ]);
    for (const [index, { request, status, exchange }] of refused.entries()) {
      expect([request, status, exchange?.method]).toEqual([undefined, undefined, `notifications/${names[index]}`]);
      expect(exchange?.http).toEqual({ address: "127.0.0.1", path: "", headers: { "user-agent": "test" } });
    }
  });
});

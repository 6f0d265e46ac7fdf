import { definePlugin, type Exchange, type HttpOrigin, type Plugin, type PluginHost, type Principal } from "mcp-host";
import { describe, expect, test } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { memoryTransport, sdkClient, socketTransport, sseTransport } from "../harness/clients.ts";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { ask, bearer, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };

function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

/** Notes what the edge knows of each exchange with these methods, when it is over. */
function noting(methods: readonly string[] = ["tools/call"], ...headers: string[]): { plugin: Plugin; seen: (HttpOrigin | undefined)[] } {
  const seen: (HttpOrigin | undefined)[] = [];
  const made = plugin("noting", (host) => {
    host.keepHeaders(...headers);
    host.hooks.settled.tap("noting", ({ method, http }) => {
      if (methods.includes(method)) seen.push(http);
    });
  });
  return { plugin: made, seen };
}

describe("exchange.http", () => {
  test("has the address, the path below the endpoint, and of the headers those that plugins keep", async () => {
    const { plugin: kept, seen } = noting(["initialize", "tools/call"], "X-Tenant", "user-agent", "constructor");
    const other = plugin("other", (host) => {
      host.keepHeaders("x-other");
      host.endpoint("work");
      host.hooks.ready.tap("other", () => {});
    });
    await using running = await startHost({ mcpServers, plugins: [kept, other, bearer()] });
    const token = "abcdefghijklmnop";
    const client = await WireClient.connect(new URL("/mcp/p/work", running.url), {
      headers: { authorization: "Bearer alice", cookie: "a=b", "x-tenant": "blue", "x-other": `Bearer ${token}`, "x-third": "c" },
    });
    await client.call("echo");
    const expected = { address: "127.0.0.1", path: "/p/work", headers: { "x-tenant": "blue", "x-other": "[redacted]" } };
    expect(seen).toEqual([expected, expected]);
    await client.ask({ body: client.body("tools/call", { name: "echo" }), headers: { "x-tenant": "red", "user-agent": "tester" } });
    expect(seen.at(-1)?.headers).toEqual({ "x-tenant": "red", "user-agent": "tester", "x-other": "[redacted]" });
  });

  test("is of the request that opened a WebSocket, and over HTTP+SSE of the one that posted", async () => {
    const { plugin: kept, seen } = noting(["tools/call"], "user-agent");
    await using running = await startHost({ mcpServers, listen: { sse: true, websocket: true }, plugins: [kept] });
    for (const transport of [socketTransport(running.url), sseTransport(running.url, { "user-agent": "poster" })]) {
      const client = sdkClient();
      await client.connect(transport);
      await client.callTool({ name: "echo" });
      await client.close();
    }
    expect(seen).toMatchObject([
      { address: "127.0.0.1", path: "", headers: {} },
      { address: "127.0.0.1", path: "", headers: { "user-agent": "poster" } },
    ]);
  });

  test("is not there in process, and is there for what is done on behalf of a request", async () => {
    const { plugin: kept, seen } = noting();
    const derived: unknown[] = [];
    const deriving = plugin("deriving", (host) =>
      host.hooks.call.for("tools/call").tap("deriving", (next) => (exchange) => {
        derived.push(exchange.derive().http, exchange.derive({ attached: true }).http);
        return next(exchange);
      }),
    );
    await using running = await startHost({ mcpServers, plugins: [kept, deriving] });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    await client.callTool({ name: "echo" });
    await client.close();
    expect([seen, derived.splice(0)]).toEqual([[undefined], [undefined, undefined]]);
    await (await WireClient.connect(running.url)).call("echo");
    expect(derived).toEqual([seen[1], seen[1]]);
    expect(derived[0]).toMatchObject({ address: "127.0.0.1" });
  });

  test("is made once, when it is first read, and still tells the address when the client has gone", async () => {
    let exchange: Exchange | undefined;
    let begun!: () => void;
    const running = new Promise<void>((resolve) => (begun = resolve));
    const keeping = plugin("keeping", (host) =>
      host.hooks.transform.for("tools/call").tap("keeping", (params, current) => {
        exchange = current;
        begun();
        return params;
      }),
    );
    const { plugin: kept, seen } = noting();
    await using host = await startHost({ mcpServers, plugins: [keeping, kept] });
    const client = await WireClient.connect(host.url);
    const call = await Promise.all([
      running,
      client.open({
        body: client.body("tools/call", { name: "slow", arguments: { ms: 300 } }),
        headers: { accept: "text/event-stream, application/json" },
      }),
    ]);
    call[1].leave();
    await expect.poll(() => seen).toMatchObject([{ address: "127.0.0.1" }]);
    expect(exchange?.http).toBe(seen[0]);
  });

  test("is there for each request of a batch", async () => {
    const { plugin: kept, seen } = noting(["ping"], "x-tenant");
    await using running = await startHost({ mcpServers, plugins: [kept] });
    const client = await WireClient.connect(running.url, { version: "2025-03-26", headers: { "x-tenant": "blue" } });
    await client.ask({ body: [client.body("ping"), client.body("ping")] });
    expect(seen).toMatchObject([{ headers: { "x-tenant": "blue" } }, { headers: { "x-tenant": "blue" } }]);
  });
});

describe("keepHeaders", () => {
  const started = (apply: (host: PluginHost) => void) => startHost({ listen: null, plugins: [plugin("keeper", apply)] });

  test.each(["Authorization", "proxy-authorization", "Cookie", "x-api-key", "mcp-session-id", "X-Auth-Token", "x-client-secret"])(
    "%s holds credentials and stays at the edge",
    async (name) => {
      await expect(started((host) => host.keepHeaders("user-agent", name))).rejects.toThrow(
        `plugin "keeper" keeps the header "${name.toLowerCase()}", which holds credentials`,
      );
    },
  );

  test("what is no name of a header is refused, and what comes after apply", async () => {
    await expect(started((host) => host.keepHeaders("user agent"))).rejects.toThrow(
      'keeps the header "user agent", which is no name of a header',
    );
    await expect(started((host) => host.hooks.ready.tap("keeper", () => host.keepHeaders("a")))).rejects.toThrow(
      "calls keepHeaders too late",
    );
  });

  test("a reload keeps those of a plugin that lives on, and drops those of one that went", async () => {
    const { plugin: kept, seen } = noting(["ping"], "x-kept");
    const going = plugin("going", (host) => {
      host.keepHeaders("x-gone");
      host.hooks.ready.tap("going", () => {});
    });
    await using running = await startHost({ mcpServers, plugins: [kept, going] });
    const client = await RawHttp.open(running.url, { headers: { "x-kept": "a", "x-gone": "b" } });
    await client.ask("ping");
    await running.host.reload({ mcpServers, listen: { port: 0 }, plugins: [kept] });
    await client.ask("ping");
    expect(seen).toMatchObject([{ headers: { "x-kept": "a", "x-gone": "b" } }, { headers: { "x-kept": "a" } }]);
    expect(seen[1]?.headers).not.toHaveProperty("x-gone");
    await client.close();
  });
});

describe("host.principal", () => {
  /** Answers with whom the host says it is, by the context and by the request. */
  const whoami = plugin("whoami", (host) =>
    host.hooks.http.tap("whoami", (app, publicApp) => {
      const both = (context: Parameters<PluginHost["principal"]>[0] & { req: { raw: Request } }): (Principal | undefined)[] => [
        host.principal(context),
        host.principal(context.req.raw),
      ];
      app.get("/me", (context) => context.json(both(context)));
      publicApp.get("/anyone", (context) => context.json(both(context)));
    }),
  );
  const roles = plugin("roles", (host) => host.hooks.principal.tap("roles", (principal) => ({ ...principal, roles: ["reader"] })));

  test("tells a route who asks, as principal taps left it", async () => {
    await using running = await startHost({ mcpServers, plugins: [whoami, roles, bearer()] });
    const headers = { authorization: "Bearer alice" };
    const alice = { id: "alice", roles: ["reader"] };
    expect((await ask(running.url, { path: "/me", headers })).text).toBe(JSON.stringify([alice, alice]));
    expect((await ask(running.url, { path: "/anyone", headers })).text).toBe("[null,null]");
    expect((await ask(running.url, { path: "/me" })).status).toBe(401);
  });

  test("tells of anonymous where nobody says who clients are, and nothing of another request", async () => {
    let host: PluginHost | undefined;
    const keeping = plugin("keeping", (given) => {
      host = given;
      given.hooks.ready.tap("keeping", () => {});
    });
    await using running = await startHost({ mcpServers, plugins: [whoami, keeping] });
    const nobody = { id: "anonymous", roles: [] };
    expect((await ask(running.url, { path: "/me" })).text).toBe(JSON.stringify([nobody, nobody]));
    expect(host?.principal(new Request("http://127.0.0.1/me"))).toBeUndefined();
  });
});

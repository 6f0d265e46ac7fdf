import { definePlugin, type Exchange, type HttpArrival, type Plugin, type PluginHost, refuse } from "mcp-host";
import { describe, expect, test } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { startHost } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { SocketClient } from "../harness/socket.ts";
import { ask, bearer, initialize, open, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };

function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

/** Gives each call a header, and notes what came of it. */
function giving(headers: Record<string, string> = { "X-Left": "4" }): { plugin: Plugin; given: boolean[] } {
  const given: boolean[] = [];
  const give = (exchange: Exchange): void => void given.push(exchange.answerHeaders(headers));
  const made = plugin("giving", ({ hooks }) => {
    hooks.call.for("*").tap("giving", (next) => async (exchange) => {
      give(exchange);
      const result = await next(exchange);
      if (exchange.params.arguments && (exchange.params.arguments as { late?: unknown }).late) give(exchange);
      return result;
    });
    hooks.respond.for("initialize").tap("giving", (result, exchange) => {
      give(exchange);
      return result;
    });
    hooks.respond.for("tools/list").tap("giving", (_result, exchange) => {
      give(exchange);
      throw refuse("rate_limited", "no lists", { retryAfterMs: 1_000 });
    });
  });
  return { plugin: made, given };
}

describe("headers that an exchange gives its answer", () => {
  test("are in the head of results and of errors, of clients of 2025-11-25", async () => {
    const { plugin: gives, given } = giving();
    await using running = await startHost({ mcpServers, plugins: [gives] });
    const begun = await ask(running.url, { body: initialize() });
    expect(begun.headers["x-left"]).toBe("4");
    const client = await WireClient.connect(running.url);
    for (const [method, params] of [
      ["tools/call", { name: "echo", arguments: {} }],
      ["tools/list", {}],
    ] as const) {
      const { headers, status } = await client.request(method, params);
      expect([status, headers["x-left"], headers["x-content-type-options"]], method).toEqual([200, "4", "nosniff"]);
    }
    expect((await client.request("ping")).headers["x-left"]).toBeUndefined();
    expect(given).toEqual([true, true, true, true]);
  });

  test("and of clients of 2026-07-28", async () => {
    const { plugin: gives } = giving();
    await using running = await startHost({ mcpServers, plugins: [gives] });
    const client = new ModernHttp(running.url);
    const called = await client.send("tools/call", { name: "echo", arguments: {} });
    expect([called.status, called.headers["x-left"], called.messages[0]?.error]).toEqual([200, "4", undefined]);
    const listed = await client.send("tools/list");
    expect([listed.status, listed.headers["x-left"], listed.messages[0]?.error.data.type]).toEqual([200, "4", "rate_limited"]);
  });

  test("are in the head of a stream while nothing was sent, and come too late after", async () => {
    const { plugin: gives, given } = giving();
    await using running = await startHost({ mcpServers, plugins: [gives] });
    for (const call of [
      async () => {
        const client = await WireClient.connect(running.url);
        given.length = 0;
        return client.request("tools/call", { name: "progress", arguments: { late: true }, _meta: { progressToken: "t" } });
      },
      () => {
        given.length = 0;
        return new ModernHttp(running.url).send(
          "tools/call",
          { name: "progress", arguments: { late: true } },
          { meta: { progressToken: "t" } },
        );
      },
    ]) {
      const { headers } = await call();
      expect([headers["content-type"], headers["x-left"]]).toEqual(["text/event-stream", "4"]);
      expect(given).toEqual([true, false]);
    }
  });

  test("the last of a name counts, whatever its case, and of a plugin's own call they are its client's", async () => {
    const several = plugin("several", ({ hooks }) =>
      hooks.call.for("tools/call").tap("several", (next) => async (exchange) => {
        exchange.answerHeaders({ "X-Left": "5", "x-other": "a" });
        exchange.answerHeaders({ "x-left": "4" });
        if (exchange.parent) expect(exchange.answerHeaders({ "x-own": "1" })).toBe(true);
        else await exchange.call("tools/call", { name: "echo", arguments: {} });
        return next(exchange);
      }),
    );
    await using running = await startHost({ mcpServers, plugins: [several] });
    const client = await WireClient.connect(running.url);
    const { headers } = await client.request("tools/call", { name: "echo", arguments: {} });
    expect(headers).toMatchObject({ "x-left": "4", "x-other": "a", "x-own": "1" });
  });

  test("have nowhere to go over WebSocket and in process", async () => {
    const { plugin: gives, given } = giving();
    await using running = await startHost({ mcpServers, listen: { websocket: true }, plugins: [gives] });
    const socket = await SocketClient.connect(running.url);
    await socket.call("echo");
    await running.host.callTool("echo", {});
    expect(given.length).toBeGreaterThanOrEqual(3);
    expect(new Set(given)).toEqual(new Set([false]));
  });

  test.each([
    ["Content-Length", "5", "protocol's or the host's own"],
    ["Mcp-Session-Id", "x", "protocol's or the host's own"],
    ["Set-Cookie", "a=b", "protocol's or the host's own"],
    ["Transfer-Encoding", "chunked", "protocol's or the host's own"],
    ["Access-Control-Allow-Origin", "*", "protocol's or the host's own"],
    ["x left", "5", "no name of a header"],
    ["x-left", "5\r\nset-cookie: a=b", "has a value that no header may have"],
  ])("a header that is not a plugin's to give is refused: %s", async (name, value, words) => {
    const { plugin: gives } = giving({ [name]: value });
    await using running = await startHost({ mcpServers, plugins: [gives] });
    const { json, headers } = await new ModernAsk(running.url).call();
    expect(json.error.data).toMatchObject({ type: "plugin_failure", plugin: "giving" });
    expect(headers["set-cookie"]).toBeUndefined();
    expect(running.logs.some(({ error }) => String(error).includes(words))).toBe(true);
  });
});

/** One call of the modern era, as an answer with its headers. */
class ModernAsk {
  readonly #client: ModernHttp;
  constructor(url: URL) {
    this.#client = new ModernHttp(url);
  }
  async call() {
    const { headers, messages } = await this.#client.send("tools/call", { name: "echo", arguments: {} });
    return { headers, json: messages[0] as { error: { data: unknown } } };
  }
}

describe("headers that the edge gives the answer", () => {
  const door = (give: (request: HttpArrival) => boolean, given: boolean[] = []): Plugin =>
    plugin("door", (host) =>
      host.hooks.admit.tap("door", (request) => {
        given.push(give(request));
        if (request.headers["x-flood"]) throw refuse("rate_limited", "no", { retryAfterMs: 1_500, headers: { "x-refused": "1" } });
      }),
    );

  test("are on whatever comes of the request, refusals included, in either era", async () => {
    const routes = plugin("routes", (host) =>
      host.hooks.http.tap("routes", (_app, publicApp) => {
        publicApp.get("/outside", (context) => context.json("outside"));
      }),
    );
    const plugins = [door((request) => request.answerHeaders({ "x-admitted": request.path })), bearer(), routes];
    await using running = await startHost({ mcpServers, plugins });
    const alice = { authorization: "Bearer alice" };
    const flooded = await ask(running.url, { body: initialize(), headers: { ...alice, "x-flood": "1" } });
    expect([flooded.status, flooded.headers]).toMatchObject([429, { "x-admitted": "/mcp", "retry-after": "2", "x-refused": "1" }]);
    expect(await ask(running.url, { body: initialize() })).toMatchObject({ status: 401, headers: { "x-admitted": "/mcp" } });
    expect(await ask(running.url, { body: initialize(), headers: alice })).toMatchObject({
      status: 200,
      headers: { "x-admitted": "/mcp" },
    });
    expect(await ask(running.url, { path: "/outside" })).toMatchObject({ status: 200, headers: { "x-admitted": "/outside" } });
    expect(await open(running.url, { path: "/nowhere" })).toMatchObject({ status: 404, headers: { "x-admitted": "/nowhere" } });
    const modern = await new ModernHttp(running.url, alice).send("tools/call", { name: "echo", arguments: {} });
    expect([modern.status, modern.headers["x-admitted"]]).toEqual([200, "/mcp"]);
  });

  test("go nowhere for a WebSocket", async () => {
    const given: boolean[] = [];
    const plugins = [door((request) => request.answerHeaders({ "x-admitted": "1" }), given)];
    await using running = await startHost({ mcpServers, listen: { websocket: true }, plugins });
    await SocketClient.connect(running.url);
    expect(given).toEqual([false]);
  });

  test("a bad one fails closed", async () => {
    await using running = await startHost({ mcpServers, plugins: [door((request) => request.answerHeaders({ Vary: "*" }))] });
    expect((await ask(running.url, { body: initialize() })).json.error.data).toMatchObject({ type: "plugin_failure", plugin: "door" });
  });
});

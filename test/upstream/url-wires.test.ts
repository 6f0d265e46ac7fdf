import http from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { definePlugin } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { serveHttp, serveSse, serveWebSocket } from "../fixtures/upstream.mjs";
import { listening } from "../harness/faulty-wires.ts";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { switchable } from "../harness/switchable.ts";

const SAMPLING = { capabilities: { sampling: {} } };
const ELICITATION = { capabilities: { elicitation: {}, roots: {} } };

const statusOf = ({ host }: TestHost) => host.status().upstreams[0];
const server = (url: string, settings: object = {}) => ({ mcpServers: { one: { url, healthInterval: 0, ...settings } } });

describe("a url without type", () => {
  test("is Streamable HTTP where the server speaks it, and is not asked for SSE", async () => {
    const upstream = await serveHttp({ get: false });
    await using between = await switchable(upstream.url);
    await using running = await startHost(server(between.url));
    const clients = [await RawHttp.open(running.url, SAMPLING), await RawHttp.open(running.url)];
    for (const client of clients) expect((await client.call("echo")).result).toBeDefined();
    expect(statusOf(running)).toMatchObject({ wire: "http", relays: "sampling, elicitation, roots and logs" });
    // Split by what clients can be asked.
    expect(new Set([...upstream.world.upstreams].map(({ client }) => JSON.stringify(client?.capabilities)))).toEqual(
      new Set(["{}", '{"sampling":{}}']),
    );
    await running.host.close();
    await upstream.close();
  });

  test("is SSE where the server refuses Streamable HTTP, which is remembered for further connections", async () => {
    const upstream = await serveSse();
    const events: string[] = [];
    const watcher = definePlugin({
      name: "watcher",
      host: "^1.0.0",
      apply: (host) => host.hooks.upstream.tap("watcher", ({ wire, state }) => void events.push(`${wire} ${state}`)),
    });
    await using between = await switchable(upstream.url);
    await using running = await startHost({ ...server(between.url, { isolation: "session" }), plugins: [watcher()] });
    const first = await RawHttp.open(running.url);
    expect((await first.call("echo")).result).toBeDefined();
    expect(between.requests.slice(0, 3)).toEqual(["POST /mcp", "POST /mcp", "GET /mcp"]); // server/discover, initialize
    const second = await RawHttp.open(running.url);
    expect((await second.call("echo")).result).toBeDefined();
    expect(between.requests.filter((request) => request === "POST /mcp")).toHaveLength(2);
    expect(between.requests.filter((request) => request === "GET /mcp")).toHaveLength(2);
    expect(statusOf(running)?.wire).toBe("sse");
    expect(events).toContain("sse ready");
    expect(upstream.world.received.filter(({ method }) => method === "initialize")).toHaveLength(2);
    await running.host.close();
    await upstream.close();
  });

  test.each([400, 404, 405])("falls back on %i; what is no SSE either is told with both reasons", async (status) => {
    await using between = await switchable(status);
    await using running = await startHost(server(between.url));
    await vi.waitFor(() => {
      const both = new RegExp(`HTTP ${status} to initialize, and the SSE of old cannot be used either: .*HTTP ${status}`);
      expect(statusOf(running)).toMatchObject({ wire: "http", state: "backing off", reason: expect.stringMatching(both) });
    });
    expect(between.requests.slice(0, 3)).toEqual(["POST /mcp", "POST /mcp", "GET /mcp"]); // server/discover, initialize
  });

  test.each([401, 403, 406, 407, 410, 429, 500, 503])("does not fall back on %i, which says nothing of the transport", async (status) => {
    await using between = await switchable(status);
    await using running = await startHost(server(between.url));
    await vi.waitFor(() => expect(statusOf(running)?.reason).toContain(`HTTP ${status}`));
    expect(between.requests).not.toContain("GET /mcp");
  });

  test("with type http is never anything else", async () => {
    const upstream = await serveSse();
    await using between = await switchable(upstream.url);
    await using running = await startHost(server(between.url, { type: "http" }));
    await vi.waitFor(() => expect(statusOf(running)).toMatchObject({ wire: "http", reason: expect.stringContaining("HTTP 405") }));
    expect(between.requests).not.toContain("GET /mcp");
    await upstream.close();
  });

  test.each([
    { isolation: "shared", connections: [{ sessions: 3, state: "ready", restarts: 0 }] },
    // Who is anonymous is a principal of its own.
    { isolation: "principal", connections: [1, 2, 3].map(() => ({ sessions: 1, state: "ready", restarts: 0 })) },
  ])(
    "that turns out to be SSE declares nothing on connections that are $isolation, whoever came first",
    async ({ isolation, connections }) => {
      const upstream = await serveSse();
      // Lazy: the first client, which can be asked for sampling, is who finds it out.
      await using running = await startHost(server(upstream.url, { start: "lazy", isolation }));
      const clients = await Promise.all([SAMPLING, ELICITATION, {}].map((options) => RawHttp.open(running.url, options)));
      const lists = await Promise.all(clients.map((client) => client.tools()));
      for (const list of lists) expect(list).toContain("echo");
      const answers = await Promise.all(clients.map((client) => client.call("echo")));
      for (const answer of answers) expect(answer.result).toBeDefined();
      expect([...upstream.world.upstreams].map(({ client }) => client?.capabilities)).toEqual(connections.map(() => ({})));
      expect(statusOf(running)).toMatchObject({ wire: "sse", relays: expect.stringContaining("to several no sampling"), connections });
      await running.host.close();
      await upstream.close();
    },
  );

  test("calls that are under way when it turns out to be SSE are sent once, over the connection that is left", async () => {
    const upstream = await serveSse();
    await using between = await switchable(upstream.url);
    await using running = await startHost(server(between.url, { start: "lazy" }));
    const client = await RawHttp.open(running.url, SAMPLING);
    // No list has been read: a vendor's request goes to the only server, and is the first to connect.
    const { result } = await client.ask("vendor/first", { n: 1 });
    expect(result).toMatchObject({ method: "vendor/first" });
    expect(upstream.world.received.filter(({ method }) => method === "vendor/first")).toHaveLength(1);
    await running.host.close();
    await upstream.close();
  });

  test("is found again when an SSE server was upgraded to Streamable HTTP, and when it was downgraded", async () => {
    const [old, streamable] = [await serveSse(), await serveHttp()];
    await using between = await switchable(old.url);
    await using running = await startHost(server(between.url));
    const client = await RawHttp.open(running.url, SAMPLING);
    expect((await client.call("echo")).result).toBeDefined();
    await client.ask("resources/subscribe", { uri: "test://upstream/text" });
    expect(statusOf(running)?.wire).toBe("sse");

    between.use(streamable.url);
    await vi.waitFor(() => expect(statusOf(running)).toMatchObject({ wire: "http", state: "ready" }));
    expect((await client.call("echo")).result).toBeDefined();
    const later = await RawHttp.open(running.url, SAMPLING);
    expect((await later.call("capabilities")).result.structuredContent.capabilities).toEqual({ sampling: {} });
    await later.ask("resources/subscribe", { uri: "test://upstream/text" });

    between.use(404);
    for (const each of [client, later]) await each.call("echo"); // their sessions are gone
    between.use(old.url);
    await vi.waitFor(() => expect(statusOf(running)).toMatchObject({ wire: "sse", state: "ready" }));
    for (const each of [client, later]) expect((await each.call("echo")).result).toBeDefined();
    await vi.waitFor(() => expect([...old.world.upstreams].map(({ client: seen }) => seen?.capabilities)).toEqual([{}]));
    expect(statusOf(running)?.connections).toMatchObject([{ sessions: 2 }]);
    // What was subscribed over either is subscribed still.
    const stream = await later.listen();
    await client.call("touch");
    await vi.waitFor(() => expect(stream.messages.map(({ method }) => method)).toContain("notifications/resources/updated"));
    stream.close();
    await running.host.close();
    await Promise.all([old.close(), streamable.close()]);
  });

  test("and without HTTP is WebSocket", async () => {
    const upstream = await serveWebSocket();
    await using running = await startHost(server(upstream.url));
    expect((await (await RawHttp.open(running.url, SAMPLING)).call("echo")).result).toBeDefined();
    expect(statusOf(running)).toMatchObject({ wire: "websocket", connections: [{ sessions: 1 }] });
    expect([...upstream.world.upstreams].map(({ client }) => client?.capabilities)).toEqual([{}]);
    await running.host.close();
    await upstream.close();
  });
});

test.each([
  ["streamable-http", serveHttp, "http"],
  ["streamableHttp", serveHttp, "http"],
  ["http", serveHttp, "http"],
  ["sse", serveSse, "sse"],
  ["ws", serveWebSocket, "websocket"],
  ["websocket", serveWebSocket, "websocket"],
] as const)("the type %s, as other hosts' files have it, is understood", async (type, serve, wire) => {
  const upstream = await serve();
  await using running = await startHost(server(upstream.url, { type, headers: { "x-team": "blue" } }));
  const { result } = await (await RawHttp.open(running.url)).call("headers");
  expect(result.structuredContent.headers["x-team"]).toBe("blue");
  expect(statusOf(running)?.wire).toBe(wire);
  await running.host.close();
  await upstream.close();
});

test("a server of old that the SDK made is spoken with", async () => {
  const open = new Map<string, SSEServerTransport>();
  const { url, close } = await listening(
    http.createServer(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
      if (request.method === "GET" && pathname === "/sse") {
        const transport = new SSEServerTransport("/messages", response);
        open.set(transport.sessionId, transport);
        const mcp = new McpServer({ name: "old", version: "1" });
        mcp.registerTool("greet", {}, () => ({ content: [{ type: "text", text: "hello" }] }));
        return mcp.connect(transport);
      }
      const transport = open.get(searchParams.get("sessionId") ?? "");
      if (request.method === "POST" && transport) return transport.handlePostMessage(request, response);
      return void response.writeHead(404).end();
    }),
  );
  await using running = await startHost(server(`${url}/sse`));
  const client = await RawHttp.open(running.url);
  expect((await client.call("greet")).result.content).toEqual([{ type: "text", text: "hello" }]);
  // A stream that ends of itself is no failure: the next call begins another.
  for (const transport of open.values()) await transport.close();
  await vi.waitFor(() => expect(statusOf(running)?.restarts).toBe(1));
  expect((await client.call("greet")).result.content).toEqual([{ type: "text", text: "hello" }]);
  expect(open.size).toBe(2);
  await running.host.close();
  await close();
});

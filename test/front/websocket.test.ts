import { randomBytes } from "node:crypto";
import net from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { localOptionsOf } from "../../packages/host/dist/host/host.js";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { startHost } from "../harness/hosts.ts";
import { refusal, SocketClient } from "../harness/socket.ts";
import { ask, bearer, initialize, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };
const listen = { websocket: true };

afterEach(() => void vi.useRealTimers());

test("a client initializes, calls, and gets progress and news over one connection", async () => {
  await using host = await startHost({ mcpServers, listen });
  const client = await SocketClient.connect(host.url);
  expect(client.socket.protocol).toBe("mcp");
  expect(client.socket.extensions).toBe("");
  client.send({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "progress", arguments: { steps: 2 }, _meta: { progressToken: "p" } },
  });
  await client.answer(1);
  const steps = client.received.filter(({ method }) => method === "notifications/progress");
  expect(steps.map(({ params }) => [params.progressToken, params.progress])).toEqual([
    ["p", 1],
    ["p", 2],
  ]);
  await client.call("change", { kinds: ["tools"] });
  await vi.waitFor(() => expect(client.received.filter(({ method }) => method === "notifications/tools/list_changed")).toHaveLength(1));
  client.socket.close(1000);
  await vi.waitFor(() => expect(host.host.status().sessions).toBe(0));
});

test("versions are negotiated as elsewhere", async () => {
  await using host = await startHost({ mcpServers, listen });
  for (const version of ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]) {
    const client = await SocketClient.connect(host.url, { version });
    expect((await client.answer(0)).result.protocolVersion).toBe(version);
    client.socket.terminate();
  }
});

test("bad messages are answered, and an id that is in flight may not be used again", async () => {
  await using host = await startHost({ mcpServers, listen });
  const client = await SocketClient.connect(host.url);
  client.send("{");
  await vi.waitFor(() =>
    expect(client.received).toContainEqual(expect.objectContaining({ id: null, error: expect.objectContaining({ code: -32700 }) })),
  );
  client.send([{ jsonrpc: "2.0", id: 5, method: "ping" }]);
  await vi.waitFor(() => expect(client.received.filter(({ error }) => error?.code === -32600)).toHaveLength(1));
  const slow = { jsonrpc: "2.0", id: "same", method: "tools/call", params: { name: "slow", arguments: { ms: 150 } } };
  client.send(slow);
  client.send(slow);
  await vi.waitFor(() => expect(client.received.filter(({ id }) => id === "same")).toHaveLength(2));
  const [refused, answered] = client.received.filter(({ id }) => id === "same");
  expect(refused?.error).toMatchObject({ code: -32600, data: { type: "invalid_request" } });
  expect(answered?.result.structuredContent).toMatchObject({ waited: 150 });
  client.socket.terminate();
});

test("Origin, Host, path, subprotocol and version are checked before the connection is accepted", async () => {
  await using host = await startHost({ mcpServers, listen: { ...listen, origins: ["https://app.example"] } });
  const { url } = host;
  for (const origin of ["http://evil.example", "null", `https://${url.host}`, `${url.origin}.`])
    expect([origin, (await refusal(url, { origin })).status]).toEqual([origin, 403]);
  expect((await refusal(url, { headers: { host: "evil.example" } })).json.error.data.type).toBe("forbidden");
  expect((await refusal(url, { path: "/mcp" })).status).toBe(404);
  expect((await refusal(url, { headers: { "mcp-protocol-version": "1999-01-01" } })).status).toBe(400);
  for (const protocols of [[], ["chat"]])
    expect(await refusal(url, {}, protocols)).toMatchObject({ status: 400, json: { error: { data: { type: "invalid_request" } } } });
  for (const origin of [url.origin, "https://app.example"]) (await SocketClient.open(url, { origin }, ["chat", "mcp"])).socket.terminate();
  await vi.waitFor(() => expect(host.host.status().sessions).toBe(0));
});

test("without `websocket` there is none", async () => {
  await using host = await startHost({ mcpServers });
  expect((await refusal(host.url)).status).toBe(404);
});

test("`authenticate` decides before the connection is accepted, and a principal has only so many sessions", async () => {
  await using host = await startHost({ mcpServers, listen, plugins: [bearer()], limits: { sessionsPerPrincipal: 1 } });
  const refused = await refusal(host.url);
  expect([refused.status, refused.headers["www-authenticate"], refused.json.error.data.type]).toEqual([401, "Bearer", "unauthorized"]);
  const options = { headers: { authorization: "Bearer alice" } };
  const client = await SocketClient.connect(host.url, options);
  expect((await refusal(host.url, options)).status).toBe(503);
  client.socket.close();
  await client.closed;
  await vi.waitFor(async () => (await SocketClient.open(host.url, options)).socket.terminate());
});

test("its session is no way in elsewhere: over HTTP its id is unknown", async () => {
  await using host = await startHost({ mcpServers, listen });
  const client = await SocketClient.connect(host.url);
  const [session] = localOptionsOf(host.host).sessions;
  const headers = { "mcp-session-id": session?.id };
  const { status } = await ask(host.url, { headers, body: { jsonrpc: "2.0", id: 1, method: "ping" } });
  expect([typeof session?.id, status]).toEqual(["string", 404]);
  expect((await client.request("ping")).result).toEqual({});
  client.socket.terminate();
});

test("a message that is too large or binary ends the connection with the code for it, and others go on", async () => {
  await using host = await startHost({ mcpServers, listen, limits: { requestBytes: "1kb" } });
  const [one, two, other] = await Promise.all([1, 2, 3].map(() => SocketClient.connect(host.url)));
  const ping = (padding: number) => JSON.stringify({ jsonrpc: "2.0", id: "p", method: "ping", params: { x: "x".repeat(padding) } });
  const most = 1024 - ping(0).length;
  one?.send(ping(most));
  expect((await one?.answer("p"))?.result).toEqual({});
  one?.send(ping(most + 1));
  expect((await one?.closed)?.code).toBe(1009);
  two?.socket.send(randomBytes(10));
  expect((await two?.closed)?.code).toBe(1003);
  expect((await other?.request("ping"))?.result).toEqual({});
  other?.socket.terminate();
});

test("a client that does not read is dropped at limits.clientQueueBytes, and others are served", async () => {
  await using host = await startHost({ mcpServers, listen, limits: { clientQueueBytes: "256kb" } });
  const slow = await SocketClient.connect(host.url);
  const other = await SocketClient.connect(host.url);
  slow.socket.pause();
  const text = "x".repeat(512 * 1024);
  for (let n = 0; n < 40; n++)
    slow.send({ jsonrpc: "2.0", id: n + 1, method: "tools/call", params: { name: "echo", arguments: { text } } });
  await vi.waitFor(() => expect(host.host.status().sessions).toBe(1));
  expect((await other.request("ping")).result).toEqual({});
  slow.socket.terminate();
  other.socket.terminate();
});

test("a client that answers no ping is dropped, one that does is kept", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  await using host = await startHost({ mcpServers, listen });
  const client = await SocketClient.connect(host.url);
  const pinged = new Promise((resolve) => client.socket.once("ping", resolve));
  const silent = await silentClient(host.url);
  await vi.waitFor(() => expect(host.host.status().sessions).toBe(2));
  vi.advanceTimersByTime(15_000);
  await pinged;
  await client.request("ping"); // its pong was sent before
  vi.advanceTimersByTime(11_000);
  await silent.closed;
  await vi.waitFor(() => expect(host.host.status().sessions).toBe(1));
  expect((await client.request("ping")).result).toEqual({});
  client.socket.terminate();
});

/** Opens a connection and then answers nothing. */
async function silentClient(url: URL): Promise<{ closed: Promise<void> }> {
  const socket = net.connect(Number(url.port), url.hostname);
  const key = randomBytes(16).toString("base64");
  const lines = ["GET /ws HTTP/1.1", `Host: ${url.host}`, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
  socket.write([...lines, `Sec-WebSocket-Key: ${key}`, "Sec-WebSocket-Protocol: mcp", "", ""].join("\r\n"));
  await new Promise((resolve) => socket.once("data", resolve));
  socket.resume();
  return { closed: new Promise((resolve) => socket.once("close", () => resolve())) };
}

test("a client that never begins is closed after limits.sessionInitialize", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  await using host = await startHost({ mcpServers, listen, limits: { sessionInitialize: "1s" } });
  const idle = await SocketClient.open(host.url);
  const busy = await SocketClient.connect(host.url);
  await busy.request("ping");
  vi.advanceTimersByTime(6_000);
  expect(await idle.closed).toEqual({ code: 1008, reason: "the session has ended" });
  expect((await busy.request("ping")).result).toEqual({});
  busy.socket.terminate();
});

test("a host that stops answers what is in flight, says goodbye, and takes no one new", async () => {
  const host = await startHost({ mcpServers, listen });
  const client = await SocketClient.connect(host.url);
  client.send({ jsonrpc: "2.0", id: "late", method: "tools/call", params: { name: "slow", arguments: { ms: 300 } } });
  await vi.waitFor(() => expect(host.host.status().inFlight).toBe(1));
  const stopped = host.host.close();
  expect((await refusal(host.url)).status).toBe(503);
  expect((await client.answer("late")).result.structuredContent).toMatchObject({ waited: 300 });
  expect(await client.closed).toEqual({ code: 1001, reason: "the host is stopping" });
  await stopped;
});

test("HTTP and WebSocket serve side by side", async () => {
  await using host = await startHost({ mcpServers, listen });
  const [socket, client] = await Promise.all([SocketClient.connect(host.url), WireClient.connect(host.url)]);
  expect(await Promise.all([socket.call("echo", { n: 1 }), client.call("echo", { n: 2 })])).toMatchObject([
    { arguments: { n: 1 } },
    { arguments: { n: 2 } },
  ]);
  // Some HTTP clients offer another protocol with every request; nobody takes them up on it.
  const offered = await client.ask({ headers: { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c" }, body: client.body("ping") });
  expect([offered.status, offered.json.result]).toEqual([200, {}]);
  // An initialize of the wrong kind of client changes nothing.
  expect((await ask(host.url, { path: "/ws", body: initialize() })).status).toBe(404);
  socket.socket.terminate();
});

import net from "node:net";
import { definePlugin } from "mcp-host";
import { afterEach, describe, expect, test, vi } from "vitest";
import { inProcessTransport, type Message } from "../fixtures/upstream.mjs";
import { startHost } from "../harness/hosts.ts";
import { raw, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };
const slow = (client: WireClient, id?: string | number, args: object = {}): Message =>
  client.body("tools/call", { name: "slow", arguments: args }, id);

afterEach(() => void vi.useRealTimers());

describe("the form of an answer", () => {
  test("is JSON as long as nothing precedes it, and a stream from the first message on that does", async () => {
    await using host = await startHost({ mcpServers });
    const client = await WireClient.connect(host.url);
    const plain = await client.request("tools/call", { name: "progress", arguments: { steps: 3 } });
    expect(plain.headers["content-type"]).toBe("application/json");
    expect(plain.headers["content-length"]).toBe(String(Buffer.byteLength(plain.text)));
    const told = await client.request("tools/call", { name: "progress", arguments: { steps: 3 }, _meta: { progressToken: "t" } }, "id");
    expect(told.headers).toMatchObject({ "content-type": "text/event-stream", "x-accel-buffering": "no" });
    expect(told.messages.map(({ method, id }) => method ?? id)).toEqual([...Array(3).fill("notifications/progress"), "id"]);
  });

  test("an error after the request was accepted is an answer with status 200", async () => {
    await using host = await startHost({ mcpServers });
    const client = await WireClient.connect(host.url);
    const { status, json } = await client.request("tools/call", { name: "fail", arguments: { code: -32050, data: { a: 1 } } }, 3);
    expect([status, json]).toEqual([200, { jsonrpc: "2.0", id: 3, error: { code: -32050, message: "failed as asked", data: { a: 1 } } }]);
    expect((await client.request("tools/call", { name: "no such tool" })).status).toBe(200);
  });

  test("a standing stream and a stream of a call are kept alive with comments every 15 seconds", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    await using host = await startHost({ mcpServers });
    const client = await WireClient.connect(host.url, { version: "2025-06-18" }); // later ones are told an id first
    const standing = await client.open();
    const call = client.open({ body: slow(client) });
    while (host.host.status().inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(14_000);
    const stream = await call; // a stream by now, after five seconds
    // One comes at once, so that proxies pass the head of the answer on.
    const comment = ": keep-alive\n\n";
    while (standing.text() === "" || stream.text() === "") await new Promise((resolve) => setImmediate(resolve));
    expect([standing.text(), stream.text()]).toEqual([comment, comment]);
    vi.advanceTimersByTime(1_000);
    while (standing.text() === comment || stream.text() === comment) await new Promise((resolve) => setImmediate(resolve));
    for (const { text, messages } of [standing, stream]) expect([text(), messages()]).toEqual([comment + comment, []]);
    standing.leave();
    stream.leave();
  });
});

describe.concurrent("with real clocks", () => {
  test("a silent call becomes a stream after 5 seconds and is answered on it", async () => {
    await using host = await startHost({ mcpServers });
    const client = await WireClient.connect(host.url);
    const start = performance.now();
    const stream = await client.open({ body: slow(client, "late", { ms: 7_000 }) });
    const waited = performance.now() - start;
    expect(waited).toBeGreaterThan(4_900);
    expect(waited).toBeLessThan(6_900);
    expect(stream.headers["content-type"]).toBe("text/event-stream");
    await stream.ended;
    expect(stream.messages()).toMatchObject([{ id: "late", result: { structuredContent: { waited: 7_000 } } }]);
  });

  test("a client that sends its headers slowly is cut off after about 10 seconds, and others are served meanwhile", async () => {
    await using host = await startHost({ mcpServers });
    const start = performance.now();
    const slowly = raw(host.url, `GET /healthz HTTP/1.1\r\nHost: ${host.url.host}\r\nX-Slow: `);
    const client = await WireClient.connect(host.url);
    expect((await client.request("ping")).status).toBe(200);
    expect(await slowly).toMatch(/^HTTP\/1.1 408 |^$/);
    expect(performance.now() - start).toBeGreaterThan(9_000);
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

describe("cancellation", () => {
  /** A host that tells how each request ended. */
  async function watched(): Promise<Awaited<ReturnType<typeof startHost>> & { outcomes: string[] }> {
    const outcomes: string[] = [];
    const watch = definePlugin({
      name: "watch",
      host: "^1.0.0",
      apply: (host) =>
        host.hooks.settled.tap("watch", ({ method, outcome }) => void outcomes.push(`${method} ${Object.keys(outcome ?? {})[0]}`)),
    });
    return Object.assign(await startHost({ mcpServers, plugins: [watch()] }), { outcomes });
  }

  test("a client that drops its connection has not cancelled: the call runs to its end", async () => {
    await using host = await watched();
    const client = await WireClient.connect(host.url);
    const call = client.open({ body: slow(client, 1, { ms: 300 }) }).catch(() => {});
    const stream = await client.open({
      body: client.body("tools/call", { name: "progress", arguments: { steps: 30, delayMs: 10 }, _meta: { progressToken: 1 } }),
    });
    await vi.waitFor(() => expect(host.host.status().inFlight).toBe(2));
    stream.leave();
    // A request that has no answer yet is dropped with its socket.
    const socket = net.connect(Number(host.url.port), host.url.hostname);
    const body = JSON.stringify(slow(client, 2, { ms: 300 }));
    const headers = Object.entries(client.headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("");
    socket.write(
      `POST /mcp HTTP/1.1\r\nHost: ${host.url.host}\r\n${headers}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await vi.waitFor(() => expect(host.host.status().inFlight).toBe(3));
    socket.destroy();
    await vi.waitFor(() => expect(host.outcomes.filter((outcome) => outcome === "tools/call result")).toHaveLength(3));
    await call;
    expect((await client.call("cancelled")).cancelled).toEqual([]);
    expect(host.logs.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("notifications/cancelled cancels upstream, and the request gets no answer", async () => {
    await using host = await watched();
    const client = await WireClient.connect(host.url);
    const call = client.ask({ body: slow(client, "x") });
    await vi.waitFor(() => expect(host.host.status().inFlight).toBe(1));
    for (const requestId of ["y", 1, null, undefined]) await client.notify("notifications/cancelled", { requestId });
    expect(host.host.status().inFlight).toBe(1);
    expect((await client.notify("notifications/cancelled", { requestId: "x", reason: "changed my mind" })).status).toBe(202);
    expect(await call).toMatchObject({ status: 200, headers: { "content-type": "text/event-stream" }, text: "", messages: [] });
    await vi.waitFor(async () =>
      expect((await client.call("cancelled")).cancelled).toMatchObject([{ reason: "changed my mind", method: "tools/call", name: "slow" }]),
    );
    expect(host.outcomes).toContain("tools/call cancelled");
    await client.notify("notifications/cancelled", { requestId: "x" });
    expect((await client.request("ping")).status).toBe(200);
  });

  test("an id is not another of another type, and one that is in flight twice cancels neither", async () => {
    await using host = await watched();
    const client = await WireClient.connect(host.url);
    const calls = [1, 1, "2"].map((id) => client.ask({ body: slow(client, id, { ms: 400 }) }));
    await vi.waitFor(() => expect(host.host.status().inFlight).toBe(3));
    for (const requestId of [1, "1", 2]) await client.notify("notifications/cancelled", { requestId });
    for (const answer of await Promise.all(calls)) expect(answer.json.result.structuredContent).toEqual({ waited: 400 });
  });

  test("another session's cancellation does nothing", async () => {
    await using host = await watched();
    const client = await WireClient.connect(host.url);
    const call = client.ask({ body: slow(client, 1, { ms: 300 }) });
    await vi.waitFor(() => expect(host.host.status().inFlight).toBe(1));
    await (await WireClient.connect(host.url)).notify("notifications/cancelled", { requestId: 1 });
    expect((await call).json.result.structuredContent).toEqual({ waited: 300 });
  });
});

test("a client that breaks off in the middle of a body leaves nothing behind", async () => {
  await using host = await startHost({ mcpServers });
  const client = await WireClient.connect(host.url);
  const socket = net.connect(Number(host.url.port), host.url.hostname);
  const gone = new Promise((resolve) => socket.once("close", resolve));
  socket.write(
    `POST /mcp HTTP/1.1\r\nHost: ${host.url.host}\r\nMcp-Session-Id: ${client.session}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: 100\r\n\r\n{"jsonrpc"`,
  );
  await client.request("ping");
  socket.destroy();
  await gone;
  expect((await client.request("ping")).status).toBe(200);
  expect(host.host.status().inFlight).toBe(0);
  expect(host.logs.filter(({ level }) => level === "error" || level === "warn")).toEqual([]);
});

test("a client that does not read its stream is dropped at limits.clientQueueBytes, and others are served", async () => {
  await using host = await startHost({ mcpServers, limits: { clientQueueBytes: "256kb" } });
  const client = await WireClient.connect(host.url, { version: "2025-03-26" });
  const calls = Array.from({ length: 20 }, (_, id) =>
    client.body("tools/call", { name: "echo", arguments: { size: 1_000_000, steps: 1 }, _meta: { progressToken: id } }, id),
  );
  const body = JSON.stringify(calls);
  const socket = net.connect(Number(host.url.port), host.url.hostname);
  socket.pause();
  const headers = Object.entries(client.headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  socket.write(
    `POST /mcp HTTP/1.1\r\nHost: ${host.url.host}\r\n${headers}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const other = await WireClient.connect(host.url);
  await vi.waitFor(async () => expect((await other.call("received", { method: "tools/call" })).received.length).toBeGreaterThan(20));
  await vi.waitFor(() => expect(host.host.status().inFlight).toBe(0));
  let bytes = 0;
  let end = "";
  socket.on("data", (chunk) => {
    bytes += chunk.length;
    end = chunk.toString("latin1").slice(-7);
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {}); // a reset is one way of being dropped
  socket.resume();
  await closed;
  expect(bytes).toBeLessThan(20_000_000);
  expect(end).not.toBe("\r\n0\r\n\r\n");
  expect((await other.request("ping")).status).toBe(200);
});

import net from "node:net";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** Posts a message on a socket of its own that the test reads, or does not. */
function post(client: RawHttp, message: Message): net.Socket {
  const body = JSON.stringify(message);
  const head = [
    "POST /mcp HTTP/1.1",
    `Host: ${client.url.host}`,
    "Content-Type: application/json",
    "Accept: application/json, text/event-stream",
    `Mcp-Session-Id: ${client.session}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const socket = net.connect(Number(client.url.port), "127.0.0.1").pause();
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  return socket;
}

describe("a hostile client", () => {
  test("that does not read is dropped at the bound of its queue, and the others get everything", async () => {
    await using running = await startHost({ mcpServers: { one: upstream() }, limits: { clientQueueBytes: "1mb" } });
    const reader = await RawHttp.open(running.url);
    const sleeper = await RawHttp.open(running.url);
    const steps = 150;
    const call = (id: string): Message => ({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: { name: "progress", arguments: { steps, message: "x".repeat(300_000) }, _meta: { progressToken: id } },
    });
    const socket = post(sleeper, call("sleeper"));
    const { messages } = await reader.post(call("reader"));
    expect(messages.filter(({ method }) => method === "notifications/progress").length).toBeGreaterThanOrEqual(100);
    expect(messages.at(-1)?.result.structuredContent.steps).toBe(steps);
    await vi.waitFor(() => expect(running.host.status().inFlight).toBe(0));
    // Now it reads: there is what was in the pipe, and no answer.
    let received = 0;
    let text = "";
    socket.on("error", () => {}); // reset by the host
    socket.on("data", (chunk) => {
      received += chunk.length;
      text = (text + chunk.toString("latin1")).slice(-1_000);
    });
    await new Promise((closed) => socket.on("close", closed).resume());
    expect(received).toBeLessThan(20_000_000);
    expect(text).not.toContain('"result"');
    // Its session lives on.
    expect((await sleeper.call("echo")).result).toBeDefined();
  });

  test("that cancels what is not in flight, or answers what was not asked, changes nothing", async () => {
    await using running = await startHost({ mcpServers: { one: upstream() } });
    const client = await RawHttp.open(running.url);
    const call = client.call("slow", { ms: 300 }, { id: 5 });
    for (const message of [
      { method: "notifications/cancelled", params: { requestId: "5" } },
      { method: "notifications/cancelled", params: { requestId: 6 } },
      { method: "notifications/cancelled", params: {} },
      { method: "notifications/progress", params: { progressToken: 5, progress: 1 } },
      { id: 5, result: {} },
      { id: 1, error: { code: -1, message: "no" } },
    ])
      expect((await client.post({ jsonrpc: "2.0", ...message })).status).toBe(202);
    expect((await call).result.structuredContent).toEqual({ waited: 300 });
    await client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } });
    expect((await client.call("echo", { again: true }, { id: 5 })).result.structuredContent.arguments).toEqual({ again: true });
  });

  test("that goes away in mid-call has not cancelled it", async () => {
    await using running = await startHost({ mcpServers: { one: upstream() } });
    const client = await RawHttp.open(running.url);
    const socket = post(client, { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "slow", arguments: { ms: 300 } } });
    await vi.waitFor(() => expect(running.host.status().inFlight).toBe(1));
    socket.destroy();
    await vi.waitFor(() => expect(running.host.status().inFlight).toBe(0));
    expect((await client.call("cancelled", { all: true })).result.structuredContent.cancelled).toEqual([]);
  });
});

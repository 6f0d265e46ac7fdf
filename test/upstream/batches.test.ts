import http from "node:http";
import { text } from "node:stream/consumers";
import { definePlugin } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { answerTo, listening } from "../harness/faulty-wires.ts";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { SCRIPTED } from "../harness/scripted.ts";

/** A server of this version that answers a call of `bad` with what the expression gives, and tells by `ok` what it was answered. */
const batching = (version: string, batch: string): string => `
  if (method === "initialize") return {
    protocolVersion: ${JSON.stringify(version)}, capabilities: { tools: {}, logging: {} }, serverInfo: { name: "batching", version: "1" },
  };
  if (method === undefined) (state.told ??= []).push(message);
  if (params.name === "ok") return { content: [], structuredContent: { told: state.told ?? [] } };
  if (params.name !== "bad") return;
  const answer = { jsonrpc: "2.0", id, result: { content: [{ type: "text", text: "in a batch" }] } };
  say(${batch});
  return null;`;

describe.each(Object.entries(SCRIPTED))("a server over %s", (_, make) => {
  test("of 2025-03-26 may send batches, each message of which is taken as if it had come alone", async () => {
    const logged: unknown[] = [];
    const watcher = definePlugin({
      name: "watcher",
      host: "^1.0.0",
      apply(host) {
        host.hooks.notify.tap("watcher", (message) => {
          logged.push(message.params?.data);
          return message;
        });
      },
    });
    const log = (data: string) => `{ jsonrpc: "2.0", method: "notifications/message", params: { level: "error", data: "${data}" } }`;
    const malformed = `{ jsonrpc: "2.0", id: 77, method: "ping", params: null }`;
    const batch = `[${log("first")}, { jsonrpc: "2.0", id: "p", method: "ping" }, ${malformed}, 5, [answer], answer, ${log("last")}]`;
    const { server, close } = await make(batching("2025-03-26", batch));
    await using running = await startHost({ mcpServers: { one: { ...server, isolation: "session" } }, plugins: [watcher()] });
    const client = await RawHttp.open(running.url);
    expect((await client.call("bad")).result.content).toEqual([{ type: "text", text: "in a batch" }]);
    await vi.waitFor(async () => {
      const { told } = (await client.call("ok")).result.structuredContent;
      expect(told).toHaveLength(2);
      expect(told).toContainEqual({ jsonrpc: "2.0", id: "p", result: {} });
      expect(told).toContainEqual({ jsonrpc: "2.0", id: 77, error: expect.objectContaining({ code: -32600 }) });
    });
    await vi.waitFor(() => expect(logged).toEqual(["first", "last"]));
    expect(running.host.status().upstreams[0]?.connections[0]).toMatchObject({ garbage: 3, unexpected: 0, inFlight: 0 });
    await running.host.close();
    await close();
  });

  test.each([
    ["2025-03-26", "[]"],
    ["2025-11-25", "[answer]"],
  ])("of %s that sends %s sends no message", async (version, batch) => {
    const { server, close } = await make(batching(version, `${batch}); say(answer`));
    await using running = await startHost({ mcpServers: { one: server } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("bad")).result.content).toHaveLength(1);
    expect(running.host.status().upstreams[0]?.connections[0]).toMatchObject({ garbage: 1, unexpected: 0 });
    await running.host.close();
    await close();
  });
});

test("the body of an HTTP answer may be a batch", async () => {
  const server = http.createServer(async (request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    const message: Message = JSON.parse(await text(request));
    if (message.id === undefined) return void response.writeHead(202).end();
    const answer = JSON.parse(answerTo(message));
    if (message.method === "initialize") answer.result.protocolVersion = "2025-03-26";
    const other = { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "" } };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(message.method === "tools/call" ? [other, answer] : answer));
  });
  const { url, close } = await listening(server);
  await using running = await startHost({ mcpServers: { one: { type: "http", url } } });
  const client = await RawHttp.open(running.url);
  expect((await client.call("bad")).result.content).toEqual([{ type: "text", text: "ok" }]);
  await running.host.close();
  await close();
});

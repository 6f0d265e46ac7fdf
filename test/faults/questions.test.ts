import { describe, expect, test, vi } from "vitest";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { SCRIPTED } from "../harness/scripted.ts";

/** A server that asks under the id of the call that it answers, and tells by `ok` what it was answered. */
const asking = (question: string): string => `
  if (method === undefined) (state.told ??= []).push(message);
  if (params.name === "ok") return { content: [], structuredContent: { told: state.told ?? [] } };
  if (params.name !== "bad") return;
  say(${question});
  return { content: [{ type: "text", text: "the answer" }] };`;

describe.each(Object.entries(SCRIPTED))("an upstream over %s", (_, make) => {
  test.each([
    ["params that are null", `{ jsonrpc: "2.0", id, method: "ping", params: null }`, '"params" must be an object', true],
    ["a method that is no string", `{ jsonrpc: "2.0", id, method: 5 }`, '"method" must be a string', true],
    ["a result besides", `{ jsonrpc: "2.0", id, method: "ping", result: {} }`, 'a message has either "method" or a "result"', true],
    ["an id that is none", `{ jsonrpc: "2.0", id: null, method: "ping" }`, '"id" must be an integer or a string', false],
    [
      "a key that changes prototypes",
      `JSON.parse('{"jsonrpc":"2.0","id":' + id + ',"method":"ping","params":{"__proto__":{}}}')`,
      "__proto__",
      true,
    ],
  ])("whose question has %s is told so, and no call is answered by it", async (_, question, reason, named) => {
    const { server, close } = await make(asking(question));
    await using running = await startHost({ mcpServers: { one: { ...server, healthInterval: 0 } } });
    const client = await RawHttp.open(running.url);
    const answer = await client.call("bad");
    expect(answer.result?.content, JSON.stringify(answer)).toEqual([{ type: "text", text: "the answer" }]);
    const error = { code: -32600, message: expect.stringContaining(reason) };
    await vi.waitFor(async () => {
      const { told } = (await client.call("ok")).result.structuredContent;
      expect(told).toEqual([{ jsonrpc: "2.0", id: named ? expect.any(Number) : null, error: expect.objectContaining(error) }]);
    });
    await running.host.close();
    await close();
  });

  test("whose notification is malformed is not answered", async () => {
    const { server, close } = await make(asking(`{ jsonrpc: "2.0", method: "notifications/message", params: null }`));
    await using running = await startHost({ mcpServers: { one: server } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("bad")).result.content).toHaveLength(1);
    expect((await client.call("ok")).result.structuredContent).toEqual({ told: [] });
    expect(running.host.status().upstreams[0]?.connections[0]?.garbage).toBe(1);
    await running.host.close();
    await close();
  });
});

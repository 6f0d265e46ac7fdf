import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost } from "../harness/hosts.ts";
import { ModernHttp, type ModernOptions } from "../harness/modern-client.ts";
import { scripted } from "../harness/scripted.ts";

const KEY = "io.modelcontextprotocol/";
const CAPABILITIES = { elicitation: {}, sampling: {}, roots: {}, extensions: { [`${KEY}tasks`]: {} } };
const able: ModernOptions = { meta: { [`${KEY}clientCapabilities`]: CAPABILITIES } };
const roots = { roots: [{ uri: "file:///etc" }] };
const accepted = { action: "accept" };
const untold = {
  code: -32021,
  message: expect.stringContaining('"relayRoots": true'),
  data: expect.objectContaining({ type: "capability_required", upstream: "one" }),
};

/** A server of 2026-07-28 over stdio. @param acts how it answers `tools/call` and what the task asks */
function server(acts: string) {
  const discovered = { supportedVersions: ["2026-07-28"], capabilities: { tools: {} }, resultType: "complete" };
  const script = `
    const complete = (value) => ({ resultType: "complete", content: [{ type: "text", text: JSON.stringify(value) }] });
    const ask = (inputRequests) => ({ resultType: "input_required", inputRequests, requestState: "s" });
    const refuse = (requiredCapabilities) => (say({ jsonrpc: "2.0", id, error: { code: -32021, message: "no", data: { requiredCapabilities } } }), null);
    const task = { taskId: "t", createdAt: "2026-07-28T00:00:00Z", lastUpdatedAt: "2026-07-28T00:00:00Z", ttlMs: 60000 };
    if (method === "server/discover") return ${JSON.stringify(discovered)};
    ${acts}`;
  return { ...scripted(script), protocol: "modern" as const };
}

describe.each([false, true])("a stdio server of 2026-07-28 and the roots of a network client, with relayRoots %s", (relayRoots) => {
  const behind = (acts: string) => startHost({ mcpServers: { one: { ...server(acts), relayRoots } } });

  test("may ask for them although nobody said that it can, and has them only then", async () => {
    await using running = await behind(`if (method === "tools/call")
      return params.inputResponses ? complete(params.inputResponses) : ask({ r: { method: "roots/list" } });`);
    const client = new ModernHttp(running.url);
    const { result, error } = await client.call("ok", {}, able);
    if (!relayRoots) return expect(error).toMatchObject(untold);
    const { requestState } = result;
    const next = { name: "ok", arguments: {}, requestState, inputResponses: { r: roots } };
    const { content } = (await client.ask("tools/call", next, able)).result;
    expect(JSON.parse(content[0].text)).toEqual({ r: roots });
  });

  test("has none that it did not ask for", async () => {
    await using running = await behind(`if (method === "tools/call") return complete(params.inputResponses ?? null);`);
    const client = new ModernHttp(running.url);
    const given = async (inputResponses: Message): Promise<unknown> => {
      const { result } = await client.ask("tools/call", { name: "ok", arguments: {}, inputResponses }, able);
      return JSON.parse(result.content[0].text);
    };
    expect(await given({ r: roots, e: accepted })).toEqual(relayRoots ? { r: roots, e: accepted } : { e: accepted });
    expect(await given({ r: roots })).toEqual(relayRoots ? { r: roots } : null);
  });

  test("that refuses without them is told of by what keeps them", async () => {
    await using running = await behind(`if (method === "tools/call")
      return params._meta["${KEY}clientCapabilities"].roots ? complete("it knows") : refuse({ roots: {} });`);
    const { result, error } = await new ModernHttp(running.url).call("ok", {}, able);
    if (relayRoots) expect(JSON.parse(result.content[0].text)).toBe("it knows");
    else expect(error).toMatchObject(untold);
  });

  test("that asks for them in a task waits for a client whose roots it may know", async () => {
    await using running = await behind(`
      if (method === "tools/call") return { resultType: "task", status: "working", ...task };
      const asked = { r: { method: "roots/list" }, e: { method: "elicitation/create", params: { mode: "form", message: "?", requestedSchema: { type: "object", properties: {} } } } };
      if (method === "tasks/get") return { resultType: "complete", status: "input_required", inputRequests: asked, ...task };`);
    const client = new ModernHttp(running.url);
    const { result: task } = await client.call("ok", {}, able);
    expect(task).toMatchObject({ resultType: "task" });
    await vi.waitFor(async () => {
      const { result } = await client.ask("tasks/get", { taskId: task.taskId }, able);
      expect(Object.keys(result.inputRequests)).toEqual(relayRoots ? ["r", "e"] : ["e"]);
    });
  });
});

test("a client without roots is told that it has none, whatever the config says", async () => {
  const acts = `if (method === "tools/call") return ask({ r: { method: "roots/list" } });`;
  await using running = await startHost({ mcpServers: { one: server(acts) } });
  const { error } = await new ModernHttp(running.url).call("ok", {}, { meta: { [`${KEY}clientCapabilities`]: { elicitation: {} } } });
  expect(error).toMatchObject({ code: -32021, message: expect.stringContaining("it needs roots") });
});

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { httpProcess, MARKED, ROOT, startHost, type TestHost, upstream } from "../harness/hosts.ts";
import { ModernHttp, type ModernOptions } from "../harness/modern-client.ts";

const KEY = "io.modelcontextprotocol/";
const both = { protocols: ["legacy" as const, "modern" as const] };
const declared = (capabilities: Message): ModernOptions => ({ meta: { [`${KEY}clientCapabilities`]: capabilities } });
const TASKS = { extensions: { [`${KEY}tasks`]: {} } };
const able = declared({ elicitation: { form: {} }, ...TASKS });
const plain = declared({ elicitation: { form: {} } });
const accepted = { action: "accept", content: { reply: "yes" } };

const about = (client: ModernHttp, method: string, taskId: unknown, more: Message = {}) =>
  client.ask(`tasks/${method}`, { taskId, ...more }, able);

async function begun(client: ModernHttp, args: Message, name = "mustWork"): Promise<string> {
  const { result, error } = await client.call(name, args, able);
  expect(error).toBeUndefined();
  expect(result).toMatchObject({ resultType: "task", status: "working", taskId: expect.any(String) });
  return result.taskId;
}

function become(client: ModernHttp, taskId: string, wanted: string): Promise<Message> {
  return vi.waitFor(
    async () => {
      const { result } = await about(client, "get", taskId);
      expect(result?.status).toBe(wanted);
      return result;
    },
    { timeout: 15_000, interval: 20 },
  );
}

/** Everything of a result that was made for one era only. */
const LEGACY = ["ttl", "pollInterval", "task"];

describe.each(["HTTP", "stdio"] as const)("a tool of a server of 2025-11-25 over %s that must be a task", (wire) => {
  let server: { url: string; stop(): Promise<void> } | undefined;
  let running: TestHost;
  let client: ModernHttp;
  beforeAll(async () => {
    server = wire === "HTTP" ? await httpProcess("upstream", ["http"]) : undefined;
    running = await startHost({ mcpServers: { one: server ? { url: server.url } : upstream() }, listen: both });
    client = new ModernHttp(running.url);
  });
  afterAll(async () => {
    await running[Symbol.asyncDispose]();
    await server?.stop();
  });

  test("is listed without saying so, and tasks are offered", async () => {
    const listed = await vi.waitFor(async () => {
      const { tools } = (await client.ask("tools/list")).result;
      const found = tools.find(({ name }: Message) => name === "mustWork");
      expect(found).toBeDefined();
      return found;
    });
    expect(listed.execution).toEqual({ "x-vendor": expect.anything() });
    expect((await client.ask("server/discover")).result.capabilities).toMatchObject(TASKS);
  });

  test("is a task for a client that takes them, with its result in its state", async () => {
    const { result } = await client.call("mustWork", { text: "a" }, able);
    expect(result).toMatchObject({ resultType: "task", pollIntervalMs: expect.any(Number), ttlMs: 3_600_000 });
    for (const key of LEGACY) expect(result).not.toHaveProperty(key);
    const ended = await become(client, result.taskId, "completed");
    expect(ended.result).toMatchObject({ structuredContent: { text: "a" }, _meta: { "example.test/work": "a" } });
    expect(Object.keys(ended.result._meta)).toEqual(["example.test/work"]);
    for (const key of LEGACY) expect(ended).not.toHaveProperty(key);
    expect((await about(client, "get", result.taskId)).result.result).toEqual(ended.result);
  });

  test("has failed with the call's own error, and completed where the tool says that it failed", async () => {
    const broken = await become(client, await begun(client, { error: { code: -32000, message: "no", data: { why: 1 } } }), "failed");
    expect(broken.error).toEqual({ code: -32000, message: "no", data: { why: 1 } });
    const failed = await become(client, await begun(client, { isError: true }), "completed");
    expect(failed.result).toMatchObject({ isError: true });
  });

  test.each([{}, { now: true }])("asks in its state, and goes on with the answer: %j", async (how) => {
    const taskId = await begun(client, { ask: "Go on?", ...how });
    const asking = await become(client, taskId, "input_required");
    const request = { method: "elicitation/create", params: { mode: "form", message: "Go on?", requestedSchema: expect.anything() } };
    expect(asking.inputRequests).toEqual({ q1: request });
    expect((await about(client, "get", taskId)).result.inputRequests).toEqual({ q1: request });
    expect((await about(client, "update", taskId, { inputResponses: { other: {} } })).result.resultType).toBe("complete");
    const { result } = await about(client, "update", taskId, { inputResponses: { q1: accepted } });
    expect(result).toEqual({ resultType: "complete", _meta: expect.anything() });
    const ended = await become(client, taskId, "completed");
    expect(ended.result.structuredContent.answer).toEqual({ result: accepted });
  });

  test("is cancelled, an ended one too", async () => {
    const taskId = await begun(client, { steps: 1_000, delayMs: 100 });
    for (let time = 0; time < 2; time++) expect((await about(client, "cancel", taskId)).result.resultType).toBe("complete");
    await become(client, taskId, "cancelled");
  });

  test("is waited for within the call of a client that takes none, with progress and questions", async () => {
    const progressToken = "mine";
    const params = { name: "mustWork", arguments: { text: "b", steps: 3, ask: "Go on?" }, task: { ttl: 1 } };
    const sent = await client.send("tools/call", params, { meta: { ...plain.meta, progressToken } });
    const progress = sent.messages.filter(({ method }) => method === "notifications/progress");
    expect(progress.map(({ params: told }) => told.progress)).toEqual([1, 2, 3]);
    const round = sent.messages.at(-1)?.result;
    expect(round).toMatchObject({ resultType: "input_required", inputRequests: { q1: { params: { message: "Go on?" } } } });
    const { result } = await client.ask(
      "tools/call",
      { ...params, inputResponses: { q1: accepted }, requestState: round.requestState },
      plain,
    );
    expect(result).toMatchObject({ resultType: "complete", structuredContent: { text: "b", answer: { result: accepted } } });
    expect((await client.call("mustWork", { error: { code: -32000, message: "no" } }, plain)).error).toMatchObject({ code: -32000 });
  });

  test("is cancelled with the call that waits for it", async () => {
    const hanging = client.open("tools/call", { name: "mustWork", arguments: { steps: 10_000, delayMs: 100 } }, plain);
    hanging.answer.catch(() => {}); // hung up
    await vi.waitFor(() => expect(running.host.status().inFlight).toBe(1));
    hanging.close();
    await vi.waitFor(() => expect(running.host.status().inFlight).toBe(0));
    await vi.waitFor(() =>
      expect(running.host.status().upstreams[0]?.connections.reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(0),
    );
  });

  test("is not told of on a subscription, since its server need not tell", async () => {
    const taskId = await begun(client, { steps: 1_000, delayMs: 100 });
    const listening = client.open("subscriptions/listen", { notifications: { taskIds: [taskId] } }, able);
    listening.answer.catch(() => {}); // hung up
    await vi.waitFor(() => expect(listening.messages.map(({ params }) => params.notifications)).toEqual([{}]));
    listening.close();
    await about(client, "cancel", taskId);
  });

  test("that may be one is called plainly", async () => {
    const { result } = await client.call("work", { text: "c" }, able);
    expect(result).toMatchObject({ resultType: "complete", structuredContent: { text: "c" } });
  });
});

test("the reference server's research is a task with its question", async () => {
  const script = `${ROOT}/node_modules/@modelcontextprotocol/server-everything/dist/index.js`;
  const everything = { command: process.execPath, args: [script, "stdio"], env: MARKED, isolation: "session" as const };
  await using running = await startHost({ mcpServers: { everything }, listen: both });
  const client = new ModernHttp(running.url);
  const taskId = await begun(client, { topic: "tasks", ambiguous: true }, "simulate-research-query");
  const asking = await become(client, taskId, "input_required");
  const [key = ""] = Object.keys(asking.inputRequests);
  await about(client, "update", taskId, { inputResponses: { [key]: { action: "accept", content: { interpretation: "technical" } } } });
  expect((await become(client, taskId, "completed")).result.content[0].text).toContain("tasks");
});

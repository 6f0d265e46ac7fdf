import { definePlugin, type Plugin, refuse } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { serveTasks, type TasksServer } from "../fixtures/tasks.mjs";
import type { Message } from "../fixtures/upstream.mjs";
import { MARKED, ROOT, startHost, type TestHost } from "../harness/hosts.ts";
import { ModernHttp, type ModernOptions } from "../harness/modern-client.ts";
import { RawHttp } from "../harness/raw-http.ts";

const KEY = "io.modelcontextprotocol/";
const both = { protocols: ["legacy" as const, "modern" as const] };
const declared = (capabilities: Message, options: ModernOptions = {}): ModernOptions => ({
  ...options,
  meta: { [`${KEY}clientCapabilities`]: capabilities },
});
const TASKS = { extensions: { [`${KEY}tasks`]: {} } };
const able = declared({ elicitation: { form: {} }, ...TASKS });
const stdio = { command: process.execPath, args: [`${ROOT}/test/fixtures/tasks.mjs`, "stdio"], env: MARKED };
type Server = { url: string; tools: { include: string[] } };
const accepted = { action: "accept", content: { confirm: true } };

/** Whoever the header names is that principal. */
const names = definePlugin({
  name: "names",
  host: "^1.0.0",
  apply({ hooks }) {
    hooks.authenticate.tap("names", ({ headers }) => ({ id: String(headers["x-user"] ?? "nobody"), roles: [] }));
  },
});

/** Begins a task; gives its handle. */
async function begun(client: ModernHttp, name: string, args: Message = {}, options = able): Promise<Message> {
  const { result, error } = await client.call(name, args, options);
  expect(error).toBeUndefined();
  expect(result).toMatchObject({ resultType: "task", taskId: expect.any(String), createdAt: expect.any(String) });
  return result;
}

const about = (client: ModernHttp, method: string, taskId: unknown, more: Message = {}, options = able) =>
  client.ask(`tasks/${method}`, { taskId, ...more }, options);

/** The state of a task once it is one of these. */
function become(client: ModernHttp, taskId: string, ...wanted: string[]): Promise<Message> {
  return vi.waitFor(
    async () => {
      const { result } = await about(client, "get", taskId);
      expect(wanted).toContain(result?.status);
      return result;
    },
    { timeout: 10_000, interval: 20 },
  );
}

async function withTasks(plugins: Plugin[] = []): Promise<TestHost & { client: ModernHttp; server: TasksServer }> {
  const server = await serveTasks();
  const running = await startHost({ mcpServers: { one: { url: server.url } }, listen: both, plugins });
  const close = running[Symbol.asyncDispose];
  const end = async (): Promise<void> => {
    await close.call(running);
    await server.close();
  };
  return Object.assign(running, { server, client: new ModernHttp(running.url), [Symbol.asyncDispose]: end });
}

describe.each(["HTTP", "stdio"] as const)("tasks of a server of 2026-07-28 over %s", (wire) => {
  let server: TasksServer | undefined;
  let running: TestHost;
  let client: ModernHttp;
  beforeAll(async () => {
    server = wire === "HTTP" ? await serveTasks() : undefined;
    running = await startHost({ mcpServers: { one: server ? { url: server.url } : stdio }, listen: both });
    client = new ModernHttp(running.url);
  });
  afterAll(async () => {
    await running[Symbol.asyncDispose]();
    await server?.close();
  });

  test("are offered, and given to clients that take them", async () => {
    const { result } = await client.ask("server/discover", {}, able);
    expect(result.capabilities).toMatchObject(TASKS);
    expect(result.capabilities.tasks).toBeUndefined();
    const handle = await begun(client, "slow_compute", { seconds: 0, label: "a" });
    expect(Object.keys(handle).sort()).toEqual(
      ["_meta", "createdAt", "lastUpdatedAt", "pollIntervalMs", "resultType", "status", "statusMessage", "taskId", "ttlMs"].sort(),
    );
    expect(handle).toMatchObject({ status: "working", ttlMs: 60_000, pollIntervalMs: 50 });
    const ended = await become(client, handle.taskId, "completed");
    expect(ended).toMatchObject({ resultType: "complete", taskId: handle.taskId, ttlMs: 60_000 });
    expect(ended.result).toEqual({ content: [{ type: "text", text: "computed a" }] });
    // It can be asked for again.
    expect((await about(client, "get", handle.taskId)).result).toMatchObject({ status: "completed", result: ended.result });
  });

  test("fail with the error that the call had; a tool that failed has completed", async () => {
    const broken = await become(client, (await begun(client, "protocol_error_job")).taskId, "failed");
    expect(broken).toMatchObject({ error: { code: -32603, message: "the job broke", data: { at: "once" } } });
    expect(broken).not.toHaveProperty("result");
    const failed = await become(client, (await begun(client, "failing_job")).taskId, "completed");
    expect(failed.result).toMatchObject({ isError: true });
  });

  test("ask by their state, and go on with what is answered", async () => {
    const { taskId } = await begun(client, "multi_input");
    const asking = await become(client, taskId, "input_required");
    expect(asking.inputRequests).toMatchObject({
      first: { method: "elicitation/create", params: { message: "First?" } },
      second: { method: "elicitation/create", params: { message: "Second?" } },
    });
    const partly = { inputResponses: { first: accepted, nobody: accepted } };
    expect((await about(client, "update", taskId, partly)).result).toEqual({ resultType: "complete", _meta: expect.anything() });
    expect(Object.keys((await about(client, "get", taskId)).result.inputRequests)).toEqual(["second"]);
    await about(client, "update", taskId, { inputResponses: { second: { action: "decline" }, first: { action: "cancel" } } });
    const { result } = await become(client, taskId, "completed");
    expect(JSON.parse(result.content[0].text)).toEqual([accepted, { action: "decline" }]);
  });

  test("are cancelled, ended ones too", async () => {
    const { taskId } = await begun(client, "slow_compute", { seconds: 60 });
    const acknowledged = { resultType: "complete", _meta: expect.anything() };
    expect((await about(client, "cancel", taskId)).result).toEqual(acknowledged);
    expect(await become(client, taskId, "cancelled")).not.toHaveProperty("result");
    expect((await about(client, "cancel", taskId)).result).toEqual(acknowledged);
  });

  test("that ask before they begin begin with the answers", async () => {
    const params = { name: "test_tool_with_task", arguments: {} };
    const { result: round } = await client.ask("tools/call", params, able);
    expect(round.resultType).toBe("input_required");
    const [key = ""] = Object.keys(round.inputRequests);
    const inputResponses = { [key]: { action: "accept", content: { name: "Ada" } } };
    const { result } = await client.ask("tools/call", { ...params, inputResponses, requestState: round.requestState }, able);
    expect(result.resultType).toBe("task");
    expect((await become(client, result.taskId, "completed")).result.content[0].text).toBe("Hello, Ada!");
  });

  test("are nothing for clients that did not say that they take them", async () => {
    const plain = await client.call("slow_compute", { seconds: 0, label: "at once" });
    expect(plain.result).toMatchObject({ resultType: "complete", content: [{ text: "computed at once" }] });
    const { taskId } = await begun(client, "slow_compute");
    for (const [method, params] of [
      ["tools/call", { name: "failing_job", arguments: {} }],
      ["tasks/get", { taskId }],
      ["tasks/update", { taskId, inputResponses: {} }],
      ["tasks/cancel", { taskId }],
    ] as const) {
      const { status, messages } = await client.send(method, params);
      expect([status, messages]).toMatchObject([400, [{ error: { code: -32021, data: { requiredCapabilities: TASKS } } }]]);
    }
  });

  test("are told of on a subscription, whole and under the client's id, to whoever declared that they take them", async () => {
    const { taskId } = await begun(client, "confirm_delete", { filename: "x" });
    const notifications = { taskIds: [taskId, "nobody's"] };
    expect((await client.ask("subscriptions/listen", { notifications })).error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: TASKS },
    });
    const listening = client.open("subscriptions/listen", { notifications }, { id: "mine", ...able });
    listening.answer.catch(() => {}); // hung up
    const [acknowledged] = await vi.waitFor(() => {
      expect(listening.messages).toHaveLength(1);
      return listening.messages;
    });
    expect(acknowledged?.params).toEqual({ notifications: { taskIds: [taskId] }, _meta: { [`${KEY}subscriptionId`]: "mine" } });
    await become(client, taskId, "input_required");
    await about(client, "update", taskId, { inputResponses: { confirm: accepted } });
    await vi.waitFor(() => expect(listening.messages.at(-1)?.params.status).toBe("completed"), { timeout: 5_000 });
    const last = listening.messages.at(-1);
    const { _meta, resultType: _, ...state } = (await about(client, "get", taskId)).result;
    expect(last).toEqual({
      jsonrpc: "2.0",
      method: "notifications/tasks",
      params: { ...state, _meta: { [`${KEY}subscriptionId`]: "mine" } },
    });
    for (const { method, params } of listening.messages.slice(1)) expect([method, params.taskId]).toEqual(["notifications/tasks", taskId]);
    listening.close();
  });

  test.each(["tasks/result", "tasks/list"])("have no %s any more, whatever the headers", async (method) => {
    const { status, messages } = await client.send(method, { taskId: "x" }, { ...able, headers: { "mcp-name": undefined } });
    expect([status, messages]).toMatchObject([404, [{ error: { code: -32601 } }]]);
  });

  test("end with their time", async () => {
    const { taskId } = await begun(client, "slow_compute", { seconds: 0, ttl: 300 });
    expect((await about(client, "get", taskId)).result.ttlMs).toBe(300);
    await vi.waitFor(async () => expect((await about(client, "get", taskId)).error).toMatchObject({ code: -32602 }), { timeout: 5_000 });
  });

  test("are not declared for clients of older versions, nor told to them", async () => {
    const legacy = await RawHttp.open(running.url, { capabilities: TASKS });
    expect((await legacy.ask("tools/call", { name: "slow_compute", arguments: { seconds: 0 } })).result.content).toBeDefined();
    const refused = await legacy.ask("tools/call", { name: "failing_job", arguments: {} });
    expect(refused.result).toEqual({
      content: [{ type: "text", text: expect.stringContaining(`extensions.${KEY}tasks`) }],
      isError: true,
    });
    const { taskId } = await begun(client, "slow_compute");
    for (const method of ["tasks/get", "tasks/update"]) expect((await legacy.ask(method, { taskId })).error.code).toBe(-32601);
    await legacy.close();
  });
});

describe("a task", () => {
  test("is its principal's; to others it is as unknown as any", async () => {
    await using running = await withTasks([names()]);
    const [ada, bob] = ["ada", "bob"].map((user) => new ModernHttp(running.url, { "x-user": user })) as [ModernHttp, ModernHttp];
    const { taskId } = await begun(ada, "confirm_delete", { filename: "x" });
    await become(ada, taskId, "input_required");
    // Another client of the same principal, that can be asked other things.
    expect((await about(ada, "get", taskId, {}, declared(TASKS))).result.status).toBe("working");
    for (const [method, more] of [
      ["get", {}],
      ["update", { inputResponses: { confirm: accepted } }],
      ["cancel", {}],
    ] as const) {
      const unknown = (await about(bob, method, "nobody's", more)).error;
      const { message, ...rest } = (await about(bob, method, taskId, more)).error;
      expect(message).toBe(unknown.message.replace("nobody's", taskId));
      expect(rest).toMatchObject({ code: unknown.code, data: { type: "invalid_params" } });
    }
    await about(ada, "update", taskId, { inputResponses: { confirm: accepted } });
    expect((await become(ada, taskId, "completed")).result.content[0].text).toBe("deleted x");
  });

  test("goes by the server's id there, in the header as in the params", async () => {
    await using running = await withTasks();
    const { client, server } = running;
    const { taskId } = await begun(client, "confirm_delete", { filename: "x" });
    await become(client, taskId, "input_required");
    await about(client, "update", taskId, { inputResponses: { confirm: accepted } });
    await about(client, "cancel", taskId);
    const sent = server.received.filter(({ body }) => body.method.startsWith("tasks/"));
    expect(new Set(sent.map(({ body }) => body.method))).toEqual(new Set(["tasks/get", "tasks/update", "tasks/cancel"]));
    for (const { headers, body } of sent) {
      expect(body.params.taskId).not.toBe(taskId);
      expect(headers["mcp-name"]).toBe(body.params.taskId);
    }
  });

  test("whose result names a resource names it as the client can read it", async () => {
    await using server = Object.assign(await serveTasks(), { [Symbol.asyncDispose]: () => server.close() });
    const [a, b] = [["greet"], ["linked"]].map((tools) => ({ url: server.url, tools: { include: tools } })) as [Server, Server];
    await using running = await startHost({ mcpServers: { a, b }, listen: both });
    const client = new ModernHttp(running.url);
    const { taskId } = await begun(client, "linked");
    const { result } = await become(client, taskId, "completed");
    const listed = (await client.ask("resources/list")).result.resources.map(({ uri }: Message) => uri);
    expect(listed).toContain(result.content[0].uri);
    expect(result.content[0].uri).not.toBe("test://made");
  });

  test("passes the plugins: its call, its state, its questions and what came of it as the call's own", async () => {
    const seen: string[] = [];
    const spy = definePlugin({
      name: "spy",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.call.for("*").tap("spy", (next) => async (exchange) => {
          const result = await next(exchange);
          seen.push(`call ${exchange.method} ${exchange.resultKind}`);
          if (exchange.method === "tasks/get") expect(Object.keys(result)).not.toContain("inputRequests");
          return result;
        });
        hooks.respond.for("tools/call").tap("spy", (result, { method }) => {
          seen.push(`respond ${method}`);
          return result.content ? { ...result, content: [{ type: "text", text: "by the spy" }] } : result;
        });
        hooks.ask.tap("spy", (request) => {
          seen.push(`ask ${request.method}`);
          return { ...request, params: { ...request.params, message: "Really?" } };
        });
        hooks.answer.tap("spy", (result) => {
          seen.push("answer");
          return { ...result, content: { confirm: false } };
        });
      },
    });
    await using running = await withTasks([spy()]);
    const { client } = running;
    const { taskId } = await begun(client, "confirm_delete", { filename: "x" });
    const asking = await become(client, taskId, "input_required");
    expect(asking.inputRequests.confirm.params.message).toBe("Really?");
    await about(client, "get", taskId);
    await about(client, "update", taskId, { inputResponses: { confirm: accepted } });
    const ended = await become(client, taskId, "completed");
    expect(ended.result.content[0].text).toBe("by the spy");
    expect(seen.filter((stage) => stage !== "call tasks/get complete")).toEqual([
      "call tools/call task",
      "respond tools/call",
      "ask elicitation/create",
      "answer",
      "call tasks/update complete",
      "call tasks/result complete",
      "respond tasks/result",
    ]);
    const sent = running.server.received.find(({ body }) => body.method === "tasks/update");
    expect(sent?.body.params.inputResponses).toEqual({ confirm: { action: "accept", content: { confirm: false } } });
  });

  test("whose question a plugin answers, or refuses, is never asked of the client", async () => {
    let verdict: "answer" | "refuse" = "answer";
    const judge = definePlugin({
      name: "judge",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.ask.tap("judge", () => {
          if (verdict === "refuse") throw refuse("forbidden", "not that");
          return { answer: accepted };
        });
      },
    });
    await using running = await withTasks([judge()]);
    const { client } = running;
    for (const [how, text] of [
      ["answer", "deleted x"],
      ["refuse", "kept x"],
    ] as const) {
      verdict = how;
      const { taskId } = await begun(client, "confirm_delete", { filename: "x" });
      const { result } = await become(client, taskId, "completed");
      expect(result.content[0].text).toBe(text);
    }
  });

  test("that the server makes of a plugin's own call is none of it", async () => {
    const caller = definePlugin({
      name: "caller",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.call.for("tools/call").tap("caller", (next) => (exchange) => {
          const { name } = exchange.params;
          return name === "greet"
            ? exchange.call("tools/call", { name: "slow_compute", arguments: { seconds: 0, label: "own" } })
            : next(exchange);
        });
      },
    });
    await using running = await withTasks([caller()]);
    const { result } = await running.client.call("greet", { name: "x" }, able);
    expect(result).toMatchObject({ resultType: "complete", content: [{ text: "computed own" }] });
  });

  test("outlives a reload", async () => {
    await using running = await withTasks();
    const { client, host } = running;
    const { taskId } = await begun(client, "confirm_delete", { filename: "x" });
    await become(client, taskId, "input_required");
    await host.reload({ mcpServers: { one: { url: running.server.url, timeout: 50_000 } }, listen: { ...both, port: 0 } });
    await about(client, "update", taskId, { inputResponses: { confirm: accepted } });
    expect((await become(client, taskId, "completed")).result.content[0].text).toBe("deleted x");
  });
});

import { CreateTaskResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import type { RawClient } from "./raw.ts";
import { ask, type Cases, probe } from "./rig.ts";

const C2S = "client → upstream";
const S2C = "upstream → client";
const RELATED = "io.modelcontextprotocol/related-task";

/** Calls a tool as a task; gives the whole result, which is a handle. */
async function begin(raw: RawClient, args: Message = {}, name = "work"): Promise<Message> {
  const { result, error } = await raw.call(name, args, { task: { ttl: 60_000 } });
  if (error) throw new Error(`no task: ${JSON.stringify(error)}`);
  return result;
}

/** A tool of ours that asks for a sampling task of the client's, and the client's side of it. */
function taskOf(raw: RawClient) {
  const task = (status: string, more: Message = {}) => ({
    taskId: "mine", // every client may choose the same
    status,
    createdAt: "2025-11-25T12:00:00Z",
    lastUpdatedAt: "2025-11-25T12:00:00Z",
    ttl: 60_000,
    "x-vendor": [1],
    ...more,
  });
  raw.answer = ({ method, params }) => {
    if (method === "sampling/createMessage") return { result: { task: task("working"), _meta: { "vendor.test/handle": 1 } } };
    if (method === "tasks/list") return { result: { tasks: [task("working"), { ...task("working"), taskId: "of somebody else" }] } };
    if (params.taskId !== "mine") return { error: { code: -32602, message: `unknown task ${params.taskId}` } };
    if (method === "tasks/result")
      return {
        result: { role: "assistant", model: "m", content: { type: "text", text: "done" }, _meta: { [RELATED]: { taskId: "mine" } } },
      };
    return { result: task(method === "tasks/cancel" ? "cancelled" : "completed") };
  };
  return task;
}

/** Tasks (2025-11-25), of upstreams and of clients. */
export const tasks: Cases = {
  [`tools/call with a task, ${C2S}`]: {
    async progress(rig) {
      const raw = await rig.bench().raw();
      const more = { task: { ttl: 60_000 }, _meta: { progressToken: "of a task" } };
      const { result } = await raw.call("work", { steps: 3, delayMs: 20, text: "step" }, more);
      const last = ({ method, params }: Message): boolean => method === "notifications/progress" && params.progress === 3;
      await raw.next(last);
      const told = raw.all("notifications/progress").map(({ message }) => message.params);
      expect(told.map(({ progress, progressToken }) => [progress, progressToken])).toEqual([1, 2, 3].map((step) => [step, "of a task"]));
      await raw.request("tasks/result", { taskId: result.task.taskId });
    },
    async handle(rig) {
      const raw = await rig.bench().raw();
      const { task, _meta } = await begin(raw, { text: "made" });
      expect(task).toMatchObject({
        status: "working",
        ttl: 60_000,
        pollInterval: 20,
        taskId: expect.any(String),
        createdAt: expect.any(String),
      });
      expect(_meta).toEqual({ "example.test/created": "task-1" });
      const { result } = await raw.request("tasks/result", { taskId: task.taskId });
      expect(result.structuredContent).toEqual({ text: "made" });
      // The same with the SDK's client.
      const { client } = await rig.bench().sdk();
      const params = { name: "work", arguments: { text: "by the SDK" }, task: { ttl: 60_000 } };
      const created = await client.request({ method: "tools/call", params }, CreateTaskResultSchema);
      const done = await ask(client, "tasks/result", { taskId: created.task.taskId });
      expect(done.structuredContent).toEqual({ text: "by the SDK" });
    },
    async colliding(rig) {
      const raw = await rig.bench({ a: { prefix: "a_" }, b: { prefix: "b_" } }).raw();
      const [one, two] = [await begin(raw, { text: "of a" }, "a_work"), await begin(raw, { text: "of b" }, "b_work")];
      expect([one._meta, two._meta]).toEqual([{ "example.test/created": "task-1" }, { "example.test/created": "task-1" }]);
      for (const [{ task }, text] of [
        [two, "of b"],
        [one, "of a"],
      ] as const) {
        const { result } = await raw.request("tasks/result", { taskId: task.taskId });
        expect(result.structuredContent).toEqual({ text });
      }
    },
    async required(rig) {
      const raw = await rig.bench().raw();
      const { error } = await raw.call("mustWork");
      expect(error).toEqual({ code: -32601, message: "mustWork must be run as a task" });
      const { task } = await begin(raw, { text: "as it must" }, "mustWork");
      expect((await raw.request("tasks/result", { taskId: task.taskId })).result.structuredContent).toEqual({ text: "as it must" });
    },
  },

  [`tasks/get, ${C2S}`]: {
    async state(rig) {
      const { client } = await rig.bench().sdk();
      const params = { name: "work", arguments: { text: "followed" }, task: {} };
      const { task } = await client.request({ method: "tools/call", params }, CreateTaskResultSchema);
      await expect.poll(async () => (await client.experimental.tasks.getTask(task.taskId)).status).toBe("completed");
      const state = await ask(client, "tasks/get", { taskId: task.taskId });
      expect(state).toEqual({ ...task, status: "completed", lastUpdatedAt: expect.any(String) });
    },
    async foreign(rig) {
      const bench = rig.bench();
      const [one, other] = [await bench.anotherRaw(), await bench.anotherRaw()];
      const { task } = await begin(one, { text: "private" });
      for (const method of ["tasks/get", "tasks/result", "tasks/cancel"]) {
        for (const taskId of [task.taskId, "task-1"]) {
          const { error } = await other.request(method, { taskId });
          expect(error).toMatchObject({ code: -32602, message: `Unknown task: ${taskId}` });
        }
      }
      expect((await one.request("tasks/get", { taskId: task.taskId })).result.taskId).toBe(task.taskId);
    },
  },

  [`tasks/result, ${C2S}`]: {
    async result(rig) {
      const raw = await rig.bench().raw();
      const good = await begin(raw, { text: "good", steps: 3, delayMs: 20 });
      const bad = await begin(raw, { text: "bad", isError: true });
      const worse = await begin(raw, { error: { code: -32050, message: "worse", data: [1] } });
      const [one, two, three] = await Promise.all(
        [good, bad, worse].map(({ task }) => raw.request("tasks/result", { taskId: task.taskId })),
      );
      expect(one?.result).toEqual({
        content: [{ type: "text", text: '{"text":"good"}' }],
        structuredContent: { text: "good" },
        _meta: { "example.test/work": "good", [RELATED]: { taskId: good.task.taskId } },
      });
      expect(two?.result).toMatchObject({ isError: true, structuredContent: { text: "bad" } });
      expect(three?.error).toEqual({ code: -32050, message: "worse", data: [1] });
    },
    async question(rig) {
      const raw = await rig.bench().anotherRaw();
      raw.answer = () => ({ result: { action: "accept", content: { reply: "yes" } } });
      for (const now of [false, true]) {
        const from = raw.received.length;
        const { task } = await begin(raw, { text: "asked", ask: "Really?", now });
        const { result } = await raw.request("tasks/result", { taskId: task.taskId });
        expect(result.structuredContent).toEqual({ text: "asked", answer: { result: { action: "accept", content: { reply: "yes" } } } });
        const { message } = await raw.next(({ method }) => method === "elicitation/create", from);
        expect(message.params).toMatchObject({ message: "Really?", _meta: { [RELATED]: { taskId: task.taskId } } });
      }
      const { client } = await rig.bench().sdk();
      client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { reply: "SDK" } }));
      const params = { name: "work", arguments: { ask: "And you?" }, task: {} };
      const { task } = await client.request({ method: "tools/call", params }, CreateTaskResultSchema);
      const { structuredContent } = await ask(client, "tasks/result", { taskId: task.taskId });
      expect(structuredContent).toMatchObject({ answer: { result: { content: { reply: "SDK" } } } });
    },
  },

  [`tasks/list, ${C2S}`]: {
    async own(rig) {
      const bench = rig.bench({ a: { prefix: "a_", pageSize: 2 }, b: { prefix: "b_" } });
      const raw = await bench.anotherRaw();
      const begun: string[] = [];
      for (const name of ["a_work", "a_work", "a_work", "b_work"]) begun.push((await begin(raw, {}, name)).task.taskId);
      const { result } = await raw.request("tasks/list");
      expect(result.tasks.map(({ taskId }: Message) => taskId)).toEqual(begun);
      expect(result.nextCursor).toBeUndefined();
      expect(result.tasks[0]).toMatchObject({ ttl: 60_000, pollInterval: 20, createdAt: expect.any(String) });
    },
    async foreign(rig) {
      const bench = rig.bench();
      const [one, other] = [await bench.anotherRaw(), await bench.anotherRaw()];
      const { task } = await begin(one);
      const mine = await begin(other);
      const ids = async (raw: RawClient) => (await raw.request("tasks/list")).result.tasks.map(({ taskId }: Message) => taskId);
      expect(await ids(one)).toEqual([task.taskId]);
      expect(await ids(other)).toEqual([mine.task.taskId]);
    },
  },

  [`tasks/cancel, ${C2S}`]: {
    async stops(rig) {
      const { client } = await rig.bench().sdk();
      const params = { name: "work", arguments: { delayMs: 30_000 }, task: {} };
      const { task } = await client.request({ method: "tools/call", params }, CreateTaskResultSchema);
      const cancelled = await client.experimental.tasks.cancelTask(task.taskId);
      expect(cancelled).toMatchObject({ taskId: task.taskId, status: "cancelled" });
      await expect(client.experimental.tasks.cancelTask(task.taskId)).rejects.toMatchObject({ code: -32602 });
      expect((await client.experimental.tasks.getTask(task.taskId)).status).toBe("cancelled");
    },
  },

  [`tasks/get, tasks/result, tasks/cancel, tasks/list, ${S2C}`]: {
    async lifecycle(rig) {
      const bench = rig.bench();
      const raw = await bench.anotherRaw();
      const task = taskOf(raw);
      const ask = async (method: string, params: Message): Promise<Message> =>
        (await raw.call("ask", { method, params })).result.structuredContent;
      const { result: handle } = (await raw.call("sample", { params: { task: { ttl: 60_000 } } })).result.structuredContent;
      const { taskId } = handle.task;
      expect(handle).toEqual({ task: { ...task("working"), taskId }, _meta: { "vendor.test/handle": 1 } });
      expect(await ask("tasks/get", { taskId })).toEqual({ result: { ...task("completed"), taskId } });
      expect((await ask("tasks/result", { taskId })).result).toMatchObject({ content: { text: "done" }, _meta: { [RELATED]: { taskId } } });
      expect((await ask("tasks/list", {})).result.tasks).toEqual([{ ...task("working"), taskId }]);
      expect(await ask("tasks/cancel", { taskId })).toEqual({ result: { ...task("cancelled"), taskId } });
      const sent = raw.received.find(({ message }) => message.method === "sampling/createMessage");
      expect(sent?.message.params.task).toEqual({ ttl: 60_000 });
    },
  },

  [`notifications/tasks/status, ${S2C}`]: {
    async told(rig) {
      const raw = await rig.bench().anotherRaw();
      const { task } = await begin(raw, { steps: 2, delayMs: 20 });
      const told = (await raw.next(({ method, params }) => method === "notifications/tasks/status" && params.status === "completed"))
        .message;
      expect(told.params).toEqual({ ...task, status: "completed", lastUpdatedAt: expect.any(String) });
    },
  },

  [`notifications/tasks/status, ${C2S}`]: {
    async told(rig) {
      const { client } = await rig.bench().sdk();
      const raw = await rig.bench().anotherRaw();
      const task = taskOf(raw);
      const { result: handle } = (await raw.call("sample", { params: { task: {} } })).result.structuredContent;
      const { taskId } = handle.task;
      await raw.notify("notifications/tasks/status", task("input_required"));
      const method = "notifications/tasks/status";
      await expect
        .poll(async () => (await raw.call("received", { method })).result.structuredContent.received.map(({ params }: Message) => params))
        .toContainEqual({ ...task("input_required"), taskId });
      // Nobody else's server hears of it.
      if (!rig.bench().shares) expect((await probe(client, "received", { method })).received).toEqual([]);
    },
  },
};

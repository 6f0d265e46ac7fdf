import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { afterEach, expect, test, vi } from "vitest";
import { Tracer } from "../dist/exchange/tracer.js";
import { createLogger } from "../dist/log.js";
import { type Respondent, ServerRequests } from "../dist/pipeline/server-requests.js";
import { Questions } from "../dist/session/questions.js";
import type { Connection } from "../dist/upstream/connection.js";
import { DEFAULT_LIMITS } from "../dist/wire/limits.js";
import type { Message } from "../dist/wire/message.js";

afterEach(() => void vi.useRealTimers());

type Options = ConstructorParameters<typeof ServerRequests>[0];

/** Clients that can be asked for samples and never answer by themselves. */
function asked(ids: readonly string[], limits = {}) {
  const told = new Map<string, Message[]>(ids.map((id) => [id, []]));
  const sessions = new Map(
    ids.map((id) => {
      const sink = { send: (message: Message) => told.get(id)?.push(message) !== undefined };
      const client = { info: {}, version: "", logLevel: undefined };
      const principal = { id: "anonymous", roles: [] };
      const questions = new Questions();
      return [
        id,
        {
          id,
          principal,
          client,
          capabilities: { sampling: {} },
          network: true,
          sole: false,
          questions,
          ask: (method: string, params: Record<string, unknown>) => questions.ask(method, params, sink, undefined),
          attribute: () => undefined,
          askedAs: () => id,
        },
      ];
    }),
  );
  const serverRequests = new ServerRequests({
    hooks: () => ({}) as ReturnType<Options["hooks"]>, // no plugin
    tasks: { byNative: () => undefined } as unknown as Options["tasks"], // no task
    notifications: {} as Options["notifications"], // only elicitations touch it
    limits: { ...DEFAULT_LIMITS, ...limits },
    caller: (id) => sessions.get(id) as Respondent | undefined,
    settled() {},
    tracer: new Tracer(createLogger({ level: "silent" })),
  });
  const connectionOf = (owner: string) => {
    const answers: { error?: { code: number; message: string; data?: unknown } }[] = [];
    const connection = {
      facts: { key: "one" },
      owner: { id: owner },
      capabilities: {},
      sentFor: (call: unknown) => call,
      respond: (_request: unknown, outcome: object) => void answers.push(outcome),
    };
    return { connection: connection as unknown as Connection, answers };
  };
  return { serverRequests, told, connectionOf, sessions };
}

const sampling = (id: number) => ({ jsonrpc: "2.0" as const, id, method: "sampling/createMessage", params: { messages: [] } });

test("an upstream whose question nobody answers in five minutes is told that the client did not", async () => {
  vi.useFakeTimers();
  const { serverRequests, told, connectionOf } = asked(["a"]);
  const { connection, answers } = connectionOf("a");
  serverRequests.receive(connection, sampling(1), undefined);
  await vi.advanceTimersByTimeAsync(299_000);
  expect(answers).toEqual([]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(answers).toMatchObject([
    { error: { message: expect.stringContaining("the client did not answer within 300000 ms"), data: { type: "client_gone" } } },
  ]);
  expect(told.get("a")?.at(-1)).toMatchObject({
    method: "notifications/cancelled",
    params: { reason: expect.stringContaining("did not answer within 300000 ms") },
  });
  expect(JSON.stringify([...told.values()])).not.toContain("upstream");
});

test("how long somebody may take to answer is the config's", async () => {
  vi.useFakeTimers();
  const { serverRequests, connectionOf } = asked(["a"], { questionTime: 3_600_000 });
  const { connection, answers } = connectionOf("a");
  serverRequests.receive(connection, sampling(1), undefined);
  await vi.advanceTimersByTimeAsync(3_590_000);
  expect(answers).toEqual([]);
  await vi.advanceTimersByTimeAsync(11_000);
  expect(answers).toMatchObject([{ error: { message: "the client did not answer within 3600000 ms (limits.questionTime)" } }]);
});

test("one client is asked a bounded number of questions at once, and an answer makes room", async () => {
  const { serverRequests, told, connectionOf, sessions } = asked(["a", "b"], { questionsPerSession: 3 });
  const { connection, answers } = connectionOf("a");
  for (let id = 1; id <= 5; id++) serverRequests.receive(connection, sampling(id), undefined);
  await vi.waitFor(() => expect(told.get("a")).toHaveLength(3));
  expect(answers.map(({ error }) => error)).toMatchObject([{ data: { type: "overloaded" } }, { data: { type: "overloaded" } }]);
  serverRequests.receive(connectionOf("b").connection, sampling(1), undefined);
  await vi.waitFor(() => expect(told.get("b")).toHaveLength(1));
  sessions.get("a")?.questions.answered({ jsonrpc: "2.0", id: 1, result: {} });
  await vi.waitFor(() => expect(answers).toHaveLength(3));
  serverRequests.receive(connection, sampling(6), undefined);
  await vi.waitFor(() => expect(told.get("a")).toHaveLength(4));
});

test("one connection asks a bounded number of questions at once", async () => {
  const { serverRequests, told, connectionOf } = asked(["a"], { questionsPerConnection: 2 });
  const [one, other] = [connectionOf("a"), connectionOf("a")];
  for (let id = 1; id <= 4; id++) serverRequests.receive(one.connection, sampling(id), undefined);
  serverRequests.receive(other.connection, sampling(1), undefined);
  await vi.waitFor(() => expect(told.get("a")).toHaveLength(3));
  expect(one.answers).toHaveLength(2);
  expect(one.answers[0]?.error?.message).toMatch(/2 questions .* already/);
  expect(other.answers).toEqual([]);
});

test("a config sets it, and the call that a question belongs to gets the answer after it", async () => {
  const answers: unknown[] = [];
  const asking = fakeUpstream({
    tools: {
      ask: async (_, context) => {
        answers.push(await context.ask("sampling/createMessage", { messages: [], maxTokens: 1 }).catch((error: Error) => error.message));
        return "done";
      },
    },
  });
  await using test = await createTestHost({
    upstreams: { asking },
    config: { limits: { questionTime: "100ms" } },
    client: { capabilities: { sampling: {} } },
  });
  test.client.on("sampling/createMessage", () => new Promise(() => {}));
  expect((await test.client.callTool("ask")).content).toEqual([{ type: "text", text: "done" }]);
  expect(answers).toEqual(["the client did not answer within 100 ms (limits.questionTime)"]);
});

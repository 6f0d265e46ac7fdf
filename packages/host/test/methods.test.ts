import { definePlugin, type PluginHost } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { inProcessTransport, type Message } from "../../../test/fixtures/upstream.mjs";
import { memoryTransport } from "../../../test/harness/clients.ts";
import { startHost, type TestHost } from "../../../test/harness/hosts.ts";
import { ModernHttp } from "../../../test/harness/modern-client.ts";
import { METHODS } from "../dist/exchange/methods.js";

/** What the stages saw, in order: the stage and the method, for `permit` the kind of entry and whether the exchange was given. */
let stages: string[] = [];
/** While set, `transform` changes this field of params. */
let change: string | undefined;

const spy = definePlugin({
  name: "spy",
  host: "^1.0.0",
  apply({ hooks }: PluginHost) {
    const note = (stage: string): void => void stages.push(stage);
    hooks.permit.tap("spy", (entry, _caller, exchange) => note(`permit ${entry.kind}${exchange ? " as sent" : ""}`) as undefined);
    hooks.route.tap("spy", ({ method }) => note(`route ${method}`) as undefined);
    hooks.transform.for("*").tap("spy", (params, { method }) => {
      note(`transform ${method}`);
      return change === undefined ? params : { ...params, [change]: "something else" };
    });
    hooks.call.for("*").tap("spy", (next) => (exchange) => {
      note(`call ${exchange.method}`);
      return next(exchange);
    });
    hooks.respond.for("*").tap("spy", (result, { method }) => {
      note(`respond ${method}`);
      return result;
    });
    hooks.respond.for("tools/call").tap("spy", (result) => {
      note("respond as tools/call");
      return result;
    });
    hooks.ask.tap("spy", (request) => {
      note(`ask ${request.method}`);
      return request;
    });
    hooks.answer.tap("spy", (result, { method }) => {
      note(`answer ${method}`);
      return result;
    });
    hooks.notify.tap("spy", (notification) => {
      note(`notify ${notification.method}`);
      return notification;
    });
    hooks.settled.tap("spy", ({ method }) => note(`settled ${method}`));
  },
});

let running: TestHost;
let send: (message: Message) => void;
let ask: (method: string, params?: Message) => Promise<Message>;
/** The stages of `initialize`, which a session answers once. */
let initialize: string[];
/** Notifications that the client got. */
const received: Message[] = [];

/** The client's answers to what it is asked. */
const ANSWERS: Record<string, Message> = {
  "sampling/createMessage": { role: "assistant", model: "a-model", content: { type: "text", text: "Yes" } },
  "elicitation/create": { action: "accept", content: {} },
  "roots/list": { roots: [] },
};

beforeAll(async () => {
  running = await startHost({
    listen: null,
    mcpServers: { up: { transport: () => inProcessTransport({ name: "up" }) } },
    plugins: [spy()],
  });
  const transport = await memoryTransport(running.host);
  const waiting = new Map<unknown, (message: Message) => void>();
  send = (message) => void transport.send({ jsonrpc: "2.0", ...message } as Parameters<typeof transport.send>[0]); // any message
  transport.onmessage = (message: Message) => {
    if (message.method === undefined) return waiting.get(message.id)?.(message);
    if (message.id === undefined) received.push(message);
    else send({ id: message.id, result: ANSWERS[message.method] });
  };
  await transport.start();
  let id = 0;
  ask = (method, params = {}) =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      send({ id, method, params });
    });
  const capabilities = { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} };
  await ask("initialize", { protocolVersion: "2025-11-25", capabilities, clientInfo: { name: "raw", version: "0" } });
  initialize = stages;
  // A moment later the session's lists are compared once; only then do the stages belong to the requests alone.
  stages = [];
  await vi.waitFor(() => expect(stages).not.toEqual([]));
  send({ method: "notifications/initialized" });
});

afterAll(() => running[Symbol.asyncDispose]());

/** The stages so far; one that was passed several times in a row, once for each entry, is named once. */
function seen(): string[] {
  return stages.filter((stage, index) => stage !== stages[index - 1]);
}

const uri = "test://up/text";
const item = "test://up/items/1";
const prompt = { type: "ref/prompt", name: "greet" };
const argument = { name: "name", value: "a" };

async function newTask(): Promise<Message> {
  const { result } = await ask("tools/call", { name: "work", arguments: { steps: 2, delayMs: 20 }, task: {} });
  return { taskId: result.task.taskId };
}

/** Everything that a call to an upstream passes, for an entry of this kind. */
const all = (method: string, kind: string): string[] => [
  ...[`route ${method}`, `permit ${kind}`, `transform ${method}`, `permit ${kind} as sent`, `call ${method}`, `respond ${method}`],
];

/**
 * The table of what each method passes through, row by row, written down apart from the code's own table; `settled` fires for
 * every request. Where the table names the owner that answers last ("the ref's owner", "sole owner"), the hook is asked before;
 * where it says "pinned" there is nothing to ask.
 */
const ROWS: [method: string, stages: string[], params?: () => Message | Promise<Message>][] = [
  ["initialize", ["respond initialize"]],
  ["ping", []],
  ["logging/setLevel", [], () => ({ level: "info" })],
  ["tools/list", ["permit tool", "respond tools/list"]],
  ["prompts/list", ["permit prompt", "respond prompts/list"]],
  ["resources/list", ["permit resource", "respond resources/list"]],
  ["resources/templates/list", ["permit template", "respond resources/templates/list"]],
  ["tools/call", [...all("tools/call", "tool"), "respond as tools/call"], () => ({ name: "echo" })],
  ["prompts/get", all("prompts/get", "prompt"), () => ({ name: "plain" })],
  ["resources/read", all("resources/read", "resource"), () => ({ uri })],
  ["resources/read", all("resources/read", "resource").toSpliced(2, 0, "permit template"), () => ({ uri: item })],
  ["resources/subscribe", ["permit resource", "call resources/subscribe"], () => ({ uri })],
  ["resources/unsubscribe", ["call resources/unsubscribe"], () => ({ uri })],
  ["completion/complete", all("completion/complete", "prompt"), () => ({ ref: prompt, argument })],
  ["tasks/get", ["permit tool", "call tasks/get"], newTask],
  ["tasks/cancel", ["permit tool", "call tasks/cancel"], newTask],
  ["tasks/list", ["permit tool", "call tasks/list", "permit tool"], () => newTask().then(() => ({}))],
  ["tasks/result", ["permit tool", "call tasks/result", "respond tasks/result", "respond as tools/call"], newTask],
  ["vendor/echo", all("vendor/echo", "method")],
];

/** What the modern era has besides. */
const MODERN_ROWS: [method: string, stages: string[], params?: Message][] = [
  ["server/discover", ["respond server/discover"]],
  ["subscriptions/listen", [], { notifications: 1 }],
  ["tasks/update", [], { taskId: "nobody's", inputResponses: {} }], // what it passes where there is a task is in test/eras/tasks.test.ts
];

test("no request of the code's table lacks a row here", () => {
  const rows = [...ROWS, ...MODERN_ROWS].map(([row]) => row);
  expect(Object.keys(METHODS).filter((method) => !rows.includes(method))).toEqual([]);
});

describe("requests of clients", () => {
  test.each(MODERN_ROWS)("%s of the modern era passes %j", async (method, expected, params) => {
    await using host = await startHost({ plugins: [spy()] });
    stages = [];
    await new ModernHttp(host.url).send(method, params);
    expect(stages).toEqual([...expected, `settled ${method}`]);
    expect((await ask(method)).error).toMatchObject({ code: -32601 });
  });

  test.each(ROWS)("%s passes %j", async (method, expected, params) => {
    if (method === "initialize") {
      stages = initialize.filter((stage) => !stage.startsWith("permit")); // what the session is shown is noted then, too
    } else {
      const given = await params?.();
      stages = [];
      expect(await ask(method, given)).not.toHaveProperty("error");
    }
    expect(seen().filter((stage) => !stage.startsWith("notify"))).toEqual([...expected, `settled ${method}`]);
  });

  test("only the first subscriber and the last reach the upstream", async () => {
    await ask("resources/subscribe", { uri });
    stages = [];
    await ask("resources/subscribe", { uri });
    expect(stages).toEqual(["permit resource", "settled resources/subscribe"]);
    await ask("resources/unsubscribe", { uri });
  });

  test.each([
    ["tools/call", "name", { name: "echo" }],
    ["prompts/get", "name", { name: "plain" }],
    ["resources/read", "uri", { uri }],
    ["completion/complete", "ref", { ref: prompt, argument }],
  ])("transform of %s may not change %s, and the upstream gets nothing when it does", async (method, field, params) => {
    stages = [];
    change = field;
    const { error } = await ask(method, params).finally(() => (change = undefined));
    expect(error).toMatchObject({ code: -31500, data: { type: "plugin_failure", plugin: "spy", sent: "no" } });
    expect(seen()).not.toContain(`call ${method}`);
  });

  test("a vendor's notification passes permit, transform and permit again; call and respond are for what is answered", async () => {
    stages = [];
    const method = "notifications/vendor/hello";
    send({ method, params: { a: 1 } });
    await expect.poll(async () => (await probe("received", { method })).received).toHaveLength(1);
    const passed = stages.slice(0, stages.indexOf("route tools/call"));
    expect(passed).toEqual(["permit method", `transform ${method}`, "permit method as sent"]);
  });
});

/** Calls a tool of the scripted upstream; gives what it reports. */
async function probe(name: string, args: Message = {}): Promise<Message> {
  const { result } = await ask("tools/call", { name, arguments: args, _meta: { progressToken: "a" } });
  return result.structuredContent;
}

/** The stages that a tool passes while something happens in it. */
function during(...inside: string[]): string[] {
  const call = all("tools/call", "tool");
  return [...call.slice(0, -1), ...inside, ...call.slice(-1), "respond as tools/call", "settled tools/call"];
}

describe("what an upstream asks", () => {
  test.each([
    ["sampling/createMessage", "sample"],
    ["elicitation/create", "elicit"],
    ["roots/list", "roots"],
  ])("%s passes ask, then answer, and no other stage", async (method, tool) => {
    stages = [];
    expect(await probe(tool)).toMatchObject({ result: ANSWERS[method] });
    expect(seen()).toEqual(during(`ask ${method}`, `answer ${method}`, `settled ${method}`));
  });
});

describe("notifications of an upstream", () => {
  const LISTS = ["tools", "prompts", "resources"].map((kind) => `notifications/${kind}/list_changed`);

  test.each([
    ["notifications/progress", "progress", { steps: 1 }],
    ["notifications/message", "log", { levels: ["error"] }],
    ["notifications/vendor/hello", "vendorNotify", {}],
  ])("%s passes notify, and no other stage", async (method, tool, args) => {
    stages = [];
    received.length = 0;
    await probe(tool, args);
    expect(seen()).toEqual(during(`notify ${method}`));
    await expect.poll(() => received).toContainEqual(expect.objectContaining({ method }));
  });

  test("notifications/elicitation/complete passes notify, and no other stage", async () => {
    const method = "notifications/elicitation/complete";
    stages = [];
    await probe("elicit", { mode: "url" });
    const question = ["ask", "answer", "settled"].map((stage) => `${stage} elicitation/create`);
    expect(seen()).toEqual(during(...question, `notify ${method}`));
    await expect.poll(() => received).toContainEqual(expect.objectContaining({ method }));
  });

  test("notifications/tasks/status passes notify, and no other stage", async () => {
    received.length = 0;
    const task = await newTask();
    stages = [];
    await expect.poll(() => received).toContainEqual(expect.objectContaining({ method: "notifications/tasks/status" }));
    await ask("tasks/result", task);
    expect(stages).toContain("notify notifications/tasks/status");
    expect(stages.filter((stage) => /^(?!notify).*notifications/.test(stage))).toEqual([]);
  });

  test("notifications/resources/updated passes notify, and permit is asked again for the resource", async () => {
    const method = "notifications/resources/updated";
    await ask("resources/subscribe", { uri });
    stages = [];
    await probe("touch");
    await expect.poll(() => received).toContainEqual(expect.objectContaining({ method }));
    expect(seen()).toEqual(during(`notify ${method}`, "permit resource"));
    await ask("resources/unsubscribe", { uri });
  });

  test.each(LISTS)("%s passes notify, and is told once the list differs", async (method) => {
    stages = [];
    received.length = 0;
    const [, kind] = method.split("/");
    await probe("change", { kinds: [kind], name: `new-${kind}` });
    await expect.poll(() => received.map((each) => each.method)).toEqual([method]);
    expect(stages.filter((stage) => stage.includes("notifications"))).toEqual([`notify ${method}`]);
  });
});

import { definePlugin, type PluginHost } from "mcp-host";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { inProcessTransport } from "../../../test/fixtures/upstream.mjs";
import { memoryTransport } from "../../../test/harness/clients.ts";
import { startHost, type TestHost } from "../../../test/harness/hosts.ts";
import { METHODS, rowOf } from "../dist/pipeline/methods.js";

/** What the stages saw of the request under test, in order. */
let stages: string[] = [];
const spy = definePlugin({
  name: "spy",
  host: "^1.0.0",
  apply(host: PluginHost) {
    const { hooks } = host;
    hooks.permit.tap(
      "spy",
      (entry, _principal, exchange) => void stages.push(exchange ? "permit after transform" : `permit ${entry.kind}`),
    );
    hooks.route.tap("spy", () => void stages.push("route"));
    hooks.transform.for("*").tap("spy", (params) => {
      stages.push("transform");
      return params;
    });
    hooks.call.for("*").tap("spy", (next) => (exchange) => {
      stages.push("call");
      return next(exchange);
    });
    hooks.respond.for("*").tap("spy", (result) => {
      stages.push("respond");
      return result;
    });
    hooks.settled.tap("spy", () => void stages.push("settled"));
  },
});

/** The same of `initialize`, which a session answers once. */
let initialize: string[];
let running: TestHost;
let ask: (method: string, params?: Record<string, unknown>) => Promise<Record<string, unknown>>;

beforeAll(async () => {
  running = await startHost({
    listen: null,
    mcpServers: { up: { transport: () => inProcessTransport({ name: "up" }) } },
    plugins: [spy()],
  });
  const transport = await memoryTransport(running.host);
  const waiting = new Map<unknown, (message: Record<string, unknown>) => void>();
  transport.onmessage = (message) => waiting.get((message as { id?: unknown }).id)?.(message as unknown as Record<string, unknown>);
  await transport.start();
  let id = 0;
  ask = (method, params = {}) =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      void transport.send({ jsonrpc: "2.0", id, method, params });
    });
  await ask("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "0" } });
  initialize = stages;
  // A moment later the session's lists are compared once; only then do the stages belong to the requests alone.
  stages = [];
  await vi.waitFor(() => expect(stages).not.toEqual([]));
});

afterAll(() => running[Symbol.asyncDispose]());

const uri = "test://up/text";
/** One request for each method; tasks need one that exists. */
const params: Record<string, () => Promise<Record<string, unknown>> | Record<string, unknown>> = {
  "logging/setLevel": () => ({ level: "info" }),
  "tools/call": () => ({ name: "echo" }),
  "prompts/get": () => ({ name: "plain" }),
  "resources/read": () => ({ uri }),
  "resources/subscribe": () => ({ uri }),
  "resources/unsubscribe": () => ({ uri }),
  "completion/complete": () => ({ ref: { type: "ref/prompt", name: "greet" }, argument: { name: "name", value: "a" } }),
  "tasks/get": newTask,
  "tasks/result": newTask,
  "tasks/cancel": newTask,
  "tasks/list": async () => {
    await newTask();
    return {};
  },
};

async function newTask(): Promise<Record<string, unknown>> {
  const { result } = await ask("tools/call", { name: "work", arguments: { steps: 2, delayMs: 20 }, task: {} });
  return { taskId: (result as { task: { taskId: string } }).task.taskId };
}

test.each([...Object.keys(METHODS), "vendor/echo"])("%s passes the stages that its row names", async (method) => {
  let seen = initialize.filter((stage) => !stage.startsWith("permit")); // what the session is shown is noted then, too
  if (method !== "initialize") {
    const given = await params[method]?.();
    stages = [];
    expect(await ask(method, given)).not.toHaveProperty("error");
    seen = stages;
  }
  const row = rowOf(method);
  const permits = seen.filter((stage) => stage.startsWith("permit"));
  expect(seen.filter((stage) => !stage.startsWith("permit"))).toEqual([
    ...(row.route === "hook" ? ["route"] : []),
    ...(row.transform ? ["transform"] : []),
    ...(row.call ? ["call"] : []),
    ...(row.respond ? ["respond"] : []),
    "settled",
  ]);
  if (row.permit === "no") expect(permits).toEqual([]);
  if (row.permit === "listed") expect(permits.length).toBeGreaterThan(0);
  if (row.permit === "once") expect(permits).toEqual([`permit ${method.startsWith("tasks/") ? "tool" : "resource"}`]);
  if (row.permit === "twice") {
    expect(permits.at(-1)).toBe("permit after transform");
    expect(seen.indexOf("permit after transform")).toBeGreaterThan(seen.indexOf("transform"));
  }
});

test("only the first subscriber and the last reach the upstream", async () => {
  await ask("resources/subscribe", { uri });
  stages = [];
  await ask("resources/subscribe", { uri });
  expect(stages).toEqual(["permit resource", "settled"]);
  await ask("resources/unsubscribe", { uri });
});

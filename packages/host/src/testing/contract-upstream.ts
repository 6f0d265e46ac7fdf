import type { Json } from "../wire/message.ts";
import type { FakeUpstreamSpec } from "./fake-server.ts";
import { type FakeUpstream, fakeUpstream } from "./fake-upstream.ts";
import { JsonRpcError } from "./json-rpc-end.ts";

/** A request that a test client sends. */
export interface ContractRequest {
  readonly method: string;
  readonly params?: Json;
}

/** Stands in a request for the id of the last task that was made. */
export const TASK_ID = "<task>";

const NATIVE_TASK = "native-task";
const task = (status: string): Json => ({
  taskId: NATIVE_TASK,
  status,
  createdAt: "2025-11-25T10:30:00Z",
  lastUpdatedAt: "2025-11-25T10:30:00Z",
  ttl: 60_000,
  pollInterval: 5_000,
});

/** Fields that no specification names, which must pass all the same. */
const VENDOR: Json = { "example.com/field": [1, null, { deep: "\u001b é 🙂" }] };

/**
 * The server that the contract suite puts behind a plugin: something for every method, always with the same answers.
 * - tools `echo` (its arguments), `fail` (a result with `isError`), `refuse` (a JSON-RPC error), `ask` (asks the client,
 *   reports progress, logs), `touch` (says that `memory:///note` was updated), `later` (a task)
 * - prompt `greet`, resource `memory:///note`, template `memory:///notes/{id}`, completions, and the method `example.com/count`
 */
export function contractUpstream({ era = "legacy" }: Pick<FakeUpstreamSpec, "era"> = {}): FakeUpstream {
  const upstream = fakeUpstream({
    name: "contract",
    era,
    instructions: "Answers always the same.",
    capabilities: {
      logging: {},
      completions: {},
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
    },
    tools: {
      echo: {
        title: "Echo",
        description: "Gives back its arguments.",
        inputSchema: { type: "object", properties: { text: { type: "string" } } },
        outputSchema: { type: "object", properties: { text: { type: "string" } } },
        annotations: { readOnlyHint: true },
        _meta: VENDOR,
        call: (args) => ({ content: [{ type: "text", text: JSON.stringify(args), _meta: VENDOR }], structuredContent: args, ...VENDOR }),
      },
      fail() {
        throw new Error("it did not work");
      },
      refuse: () => Promise.reject(REFUSAL),
      async ask(_args, context) {
        context.progress(1, 2, "asking");
        context.log("warning", { asking: "roots" });
        const answers = [await context.ask("roots/list"), await context.ask("sampling/createMessage", { messages: [], maxTokens: 1 })];
        context.progress(2, 2);
        return { answers };
      },
      touch() {
        upstream.notify("notifications/resources/updated", { uri: "memory:///note", _meta: VENDOR });
        return "touched";
      },
      later: { execution: { taskSupport: "optional" }, call: (_args, { request }) => (request.task ? { task: task("working") } : "now") },
    },
    prompts: {
      greet: { description: "Greets.", arguments: [{ name: "who", required: true }], get: ({ who }) => `Hello ${who}`, _meta: VENDOR },
    },
    resources: { "memory:///note": { name: "note", mimeType: "text/plain", read: () => "a note", _meta: VENDOR } },
    templates: { "memory:///notes/{id}": { name: "notes", mimeType: "text/plain", read: (uri) => `the note ${uri}` } },
    complete: () => ({ completion: { values: ["Ann", "Bob"], total: 2, hasMore: false }, _meta: VENDOR }),
    methods: {
      "tasks/get": () => task("completed"),
      "tasks/list": () => ({ tasks: [task("completed")] }),
      "tasks/cancel": () => task("cancelled"),
      "tasks/result": () => ({
        content: [{ type: "text", text: "done" }],
        _meta: { "io.modelcontextprotocol/related-task": { taskId: NATIVE_TASK } },
      }),
      "example.com/count": (params) => ({ counted: params, ...VENDOR }),
    },
  });
  return upstream;
}

const REFUSAL = new JsonRpcError(-32050, "not today", { retry: false, ...VENDOR });

const META: Json = { ...VENDOR, progressToken: "contract" };

/** What a plugin is sent that should be none of its business, unless the author says otherwise: every method at least once. */
export const UNRELATED: readonly ContractRequest[] = [
  { method: "initialize" },
  { method: "ping" },
  { method: "logging/setLevel", params: { level: "debug" } },
  { method: "tools/list" },
  { method: "prompts/list" },
  { method: "resources/list" },
  { method: "resources/templates/list" },
  { method: "tools/call", params: { name: "echo", arguments: { text: "é \u0000 🙂", number: 1.5, none: null }, _meta: VENDOR } },
  { method: "tools/call", params: { name: "echo" } },
  { method: "tools/call", params: { name: "fail", arguments: {} } },
  { method: "tools/call", params: { name: "refuse", arguments: {} } },
  { method: "tools/call", params: { name: "ask", arguments: {}, _meta: META } },
  { method: "tools/call", params: { name: "there-is-none", arguments: {} } },
  { method: "tools/call", params: { name: "later", arguments: {}, task: { ttl: 60_000 } } },
  { method: "tasks/get", params: { taskId: TASK_ID } },
  { method: "tasks/list" },
  { method: "tasks/result", params: { taskId: TASK_ID } },
  { method: "tools/call", params: { name: "later", arguments: {}, task: { ttl: 60_000 } } },
  { method: "tasks/cancel", params: { taskId: TASK_ID } },
  { method: "prompts/get", params: { name: "greet", arguments: { who: "Ann" }, _meta: VENDOR } },
  { method: "resources/read", params: { uri: "memory:///note", _meta: VENDOR } },
  { method: "resources/read", params: { uri: "memory:///notes/7" } },
  { method: "resources/read", params: { uri: "memory:///there-is-none" } },
  { method: "resources/subscribe", params: { uri: "memory:///note" } },
  { method: "tools/call", params: { name: "touch", arguments: {} } },
  { method: "resources/unsubscribe", params: { uri: "memory:///note" } },
  { method: "completion/complete", params: { ref: { type: "ref/prompt", name: "greet" }, argument: { name: "who", value: "" } } },
  { method: "example.com/count", params: { of: [1, 2], _meta: VENDOR } },
];

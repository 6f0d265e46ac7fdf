import type { Json } from "../wire/message.ts";

type Meta = { _meta?: Json };
type Open = { [field: string]: unknown } & Meta;

/** Params of the requests that the pipeline knows, as far as it reads them; other fields pass. */
export interface MethodParams {
  initialize: Open;
  ping: Open;
  "logging/setLevel": { level: string } & Open;
  "tools/list": { cursor?: string } & Open;
  "prompts/list": { cursor?: string } & Open;
  "resources/list": { cursor?: string } & Open;
  "resources/templates/list": { cursor?: string } & Open;
  "tools/call": { name: string; arguments?: Json; task?: Json } & Open;
  "prompts/get": { name: string; arguments?: Record<string, string> } & Open;
  "resources/read": { uri: string } & Open;
  "resources/subscribe": { uri: string } & Open;
  "resources/unsubscribe": { uri: string } & Open;
  "completion/complete": { ref: Json; argument: { name: string; value: string }; context?: Json } & Open;
  "tasks/get": { taskId: string } & Open;
  "tasks/result": { taskId: string } & Open;
  "tasks/cancel": { taskId: string } & Open;
  /** Of the modern era's extension. */
  "tasks/update": { taskId: string; inputResponses: Json } & Open;
  "tasks/list": { cursor?: string } & Open;
  /** Of the modern era (2026-07-28). */
  "server/discover": Open;
  /** As above. */
  "subscriptions/listen": { notifications: Json } & Open;
}

/** A request method that the host knows. */
export type Method = keyof MethodParams;

/** Which stages a request passes, as `docs/pipeline.md` has it. `settled` fires for every row. */
export interface MethodRow {
  /** What is asked of `permit`: the entry twice (before and after `transform`), each listed entry, or nothing. */
  permit: "twice" | "once" | "listed" | "no";
  /** `hook`: the route hook is asked; `pinned`: the owner is fixed; `no`: the host answers itself. */
  route: "hook" | "pinned" | "no";
  transform: boolean;
  call: boolean;
  /** `origin`: by the taps of the request that began the task, whose answer it is. */
  respond: boolean | "origin";
  /** Params that a tap may not change: the host writes the native ones. */
  readonly: readonly string[];
}

const local = { permit: "no", route: "no", transform: false, call: false, respond: false, readonly: [] } as const satisfies MethodRow;
const list = { ...local, permit: "listed", respond: true } as const satisfies MethodRow;
const called = {
  permit: "twice",
  route: "hook",
  transform: true,
  call: true,
  respond: true,
  readonly: ["name"],
} as const satisfies MethodRow;
const task = {
  permit: "once",
  route: "pinned",
  transform: false,
  call: true,
  respond: false,
  readonly: ["taskId"],
} as const satisfies MethodRow;

export const METHODS = {
  initialize: { ...local, respond: true },
  ping: local,
  "logging/setLevel": local,
  "tools/list": list,
  "prompts/list": list,
  "resources/list": list,
  "resources/templates/list": list,
  "tools/call": called,
  "prompts/get": called,
  "resources/read": { ...called, readonly: ["uri"] },
  "resources/subscribe": { permit: "once", route: "pinned", transform: false, call: true, respond: false, readonly: ["uri"] },
  "resources/unsubscribe": { permit: "no", route: "pinned", transform: false, call: true, respond: false, readonly: ["uri"] },
  "completion/complete": { ...called, readonly: ["ref"] },
  "tasks/get": task,
  "tasks/cancel": task,
  "tasks/update": task,
  "tasks/result": { ...task, respond: "origin" },
  "tasks/list": { ...task, permit: "listed" },
  "server/discover": { ...local, respond: true },
  "subscriptions/listen": local,
} as const satisfies Record<Method, MethodRow>;

/** A request that no table names: it goes to the only upstream, if there is only one. */
export const UNKNOWN_METHOD: MethodRow = { ...called, readonly: [] };

export function rowOf(method: string): MethodRow {
  return Object.hasOwn(METHODS, method) ? METHODS[method as Method] : UNKNOWN_METHOD;
}

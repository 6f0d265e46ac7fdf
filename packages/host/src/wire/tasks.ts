import { isObject, type Json } from "./message.ts";

/**
 * Tasks in both eras: what the legacy one has in its protocol (2025-11-25), the modern one has as an extension, under other
 * names. Within the host they go by the legacy names.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
 * @see https://modelcontextprotocol.io/extensions/tasks/overview
 */
const EXTENSION = "io.modelcontextprotocol/tasks";

/** The capability, of a client as of a server. */
export const TASKS: { readonly extensions: Readonly<Json> } = Object.freeze({ extensions: Object.freeze({ [EXTENSION]: {} }) });

/** Whether capabilities of the modern era have the extension. */
export function hasTasks({ extensions }: Readonly<Json>): boolean {
  return isObject(extensions) && isObject(extensions[EXTENSION]);
}

/** The extensions without that for tasks; undefined where there are no others. */
export function otherExtensions({ extensions }: Readonly<Json>): Json | undefined {
  if (!isObject(extensions)) return undefined;
  const { [EXTENSION]: _, ...others } = extensions;
  return Object.keys(others).length > 0 ? others : undefined;
}

/** A task's state by the names of the legacy era. */
export function legacyTask({ ttlMs, pollIntervalMs, ...state }: Json): Json {
  return { ...state, ttl: ttlMs ?? null, ...(pollIntervalMs !== undefined && { pollInterval: pollIntervalMs }) };
}

/** A task's state by the names of the modern era, which has whole milliseconds only. */
export function modernTask({ ttl, pollInterval, ...state }: Readonly<Json>): Json {
  const interval = typeof pollInterval === "number" ? Math.max(1, Math.round(pollInterval)) : undefined;
  return {
    ...state,
    ttlMs: typeof ttl === "number" ? Math.max(1, Math.round(ttl)) : null,
    ...(interval !== undefined && { pollIntervalMs: interval }),
  };
}

/** What the modern era tells in a task's state, and the legacy one otherwise: how it ended, and what it asks. */
export interface TaskDetail {
  readonly result: Json | undefined;
  readonly error: Json | undefined;
  readonly inputRequests: Json | undefined;
}

/** Takes apart a state in which all is told. */
export function detached({ result, error, inputRequests, ...state }: Json): { state: Json; detail: TaskDetail } {
  const object = (value: unknown): Json | undefined => (isObject(value) ? value : undefined);
  return { state, detail: { result: object(result), error: object(error), inputRequests: object(inputRequests) } };
}

/** A tool as the modern era lists it: whether a call becomes a task is the server's business. */
export function withoutTaskSupport(tool: Json): Json {
  const { execution, ...rest } = tool;
  if (!isObject(execution) || execution.taskSupport === undefined) return tool;
  const { taskSupport: _, ...others } = execution;
  return Object.keys(others).length > 0 ? { ...rest, execution: others } : rest;
}

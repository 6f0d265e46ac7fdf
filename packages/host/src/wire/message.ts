/**
 * JSON-RPC 2.0 messages as MCP uses them. The host moves these plain objects; it never decodes them into models.
 * @see https://www.jsonrpc.org/specification
 */

import type { RpcError } from "../errors.ts";

/** A JSON object whose fields the host does not know. */
export type Json = Record<string, unknown>;

/** MCP request ids are strings or integers; `1` and `"1"` are different ids. */
export type Id = string | number;

export interface Request {
  jsonrpc: "2.0";
  id: Id;
  method: string;
  params?: Json;
}

export interface Notification {
  jsonrpc: "2.0";
  method: string;
  params?: Json;
}

export interface Success {
  jsonrpc: "2.0";
  id: Id;
  result: Json;
}

export interface Failure {
  jsonrpc: "2.0";
  id: Id | null;
  error: RpcError;
}

export type Response = Success | Failure;
export type Message = Request | Notification | Response;

export function isRequest(message: Message): message is Request {
  return "method" in message && "id" in message;
}

export function isNotification(message: Message): message is Notification {
  return "method" in message && !("id" in message);
}

export function isResponse(message: Message): message is Response {
  return !("method" in message);
}

/** Whether a value is a JSON object, which arrays and null are not. */
export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Key in the `_meta` of a question: the name that it has among the `inputRequests` of a client of the modern era. */
export const QUESTION_NAME = "io.mcp-host/name";

/** The `_meta` of params or a result, if it is an object. */
export function metaOf(params: Json | undefined): Json | undefined {
  const meta = params?._meta;
  return isObject(meta) ? meta : undefined;
}

/** `_meta` key by which a message says which task it belongs to (2025-11-25, basic/utilities/tasks). */
export const RELATED_TASK = "io.modelcontextprotocol/related-task";

/** The task id that a message is related to, if any. */
export function relatedTask(params: Json | undefined): string | undefined {
  const related = metaOf(params)?.[RELATED_TASK];
  return isObject(related) && typeof related.taskId === "string" ? related.taskId : undefined;
}

/** A copy of `params` with another related task id; `params` itself when it names none. */
export function withRelatedTask<T extends Json | undefined>(params: T, rename: (taskId: string) => string): T {
  const taskId = relatedTask(params);
  if (taskId === undefined) return params;
  const meta = metaOf(params) as Json;
  const renamed = { ...params, _meta: { ...meta, [RELATED_TASK]: { ...(meta[RELATED_TASK] as Json), taskId: rename(taskId) } } };
  return renamed as unknown as T; // the spread keeps every field of T; TypeScript cannot see that through the generic
}

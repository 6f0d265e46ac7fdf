import { ToolSchema } from "@modelcontextprotocol/sdk/types.js";
import { isObject } from "../wire/message.ts";
import { problemsBy, resultProblems } from "../wire/result-problems.ts";

/** What a matcher gives to `expect` of vitest and jest. */
export interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

/** The matchers, as methods of an expectation: for `interface Matchers<T> extends McpMatchers<T> {}` in `declare module "vitest"`. */
export interface McpMatchers<R = unknown> {
  /** A JSON-RPC 2.0 answer with a result, or with an error of an integer code and a message; with `method`, a result as MCP has it for that. */
  toBeValidMCPResponse(method?: string): R;
  /** A JSON-RPC 2.0 request: a method and an id of a text or an integer, and params that are an object. */
  toBeValidMCPRequest(method?: string): R;
  /** A JSON-RPC 2.0 notification: a method and no id. */
  toBeValidMCPNotification(method?: string): R;
  /** A result of a method of MCP, such as `tools/call`. Methods that MCP gives no result of its own want an object. */
  toBeValidMCPResult(method: string): R;
  /** A tool as `tools/list` has it, with an `inputSchema` that is an object's. */
  toBeValidMCPTool(): R;
  /** A result of `tools/call` that says `isError`, with these words in one of its texts. */
  toBeToolError(words?: string | RegExp): R;
}

/** Characters of a value that a message shows. */
const SHOWN = 500;

/**
 * Matchers of messages of MCP: `expect.extend(mcpMatchers)`, in vitest and jest. Each tells what is wrong, and where.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic
 */
export const mcpMatchers = {
  toBeValidMCPResponse: (received: unknown, method?: string) => judged(received, "an answer of MCP", wrongInResponse(received, method)),
  toBeValidMCPRequest: (received: unknown, method?: string) => judged(received, "a request of MCP", wrongInCall(received, method, true)),
  toBeValidMCPNotification: (received: unknown, method?: string) =>
    judged(received, "a notification of MCP", wrongInCall(received, method, false)),
  toBeValidMCPResult: (received: unknown, method: string) => judged(received, `a result of ${method}`, resultProblems(received, method)),
  toBeValidMCPTool: (received: unknown) => judged(received, "a tool of MCP", problemsBy(ToolSchema, received)),
  toBeToolError: (received: unknown, words?: string | RegExp) =>
    judged(received, words === undefined ? "a tool's error" : `a tool's error with ${String(words)}`, wrongInToolError(received, words)),
} satisfies Record<keyof McpMatchers, (received: unknown, ...given: never[]) => MatcherResult>;

function judged(received: unknown, what: string, wrong: readonly string[]): MatcherResult {
  const shown = (): string => (JSON.stringify(received) ?? String(received)).slice(0, SHOWN);
  const pass = wrong.length === 0;
  return {
    pass,
    message: () =>
      pass ? `expected no ${what.replace(/^an? /, "")}: ${shown()}` : `expected ${what}: ${wrong.join("; ")}; it is ${shown()}`,
  };
}

function wrongInEnvelope(received: unknown): string[] {
  if (!isObject(received)) return ["it is no object"];
  return received.jsonrpc === "2.0" ? [] : ['jsonrpc is not "2.0"'];
}

function wrongInResponse(received: unknown, method: string | undefined): string[] {
  const wrong = wrongInEnvelope(received);
  if (!isObject(received)) return wrong;
  const { id, result, error } = received;
  const isError = error !== undefined;
  if (!isId(id) && !(isError && (id === null || id === undefined))) wrong.push("id is neither a text nor an integer");
  if ("method" in received) wrong.push("it has a method");
  if ((result !== undefined) === isError) wrong.push("it has not one of result and error");
  else if (isError) wrong.push(...wrongInError(error));
  else wrong.push(...resultProblems(result, method).map((each) => `result.${each}`));
  return wrong;
}

function wrongInError(error: unknown): string[] {
  if (!isObject(error)) return ["error is no object"];
  return [
    ...(Number.isSafeInteger(error.code) ? [] : ["error.code is no integer"]),
    ...(typeof error.message === "string" ? [] : ["error.message is no text"]),
  ];
}

function wrongInCall(received: unknown, method: string | undefined, isRequest: boolean): string[] {
  const wrong = wrongInEnvelope(received);
  if (!isObject(received)) return wrong;
  if (typeof received.method !== "string" || received.method === "") wrong.push("method is no text");
  else if (method !== undefined && received.method !== method) wrong.push(`method is ${received.method}, not ${method}`);
  if (isRequest && !isId(received.id)) wrong.push("id is neither a text nor an integer");
  if (!isRequest && "id" in received) wrong.push("it has an id");
  if (received.params !== undefined && !isObject(received.params)) wrong.push("params are no object");
  return wrong;
}

function wrongInToolError(received: unknown, words: string | RegExp | undefined): string[] {
  const wrong = resultProblems(received, "tools/call");
  if (wrong.length > 0 || !isObject(received)) return wrong;
  if (received.isError !== true) return ["isError is not true"];
  const texts = (received.content as { readonly text?: unknown }[]).flatMap(({ text }) => (typeof text === "string" ? [text] : [])); // the schema has looked at it
  const has = (text: string): boolean => words === undefined || (typeof words === "string" ? text.includes(words) : words.test(text));
  return words === undefined || texts.some(has) ? [] : ["none of its texts has that"];
}

function isId(id: unknown): boolean {
  return typeof id === "string" || Number.isSafeInteger(id);
}

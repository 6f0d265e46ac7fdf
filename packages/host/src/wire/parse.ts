import { isUtf8 } from "node:buffer";
import { HostError } from "../errors.ts";
import { withoutMark } from "./byte-order.ts";
import { type Failure, isObject, type Json, type Message } from "./message.ts";

/** Why bytes are no JSON-RPC message; `code` is the JSON-RPC error code that a requester gets. */
export class ParseError extends Error {
  readonly code: -32700 | -32600;
  /** The id of the refused request where it is readable, so that the error can name it. */
  readonly id: string | number | null;
  constructor(code: -32700 | -32600, message: string, id: string | number | null = null) {
    super(message);
    this.name = "ParseError";
    this.code = code;
    this.id = id;
  }
}

/** Bytes to a JSON value. Invalid UTF-8 is an error, never U+FFFD. */
export function parseJson(bytes: Buffer): unknown {
  const text = bytes.toString("utf8");
  // What is no UTF-8 became U+FFFD; the bytes are looked at once more only where there is one.
  if (text.includes("\uFFFD") && !isUtf8(bytes)) throw new ParseError(-32700, "the message is not valid UTF-8");
  try {
    return JSON.parse(text);
  } catch {
    throw new ParseError(-32700, "the message is not valid JSON");
  }
}

/** An upstream's bytes to a JSON value: what a byte order mark says before them is known. */
export function parseUpstreamJson(bytes: Buffer): unknown {
  return parseJson(withoutMark(bytes));
}

const MAX_STRING_ID = 256;

export function isId(value: unknown): value is string | number {
  return typeof value === "number"
    ? Number.isSafeInteger(value)
    : typeof value === "string" && value !== "" && value.length <= MAX_STRING_ID;
}

/** Checks the JSON-RPC envelope of one value and gives it back as a message. */
export function toMessage(given: unknown): Message {
  const value = isObject(given) && "result" in given && "error" in given ? withoutNull(given) : given;
  if (!isObject(value)) throw new ParseError(-32600, "a message must be a JSON object");
  const id = isId(value.id) ? value.id : null;
  if (value.jsonrpc !== "2.0") throw new ParseError(-32600, 'a message must have "jsonrpc": "2.0"', id);
  if (value.params !== undefined && !isObject(value.params)) throw new ParseError(-32600, '"params" must be an object', id);
  if (typeof value.method === "string") {
    if ("id" in value && id === null)
      throw new ParseError(-32600, `"id" must be an integer or a string of 1 to ${MAX_STRING_ID} characters`);
    if ("result" in value || "error" in value) throw new ParseError(-32600, 'a message has either "method" or a "result" or "error"', id);
    return value as unknown as Message; // the checks above are exactly what the type says
  }
  if ("method" in value) throw new ParseError(-32600, '"method" must be a string', id);
  if ("result" in value === "error" in value) throw new ParseError(-32600, 'a response has exactly one of "result" and "error"', id);
  if ("result" in value ? !isObject(value.result) : !isRpcError(value.error)) {
    throw new ParseError(-32600, 'the "result" or "error" of a response is malformed', id);
  }
  if (id === null && !("error" in value)) throw new ParseError(-32600, "a response must have an id");
  return value as unknown as Message; // as above
}

/** JSON-RPC 1.0 had both members in every answer, one of them null, and some servers still do. */
function withoutNull({ result, error, ...answer }: Json): Json {
  return { ...answer, ...(result !== null && { result }), ...(error !== null && { error }) };
}

/** Nesting that still passes: recursive code, `JSON.stringify` above all, overflows a few thousand levels down. */
const MAX_DEPTH = 1_000;

/**
 * One message of an upstream from its JSON value, unless it is nested too deeply to be passed on, or has keys that change
 * prototypes. A client's is held to narrower bounds: {@link checkShape}.
 */
export function upstreamMessage(value: unknown): Message {
  const message = toMessage(value);
  const fault = faultIn(message, MAX_DEPTH);
  if (fault !== undefined) throw new ParseError(-32600, fault, "id" in message ? message.id : null);
  return message;
}

function faultIn(value: object, levels: number): string | undefined {
  if (levels === 0) return `the message is nested deeper than ${MAX_DEPTH} levels`;
  if (Array.isArray(value)) {
    for (const item of value) {
      const fault = typeof item === "object" && item !== null ? faultIn(item, levels - 1) : undefined;
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  for (const key in value) {
    const item = (value as Json)[key];
    const fault = prototypeKey(key, item) ?? (typeof item === "object" && item !== null ? faultIn(item, levels - 1) : undefined);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What is wrong with a member that changes a prototype wherever careless code merges or copies its object. */
function prototypeKey(key: string, value: unknown): string | undefined {
  if (key === "__proto__") return 'the message has a "__proto__" key';
  if (key === "constructor" && isObject(value) && Object.hasOwn(value, "prototype"))
    return 'the message has a "constructor" key with a "prototype"';
  return undefined;
}

/** What a peer is told of a value that is no message. A malformed response names an id of the host's, so that one is not repeated. */
export function refusalOf(value: unknown, { code, message, id }: ParseError): Failure {
  return {
    jsonrpc: "2.0",
    id: isObject(value) && "method" in value ? id : null,
    error: new HostError(code === -32700 ? "parse_error" : "invalid_request", message).toRpc("-"),
  };
}

function isRpcError(value: unknown): boolean {
  return isObject(value) && typeof value.code === "number" && typeof value.message === "string";
}

/**
 * Refuses a client's value that is nested too deeply, has too many members or keys that change prototypes: recursive code
 * (`JSON.stringify`) overflows at about 5,000 levels.
 */
export function checkShape(value: unknown, limits: { depth: number; keys: number }): void {
  if (typeof value !== "object" || value === null) return;
  // Level by level instead of recursion, since depth is what is being checked.
  let level: object[] = [value];
  let keys = 0;
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > limits.depth) throw new ParseError(-32600, `the message is nested deeper than ${limits.depth} levels`, idOf(value));
    const next: object[] = [];
    for (const node of level) {
      if (Array.isArray(node)) {
        for (const item of node) {
          if (typeof item !== "object" || item === null) continue; // a plain value costs no more than its bytes
          keys++;
          next.push(item);
        }
      } else {
        for (const key in node) {
          keys++;
          const item = (node as Json)[key];
          const fault = prototypeKey(key, item);
          if (fault !== undefined) throw new ParseError(-32600, fault, idOf(value));
          if (typeof item === "object" && item !== null) next.push(item);
        }
      }
      if (keys > limits.keys) throw new ParseError(-32600, `the message has more than ${limits.keys} members`, idOf(value));
    }
    level = next;
  }
}

function idOf(value: unknown): string | number | null {
  return isObject(value) && isId(value.id) ? value.id : null;
}

import type { IncomingMessage } from "node:http";
import { type ErrorType, HostError, isRefusal } from "../errors.ts";
import { errorFields, type Logger } from "../log.ts";
import { siteOf } from "../plugin/tap-guard.ts";
import type { Id } from "../wire/message.ts";
import { ParseError } from "../wire/parse.ts";
import { keptOf } from "./origin.ts";
import type { NetworkOptions } from "./way-in.ts";

/** How a request is refused at the edge: the HTTP status says what happened, and a JSON-RPC body says why. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly type: ErrorType;
  readonly message: string;
}

/** Turns a request away: gives what its client is told, and tells plugins. @param path what it is for @param id that of the JSON-RPC request in it, once it was read */
export function turnAway(
  { plugins, log }: Pick<NetworkOptions, "plugins" | "log">,
  request: IncomingMessage,
  path: string,
  error: unknown,
  id: Id | null = null,
): Refusal {
  const refusal = refusalOf(error, log, id);
  const { hooks, edge } = plugins();
  if (hooks.refused) {
    const { method = "", socket } = request;
    const { type, status, message } = refusal;
    hooks.refused({
      request: Object.freeze({ method, path, headers: keptOf(request, edge.kept), address: socket.remoteAddress ?? "" }),
      exchange: undefined,
      decision: siteOf(error),
      rule: isRefusal(error) ? error.rule : undefined,
      type,
      status,
      message,
    });
  }
  return refusal;
}

/** What `error` is to a client; what nobody foresaw is logged and is an internal error. */
export function refusalOf(error: unknown, log: Logger, id: Id | null = null): Refusal {
  if (error instanceof ParseError) {
    const { message } = error;
    const type = error.code === -32700 ? "parse_error" : "invalid_request";
    const rpc = new HostError(type, message).toRpc("-");
    return { status: 400, headers: JSON_BODY, body: JSON.stringify({ jsonrpc: "2.0", id: error.id, error: rpc }), type, message };
  }
  const known = error instanceof HostError || isRefusal(error) ? error : internal(error, log);
  const headers: Record<string, string> = { ...JSON_BODY, ...known.headers };
  if (known.retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(known.retryAfterMs / 1000));
  // The rest of an oversized body is not worth reading.
  if (known.type === "payload_too_large") headers.connection = "close";
  const { type, status, message } = known;
  return { status, headers, body: JSON.stringify({ jsonrpc: "2.0", id, error: known.toRpc("-") }), type, message };
}

const JSON_BODY = Object.freeze({ "content-type": "application/json" });

function internal(error: unknown, log: Logger): HostError {
  log.error("an HTTP request failed", errorFields(error));
  return new HostError("internal", "Internal error");
}

import { HostError, isRefusal } from "../errors.ts";
import { errorFields, type Logger } from "../log.ts";
import { ParseError } from "../wire/parse.ts";

/** How a request is refused at the edge: the HTTP status says what happened, and a JSON-RPC body says why. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What `error` is to a client; what nobody foresaw is logged and is an internal error. */
export function edgeRefusal(error: unknown, log: Logger): Refusal {
  if (error instanceof ParseError) {
    const { message } = error;
    const rpc = new HostError(error.code === -32700 ? "parse_error" : "invalid_request", message).toRpc("-");
    return { status: 400, headers: JSON_BODY, body: JSON.stringify({ jsonrpc: "2.0", id: error.id, error: rpc }) };
  }
  const known = error instanceof HostError || isRefusal(error) ? error : internal(error, log);
  const headers: Record<string, string> = { ...JSON_BODY, ...known.headers };
  if (known.retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(known.retryAfterMs / 1000));
  // The rest of an oversized body is not worth reading.
  if (known.type === "payload_too_large") headers.connection = "close";
  return { status: known.status, headers, body: JSON.stringify({ jsonrpc: "2.0", id: null, error: known.toRpc("-") }) };
}

const JSON_BODY = Object.freeze({ "content-type": "application/json" });

function internal(error: unknown, log: Logger): HostError {
  log.error("an HTTP request failed", errorFields(error));
  return new HostError("internal", "Internal error");
}

import { ERROR_ORIGIN, ERRORS, type ErrorDetail, type ErrorType, HostError, isRefusal, type RpcError } from "../errors.ts";

/** A JSON-RPC error that an upstream (or, in a reverse request, a client) answered with; it passes through. */
export class PeerError extends Error {
  readonly rpc: RpcError;
  constructor(rpc: RpcError) {
    super(rpc.message);
    this.name = "PeerError";
    this.rpc = rpc;
  }
}

/** What an error answer of the host stands for: an error of the host's own, or that of an upstream. For whoever asks the host in its own process. */
export function fromRpc(rpc: RpcError): HostError | PeerError {
  const { data } = rpc;
  if (typeof data !== "object" || data === null || !("origin" in data) || data.origin !== ERROR_ORIGIN) return new PeerError(rpc);
  const { type, ...detail } = data as unknown as { type: ErrorType } & ErrorDetail; // what toRpc wrote: an upstream's error cannot have this origin
  return new HostError(type, rpc.message, { ...detail, cause: new PeerError(rpc) });
}

/** The JSON-RPC error for whatever was thrown; what is unknown is an internal error without details. */
export function toRpcError(error: unknown, requestId: string): RpcError {
  if (error instanceof HostError || isRefusal(error)) return error.toRpc(requestId);
  if (error instanceof PeerError) return handedOn(error.rpc);
  return new HostError("internal", "Internal error", { sent: "unknown" }).toRpc(requestId);
}

/** UTF-16 units of the message, and of the data as JSON, of a peer's error that is handed on. */
const PEER_MESSAGE = 16_384;
const PEER_DATA = 262_144;

/** `data` key under which an error says what the host changed of it. */
const CHANGED = "io.mcp-host/changed";

/**
 * A peer's error as it is handed on: as it came, unless somebody would be misled by it or choke on it. It must not be
 * mistaken for the host's own, since clients act on `sent` and `retryable`; a code is an integer (JSON-RPC 2.0, section 5.1),
 * without which SDK clients show a schema's complaint instead of the message; and nobody is to get megabytes.
 */
function handedOn(rpc: RpcError): RpcError {
  let { code, message, data } = rpc;
  const changed: string[] = [];
  const isOwn = typeof data === "object" && data !== null && "origin" in data && data.origin === ERROR_ORIGIN;
  if (isOwn) {
    const { origin: _, ...others } = data as { origin: unknown };
    data = others;
  }
  if (!Number.isSafeInteger(code)) {
    changed.push(`the code was ${code}, which is no integer`);
    code = Number.isFinite(code) && Math.abs(code) < 2 ** 31 ? Math.trunc(code) : ERRORS.internal.code;
  }
  if (message.length > PEER_MESSAGE) {
    changed.push(`the message had ${message.length} characters`);
    message = `${message.slice(0, PEER_MESSAGE)}...`;
  }
  const size = data === undefined ? 0 : JSON.stringify(data).length;
  if (size > PEER_DATA) {
    changed.push(`the data had ${size} characters`);
    data = undefined;
  }
  if (changed.length === 0) return isOwn ? { ...rpc, data } : rpc;
  const kept = typeof data === "object" && data !== null && !Array.isArray(data) ? data : data === undefined ? {} : { value: data };
  return { ...rpc, code, message, data: { ...kept, [CHANGED]: changed } };
}

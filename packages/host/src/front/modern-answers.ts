import { ERRORS, type RpcError } from "../errors.ts";
import type { Id, Json, Response } from "../wire/message.ts";
import { type Freshness, modernMethod, type ResultType, stampDiscovery, stampResult } from "../wire/modern.ts";

/** Where nothing is known of how long it holds. */
const STALE: Freshness = Object.freeze({ ttlMs: 0, cacheScope: "private" });

/** A request needs a capability that it did not declare (2026-07-28, basic). */
export const MISSING_CAPABILITY = -32021;

/** Codes of the legacy era that the modern one has no more, and what stands for them. */
const MODERN_CODES: ReadonlyMap<number, number> = new Map([
  [ERRORS.resource_not_found.code, ERRORS.invalid_params.code],
  [-32042, ERRORS.upstream_protocol.code],
  [ERRORS.capability_required.code, MISSING_CAPABILITY],
]);

/** What a request of `method` is answered with, as the modern era has it. @param known of how long it holds, for methods whose results say so */
export function modernAnswer(response: Response, method: string, hostInfo: Json, known = STALE, resultType?: ResultType): Response {
  if ("error" in response) return { ...response, error: modernError(response.error) };
  const freshness = modernMethod(method)?.isFresh ? known : undefined;
  const isDiscovery = method === "server/discover";
  const result = isDiscovery
    ? stampDiscovery(response.result, hostInfo, freshness)
    : stampResult(response.result, hostInfo, freshness, resultType);
  return { jsonrpc: "2.0", id: response.id, result };
}

/** The answer that asks its client something first, and to come again with the state. */
export function questionsAnswer(id: Id, inputRequests: Json, requestState: string, hostInfo: Json): Response {
  return { jsonrpc: "2.0", id, result: stampResult({ inputRequests, requestState }, hostInfo, undefined, "input_required") };
}

function modernError(error: RpcError): RpcError {
  const code = MODERN_CODES.get(error.code);
  return code === undefined ? error : { ...error, code };
}

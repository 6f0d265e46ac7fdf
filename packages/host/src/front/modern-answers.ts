import { ERRORS, type RpcError } from "../errors.ts";
import type { Id, Json, Response } from "../wire/message.ts";
import { type Freshness, modernMethod, type ResultType, stampDiscovery, stampResult } from "../wire/modern.ts";
import { ResultTexts } from "../wire/modern-text.ts";

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

/** What requests are answered with, as the modern era has it. */
export class ModernAnswers {
  readonly #hostInfo: Json;
  readonly #texts: ResultTexts;

  constructor(hostInfo: Json) {
    this.#hostInfo = hostInfo;
    this.#texts = new ResultTexts(hostInfo);
  }

  /** @param known of how long it holds, for methods whose results say so */
  of(response: Response, method: string, known = STALE, resultType?: ResultType): Response {
    if ("error" in response) return { ...response, error: modernError(response.error) };
    const freshness = modernMethod(method)?.isFresh ? known : undefined;
    const isDiscovery = method === "server/discover";
    const result = isDiscovery
      ? stampDiscovery(response.result, this.#hostInfo, freshness)
      : stampResult(response.result, this.#hostInfo, freshness, resultType);
    return { jsonrpc: "2.0", id: response.id, result };
  }

  /** The same as it goes out. @throws TypeError where JSON cannot hold it */
  textOf(response: Response, method: string, known?: Freshness, resultType?: ResultType): string {
    if ("error" in response || modernMethod(method)?.isFresh) return JSON.stringify(this.of(response, method, known, resultType));
    return this.#texts.of(response.id, response.result, resultType);
  }

  /** The answer that asks its client something first, and to come again with the state. */
  asking(id: Id, inputRequests: Json, requestState: string): Response {
    return { jsonrpc: "2.0", id, result: stampResult({ inputRequests, requestState }, this.#hostInfo, undefined, "input_required") };
  }
}

function modernError(error: RpcError): RpcError {
  const code = MODERN_CODES.get(error.code);
  return code === undefined ? error : { ...error, code };
}

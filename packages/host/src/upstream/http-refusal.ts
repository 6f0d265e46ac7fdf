import type { IncomingHttpHeaders } from "node:http";
import { HostError } from "../errors.ts";

/** What an HTTP status other than 2xx means for the call. The body may hold anything and is never shown (R75). */
export function refusal(upstream: string, status: number, headers: IncomingHttpHeaders): HostError {
  const name = `upstream "${upstream}"`;
  if (status === 401 || status === 403)
    return new HostError("upstream_auth", `${name} refuses the host's credentials (HTTP ${status})`, { upstream });
  if (status === 429) {
    const seconds = Number(headers["retry-after"]);
    return new HostError("rate_limited", `${name} answers too many requests (HTTP 429)`, {
      upstream,
      ...(seconds > 0 && { retryAfterMs: seconds * 1000 }),
    });
  }
  return new HostError("upstream_error", `${name} answered HTTP ${status}`, { upstream, sent: status < 500 ? "no" : "unknown" });
}

/** Errors that come before a connection exists. */
const UNCONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ECONNABORTED",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Whether nothing can have been sent. */
export function isUnconnected(error: NodeJS.ErrnoException): boolean {
  return UNCONNECTED.has(error.code ?? "");
}

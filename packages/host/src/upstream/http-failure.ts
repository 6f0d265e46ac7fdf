import type { IncomingHttpHeaders } from "node:http";
import { HostError } from "../errors.ts";
import { failure } from "./failure.ts";

/** Statuses that say that the request itself was not acceptable: nobody acted on it. Any other may come after the deed. */
const UNREAD = new Set([400, 404, 405, 406, 411, 413, 414, 415, 417, 431]);

/** A server's refusal, with its HTTP status. */
export class HttpRefusal extends HostError {
  readonly answered: number;
  constructor(status: number, ...error: ConstructorParameters<typeof HostError>) {
    super(...error);
    this.answered = status;
  }
}

/** What an HTTP status other than 2xx means for the call. The body may hold anything, secrets and inner addresses too, and is never shown. */
export function refusal(upstream: string, status: number, headers: IncomingHttpHeaders): HttpRefusal {
  const name = `upstream "${upstream}"`;
  if (status === 401 || status === 403)
    return new HttpRefusal(status, "upstream_auth", `${name} refuses the host's credentials (HTTP ${status})`, { upstream });
  if (status === 429) {
    const seconds = Number(headers["retry-after"]);
    return new HttpRefusal(status, "rate_limited", `${name} answers too many requests (HTTP 429)`, {
      upstream,
      ...(seconds > 0 && { retryAfterMs: seconds * 1000 }),
    });
  }
  return new HttpRefusal(status, "upstream_error", `${name} answered HTTP ${status}`, {
    upstream,
    sent: UNREAD.has(status) ? "no" : "unknown",
  });
}

/** The server had the request, or may have had it, and its connection ended. */
export function lost(upstream: string): HostError {
  return failure(upstream, "upstream_lost", "ended its connection before the answer; the call may or may not have run", "unknown");
}

/** What it means for the call that a request got no answer. @param reached whether it had a connection */
export function unanswered(upstream: string, error: NodeJS.ErrnoException, reached: boolean): HostError {
  // Once there was a connection, the request may have been read, whatever came of it afterwards.
  return reached ? lost(upstream) : failure(upstream, "upstream_down", `cannot be reached (${error.code ?? "connection failed"})`);
}

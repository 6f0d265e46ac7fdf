import type { IncomingHttpHeaders } from "node:http";
import { HostError } from "../errors.ts";

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

/** What an HTTP status other than 2xx means for the call. The body may hold anything and is never shown (R75). */
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

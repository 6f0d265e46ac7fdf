import type { IncomingHttpHeaders } from "node:http";
import type { HostError } from "../errors.ts";
import { failure, HttpRefusal } from "./failure.ts";
import { ProxyFailure } from "./proxy.ts";

/** Statuses that say that the request itself was not acceptable: nobody acted on it. Any other may come after the deed. */
const UNREAD = new Set([400, 404, 405, 406, 411, 413, 414, 415, 417, 431]);

/** What an HTTP status other than 2xx means for the call. The body may hold anything, secrets and inner addresses too, and is never shown. */
export function refusal(upstream: string, status: number, headers: IncomingHttpHeaders): HttpRefusal {
  const name = `upstream "${upstream}"`;
  const wait = retryAfter(headers);
  const pause = wait !== undefined && { retryAfterMs: wait };
  if (status === 401 || status === 403)
    return new HttpRefusal(status, "upstream_auth", `${name} refuses the host's credentials (HTTP ${status})`, { upstream });
  if (status === 429)
    return new HttpRefusal(status, "rate_limited", `${name} answers too many requests (HTTP 429)`, { upstream, ...pause });
  return new HttpRefusal(status, "upstream_error", `${name} answered HTTP ${status}`, {
    upstream,
    sent: UNREAD.has(status) ? "no" : "unknown",
    ...pause,
  });
}

/** Characters of a challenge that are looked at. */
const CHALLENGE = 4_096;

/** What a server says of the credentials that it wants. @see https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1 */
export function challengeOf({ "www-authenticate": given }: IncomingHttpHeaders): string | undefined {
  // undici gives an array where the header comes more than once, which Node's types do not know of.
  const text = Array.isArray(given) ? (given as string[]).join(", ") : given;
  return text?.slice(0, CHALLENGE);
}

/** Whether credentials were refused that more scope would make good. @see https://www.rfc-editor.org/rfc/rfc6750#section-3.1 */
export function wantsScope(headers: IncomingHttpHeaders): boolean {
  return challengeOf(headers)?.includes("insufficient_scope") === true;
}

/** Longest time that a server is heard to ask for. */
const DAY = 86_400_000;

/** Milliseconds that a server asks to be left alone: it says seconds, or a date. @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
export function retryAfter({ "retry-after": text, date }: IncomingHttpHeaders): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1_000, DAY);
  const until = dateOf(text);
  if (until === undefined) return undefined;
  // The server's own clock, where it tells it, is the one that it means.
  return Math.min(Math.max(until - (dateOf(date) ?? Date.now()), 0), DAY);
}

function dateOf(text: string | undefined): number | undefined {
  // Date.parse takes much for a date, but only an HTTP date begins with a day of the week.
  const time = text !== undefined && /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** The server had the request, or may have had it, and its connection ended. */
export function lost(upstream: string): HostError {
  return failure(upstream, "upstream_lost", "ended its connection before the answer; the call may or may not have run", "unknown");
}

/** What it means for the call that a request got no answer. @param reached whether it had a connection */
export function unanswered(upstream: string, error: NodeJS.ErrnoException, reached: boolean): HostError {
  // Once there was a connection, the request may have been read, whatever came of it afterwards.
  const why = error instanceof ProxyFailure ? error.message : (error.code ?? "connection failed");
  return reached ? lost(upstream) : failure(upstream, "upstream_down", `cannot be reached (${why})`);
}

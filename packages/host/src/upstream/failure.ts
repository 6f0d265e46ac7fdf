import { type ErrorType, HostError, type Sent } from "../errors.ts";
import type { LinkEvents } from "../wire/link.ts";
import { isRequest, type Message } from "../wire/message.ts";

/**
 * What is told when an upstream, or the way to it, is at fault.
 * @param what the upstream did
 * @param sent whether the request that fails reached it
 */
export function failure(upstream: string, type: ErrorType, what: string, sent: Sent = "no", cause?: unknown): HostError {
  return new HostError(type, `upstream "${upstream}" ${what}`, { upstream, sent, cause });
}

/** Tells whoever waits for an answer to a message that it could not be sent. @param what is the matter with the upstream */
export function unsent(
  upstream: string,
  message: Message,
  type: "upstream_down" | "overloaded",
  what: string,
  events: LinkEvents | undefined,
): void {
  if (isRequest(message)) events?.failed(message.id, failure(upstream, type, what));
}

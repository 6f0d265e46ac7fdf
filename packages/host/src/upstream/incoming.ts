import { FrameTooLarge } from "../wire/framing.ts";
import type { LinkEvents } from "../wire/link.ts";
import type { Message } from "../wire/message.ts";
import type { ParseError } from "../wire/parse.ts";
import { failure } from "./failure.ts";

/**
 * A message that came in; of what is none the reason, which is also told: to whoever waits for the answer that it should have
 * been, where it has an id that can be read.
 * @param read gives the message, or throws a {@link ParseError} and nothing else
 */
export function incoming<T>(
  upstream: string,
  data: T,
  read: (data: T) => Message,
  events: Pick<LinkEvents, "failed" | "garbage"> | undefined,
): Message | string {
  try {
    return read(data);
  } catch (error) {
    const { id, message } = error as ParseError;
    if (id !== null) events?.failed(id, failure(upstream, "upstream_protocol", `sent a malformed answer: ${message}`, "yes"));
    events?.garbage(message);
    return message;
  }
}

/** What a server did whose stream of bytes cannot be read any further. Whose answer it was is unknown, so every call in flight fails. */
export function unreadable(frame: "a line" | "an event", limit: number, error: unknown): string {
  return error instanceof FrameTooLarge ? `sent ${frame} of more than ${limit} bytes` : "sent a message that the host could not handle";
}

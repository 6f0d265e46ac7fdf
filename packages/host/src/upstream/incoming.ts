import { FrameTooLarge } from "../wire/framing.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { type Id, isObject, type Message } from "../wire/message.ts";
import { ParseError, refusalOf, upstreamMessage } from "../wire/parse.ts";
import { failure } from "./failure.ts";

/** Whom a link tells of what came in. */
export type IncomingEvents = Pick<LinkEvents, "message" | "failed" | "garbage">;

/** The only version that has batches. */
const BATCH_VERSION = "2025-03-26";

/** What comes in over one link. */
export class Incoming {
  readonly #upstream: string;
  readonly #link: Pick<Link, "send">;
  readonly #events: () => IncomingEvents | undefined;
  #hasBatches = false;

  /**
   * @param link refuses on it what cannot be understood
   * @param events whom the link tells, once there is somebody
   */
  constructor(upstream: string, link: Pick<Link, "send">, events: () => IncomingEvents | undefined) {
    this.#upstream = upstream;
    this.#link = link;
    this.#events = events;
  }

  negotiated(protocolVersion: string): void {
    this.#hasBatches = protocolVersion === BATCH_VERSION;
  }

  /**
   * Tells of the message that came in, or of those of a batch. Of what is none the reason is told: to the server whose request it
   * should have been, or to whoever waits for the answer that it should have been, where it has an id that can be read.
   * @param parse gives the JSON value, or throws a {@link ParseError} and nothing else
   * @param origin the request whose answer stream it came on
   * @returns why it is no message
   */
  take<T>(data: T, parse: (data: T) => unknown, origin: Id | undefined): string | undefined {
    let value: unknown;
    try {
      value = parse(data);
    } catch (error) {
      return this.#refuse(undefined, error as ParseError);
    }
    if (!this.#hasBatches || !Array.isArray(value)) return this.#takeOne(value, origin);
    if (value.length === 0) return this.#refuse(value, new ParseError(-32600, "a batch has at least one message"));
    const reasons = value.map((each) => this.#takeOne(each, origin));
    return reasons.find((reason) => reason !== undefined);
  }

  #takeOne(value: unknown, origin: Id | undefined): string | undefined {
    let message: Message;
    try {
      message = upstreamMessage(value);
    } catch (error) {
      return this.#refuse(value, error as ParseError);
    }
    this.#events()?.message(message, origin);
    return undefined;
  }

  #refuse(value: unknown, error: ParseError): string {
    const { id, message } = error;
    const events = this.#events();
    events?.garbage(message);
    // A request has an id of the server's, which says nothing about the host's own.
    if (!isObject(value) || !("method" in value)) {
      if (id !== null) events?.failed(id, failure(this.#upstream, "upstream_protocol", `sent a malformed answer: ${message}`, "yes"));
    } else if ("id" in value) this.#link.send(refusalOf(value, error));
    return message;
  }
}

/** What a server did whose stream of bytes cannot be read any further. Whose answer it was is unknown, so every call in flight fails. */
export function unreadable(limit: number, error: unknown): string {
  return error instanceof FrameTooLarge ? `sent an event of more than ${limit} bytes` : "sent a message that the host could not handle";
}

import { HostError } from "../errors.ts";
import { IdTable } from "../wire/id-table.ts";
import type { Limits } from "../wire/limits.ts";
import type { AddedHeader, Link, LinkEvents } from "../wire/link.ts";
import { type Id, isRequest, isResponse, type Message } from "../wire/message.ts";
import { parseUpstreamJson } from "../wire/parse.ts";
import { isModern } from "../wire/versions.ts";
import type { Authorization } from "./authorization.ts";
import { failure, HttpRefusal } from "./failure.ts";
import { type AnswerContext, HttpAnswer } from "./http-answer.ts";
import { HttpClient, type HttpOptions } from "./http-client.ts";
import { Incoming, type IncomingEvents } from "./incoming.ts";
import { Outbox } from "./outbox.ts";
import { StandingStream } from "./standing-stream.ts";

/**
 * A server over Streamable HTTP: every message to it is a POST. What one of the legacy era (2025-11-25 and older) sends on its
 * own comes on the standing stream, which one of the modern era does not have.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 */
export class HttpLink implements Link {
  sessionEnded = false;
  readonly #upstream: string;
  readonly #http: HttpClient;
  /** Requests that wait for their answers. */
  readonly #answers = new IdTable<HttpAnswer>();
  readonly #context: AnswerContext;
  /** Notifications and answers to the server. */
  readonly #outbox: Outbox;
  readonly #standing: StandingStream;
  #events!: LinkEvents; // set by open(), before anything can arrive
  readonly #incoming: Incoming;
  /** What becomes of what comes in. */
  readonly #received: IncomingEvents = {
    message: (message, origin) => this.#message(message, origin),
    failed: (id, error) => this.#answers.get(id)?.fail(error),
    garbage: (reason) => this.#events.garbage(reason),
  };
  #isModern = false;

  get hasSession(): boolean {
    return this.#http.session !== undefined;
  }
  #closed = false;

  /** @param authorization what plugins give the credentials through, where any do */
  constructor(upstream: string, options: HttpOptions, { messageBytes }: Limits, authorization?: Authorization) {
    this.#upstream = upstream;
    this.#http = new HttpClient(upstream, options, authorization);
    this.#context = {
      upstream,
      messageBytes,
      http: this.#http,
      received: (data, answer) => this.#receive(data, answer),
      failed: (id, error) => {
        this.#answers.delete(id);
        this.#events.failed(id, error);
      },
      // What else is in flight may have been sent.
      unreachable: ({ type, message }) => this.#dead(new HostError(type, message, { upstream, sent: "unknown" })),
      sessionGone: () => this.#sessionGone(),
    };
    this.#incoming = new Incoming(upstream, this, () => this.#received);
    this.#outbox = new Outbox(upstream, this.#http, (_, error) => this.#untold(error));
    this.#standing = new StandingStream(this.#http, messageBytes, {
      message: (data) => void this.#receive(data, undefined),
      garbage: (reason) => this.#events.garbage(reason),
      sessionGone: () => this.#sessionGone(),
    });
  }

  open(events: LinkEvents): Promise<void> {
    this.#events = events;
    return this.#http.authorize();
  }

  negotiated(protocolVersion: string): void {
    this.#http.version = protocolVersion;
    this.#isModern = isModern(protocolVersion);
    this.#incoming.negotiated(protocolVersion);
  }

  send(message: Message, _relatedTo?: Id, headers?: readonly AddedHeader[]): void {
    this.write(message, JSON.stringify(message), headers);
  }

  write(message: Message, body: string, headers?: readonly AddedHeader[]): void {
    if (isRequest(message)) {
      // The first of the modern era is sent before it is known whether the server speaks it.
      const era = this.#isModern || message.method === "server/discover" ? "modern" : "legacy";
      const answer = new HttpAnswer(message.id, this.#context, era);
      this.#answers.set(message.id as number, answer); // the host's own requests have ids of its minting
      return answer.post(body, headers, message.method === "subscriptions/listen");
    }
    this.#outbox.post(body);
    // Only now may the server send on its own; it wants `initialized` first.
    if (!isResponse(message) && message.method === "notifications/initialized") this.#standing.open();
  }

  forget(id: Id): void {
    this.#answers.delete(id)?.forget();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#standing.close();
    for (const id of this.#answers.ids()) this.#answers.delete(id)?.close();
    await this.#http.close(); // and with it what is in the outbox
  }

  /** A message came in, with the answer to a request or on the standing stream. Gives whether it is the request's answer, or why it is no message. */
  #receive(data: Buffer, from: HttpAnswer | undefined): boolean | string {
    if (this.#closed) return false;
    const fault = this.#incoming.take(data, parseUpstreamJson, from?.id);
    return fault ?? (from !== undefined && !this.#answers.has(from.id));
  }

  #message(message: Message, origin: Id | undefined): void {
    // It came in answer to this request: one that could not be read, as the server sees it, has no id to name.
    if (origin !== undefined && isResponse(message) && message.id === null) message.id = origin;
    if (origin !== undefined && isResponse(message) && message.id === origin) this.#answers.delete(origin);
    this.#events.message(message, origin);
  }

  /** The server did not take a notification or an answer. */
  #untold(error: HostError): void {
    if (this.#closed) return;
    if (error instanceof HttpRefusal && error.answered === 404 && this.#http.session !== undefined) this.#sessionGone();
    else this.#events.garbage(`a message could not be delivered: ${error.message}`);
  }

  #sessionGone(): void {
    this.#http.session = undefined; // nothing to DELETE any more
    this.sessionEnded = true;
    this.#dead(failure(this.#upstream, "upstream_lost", "has ended its session", "unknown"));
  }

  #dead(error: HostError): void {
    if (this.#closed) return;
    void this.close();
    this.#events.closed(error);
  }
}

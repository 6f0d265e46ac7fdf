import type { IncomingHttpHeaders } from "node:http";
import type { ErrorType, HostError } from "../errors.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { type Id, isRequest, isResponse, type Message } from "../wire/message.ts";
import { parseUpstreamJson } from "../wire/parse.ts";
import { SseParser } from "../wire/sse.ts";
import type { Authorization } from "./authorization.ts";
import { eventReader } from "./event-stream.ts";
import { failure, unsent } from "./failure.ts";
import { HttpClient, type HttpOptions, pathOf } from "./http-client.ts";
import { refusal, unanswered } from "./http-failure.ts";
import { type BodyReader, type HttpRequest, isEventStream, isPlain } from "./http-request.ts";
import { Incoming, type IncomingEvents, unreadable } from "./incoming.ts";
import { Outbox } from "./outbox.ts";
import { sameOrigin } from "./redirect.ts";

/**
 * A server over the HTTP transport of old (2024-11-05): one event stream from the server, whose first event names where
 * messages are posted to. Nothing on it says which call a message belongs to, and a stream that ends ends the session.
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
 */
export class SseLink implements Link {
  sessionEnded = false;
  readonly #upstream: string;
  readonly #limits: Limits;
  readonly #http: HttpClient;
  readonly #outbox: Outbox;
  #stream: HttpRequest | undefined;
  /** Where messages are posted to. */
  #endpoint: string | undefined;
  #opening: PromiseWithResolvers | undefined;
  #events!: LinkEvents; // set by open(), before anything can arrive
  readonly #incoming: Incoming;
  /** What becomes of what comes in. */
  readonly #received: IncomingEvents = {
    message: (message) => this.#message(message),
    failed: (id, error) => this.#events.failed(id, error),
    garbage: (reason) => this.#events.garbage(reason),
  };
  #closing: Promise<void> | undefined;

  /** @param authorization what plugins give the credentials through, where any do */
  constructor(upstream: string, options: HttpOptions, limits: Limits, authorization?: Authorization) {
    this.#upstream = upstream;
    this.#limits = limits;
    this.#http = new HttpClient(upstream, options, authorization);
    this.#incoming = new Incoming(upstream, this, () => this.#received);
    this.#outbox = new Outbox(upstream, this.#http, (id, error) => {
      if (id === undefined) this.#events.garbage(`a message could not be delivered: ${error.message}`);
      else this.#events.failed(id, error);
    });
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events;
    await this.#http.authorize();
    if (this.#closing) return; // meanwhile
    await new Promise<void>((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#stream = this.#http.get(undefined, {
        failed: (error) => this.#dead(unanswered(this.#upstream, error, false)), // nothing was sent with it
        refused: (error) => this.#dead(error),
        head: (status, headers, request) => this.#begins(status, headers, request),
      });
    });
  }

  negotiated(protocolVersion: string): void {
    this.#http.version = protocolVersion;
    this.#incoming.negotiated(protocolVersion);
  }

  send(message: Message): void {
    this.write(message, JSON.stringify(message));
  }

  write(message: Message, text: string): void {
    if (this.#closing || this.#endpoint === undefined)
      return unsent(this.#upstream, message, "upstream_down", "is not connected", this.#events);
    if (this.#outbox.waiting > this.#limits.upstreamQueueBytes)
      return unsent(this.#upstream, message, "overloaded", "does not take the messages it is sent", this.#events);
    this.#outbox.post(text, isRequest(message) ? message.id : undefined, this.#endpoint);
  }

  forget(id: Id): void {
    this.#outbox.forget(id);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#opening?.reject(failure(this.#upstream, "shutting_down", "is being closed"));
    this.#opening = undefined;
    this.#stream?.abort();
    this.#outbox.close();
    await this.#http.close();
  }

  #begins(status: number, headers: IncomingHttpHeaders, request: HttpRequest): BodyReader | undefined {
    if (status === 200 && isEventStream(headers) && isPlain(headers)) return this.#read(request);
    request.abort();
    const type = String(headers["content-type"]).slice(0, 80);
    if (status !== 200) this.#dead(refusal(this.#upstream, status, headers));
    else this.#broken("upstream_protocol", `answered with content type "${type}" instead of a plain event stream`);
    return undefined;
  }

  #read(request: HttpRequest): BodyReader {
    const url = this.#http.urlOf(request);
    const parser = new SseParser(this.#limits.messageBytes, ({ event, data }) => {
      if (this.#closing) return;
      if (event === "endpoint") this.#named(data, url);
      else if (event === "message" && data.length > 0) this.#receive(data);
    });
    return eventReader(
      parser,
      request,
      (error) => this.#broken("upstream_protocol", unreadable(this.#limits.messageBytes, error), error),
      (complete) => {
        this.sessionEnded = complete; // streams are limited in time by many a proxy
        this.#broken("upstream_lost", "ended its event stream; a call in flight may or may not have run");
      },
    );
  }

  /** The server said where messages are posted to: only ever to its own origin, since they carry its credentials. */
  #named(data: Buffer, stream: URL): void {
    if (this.#endpoint !== undefined) return this.#events.garbage("a second endpoint event");
    const text = data.toString("utf8");
    const endpoint = sameOrigin(text, stream);
    if (!endpoint) {
      const where = URL.canParse(text, stream.href) ? new URL(text, stream).origin.slice(0, 100) : "no valid URL";
      return this.#broken("upstream_protocol", `wants its messages at another origin than its own, which is refused: ${where}`);
    }
    this.#endpoint = pathOf(endpoint);
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  #receive(data: Buffer): void {
    if (this.#endpoint === undefined) return this.#events.garbage("a message before the endpoint event");
    this.#incoming.take(data, parseUpstreamJson, undefined);
  }

  #message(message: Message): void {
    if (isResponse(message) && message.id !== null) this.forget(message.id);
    this.#events.message(message, undefined);
  }

  /** @param what the upstream did */
  #broken(type: ErrorType, what: string, cause?: unknown): void {
    this.#dead(failure(this.#upstream, type, what, this.#opening ? "no" : "unknown", cause));
  }

  #dead(error: HostError): void {
    if (this.#closing) return;
    const opening = this.#opening;
    this.#opening = undefined;
    void this.close();
    if (opening) opening.reject(error);
    else this.#events.closed(error);
  }
}

interface PromiseWithResolvers {
  resolve(): void;
  reject(error: HostError): void;
}

import type { ClientRequest, IncomingMessage } from "node:http";
import { type ErrorType, HostError, type Sent } from "../errors.ts";
import { FrameTooLarge } from "../wire/framing.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { type Id, isRequest, isResponse, type Message } from "../wire/message.ts";
import { type ParseError, readMessage } from "../wire/parse.ts";
import { SseParser } from "../wire/sse.ts";
import { HttpClient, type HttpOptions } from "./http-client.ts";
import { refusal } from "./http-refusal.ts";
import { StandingStream } from "./standing-stream.ts";

const FIRST_RETRY = 1_000;
/** A server that asks to be asked again at once must not make a busy loop. */
const LEAST_RETRY = 10;
const NOTIFY_TIMEOUT = 10_000;
const RESUME_TRIES = 5;
const REDIRECTS = 3;

/** What became of one POST whose answer stream may have to be resumed. */
interface Stream {
  /** The request that the stream answers. */
  readonly origin: Id;
  answered: boolean;
  lastEventId: string | undefined;
  retry: number | undefined;
  tries: number;
}

/**
 * A server over Streamable HTTP (2025-11-25 and older). One POST is one origin: what arrives on a POST's stream belongs
 * to the call that made it.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 */
export class HttpLink implements Link {
  sessionEnded = false;
  readonly #upstream: string;
  readonly #options: HttpOptions;
  readonly #limits: Limits;
  readonly #http: HttpClient;
  readonly #open = new Map<Id, { stream: Stream; request?: ClientRequest; timer?: NodeJS.Timeout }>();
  readonly #standing: StandingStream;
  #events!: LinkEvents; // set by open(), before anything can arrive
  #closed = false;

  constructor(upstream: string, options: HttpOptions, limits: Limits) {
    this.#upstream = upstream;
    this.#options = options;
    this.#limits = limits;
    this.#http = new HttpClient(options);
    this.#standing = new StandingStream(this.#http, limits.messageBytes, {
      message: (data) => this.#deliver(data, undefined),
      garbage: (reason) => this.#events.garbage(reason),
      sessionGone: () => this.#sessionGone(),
    });
  }

  open(events: LinkEvents): Promise<void> {
    this.#events = events;
    return Promise.resolve();
  }

  negotiated(protocolVersion: string): void {
    this.#http.version = protocolVersion;
  }

  send(message: Message): void {
    const body = JSON.stringify(message);
    if (!isRequest(message)) {
      this.#post(body, undefined);
      // Only now may the server send on its own; it wants `initialized` first.
      if (!isResponse(message) && message.method === "notifications/initialized") this.#standing.open();
      return;
    }
    const stream: Stream = { origin: message.id, answered: false, lastEventId: undefined, retry: undefined, tries: 0 };
    this.#open.set(message.id, { stream });
    this.#post(body, stream);
  }

  forget(id: Id): void {
    const open = this.#open.get(id);
    if (!open) return;
    this.#open.delete(id);
    clearTimeout(open.timer);
    // A moment for `notifications/cancelled` to arrive first; the stream may hold a socket for ever otherwise.
    setTimeout(() => open.request?.destroy(), FIRST_RETRY).unref();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#standing.close();
    for (const { request, timer } of this.#open.values()) {
      clearTimeout(timer);
      request?.destroy();
    }
    this.#open.clear();
    await this.#http.close();
  }

  #post(body: string, stream: Stream | undefined, redirected?: URL, redirects = 0): void {
    const request = this.#http.post(body, redirected && redirected.pathname + redirected.search);
    const open = stream && this.#open.get(stream.origin);
    if (open) open.request = request;
    request.on("error", (error: NodeJS.ErrnoException) => {
      if (stream) this.#broken(stream, error, request);
      else if (!this.#closed) this.#events.garbage(`a message could not be delivered: ${error.code ?? error.message}`);
    });
    // Nobody waits for what became of a notification, but its socket is wanted back.
    const late = stream ? undefined : setTimeout(() => request.destroy(), NOTIFY_TIMEOUT).unref();
    if (late) request.once("close", () => clearTimeout(late));
    request.on("response", (response) => {
      const status = response.statusCode ?? 0;
      if ((status === 307 || status === 308) && response.headers.location !== undefined) {
        response.resume();
        const from = redirected ?? this.#options.url;
        const target = new URL(response.headers.location, from);
        // Never across origins: the credentials of the config are for the configured one (R37).
        if (target.origin === from.origin && redirects < REDIRECTS) return this.#post(body, stream, target, redirects + 1);
        if (stream)
          this.#failed(
            stream,
            "upstream_error",
            `upstream "${this.#upstream}" redirects to another origin, which is not followed; configure its final URL`,
            "no",
          );
        return;
      }
      if (!stream) {
        response.resume();
        if (status >= 400) this.#rejected(status);
        return;
      }
      this.#answer(response, stream);
    });
  }

  #answer(response: IncomingMessage, stream: Stream): void {
    const status = response.statusCode ?? 0;
    if (status < 200 || status >= 300) {
      response.resume();
      return this.#refused(status, response, stream);
    }
    const session = response.headers["mcp-session-id"];
    if (typeof session === "string" && this.#http.session === undefined) this.#http.session = session;
    if (response.headers["content-encoding"] !== undefined && response.headers["content-encoding"] !== "identity") {
      response.destroy();
      return this.#failed(stream, "upstream_protocol", `upstream "${this.#upstream}" answered compressed although asked not to`, "yes");
    }
    const type = response.headers["content-type"] ?? "";
    if (type.startsWith("text/event-stream")) return this.#readEvents(response, stream);
    if (type.startsWith("application/json")) return this.#readJson(response, stream);
    response.destroy();
    this.#failed(
      stream,
      "upstream_protocol",
      `upstream "${this.#upstream}" answered with content type "${type.slice(0, 80)}" instead of JSON or an event stream`,
      "yes",
    );
  }

  #readJson(response: IncomingMessage, stream: Stream): void {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > this.#limits.messageBytes) {
        response.destroy();
        this.#tooLarge(stream);
      } else chunks.push(chunk);
    });
    response.on("error", () => {}); // told by close
    response.on("close", () => {
      if (!response.complete) this.#lost(stream);
    });
    response.on("end", () => {
      const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
      this.#deliver(bytes, stream);
      if (!stream.answered)
        this.#failed(
          stream,
          "upstream_protocol",
          `upstream "${this.#upstream}" answered another request than the one that was sent`,
          "yes",
        );
    });
  }

  #readEvents(response: IncomingMessage, stream: Stream): void {
    stream.tries = 0;
    const parser = new SseParser(this.#limits.messageBytes, ({ event, data }) => {
      if (event === "message") this.#deliver(data, stream);
    });
    parser.lastEventId = stream.lastEventId;
    parser.retry = stream.retry;
    let ending: NodeJS.Timeout | undefined;
    response.on("data", (chunk: Buffer) => {
      try {
        parser.push(chunk);
      } catch (error) {
        response.destroy();
        if (error instanceof FrameTooLarge) this.#tooLarge(stream);
        else
          this.#failed(
            stream,
            "upstream_protocol",
            `upstream "${this.#upstream}" sent a message that the host could not handle`,
            "unknown",
            error,
          );
      }
      // A server should end the stream after its answer; one that does not would hold the socket for ever.
      if (stream.answered) ending ??= setTimeout(() => response.destroy(), FIRST_RETRY);
    });
    response.on("error", () => {}); // told by close
    response.on("close", () => {
      clearTimeout(ending);
      stream.lastEventId = parser.lastEventId;
      stream.retry = parser.retry;
      if (stream.answered || !this.#open.has(stream.origin)) return;
      // Without event ids there is nothing to resume: the answer will never come.
      if (stream.lastEventId === undefined) this.#lost(stream);
      else this.#resume(stream);
    });
  }

  #deliver(bytes: Buffer, stream: Stream | undefined): void {
    if (this.#closed) return;
    let message: Message;
    try {
      message = readMessage(bytes);
    } catch (error) {
      const { id, message: reason } = error as ParseError;
      if (stream && id != null && id === stream.origin)
        this.#failed(stream, "upstream_protocol", `upstream "${this.#upstream}" sent a malformed answer: ${reason}`, "yes");
      else this.#events.garbage(reason);
      return;
    }
    if (stream && isResponse(message) && message.id === stream.origin) {
      stream.answered = true;
      this.#open.delete(stream.origin);
    }
    this.#events.message(message, stream?.origin);
  }

  /** Goes on with a broken answer stream from its last event, until the call's own deadline gives it up. */
  #resume(stream: Stream): void {
    const open = this.#open.get(stream.origin);
    if (!open) return;
    if (stream.tries++ >= RESUME_TRIES) return this.#lost(stream);
    open.timer = setTimeout(
      () => {
        open.request = this.#get(stream, (response) => {
          if (response.statusCode === 200 && response.headers["content-type"]?.startsWith("text/event-stream"))
            return this.#readEvents(response, stream);
          response.resume();
          this.#lost(stream);
        });
        open.request.on("error", () => this.#resume(stream));
      },
      Math.max(stream.retry ?? FIRST_RETRY, LEAST_RETRY),
    );
  }

  #get(stream: Stream, response: (response: IncomingMessage) => void): ClientRequest {
    return this.#http.get(stream.lastEventId).on("response", response);
  }

  /** The POST itself failed. */
  #broken(stream: Stream, error: NodeJS.ErrnoException, request: ClientRequest): void {
    if (this.#closed || !this.#open.has(stream.origin) || stream.answered) return;
    // Once a socket was connected, the request may have been read, whatever came of it afterwards.
    if (this.#http.reached(request)) return stream.lastEventId === undefined ? this.#lost(stream) : this.#resume(stream);
    const reason = `upstream "${this.#upstream}" cannot be reached (${error.code ?? "connection failed"})`;
    this.#failed(stream, "upstream_down", reason, "no");
    this.#dead("upstream_down", reason);
  }

  #refused(status: number, response: IncomingMessage, stream: Stream): void {
    if (status === 404 && this.#http.session !== undefined) {
      // The server rejected the request unread, so it may be sent again in a new session.
      this.#failed(stream, "upstream_down", `upstream "${this.#upstream}" has ended its session`, "no");
      return this.#sessionGone();
    }
    this.#fail(stream, refusal(this.#upstream, status, response.headers));
  }

  #rejected(status: number): void {
    if (status === 404 && this.#http.session !== undefined) this.#sessionGone();
    else this.#events.garbage(`a notification or an answer was rejected with HTTP ${status}`);
  }

  #sessionGone(): void {
    this.#http.session = undefined; // nothing to DELETE any more
    this.sessionEnded = true;
    this.#dead("upstream_lost", `upstream "${this.#upstream}" has ended its session`);
  }

  #tooLarge(stream: Stream): void {
    const reason = `the answer of upstream "${this.#upstream}" is larger than ${this.#limits.messageBytes} bytes`;
    this.#failed(stream, "payload_too_large", reason, "yes");
  }

  #lost(stream: Stream): void {
    this.#failed(
      stream,
      "upstream_lost",
      `the connection to upstream "${this.#upstream}" ended before its answer; the call may or may not have run`,
      "unknown",
    );
  }

  #failed(stream: Stream, type: ErrorType, reason: string, sent: Sent, cause?: unknown): void {
    this.#fail(stream, new HostError(type, reason, { upstream: this.#upstream, sent, cause }));
  }

  #fail(stream: Stream, error: HostError): void {
    if (this.#open.delete(stream.origin)) this.#events.failed(stream.origin, error);
  }

  #dead(type: ErrorType, reason: string): void {
    if (this.#closed) return;
    const error = new HostError(type, reason, { upstream: this.#upstream, sent: "unknown" });
    void this.close();
    this.#events.closed(error);
  }
}

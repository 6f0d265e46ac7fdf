import type { IncomingHttpHeaders } from "node:http";
import { type ErrorType, HostError, type Sent } from "../errors.ts";
import { FrameTooLarge } from "../wire/framing.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { type Id, isRequest, isResponse, type Message } from "../wire/message.ts";
import { type ParseError, readMessage } from "../wire/parse.ts";
import { SseParser } from "../wire/sse.ts";
import type { Authorization } from "./authorization.ts";
import { type BodyReader, HttpClient, type HttpOptions, type HttpRequest, isEventStream } from "./http-client.ts";
import { refusal } from "./http-refusal.ts";
import { redirectTarget } from "./redirect.ts";
import { StandingStream } from "./standing-stream.ts";

const FIRST_RETRY = 1_000;
/** A server that asks to be asked again at once must not make a busy loop. */
const LEAST_RETRY = 10;
const NOTIFY_TIMEOUT = 10_000;
const RESUME_TRIES = 5;

/** What became of one POST whose answer stream may have to be resumed. */
interface Stream {
  /** The request that the stream answers. */
  readonly origin: Id;
  answered: boolean;
  lastEventId: string | undefined;
  retry: number | undefined;
  tries: number;
  request: HttpRequest | undefined;
  /** Until it is resumed. */
  timer: NodeJS.Timeout | undefined;
  /** Whether it was refused already for want of credentials. */
  unauthorized: boolean;
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
  readonly #open = new Map<Id, Stream>();
  readonly #standing: StandingStream;
  #standingRefused = false;
  #events!: LinkEvents; // set by open(), before anything can arrive
  #closed = false;

  /** @param authorization what plugins give the credentials through, where any do */
  constructor(upstream: string, options: HttpOptions, limits: Limits, authorization?: Authorization) {
    this.#upstream = upstream;
    this.#options = options;
    this.#limits = limits;
    this.#http = new HttpClient(options, authorization);
    this.#standing = new StandingStream(this.#http, limits.messageBytes, {
      message: (data) => this.#deliver(data, undefined),
      garbage: (reason) => this.#events.garbage(reason),
      sessionGone: () => this.#sessionGone(),
      unauthorized: () => {
        if (this.#standingRefused) return;
        this.#standingRefused = true;
        void this.#http.renew("refused").then((error) => error ?? this.#standing.open());
      },
    });
  }

  open(events: LinkEvents): Promise<void> {
    this.#events = events;
    return this.#http.authorize();
  }

  negotiated(protocolVersion: string): void {
    this.#http.version = protocolVersion;
  }

  send(message: Message): void {
    const body = JSON.stringify(message);
    if (!isRequest(message)) {
      this.#http.fresh(
        () => this.#tell(body),
        (error) => this.#events.garbage(error.message),
      );
      // Only now may the server send on its own; it wants `initialized` first.
      if (!isResponse(message) && message.method === "notifications/initialized") this.#standing.open();
      return;
    }
    const stream: Stream = {
      origin: message.id,
      answered: false,
      lastEventId: undefined,
      retry: undefined,
      tries: 0,
      request: undefined,
      timer: undefined,
      unauthorized: false,
    };
    this.#open.set(message.id, stream);
    if (!this.#http.authorization?.isExpired) return this.#post(body, stream);
    this.#http.fresh(
      () => this.#post(body, stream),
      (error) => this.#fail(stream, error),
    );
  }

  forget(id: Id): void {
    const stream = this.#open.get(id);
    if (!stream) return;
    this.#open.delete(id);
    clearTimeout(stream.timer);
    // A moment for `notifications/cancelled` to arrive first; the stream may hold a socket for ever otherwise.
    setTimeout(() => stream.request?.abort(), FIRST_RETRY).unref();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#standing.close();
    for (const { request, timer } of this.#open.values()) {
      clearTimeout(timer);
      request?.abort();
    }
    this.#open.clear();
    await this.#http.close();
  }

  /** Sends a request, whose answer is read as one stream. */
  #post(body: string, stream: Stream, redirected?: URL, redirects = 0): void {
    if (!this.#open.has(stream.origin)) return; // while credentials were asked for
    const path = redirected && redirected.pathname + redirected.search;
    const seen = this.#http.authorization?.version;
    stream.request = this.#http.post(
      body,
      {
        failed: (error, request) => this.#broken(stream, error, request),
        head: (status, headers, request) => {
          const { location } = headers;
          if (status === 401 && this.#http.authorization && !stream.unauthorized) {
            stream.unauthorized = true;
            void this.#http
              .renew("refused", seen)
              .then((error) => (error ? this.#fail(stream, error) : this.#post(body, stream, redirected, redirects)));
            return undefined;
          }
          if ((status !== 307 && status !== 308) || location === undefined) return this.#answer(status, headers, stream, request);
          const target = redirectTarget(location, redirected ?? this.#options.url, redirects);
          if (typeof target === "string") this.#failed(stream, "upstream_error", target, "no");
          else this.#post(body, stream, target, redirects + 1);
          return undefined;
        },
      },
      path,
    );
  }

  /** Sends a notification or an answer. Nobody waits for what became of it, but its socket is wanted back. */
  #tell(body: string): void {
    const late = setTimeout(() => request.abort(), NOTIFY_TIMEOUT).unref();
    const over = (): void => clearTimeout(late);
    const request = this.#http.post(body, {
      failed: (error) => {
        over();
        if (!this.#closed) this.#events.garbage(`a message could not be delivered: ${error.code ?? error.message}`);
      },
      head: (status) => {
        if (status >= 400) this.#rejected(status);
        return { data() {}, end: over };
      },
    });
  }

  #answer(status: number, headers: IncomingHttpHeaders, stream: Stream, request: HttpRequest): BodyReader | undefined {
    if (status < 200 || status >= 300) {
      this.#refused(status, headers, stream);
      return undefined;
    }
    const session = headers["mcp-session-id"];
    if (typeof session === "string" && this.#http.session === undefined) this.#http.session = session;
    const encoding = headers["content-encoding"];
    const type = headers["content-type"] ?? "";
    if (encoding === undefined || encoding === "identity") {
      if (isEventStream(headers)) return this.#readEvents(stream, request);
      if (type.startsWith("application/json")) return this.#readJson(stream, request);
    }
    request.abort();
    const what =
      encoding === undefined
        ? `with content type "${type.slice(0, 80)}" instead of JSON or an event stream`
        : "compressed although asked not to";
    this.#failed(stream, "upstream_protocol", `answered ${what}`, "yes");
    return undefined;
  }

  #readJson(stream: Stream, request: HttpRequest): BodyReader {
    const chunks: Buffer[] = [];
    let size = 0;
    return {
      data: (chunk) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size <= this.#limits.messageBytes) return;
        request.abort();
        this.#tooLarge(stream);
      },
      end: (complete) => {
        if (!complete) return this.#lost(stream);
        this.#deliver(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size), stream, true);
        if (!stream.answered) this.#failed(stream, "upstream_protocol", "answered another request than the one that was sent", "yes");
      },
    };
  }

  #readEvents(stream: Stream, request: HttpRequest): BodyReader {
    stream.tries = 0;
    const parser = new SseParser(this.#limits.messageBytes, ({ event, data }) => {
      if (event === "message") this.#deliver(data, stream);
    });
    parser.lastEventId = stream.lastEventId;
    parser.retry = stream.retry;
    let ending: NodeJS.Timeout | undefined;
    return {
      data: (chunk) => {
        try {
          parser.push(chunk);
        } catch (error) {
          request.abort();
          if (error instanceof FrameTooLarge) this.#tooLarge(stream);
          else this.#failed(stream, "upstream_protocol", "sent a message that the host could not handle", "unknown", error);
        }
        // A server should end the stream after its answer; one that does not would hold the socket for ever.
        if (stream.answered) ending ??= setTimeout(() => request.abort(), FIRST_RETRY).unref();
      },
      end: () => {
        clearTimeout(ending);
        stream.lastEventId = parser.lastEventId;
        stream.retry = parser.retry;
        if (stream.answered || !this.#open.has(stream.origin)) return;
        // Without event ids there is nothing to resume: the answer will never come.
        if (stream.lastEventId === undefined) this.#lost(stream);
        else this.#resume(stream);
      },
    };
  }

  /** @param alone nothing else comes on the stream: what is no message was meant as the answer */
  #deliver(bytes: Buffer, stream: Stream | undefined, alone = false): void {
    if (this.#closed) return;
    let message: Message;
    try {
      message = readMessage(bytes);
    } catch (error) {
      const { id, message: reason } = error as ParseError;
      if (stream && (alone || (id != null && id === stream.origin)))
        this.#failed(stream, "upstream_protocol", `sent a malformed answer: ${reason}`, "yes");
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
    if (!this.#open.has(stream.origin)) return;
    if (stream.tries++ >= RESUME_TRIES) return this.#lost(stream);
    stream.timer = setTimeout(
      () => {
        stream.request = this.#http.get(stream.lastEventId, {
          failed: () => this.#resume(stream),
          head: (status, headers, request) => {
            if (status === 200 && isEventStream(headers)) return this.#readEvents(stream, request);
            this.#lost(stream);
            return undefined;
          },
        });
      },
      Math.max(stream.retry ?? FIRST_RETRY, LEAST_RETRY),
    );
  }

  /** The POST itself failed. */
  #broken(stream: Stream, error: NodeJS.ErrnoException, { reached }: HttpRequest): void {
    if (this.#closed || !this.#open.has(stream.origin) || stream.answered) return;
    // Once there was a connection, the request may have been read, whatever came of it afterwards.
    if (reached) return this.#lost(stream);
    const reason = `cannot be reached (${error.code ?? "connection failed"})`;
    this.#failed(stream, "upstream_down", reason, "no");
    this.#dead("upstream_down", reason);
  }

  #refused(status: number, headers: IncomingHttpHeaders, stream: Stream): void {
    if (status === 404 && this.#http.session !== undefined) {
      // The server rejected the request unread, so it may be sent again in a new session.
      this.#failed(stream, "upstream_down", "has ended its session", "no");
      return this.#sessionGone();
    }
    this.#fail(stream, refusal(this.#upstream, status, headers));
  }

  #rejected(status: number): void {
    if (status === 404 && this.#http.session !== undefined) this.#sessionGone();
    else this.#events.garbage(`a notification or an answer was rejected with HTTP ${status}`);
  }

  #sessionGone(): void {
    this.#http.session = undefined; // nothing to DELETE any more
    this.sessionEnded = true;
    this.#dead("upstream_lost", "has ended its session");
  }

  #tooLarge(stream: Stream): void {
    this.#fail(
      stream,
      new HostError("payload_too_large", `the answer of upstream "${this.#upstream}" is larger than ${this.#limits.messageBytes} bytes`, {
        upstream: this.#upstream,
        sent: "yes",
      }),
    );
  }

  #lost(stream: Stream): void {
    this.#failed(stream, "upstream_lost", "ended its connection before the answer; the call may or may not have run", "unknown");
  }

  /** @param what the upstream did */
  #failed(stream: Stream, type: ErrorType, what: string, sent: Sent, cause?: unknown): void {
    this.#fail(stream, new HostError(type, `upstream "${this.#upstream}" ${what}`, { upstream: this.#upstream, sent, cause }));
  }

  #fail(stream: Stream, error: HostError): void {
    if (this.#open.delete(stream.origin)) this.#events.failed(stream.origin, error);
  }

  #dead(type: ErrorType, what: string): void {
    if (this.#closed) return;
    const error = new HostError(type, `upstream "${this.#upstream}" ${what}`, { upstream: this.#upstream, sent: "unknown" });
    void this.close();
    this.#events.closed(error);
  }
}

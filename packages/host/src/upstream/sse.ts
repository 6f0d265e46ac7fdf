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
import { reportMalformed } from "./malformed.ts";
import { redirectTarget } from "./redirect.ts";

const NOTIFY_TIMEOUT = 10_000;
/** How long the POST of a request may stay open once the request is answered or nobody waits for it. */
const POST_GRACE = 1_000;

/** One message on its way to the server. */
interface Post {
  /** The request's id; a symbol for what is no request. */
  readonly key: Id | symbol;
  readonly body: string;
  url: URL;
  redirects: number;
  /** Whether it was refused already for want of credentials. */
  unauthorized: boolean;
  request: HttpRequest | undefined;
  late: NodeJS.Timeout | undefined;
}

/**
 * A server over the HTTP transport of old (2024-11-05): one event stream from the server, whose first event names where
 * messages are posted to. Nothing on it says which call a message belongs to, and a stream that ends ends the session.
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
 */
export class SseLink implements Link {
  sessionEnded = false;
  readonly #upstream: string;
  readonly #url: URL;
  readonly #limits: Limits;
  readonly #http: HttpClient;
  readonly #posts = new Map<Id | symbol, Post>();
  /** Length of the messages that the server has not taken yet. */
  #waiting = 0;
  #stream: HttpRequest | undefined;
  #endpoint: URL | undefined;
  #opening: PromiseWithResolvers | undefined;
  #events!: LinkEvents; // set by open(), before anything can arrive
  #closing: Promise<void> | undefined;

  /** @param authorization what plugins give the credentials through, where any do */
  constructor(upstream: string, options: HttpOptions, limits: Limits, authorization?: Authorization) {
    this.#upstream = upstream;
    this.#url = options.url;
    this.#limits = limits;
    this.#http = new HttpClient(options, authorization);
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events;
    await this.#http.authorize();
    if (this.#closing) return; // meanwhile
    await new Promise<void>((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#listen(this.#url, 0, false);
    });
  }

  negotiated(protocolVersion: string): void {
    this.#http.version = protocolVersion;
  }

  send(message: Message): void {
    const body = JSON.stringify(message);
    const { id } = isRequest(message) ? message : { id: undefined };
    if (this.#closing || !this.#endpoint) return this.#failed(id, "upstream_down", "is not connected", "no");
    if (this.#waiting > this.#limits.upstreamQueueBytes)
      return this.#failed(id, "overloaded", "does not take the messages it is sent", "no");
    const post: Post = {
      key: id ?? Symbol(),
      body,
      url: this.#endpoint,
      redirects: 0,
      unauthorized: false,
      request: undefined,
      late: undefined,
    };
    this.#waiting += body.length;
    this.#posts.set(post.key, post);
    // A request's own deadline ends it through forget().
    if (id === undefined) this.#endWithin(post, NOTIFY_TIMEOUT);
    if (!this.#http.authorization?.isExpired) return this.#post(post);
    this.#http.fresh(
      () => this.#post(post),
      (error) => this.#fail(post, error),
    );
  }

  forget(id: Id): void {
    const post = this.#posts.get(id);
    if (post) this.#endWithin(post, POST_GRACE);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#opening?.reject(new HostError("shutting_down", `upstream "${this.#upstream}" is being closed`, { upstream: this.#upstream }));
    this.#opening = undefined;
    this.#stream?.abort();
    for (const { late, request } of this.#posts.values()) {
      clearTimeout(late);
      request?.abort();
    }
    this.#posts.clear();
    await this.#http.close();
  }

  // --- the stream ---

  #listen(url: URL, redirects: number, unauthorized: boolean): void {
    if (this.#closing) return; // while credentials were asked for
    const seen = this.#http.authorization?.version;
    this.#stream = this.#http.get(
      undefined,
      {
        failed: (error) => this.#broken("upstream_down", `cannot be reached (${error.code ?? "connection failed"})`),
        head: (status, headers, request) => {
          if (status === 401 && this.#http.authorization && !unauthorized) {
            void this.#http.renew("refused", seen).then((error) => (error ? this.#dead(error) : this.#listen(url, redirects, true)));
            return undefined;
          }
          if (isRedirect(status, headers)) {
            const target = redirectTarget(headers.location, url, redirects);
            if (typeof target === "string") this.#broken("upstream_error", target);
            else this.#listen(target, redirects + 1, unauthorized);
            return undefined;
          }
          if (status === 200 && isEventStream(headers) && isPlain(headers)) return this.#read(url, request);
          request.abort();
          const type = String(headers["content-type"]).slice(0, 80);
          if (status !== 200) this.#dead(refusal(this.#upstream, status, headers));
          else this.#broken("upstream_protocol", `answered with content type "${type}" instead of a plain event stream`);
          return undefined;
        },
      },
      url.pathname + url.search,
    );
  }

  #read(url: URL, request: HttpRequest): BodyReader {
    const parser = new SseParser(this.#limits.messageBytes, ({ event, data }) => {
      if (this.#closing) return;
      if (event === "endpoint") this.#named(data, url);
      else if (event === "message") this.#deliver(data);
    });
    return {
      data: (chunk) => {
        try {
          parser.push(chunk);
        } catch (error) {
          request.abort();
          // Whose answer the oversized event was is unknown, so every call in flight fails.
          const what =
            error instanceof FrameTooLarge
              ? `sent an event of more than ${this.#limits.messageBytes} bytes`
              : "sent a message that the host could not handle";
          this.#broken("upstream_protocol", what, error);
        }
      },
      end: (complete) => {
        this.sessionEnded = complete; // streams are limited in time by many a proxy
        this.#broken("upstream_lost", "ended its event stream; a call in flight may or may not have run");
      },
    };
  }

  /** The server said where messages are posted to: only ever to its own origin, since they carry its credentials. */
  #named(data: Buffer, stream: URL): void {
    if (this.#endpoint) return this.#events.garbage("a second endpoint event");
    const text = data.toString("utf8");
    const endpoint = sameOrigin(text, stream);
    if (!endpoint) {
      const where = URL.canParse(text, stream.href) ? new URL(text, stream).origin.slice(0, 100) : "no valid URL";
      return this.#broken("upstream_protocol", `wants its messages at another origin than its own, which is refused: ${where}`);
    }
    this.#endpoint = endpoint;
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  #deliver(data: Buffer): void {
    if (!this.#endpoint) return this.#events.garbage("a message before the endpoint event");
    let message: Message;
    try {
      message = readMessage(data);
    } catch (error) {
      return reportMalformed(this.#upstream, error as ParseError, this.#events); // nothing else is thrown there
    }
    if (isResponse(message) && message.id !== null) this.forget(message.id);
    this.#events.message(message, undefined);
  }

  // --- messages to the server ---

  #post(post: Post): void {
    if (!this.#posts.has(post.key)) return; // while credentials were asked for
    const seen = this.#http.authorization?.version;
    post.request = this.#http.post(
      post.body,
      {
        failed: (error, { reached }) => {
          if (reached) return this.#unanswered(post);
          const what = `cannot be reached (${error.code ?? "connection failed"})`;
          this.#fail(post, new HostError("upstream_down", `upstream "${this.#upstream}" ${what}`, { upstream: this.#upstream }));
        },
        head: (status, headers) => {
          if (status === 401 && this.#http.authorization && !post.unauthorized) {
            post.unauthorized = true;
            void this.#http.renew("refused", seen).then((error) => (error ? this.#fail(post, error) : this.#post(post)));
          } else if (isRedirect(status, headers)) this.#redirect(post, headers.location);
          else if (status < 200 || status >= 300) this.#fail(post, refusal(this.#upstream, status, headers));
          else return { data() {}, end: () => this.#over(post) }; // its answer comes on the stream
          return undefined;
        },
      },
      post.url.pathname + post.url.search,
    );
  }

  #redirect(post: Post, location: string): void {
    const target = redirectTarget(location, post.url, post.redirects);
    if (typeof target === "string") {
      this.#fail(post, new HostError("upstream_error", `upstream "${this.#upstream}" ${target}`, { upstream: this.#upstream }));
      return;
    }
    post.redirects++;
    post.url = target;
    this.#post(post);
  }

  /** The connection broke before the server said that it has the message. */
  #unanswered(post: Post): void {
    const words = `upstream "${this.#upstream}" ended its connection before it took the message; a call may or may not have run`;
    this.#fail(post, new HostError("upstream_lost", words, { upstream: this.#upstream, sent: "unknown" }));
  }

  #endWithin(post: Post, milliseconds: number): void {
    clearTimeout(post.late);
    post.late = setTimeout(() => {
      post.request?.abort();
      this.#over(post);
    }, milliseconds).unref();
  }

  /** Whether the message was on its way until now. */
  #over(post: Post): boolean {
    if (!this.#posts.delete(post.key)) return false;
    clearTimeout(post.late);
    this.#waiting -= post.body.length;
    return true;
  }

  #fail(post: Post, error: HostError): void {
    if (!this.#over(post)) return;
    if (typeof post.key === "symbol") this.#events.garbage(`a message could not be delivered: ${error.message}`);
    else this.#events.failed(post.key, error);
  }

  #failed(id: Id | undefined, type: ErrorType, what: string, sent: Sent): void {
    if (id !== undefined)
      this.#events.failed(id, new HostError(type, `upstream "${this.#upstream}" ${what}`, { upstream: this.#upstream, sent }));
  }

  // --- the end ---

  /** @param what the upstream did */
  #broken(type: ErrorType, what: string, cause?: unknown): void {
    const sent = this.#opening ? "no" : "unknown";
    this.#dead(new HostError(type, `upstream "${this.#upstream}" ${what}`, { upstream: this.#upstream, sent, cause }));
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

function isRedirect(status: number, headers: IncomingHttpHeaders): headers is IncomingHttpHeaders & { location: string } {
  return (status === 307 || status === 308) && headers.location !== undefined;
}

/** Where a server wants its messages, if that is at its own origin: the credentials of the config are for no other (R37). */
function sameOrigin(text: string, from: URL): URL | undefined {
  if (!URL.canParse(text, from.href)) return undefined;
  const target = new URL(text, from);
  return target.origin === from.origin ? target : undefined;
}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const encoding = headers["content-encoding"];
  return encoding === undefined || encoding === "identity";
}

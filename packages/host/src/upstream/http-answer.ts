import type { IncomingHttpHeaders } from "node:http";
import { type ErrorType, HostError, type Sent } from "../errors.ts";
import { FrameTooLarge } from "../wire/framing.ts";
import type { AddedHeader } from "../wire/link.ts";
import type { Id } from "../wire/message.ts";
import { ResumableStream } from "./event-stream.ts";
import { failure } from "./failure.ts";
import type { HttpClient } from "./http-client.ts";
import { lost, refusal, retryAfter, unanswered } from "./http-failure.ts";
import { type BodyReader, type HttpEvents, type HttpRequest, isEventStream, isJson, isPlain } from "./http-request.ts";
import { errorAnswer, isAboutSession, refusedBody, versionRefusal } from "./refused-body.ts";

/** How long a request may hold its socket once it is answered, or nobody waits for the answer. */
const GRACE = 1_000;
const FIRST_RETRY = 1_000;
const RESUME_TRIES = 5;
/** Refusals of a stream that is resumed which another try may change: a proxy holds the old one still, or there were too many. */
const OF_THE_MOMENT = new Set([409, 425, 429]);
/** A server may let go of the stream of a long call and be asked again: it says when, and once it is taken at its word. */
const QUIET_STREAMS = 2;

/** Whether a refusal of the modern era may be a JSON-RPC error, and is not about access or load. */
function isAnswered(status: number): boolean {
  return status >= 400 && status < 500 && status !== 401 && status !== 403 && status !== 429;
}

/** What the requests of one link have in common. */
export interface AnswerContext {
  readonly upstream: string;
  readonly http: HttpClient;
  /** Bytes of one message. */
  readonly messageBytes: number;
  /** Something came in with an answer. Gives whether it was the answer itself, or why it is no message. */
  received(data: Buffer, from: HttpAnswer): boolean | string;
  failed(id: Id, error: HostError): void;
  /** The server could not be reached. */
  unreachable(error: HostError): void;
  sessionGone(): void;
}

/**
 * A request and its answer over Streamable HTTP: JSON, or a stream that is resumed where it breaks, if its events have ids.
 * What arrives there belongs to the call that made the request.
 */
export class HttpAnswer implements HttpEvents {
  readonly id: Id;
  readonly #context: AnswerContext;
  /** Where a request is for itself: without a session, and its stream is not resumed. */
  readonly #isModern: boolean;
  #request: HttpRequest | undefined;
  #tries = 0;
  /** Until the stream is resumed or, after the answer, ended. */
  #timer: NodeJS.Timeout | undefined;
  /** Whether nobody waits any more. */
  #isOver = false;

  constructor(id: Id, context: AnswerContext, era: "legacy" | "modern") {
    this.id = id;
    this.#context = context;
    this.#isModern = era === "modern";
  }

  /** @param added headers beside those of the connection @param lasts whether the answer is a stream without an end */
  post(body: string, added?: readonly AddedHeader[], lasts = false): void {
    const { http, upstream } = this.#context;
    const taken = added?.find(({ name }) => http.sends(name));
    if (!taken) {
      this.#request = http.post(body, this, { added, lasts });
      return;
    }
    const reason = `plugin "${taken.by}" adds the header "${taken.name}" to a call, which upstream "${upstream}" gets with every request of its connection; nothing was sent`;
    this.fail(new HostError("plugin_failure", reason, { upstream, ...(taken.by !== undefined && { plugin: taken.by }) }));
  }

  /** Nobody waits for the answer any more. */
  forget(): void {
    this.#isOver = true;
    this.#stopTimer();
    // A moment for `notifications/cancelled` to arrive first; the answer may hold a socket for ever otherwise. In the modern era
    // to hang up is all that says so.
    if (this.#request?.reached && !this.#isModern) setTimeout(() => this.#request?.abort(), GRACE).unref();
    else this.#request?.abort();
  }

  /** Ends it at once. */
  close(): void {
    this.#isOver = true;
    this.#stopTimer();
    this.#request?.abort();
  }

  fail(error: HostError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#context.failed(this.id, error);
  }

  /** @param what the upstream did */
  #broken(type: ErrorType, what: string, sent: Sent, cause?: unknown): void {
    this.fail(failure(this.#context.upstream, type, what, sent, cause));
  }

  #lost(): void {
    this.fail(lost(this.#context.upstream));
  }

  // --- what becomes of the POST ---

  failed(error: NodeJS.ErrnoException, { reached }: HttpRequest): void {
    if (this.#isOver) return;
    const why = unanswered(this.#context.upstream, error, reached);
    this.fail(why);
    if (!reached) this.#context.unreachable(why);
  }

  refused(error: HostError): void {
    this.fail(error);
  }

  head(status: number, headers: IncomingHttpHeaders, request: HttpRequest): BodyReader | undefined {
    const { upstream, http } = this.#context;
    if (status === 404 && http.session !== undefined) {
      this.#sessionGone();
      return undefined;
    }
    if (status === 400 || (this.#isModern && isAnswered(status)))
      return refusedBody(request, (text) => this.#refused(text, status, headers));
    if (status < 200 || status >= 300) {
      this.fail(refusal(upstream, status, headers));
      return undefined;
    }
    const session = headers["mcp-session-id"];
    if (typeof session === "string" && !this.#isModern && !this.#isOver) http.session ??= session;
    if (isPlain(headers)) {
      if (isEventStream(headers)) return this.#readEvents(request);
      if (isJson(headers)) return this.#readJson(request);
    }
    request.abort();
    const what = isPlain(headers)
      ? `with content type "${(headers["content-type"] ?? "").slice(0, 80)}" instead of JSON or an event stream`
      : "compressed although asked not to";
    this.#broken("upstream_protocol", `answered ${what}`, "yes");
    return undefined;
  }

  /** The server rejected the request unread, so it may be sent again in a new session. */
  #sessionGone(): void {
    this.#broken("upstream_down", "has ended its session", "no");
    this.#context.sessionGone();
  }

  /** Answered with 400, which many a server means as 404 for the session; one of the modern era answers with it, and with others. */
  #refused(text: string, status: number, headers: IncomingHttpHeaders): void {
    if (this.#isOver) return;
    const answer = this.#isModern ? errorAnswer(text, this.id) : versionRefusal(text, this.id);
    if (answer && this.#receive(answer) === true) return;
    if (this.#context.http.session !== undefined && isAboutSession(text, this.id)) this.#sessionGone();
    else this.fail(refusal(this.#context.upstream, status, headers));
  }

  #readJson(request: HttpRequest): BodyReader {
    const chunks: Buffer[] = [];
    let size = 0;
    return {
      data: (chunk) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size <= this.#context.messageBytes) return;
        request.abort();
        this.#tooLarge();
      },
      end: (complete) => {
        if (!complete) return this.#lost();
        const received = this.#receive(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
        if (received === false) this.#broken("upstream_protocol", "answered another request than the one that was sent", "yes");
        else if (received !== true) this.#broken("upstream_protocol", `sent a malformed answer: ${received}`, "yes");
      },
    };
  }

  #readEvents(request: HttpRequest, stream = new ResumableStream(this.#context.messageBytes)): BodyReader {
    this.#tries = 0;
    return stream.reader(request, {
      message: (data) => {
        // A server should end the stream after its answer; one that does not would hold the socket for ever.
        if (this.#receive(data) === true) this.#timer ??= setTimeout(() => request.abort(), GRACE).unref();
      },
      broken: (error) => {
        if (error instanceof FrameTooLarge) this.#tooLarge();
        else this.#broken("upstream_protocol", "sent a message that the host could not handle", "unknown", error);
      },
      end: () => {
        this.#stopTimer();
        if (this.#isOver) return;
        // Without event ids there is nothing to resume: the answer will never come.
        if (stream.lastEventId === undefined || this.#isModern) this.#lost();
        else this.#resume(stream);
      },
    });
  }

  #receive(data: Buffer): boolean | string {
    const received = this.#context.received(data, this);
    if (received === true) this.#isOver = true;
    return received;
  }

  /** Goes on with a broken stream from its last event, until the call's own deadline gives it up. @param least milliseconds until then */
  #resume(stream: ResumableStream, least = 0): void {
    if (this.#isOver) return;
    if (this.#tries++ >= RESUME_TRIES) return this.#lost();
    const events: HttpEvents = {
      failed: () => this.#resume(stream),
      refused: () => this.#lost(),
      head: (status, headers, request) => {
        if (status === 200 && isEventStream(headers)) return this.#readEvents(request, stream);
        request.abort();
        if (status >= 500 || OF_THE_MOMENT.has(status)) this.#resume(stream, Math.max(FIRST_RETRY, retryAfter(headers) ?? 0));
        else this.#lost();
        return undefined;
      },
    };
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#request = this.#context.http.get(stream.lastEventId, events);
      },
      Math.max(stream.pause(FIRST_RETRY, QUIET_STREAMS), least),
    );
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tooLarge(): void {
    const { messageBytes } = this.#context;
    this.#broken("payload_too_large", `sent an answer that is larger than ${messageBytes} bytes`, "yes");
  }
}

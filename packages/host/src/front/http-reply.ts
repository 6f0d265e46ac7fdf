import type { Sink } from "../pipeline/exchange.ts";
import type { Reply } from "../session/session.ts";
import type { Message, Response } from "../wire/message.ts";
import { encodeEvent, SSE_KEEP_ALIVE } from "../wire/sse.ts";
import type { Answer } from "./answer.ts";

/** One SSE stream to a client, with a bound on what waits for a client that does not read. */
export class EventStream implements Sink {
  readonly response: Answer;
  readonly #queueBytes: number;

  constructor(response: Answer, queueBytes: number) {
    this.response = response;
    this.#queueBytes = queueBytes;
    response.head(200, "content-type", "text/event-stream", "x-accel-buffering", "no");
    response.flushHeaders();
  }

  send(message: Message): boolean {
    return this.sendJson(JSON.stringify(message));
  }

  sendJson(json: string): boolean {
    return this.#write(encodeEvent(json));
  }

  keepAlive(): void {
    this.#write(SSE_KEEP_ALIVE);
  }

  #write(text: string): boolean {
    const { response } = this;
    if (response.destroyed || response.writableEnded) return false;
    if (response.writableLength > this.#queueBytes) {
      response.destroy();
      return false;
    }
    response.write(text);
    return true;
  }
}

/**
 * The answer to one POST: plain JSON as long as nothing must be sent before it, an SSE stream from then on. A POST with
 * several requests (a 2025-03-26 batch) gets their answers in one array, or on one stream.
 */
export class HttpReply implements Reply {
  readonly #response: Answer;
  readonly #queueBytes: number;
  /** Of a batch: the answers so far. */
  readonly #answers: string[] | undefined;
  readonly #open: Set<HttpReply>;
  #awaited: number;
  #stream: EventStream | undefined;
  /** When it began, on the monotonic clock: silence of some seconds turns it into a stream. */
  readonly since = performance.now();

  /** @param open the replies that are under way: this one leaves them when it is done */
  constructor(response: Answer, queueBytes: number, requests: number, batch: boolean, open: Set<HttpReply>) {
    this.#response = response;
    this.#queueBytes = queueBytes;
    this.#awaited = requests;
    this.#answers = batch ? [] : undefined;
    this.#open = open;
  }

  /** Nobody is there any more, or nothing is left to say. */
  get isOver(): boolean {
    return this.#awaited === 0 || this.#response.destroyed;
  }

  get isStream(): boolean {
    return this.#stream !== undefined;
  }

  send(message: Message): boolean {
    return !this.isOver && this.stream().send(message);
  }

  answer(response: Response): number | undefined {
    if (this.isOver) return undefined;
    const json = JSON.stringify(response); // may throw, and then nothing has happened yet
    if (this.#stream) this.#stream.sendJson(json);
    else this.#answers?.push(json);
    return this.#done(json);
  }

  end(): void {
    if (this.isOver) return;
    // A request without an answer: an event stream may end without one, JSON may not.
    this.stream();
    this.#done("");
  }

  /** Turns the answer into a stream and gives it. */
  stream(): EventStream {
    if (!this.#stream) {
      this.#stream = new EventStream(this.#response, this.#queueBytes);
      for (const answer of this.#answers?.splice(0) ?? []) this.#stream.sendJson(answer);
    }
    return this.#stream;
  }

  /** Counts one request of the POST as answered. Gives the size of that answer: in bytes where those are counted anyway. */
  #done(last: string): number {
    if (--this.#awaited > 0) return last.length;
    this.#open.delete(this);
    if (this.#stream) {
      this.#response.end();
      return last.length;
    }
    // As text and not as bytes: Node then writes headers and body in one piece.
    const body = this.#answers ? `[${this.#answers.join(",")}]` : last;
    const bytes = Buffer.byteLength(body);
    this.#response.head(200, "content-type", "application/json", "content-length", String(bytes));
    this.#response.end(body);
    return this.#answers ? last.length : bytes;
  }
}

/** For messages that get no answer. */
export const NO_REPLY: Reply = { send: () => false, answer: () => undefined, end() {} };

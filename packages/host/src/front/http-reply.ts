import type { Reply } from "../exchange/course.ts";
import type { HttpOrigin } from "../exchange/exchange.ts";
import type { Session } from "../session/session.ts";
import type { Message, Response } from "../wire/message.ts";
import type { Member, Roster } from "../wire/roster.ts";
import { EventStream, type StreamSettings } from "./event-stream.ts";
import { originOf } from "./origin.ts";
import type { FrontResponse } from "./response.ts";
import type { NetworkOptions } from "./way-in.ts";

/** A quiet answer becomes a stream after this, so that proxies and clients do not give it up. */
export const JSON_PATIENCE = 5_000;

/** What the answers of one way in have in common. */
export interface Replies {
  readonly options: Pick<NetworkOptions, "plugins">;
  readonly streams: StreamSettings;
  /** The replies that are under way: each leaves when it is done. */
  readonly open: Roster<HttpReply>;
}

/**
 * The answer to one POST: plain JSON as long as nothing must be sent before it, an SSE stream from then on. A POST with
 * several requests (a 2025-03-26 batch) gets their answers in one array, or on one stream.
 */
export class HttpReply implements Reply, Member {
  place: number | undefined = undefined;
  readonly #response: FrontResponse;
  readonly #session: Session;
  readonly #replies: Replies;
  /** Of a batch: the answers so far. */
  readonly #answers: string[] | undefined;
  #awaited: number;
  #stream: EventStream | undefined;
  /** When it began, on the monotonic clock: silence of some seconds turns it into a stream. */
  readonly since = performance.now();

  constructor(response: FrontResponse, session: Session, replies: Replies, requests: number, batch: boolean) {
    this.#response = response;
    this.#session = session;
    this.#replies = replies;
    this.#awaited = requests;
    this.#answers = batch ? [] : undefined;
  }

  get http(): HttpOrigin {
    return originOf(this.#replies.options, this.#response.req, this.#session.endpoint);
  }

  give(headers: readonly string[]): boolean {
    return this.#response.give(headers);
  }

  /** Nobody is there any more and nobody can come back, or nothing is left to say. */
  get isOver(): boolean {
    return this.#awaited === 0 || (this.#stream ? this.#stream.isLost : this.#response.destroyed);
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
    // A request without an answer: an event stream may end without one, JSON may not. Nobody needs to come back for it.
    if (this.#awaited === 1) this.#stream ??= new EventStream(this.#response, this.#replies.streams);
    else this.stream();
    this.#done("");
  }

  /** Turns the answer into a stream and gives it. */
  stream(): EventStream {
    if (!this.#stream) {
      this.#stream = new EventStream(this.#response, this.#replies.streams, this.#session);
      for (const answer of this.#answers?.splice(0) ?? []) this.#stream.sendJson(answer);
    }
    return this.#stream;
  }

  /** Counts one request of the POST as answered. Gives the size of that answer: in bytes where those are counted anyway. */
  #done(last: string): number {
    if (--this.#awaited > 0) return last.length;
    this.#replies.open.delete(this);
    if (this.#stream) {
      this.#stream.end();
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
export function noReply({ options }: Replies, { req }: FrontResponse, { endpoint }: Session): Reply {
  return {
    send: () => false,
    answer: () => undefined,
    end() {},
    get http() {
      return originOf(options, req, endpoint);
    },
  };
}

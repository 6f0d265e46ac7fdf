import type { Sink } from "../exchange/course.ts";
import type { Session } from "../session/session.ts";
import { isRequest, type Message } from "../wire/message.ts";
import { encodeEvent, SSE_KEEP_ALIVE } from "../wire/sse.ts";
import type { EventStore, StoredStream } from "./event-store.ts";
import type { FrontResponse } from "./response.ts";

/** What the event streams of a front have in common. */
export interface StreamSettings {
  /** Bytes that may wait for a client that does not read; then its connection is dropped. */
  readonly queueBytes: number;
  /** Where events are kept for clients that come back; without it no event has an id. */
  readonly store: EventStore<EventStream> | undefined;
}

/** The first version whose clients know events without data, and so can be told an id before there is a message. */
const PRIMED_SINCE = "2025-11-25";

/**
 * One SSE stream to a client, with a bound on what waits for a client that does not read. Where events are kept it outlives
 * its connections: a client that comes back gets what it missed, and the stream goes on there.
 */
export class EventStream implements Sink {
  readonly #settings: StreamSettings;
  readonly #stored: StoredStream<EventStream> | undefined;
  /** The session's own stream and not the answer to a POST. */
  readonly #standing: boolean;
  readonly #primed: boolean;
  #response: FrontResponse;
  /** Number of the last event that this connection was given. */
  #written = -1;
  /** The connection is still given what came before it. */
  #isBehind = false;
  #ended = false;
  #hold: NodeJS.Timeout | undefined;
  /** When it lost its connection, on the monotonic clock. */
  awaySince = 0;

  /** @param session whose stream it is; without one its events are not kept */
  constructor(response: FrontResponse, settings: StreamSettings, session?: Session, standing = false) {
    this.#response = response;
    this.#settings = settings;
    this.#standing = standing;
    this.#stored = session && settings.store?.open(session, this);
    this.#primed = this.#stored !== undefined && (session?.client.version ?? "") >= PRIMED_SINCE;
    this.#begin();
    if (!session) return; // whoever makes such a stream writes at once
    if (this.#primed) {
      this.#stored?.append("");
      this.#written++;
    }
    this.#greet();
  }

  get response(): FrontResponse {
    return this.#response;
  }

  get isConnected(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded;
  }

  /** What is sent reaches nobody, now or later. */
  get isLost(): boolean {
    return this.#stored === undefined && !this.isConnected;
  }

  get stored(): StoredStream<EventStream> | undefined {
    return this.#stored;
  }

  send(message: Message): boolean {
    // While nobody listens to a session's own stream, a question on it would only wait in vain.
    if (this.#standing && !this.isConnected && isRequest(message)) return false;
    return this.sendJson(JSON.stringify(message));
  }

  sendJson(json: string): boolean {
    const stored = this.#stored;
    if (!stored) return this.write(encodeEvent(json));
    const number = stored.next;
    stored.append(json);
    if (!this.#isBehind && this.write(`id: ${stored.idOf(number)}\n${encodeEvent(json)}`)) this.#written = number;
    return true;
  }

  keepAlive(): void {
    this.write(SSE_KEEP_ALIVE);
  }

  /** Writes text as it is. Gives whether somebody may read it. */
  write(text: string): boolean {
    if (!this.isConnected) return false;
    if (this.#response.writableLength > this.#settings.queueBytes) {
      this.#response.destroy();
      return false;
    }
    this.#response.write(text);
    return true;
  }

  /** Nothing more will come. */
  end(): void {
    clearTimeout(this.#hold);
    this.#ended = true;
    this.#stored?.end();
    if (!this.#isBehind) this.#response.end();
  }

  /** Goes on over another connection, with what came after the event with this number. */
  resume(response: FrontResponse, number: number): void {
    clearTimeout(this.#hold);
    if (this.isConnected) this.#response.end();
    this.#response = response;
    this.#written = number;
    this.#begin();
    this.#greet();
    this.#isBehind = true;
    this.#catchUp();
  }

  #begin(): void {
    const response = this.#response;
    response.head(200, "content-type", "text/event-stream", "x-accel-buffering", "no");
    const hold = this.#settings.store?.options.hold;
    if (hold === undefined || !this.#primed || this.#standing) return;
    this.#hold = setTimeout(() => response.end(), hold);
    this.#hold.unref();
  }

  /**
   * Writes something at once, since proxies and clients may take a connection for open only once its body has begun: what to
   * come back with, if no other event is given, or a comment.
   */
  #greet(): void {
    if (!this.#primed) return this.keepAlive();
    this.write(`id: ${this.#stored?.idOf(this.#written)}\nretry: ${this.#settings.store?.options.retry}\ndata:\n\n`);
  }

  /** Writes the events that this connection was not given yet, as fast as they are read. */
  #catchUp(): void {
    const response = this.#response;
    const stored = this.#stored;
    for (let json = stored?.after(this.#written); stored && json !== undefined; json = stored.after(this.#written)) {
      if (!this.isConnected) return;
      if (response.writableNeedDrain) {
        response.once("drain", () => {
          if (response === this.#response) this.#catchUp();
        });
        return;
      }
      this.#written++;
      this.write(`id: ${stored.idOf(this.#written)}\n${encodeEvent(json)}`);
    }
    // It has everything, or what it needs next had to make room.
    if (stored && this.#written + 1 < stored.first) response.destroy();
    this.#isBehind = false;
    if (this.#ended) response.end();
  }
}

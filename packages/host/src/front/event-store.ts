import { randomBytes } from "node:crypto";
import type { Session } from "../session/session.ts";

/** What is kept for clients that come back, and how they do. Sizes in bytes, times in milliseconds. */
export interface ResumeOptions {
  /** Events of one stream. */
  readonly count: number;
  /** Of one stream. */
  readonly bytes: number;
  /** Events of all streams. */
  readonly totalCount: number;
  /** Of all streams. */
  readonly totalBytes: number;
  readonly age: number;
  /** How long a client waits before it comes back. */
  readonly retry: number;
  /** After this long the stream of a POST is closed and the client comes back for the rest. Never if undefined. */
  readonly hold?: number | undefined;
}

/** One event; the events of all streams are a chain in the order in which they were sent. */
interface StoredEvent<Carrier> {
  readonly stream: StoredStream<Carrier>;
  readonly number: number;
  readonly json: string;
  readonly bytes: number;
  readonly at: number;
  older: StoredEvent<Carrier> | undefined;
  newer: StoredEvent<Carrier> | undefined;
}

/**
 * The events of one stream that can be sent again. They are contiguous: what is too much goes from the beginning.
 * @typeParam Carrier who writes streams to clients
 */
export class StoredStream<Carrier> {
  /** 72 random bits: ids of streams say nothing of each other. */
  readonly id = randomBytes(9).toString("base64url");
  readonly session: Session;
  /** Who writes the stream to its client. */
  readonly carrier: Carrier;
  readonly events: StoredEvent<Carrier>[] = [];
  readonly #store: EventStore<Carrier>;
  /** Number of the next event. */
  next = 0;
  bytes = 0;
  /** Nothing more will come. */
  ended = false;

  constructor(store: EventStore<Carrier>, session: Session, carrier: Carrier) {
    this.#store = store;
    this.session = session;
    this.carrier = carrier;
  }

  /** Number of the first event that is kept. */
  get first(): number {
    return this.events[0]?.number ?? this.next;
  }

  /** The event after the one with this number: its JSON, or undefined where there is none (yet). */
  after(number: number): string | undefined {
    return this.events[number + 1 - this.first]?.json;
  }

  /** Keeps an event. */
  append(json: string): void {
    this.#store.add(this, json);
  }

  idOf(number: number): string {
    return `${this.id}.${number}`;
  }

  /** Nothing more will come; what is there is kept as long as other events. */
  end(): void {
    this.ended = true;
    if (this.events.length === 0) this.#store.drop(this);
  }
}

/**
 * What was sent on event streams, so that a client whose connection broke can get it again, within bounds of number, size
 * and age. A stream belongs to one session, and so to one principal: nobody else finds it.
 */
export class EventStore<Carrier> {
  readonly options: ResumeOptions;
  readonly #streams = new Map<string, StoredStream<Carrier>>();
  readonly #bySession = new Map<Session, Set<StoredStream<Carrier>>>();
  #oldest: StoredEvent<Carrier> | undefined;
  #newest: StoredEvent<Carrier> | undefined;
  #count = 0;
  #bytes = 0;

  constructor(options: ResumeOptions) {
    this.options = options;
  }

  /** Begins to keep a stream. */
  open(session: Session, carrier: Carrier): StoredStream<Carrier> {
    const stream = new StoredStream(this, session, carrier);
    this.#streams.set(stream.id, stream);
    const own = this.#bySession.get(session);
    if (own) own.add(stream);
    else this.#bySession.set(session, new Set([stream]));
    return stream;
  }

  /** The stream of this session that an event id is of, and the number of that event, if all that came after it is still there. */
  find(session: Session, eventId: string): { stream: StoredStream<Carrier>; number: number } | undefined {
    this.expire();
    const [, id = "", digits] = /^([\w-]{12})\.(\d{1,15})$/.exec(eventId) ?? [];
    const stream = this.#streams.get(id);
    const number = Number(digits);
    if (stream?.session !== session || number >= stream.next || number + 1 < stream.first) return undefined;
    return { stream, number };
  }

  /** Adds an event to a stream and drops what is now too much: of the stream, then of all. */
  add(stream: StoredStream<Carrier>, json: string): void {
    const bytes = Buffer.byteLength(json);
    const event: StoredEvent<Carrier> = {
      stream,
      number: stream.next++,
      json,
      bytes,
      at: performance.now(),
      older: this.#newest,
      newer: undefined,
    };
    if (!this.#streams.has(stream.id)) return; // its session has ended
    if (this.#newest) this.#newest.newer = event;
    else this.#oldest = event;
    this.#newest = event;
    stream.events.push(event);
    stream.bytes += bytes;
    this.#bytes += bytes;
    this.#count++;
    const { count, totalCount, totalBytes } = this.options;
    while (stream.events[0] && (stream.events.length > count || stream.bytes > this.options.bytes)) this.#remove(stream.events[0]);
    while (this.#oldest && (this.#count > totalCount || this.#bytes > totalBytes)) this.#remove(this.#oldest);
  }

  /** Drops what is too old. */
  expire(now = performance.now()): void {
    while (this.#oldest && now - this.#oldest.at > this.options.age) this.#remove(this.#oldest);
  }

  /** Forgets a stream. */
  drop(stream: StoredStream<Carrier>): void {
    if (!this.#streams.delete(stream.id)) return;
    const own = this.#bySession.get(stream.session);
    own?.delete(stream);
    if (own?.size === 0) this.#bySession.delete(stream.session);
    while (stream.events[0]) this.#remove(stream.events[0]);
  }

  /** A session has ended: nobody may come back for its streams. */
  forget(session: Session): void {
    for (const stream of this.#bySession.get(session) ?? []) this.drop(stream);
  }

  /** Takes out an event, which is the first of its stream. */
  #remove(event: StoredEvent<Carrier>): void {
    const { stream, older, newer } = event;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    stream.events.shift();
    stream.bytes -= event.bytes;
    this.#bytes -= event.bytes;
    this.#count--;
    if (stream.ended && stream.events.length === 0) this.drop(stream);
  }
}

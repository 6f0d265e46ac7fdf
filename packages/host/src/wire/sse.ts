import { withoutMark } from "./byte-order.ts";
import { FrameTooLarge, LineFramer } from "./framing.ts";

/** One server-sent event. @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface ServerSentEvent {
  /** `message` unless the stream says otherwise. */
  event: string;
  data: Buffer;
  /** The last `id:` seen on the stream, this event's included. */
  id: string | undefined;
}

const FEED = 10;
const RETURN = 13;
const FIELD_SEPARATOR = 58; // ":"
const SPACE = 32;
const NEWLINE = Buffer.from("\n");
/** A line that is kept costs this much beyond its bytes, and keeps the chunk that it came in. */
const LINE_COST = 128;
/** What the lines of an event may cost until they are copied into one piece. */
const LOOSE_BYTES = 256 * 1024;

/** Incremental SSE parser with a bound on the size of one event. Lines end with LF, CRLF or CR. */
export class SseParser {
  /** The last event id of the stream: what `Last-Event-ID` resumes from. */
  lastEventId: string | undefined;
  /** Reconnection time that the server asked for, in milliseconds. */
  retry: number | undefined;
  readonly #framer: LineFramer;
  readonly #event: (event: ServerSentEvent) => void;
  readonly #limit: number;
  /** The event's data so far: lines as they came, after pieces of many lines. */
  #data: Buffer[] = [];
  #pieces: Buffer[] = [];
  /** What the lines cost, with all that came between them. */
  #loose = 0;
  #size = 0;
  #name = "";
  /** The last chunk ended with a CR: an LF right after it ends no other line. */
  #afterReturn = false;
  #isFirst = true;

  /** @param limit bytes of one event */
  constructor(limit: number, event: (event: ServerSentEvent) => void) {
    this.#limit = limit;
    this.#event = event;
    this.#framer = new LineFramer(limit, (line) => this.#line(line));
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    let start = this.#afterReturn && chunk[0] === FEED ? 1 : 0;
    this.#afterReturn = false;
    let feed = chunk.indexOf(FEED, start);
    let carriage = chunk.indexOf(RETURN, start);
    while (feed !== -1 || carriage !== -1) {
      const isReturn = carriage !== -1 && (feed === -1 || carriage < feed);
      const end = isReturn ? carriage : feed;
      const next = isReturn && feed === end + 1 ? end + 2 : end + 1;
      this.#lineEnds(chunk, start, end, next);
      start = next;
      if (isReturn) {
        carriage = chunk.indexOf(RETURN, next);
        this.#afterReturn = next === chunk.length && chunk[next - 1] === RETURN;
      }
      if (feed !== -1 && feed < next) feed = chunk.indexOf(FEED, next);
    }
    if (start < chunk.length) this.#framer.push(chunk.subarray(start));
  }

  #lineEnds(chunk: Buffer, start: number, end: number, next: number): void {
    // An empty line ends an event, but the framer leaves out empty lines.
    if (end === start && this.#framer.pending === 0) this.#dispatch();
    else if (chunk[next - 1] === FEED) this.#framer.push(chunk.subarray(start, next));
    else {
      this.#framer.push(chunk.subarray(start, end));
      this.#framer.push(NEWLINE);
    }
  }

  #line(bytes: Buffer): void {
    const line = this.#isFirst ? withoutMark(bytes) : bytes;
    this.#isFirst = false;
    if (this.#data.length > 0 && (this.#loose += line.length + LINE_COST) > LOOSE_BYTES) this.#join();
    const colon = line.indexOf(FIELD_SEPARATOR);
    if (colon === 0) return; // a comment: keep-alive
    const field = (colon === -1 ? line : line.subarray(0, colon)).toString("latin1");
    const value = colon === -1 ? line.subarray(line.length) : line.subarray(line[colon + 1] === SPACE ? colon + 2 : colon + 1);
    if (field === "data") {
      this.#size += value.length + 1;
      if (this.#size > this.#limit) throw new FrameTooLarge(this.#limit);
      this.#data.push(value);
    } else if (field === "event") this.#name = value.toString("utf8");
    else if (field === "id" && !value.includes(0)) this.lastEventId = value.toString("utf8");
    else if (field === "retry" && /^\d{1,9}$/.test(value.toString("latin1"))) this.retry = Number(value.toString("latin1"));
  }

  #dispatch(): void {
    if (this.#pieces.length > 0 && this.#data.length > 0) this.#join();
    const data = this.#pieces.length > 0 ? this.#pieces : this.#data;
    const event = this.#name || "message";
    this.#data = [];
    this.#pieces = [];
    this.#loose = 0;
    this.#size = 0;
    this.#name = "";
    if (data.length === 0) return;
    this.#event({ event, data: data.length === 1 ? (data[0] as Buffer) : joined(data), id: this.lastEventId });
  }

  /** Copies the lines into one piece, so that an event of a million short ones costs little more than its bytes. */
  #join(): void {
    this.#pieces.push(joined(this.#data));
    this.#data = [];
    this.#loose = 0;
  }
}

function joined(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line, i) => (i === 0 ? [line] : [NEWLINE, line])));
}

/** A comment line: ignored by every parser, keeps proxies from closing a quiet stream. */
export const SSE_KEEP_ALIVE = ": keep-alive\n\n";

/** One SSE event that carries a JSON text (which has no line breaks). */
export function encodeEvent(json: string): string {
  return `event: message\ndata: ${json}\n\n`;
}

import { FrameTooLarge, LineFramer } from "./framing.ts";

/** One server-sent event. @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface ServerSentEvent {
  /** `message` unless the stream says otherwise. */
  event: string;
  data: Buffer;
  /** The last `id:` seen on the stream, this event's included. */
  id: string | undefined;
}

const FIELD_SEPARATOR = 58; // ":"
const SPACE = 32;
const NEWLINE = Buffer.from("\n");
/** A line that is kept costs this much beyond its bytes, and keeps the chunk that it came in. */
const LINE_COST = 128;
/** What the lines of an event may cost until they are copied into one piece. */
const LOOSE_BYTES = 256 * 1024;

/** Incremental SSE parser with a bound on the size of one event. */
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
  /** The last chunk ended between the CR and the LF of an empty line. */
  #halfBlank = false;

  /** @param limit bytes of one event */
  constructor(limit: number, event: (event: ServerSentEvent) => void) {
    this.#limit = limit;
    this.#event = event;
    // An empty line ends an event, but the framer leaves out empty lines: push() finds them.
    this.#framer = new LineFramer(limit, (line) => this.#line(line));
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      if (this.#framer.pending === 0 && (end === start || (end === start + 1 && chunk[start] === 13))) this.#dispatch();
      else this.#framer.push(chunk.subarray(start, end + 1));
      this.#halfBlank = false;
      start = end + 1;
    }
    if (start === chunk.length) return;
    if (this.#halfBlank) this.#dispatch();
    this.#halfBlank = this.#framer.pending === 0 && chunk.length === start + 1 && chunk[start] === 13;
    if (!this.#halfBlank) this.#framer.push(chunk.subarray(start));
  }

  #line(line: Buffer): void {
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

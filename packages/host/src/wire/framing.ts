/** Thrown (once) for a line or an event longer than its limit; the stream cannot be used any more. */
export class FrameTooLarge extends Error {
  constructor(limit: number) {
    super(`a line or an event is longer than ${limit} bytes`);
    this.name = "FrameTooLarge";
  }
}

/** So much of an oversized line is told: of its beginning, and of its end. */
const HEAD_BYTES = 4 * 1024;
const TAIL_BYTES = 512;
const EMPTY = Buffer.alloc(0);

/** Told the first bytes of an oversized line as soon as it is one; what it gives is told the last ones once they are there. */
export type Oversized = (head: Buffer) => ((tail: Buffer) => void) | undefined;

/**
 * Splits a byte stream into lines (MCP stdio framing: one JSON message a line). Chunks are kept in a list and joined
 * once per line, since joining per chunk is quadratic for large messages.
 */
export class LineFramer {
  readonly #limit: number;
  readonly #line: (line: Buffer) => void;
  readonly #oversized: Oversized | undefined;
  /** Of an oversized line that is not at its end yet. */
  #ended: ((tail: Buffer) => void) | undefined;
  #tail: Buffer = EMPTY;
  /** The rest of an oversized line is read away. */
  #skipping = false;
  #chunks: Buffer[] = [];
  #size = 0;

  /** @param oversized called for a longer line, which is left out; without it such a line is an error */
  constructor(limit: number, line: (line: Buffer) => void, oversized?: Oversized) {
    this.#limit = limit;
    this.#line = line;
    this.#oversized = oversized;
  }

  /** Bytes of the unfinished line. */
  get pending(): number {
    return this.#size;
  }

  /** The first 4 KB of the unfinished line. */
  get head(): Buffer {
    return beginningOf(this.#chunks);
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const part = chunk.subarray(start, end);
      start = end + 1;
      if (this.#skipping) this.#skipped(part);
      else if (this.#size + part.length > this.#limit) this.#tooLarge(part, false);
      else if (this.#chunks.length === 0) this.#emit(part);
      else {
        this.#chunks.push(part);
        const line = Buffer.concat(this.#chunks, this.#size + part.length);
        this.#chunks = [];
        this.#size = 0;
        this.#emit(line);
      }
    }
    if (start === chunk.length) return;
    const rest = start === 0 ? chunk : chunk.subarray(start);
    if (this.#skipping) {
      this.#tail = endOf([this.#tail, rest]);
      return;
    }
    this.#size += rest.length;
    if (this.#size > this.#limit) this.#tooLarge(rest, true);
    else this.#chunks.push(rest);
  }

  #emit(line: Buffer): void {
    const end = line.length > 0 && line[line.length - 1] === 13 ? line.length - 1 : line.length;
    if (end > 0) this.#line(end === line.length ? line : line.subarray(0, end));
  }

  #tooLarge(last: Buffer, unfinished: boolean): void {
    const chunks = [...this.#chunks, last];
    this.#chunks = [];
    this.#size = 0;
    if (!this.#oversized) throw new FrameTooLarge(this.#limit);
    this.#ended = this.#oversized(beginningOf(chunks));
    this.#tail = endOf(chunks);
    this.#skipping = true;
    if (!unfinished) this.#skipped(EMPTY);
  }

  /** An oversized line is at its end. */
  #skipped(part: Buffer): void {
    const ended = this.#ended;
    const tail = endOf([this.#tail, part]);
    this.#skipping = false;
    this.#ended = undefined;
    this.#tail = EMPTY;
    ended?.(tail);
  }
}

function beginningOf(chunks: readonly Buffer[]): Buffer {
  const head: Buffer[] = [];
  let size = 0;
  for (const chunk of chunks) {
    head.push(chunk.subarray(0, HEAD_BYTES - size));
    size += chunk.length;
    if (size >= HEAD_BYTES) break;
  }
  return Buffer.concat(head);
}

function endOf(chunks: readonly Buffer[]): Buffer {
  const ends = chunks.slice(-TAIL_BYTES).map((chunk) => chunk.subarray(-TAIL_BYTES)); // none is empty but perhaps the first or last
  return Buffer.concat(ends).subarray(-TAIL_BYTES);
}

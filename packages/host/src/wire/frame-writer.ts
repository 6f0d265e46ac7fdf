/** What frames are written to; any `Writable` is one. */
export interface FrameOutput {
  readonly writable: boolean;
  /** Bytes that wait for the other side to read. */
  readonly writableLength: number;
  write(text: string, encoding?: BufferEncoding): unknown;
  once(event: "error", listener: (error: Error) => void): unknown;
}

/**
 * Writes frames (one JSON text a line) to a byte stream. A lone frame is written at once. Where the last turn of the event
 * loop had several, those of this one are gathered and leave in one write once every socket that had something to read
 * was read: the system call costs more than everything else that is done for a small message.
 */
export class FrameWriter {
  readonly #stream: FrameOutput;
  #gathered = "";
  /** Frames of this turn. */
  #frames = 0;
  #isBusy = false;

  constructor(stream: FrameOutput) {
    this.#stream = stream;
  }

  /** Bytes (of ASCII; at least that many otherwise) that the other side has not read. */
  get pending(): number {
    return this.#stream.writableLength + this.#gathered.length;
  }

  get isOpen(): boolean {
    return this.#stream.writable;
  }

  write(json: string): void {
    if (++this.#frames === 1) setImmediate(() => this.#turn());
    this.#gathered += `${json}\n`;
    if (this.#frames === 1 && !this.#isBusy) this.flush();
  }

  /** Hands over what was gathered. */
  flush(): void {
    const frames = this.#gathered;
    this.#gathered = "";
    if (frames === "" || !this.#stream.writable) return;
    // Node reserves three bytes for each character of UTF-8, and leaves its quick way above 16 KiB of them; most JSON is ASCII.
    const isAscii = Buffer.byteLength(frames) === frames.length;
    this.#stream.write(frames, isAscii ? "latin1" : "utf8");
  }

  #turn(): void {
    this.#isBusy = this.#frames > 1;
    this.#frames = 0;
    this.flush();
  }
}

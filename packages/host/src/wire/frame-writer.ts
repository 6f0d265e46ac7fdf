/** What frames are written to; any `Writable` is one. */
export interface FrameOutput {
  readonly writable: boolean;
  /** Bytes that wait for the other side to read. */
  readonly writableLength: number;
  write(text: string): unknown;
  once(event: "error", listener: (error: Error) => void): unknown;
}

/**
 * Writes frames (one JSON text a line) to a byte stream. What is sent in one turn of the event loop leaves in one write:
 * the system call costs more than everything else that is done for a small message.
 */
export class FrameWriter {
  readonly #stream: FrameOutput;
  #frames = "";
  #scheduled = false;

  constructor(stream: FrameOutput) {
    this.#stream = stream;
  }

  /** Bytes (of ASCII; at least that many otherwise) that the other side has not read. */
  get pending(): number {
    return this.#stream.writableLength + this.#frames.length;
  }

  get isOpen(): boolean {
    return this.#stream.writable;
  }

  write(json: string): void {
    this.#frames += `${json}\n`;
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Runs when the promises of this turn are through, so nothing waits longer for being gathered.
    process.nextTick(() => this.flush());
  }

  /** Hands over what was gathered, before the stream is ended. */
  flush(): void {
    this.#scheduled = false;
    const frames = this.#frames;
    this.#frames = "";
    if (frames !== "" && this.#stream.writable) this.#stream.write(frames);
  }
}

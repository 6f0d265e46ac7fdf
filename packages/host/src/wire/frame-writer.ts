import type { Writable } from "node:stream";

/**
 * Writes frames (one JSON text a line) to a byte stream. What is sent in one turn of the event loop leaves in one write:
 * the system call costs more than everything else that is done for a small message.
 */
export class FrameWriter {
  readonly #stream: Writable;
  #frames = "";
  #scheduled = false;

  constructor(stream: Writable) {
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

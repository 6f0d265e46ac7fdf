import { redactHead, redactTail } from "../redact.ts";

const FIRST_BYTES = 2 * 1024;
const LAST_BYTES = 6 * 1024;

/** What is kept of a stream without end: its beginning, where a process says why it cannot start, and its end. */
export class KeptOutput {
  #first: Buffer[] = [];
  #firstSize = 0;
  #last: Buffer[] = [];
  #lastSize = 0;
  #isCut = false;

  /** At most 8 KB. Where something was left out, without secrets, of which half may be left. */
  get text(): string {
    if (!this.#isCut) return Buffer.concat([...this.#first, ...this.#last]).toString("utf8");
    const first = redactHead(Buffer.concat(this.#first).toString("utf8"));
    const last = redactTail(Buffer.concat(this.#last).subarray(-LAST_BYTES).toString("utf8"));
    return `${first}\n${last}`;
  }

  keep(chunk: Buffer): void {
    const first = chunk.subarray(0, FIRST_BYTES - this.#firstSize);
    if (first.length > 0) this.#first.push(Buffer.from(first)); // a copy, since a slice would keep the whole
    this.#firstSize += first.length;
    const rest = chunk.subarray(first.length);
    const last = rest.subarray(-LAST_BYTES);
    if (last.length === 0) return;
    this.#last.push(Buffer.from(last));
    this.#lastSize += last.length;
    this.#isCut ||= last.length < rest.length || this.#lastSize > LAST_BYTES;
    while (this.#lastSize - (this.#last[0]?.length ?? 0) >= LAST_BYTES) this.#lastSize -= this.#last.shift()?.length ?? 0;
    if (this.#last.length > 64) this.#last = [Buffer.concat(this.#last)];
  }
}

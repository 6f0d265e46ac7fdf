import { withDeadline } from "mcp-host";
import type { Follower } from "./follower.ts";

/** Where lines go besides the log. */
export interface Receiver {
  /** Takes lines, once more where it is not known whether it got them. Rejects where it did not; `retryAfter` of the error is respected, in milliseconds. */
  take(lines: readonly string[], first: number, last: number): Promise<void>;
  /** Remembers that all up to this line were taken. */
  taken(last: number): void | Promise<void>;
  close(): Promise<void>;
}

export interface ShippingOptions {
  readonly follower: Follower;
  readonly receiver: Receiver;
  /** Lines of one portion at most. */
  readonly batch: number;
  /** Lines that may wait. */
  readonly maxBehind: number;
  /** Whether what is beyond them is left out; otherwise `full` says so. */
  readonly drops: boolean;
  /** The number of the last line of the log. */
  readonly last: () => number;
  /** Told when a try failed (with why), and when the next one did not. */
  readonly troubled: (reason: string | undefined) => void;
  /** Told of lines that the receiver never gets. */
  readonly lost: (count: number) => void;
}

/** Milliseconds until the first try after one that failed, and at most. */
const FIRST = 500;
const LONGEST = 60_000;
/** Milliseconds that the end waits for what is left; it is sent after the next start. */
const LAST_WAIT = 1_500;

/** Brings a log's lines to a receiver, in order and each at least once, as long as they are in its files. */
export class Shipping {
  readonly #options: ShippingOptions;
  #running: Promise<void> | undefined;
  #pause = FIRST;
  #timer: NodeJS.Timeout | undefined;
  #trouble: string | undefined;
  #isOver = false;
  /** More was written since it was looked. */
  #isWoken = false;
  /** Lines that are read and were not taken. */
  #held: { readonly lines: readonly string[]; readonly first: number; readonly last: number } | undefined;
  #taken: number;

  constructor(options: ShippingOptions) {
    this.#options = options;
    this.#taken = options.follower.next - 1;
  }

  /** Lines that wait. */
  get behind(): number {
    return Math.max(0, this.#options.last() - this.#taken);
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Why no new call may begin. */
  get full(): string | undefined {
    const { drops, maxBehind } = this.#options;
    return !drops && this.behind > maxBehind
      ? `${this.behind} lines of the audit log wait for their receiver (${this.#trouble ?? "it is slow"})`
      : undefined;
  }

  /** There is more to bring. */
  wake(): void {
    this.#isWoken = true;
    if (this.#running || this.#timer || this.#isOver) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isWoken) this.wake();
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const wasWaiting = this.#timer !== undefined;
    this.#timer = undefined;
    // Who waits for a dead receiver waits no longer for it.
    if (!wasWaiting) this.wake();
    await withDeadline(this.#running ?? Promise.resolve(), LAST_WAIT, () => {});
    this.#isOver = true;
    await this.#options.receiver.close();
    await this.#running;
    await this.#options.follower.close();
  }

  async #run(): Promise<void> {
    const { follower, receiver, batch, troubled, lost } = this.#options;
    try {
      while (!this.#isOver) {
        await this.#catchUp();
        if (!this.#held) {
          this.#isWoken = false;
          const next = follower.next;
          this.#held = await follower.read(batch);
          if (this.#held && this.#held.first > next) lost(this.#held.first - next);
        }
        if (!this.#held && this.#isWoken) continue;
        if (!this.#held) return;
        const { lines, first, last } = this.#held;
        await receiver.take(lines, first, last);
        this.#held = undefined;
        this.#taken = last;
        this.#pause = FIRST;
        if (this.#trouble !== undefined) troubled((this.#trouble = undefined));
        await receiver.taken(last);
      }
    } catch (error) {
      this.#isWoken = false;
      if (this.#isOver) return;
      const { message, retryAfter } = error as Error & { retryAfter?: number }; // receivers throw these
      if (this.#trouble === undefined) troubled(message);
      this.#trouble = message;
      this.#timer = setTimeout(
        () => {
          this.#timer = undefined;
          this.wake();
        },
        Math.max(this.#pause, Math.min(retryAfter ?? 0, 10 * LONGEST)),
      ).unref();
      this.#pause = Math.min(2 * this.#pause, LONGEST);
    }
  }

  /** Leaves out what is too far behind, where that is wanted. */
  async #catchUp(): Promise<void> {
    const { follower, drops, maxBehind, lost, last } = this.#options;
    if (!drops || this.behind <= maxBehind) return;
    const next = last() - maxBehind + 1;
    lost(next - this.#taken - 1);
    this.#held = undefined;
    this.#taken = next - 1;
    await follower.skipTo(next);
  }
}

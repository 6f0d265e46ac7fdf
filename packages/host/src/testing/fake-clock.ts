import type { Clock } from "../plugin/clock.ts";

// Taken now: a test that puts fake timers in their place means those of the code under test.
const { setImmediate } = globalThis;

/** Turns of the event loop that let everything follow that does not wait for anything else. */
const TURNS = 5;

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** A clock that stands still until a test turns it: of a fake upstream, of a host's plugins (`createTestHost({ clock })`), or of both. */
export class FakeClock implements Clock {
  #now: number;
  readonly #sleepers = new Set<Sleeper>();

  /** @param start what it shows first, in milliseconds; default 0 */
  constructor(start = 0) {
    this.#now = start;
  }

  /** What it shows, in milliseconds. Bound, so that it can be handed over in the place of `Date.now`. */
  readonly now = (): number => this.#now;

  /** The same: this clock is never set back. */
  readonly monotonic = (): number => this.#now;

  /** How many wait on it. */
  get waiting(): number {
    return this.#sleepers.size;
  }

  /** Waits until it has been turned on by so many milliseconds, or until `signal` is aborted; never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (milliseconds <= 0 || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = this.setTimeout(wake, milliseconds);
      signal?.addEventListener("abort", wake);
    });
  }

  /** Calls `work` when it has been turned on by so many milliseconds, also where that is none. Gives a function that prevents it. */
  setTimeout(work: () => void, milliseconds: number): () => void {
    const sleeper: Sleeper = {
      at: this.#now + Math.max(0, milliseconds),
      wake: () => {
        this.#sleepers.delete(sleeper);
        work();
      },
    };
    this.#sleepers.add(sleeper);
    return () => void this.#sleepers.delete(sleeper);
  }

  /**
   * Turns it on. What waits wakes in the order of its time, each at that time, and what follows from it happens before
   * the next wakes: whoever wakes and sleeps again within the time wakes again.
   */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#now = next.at;
      next.wake();
      await settled();
    }
    this.#now = end;
    await settled();
  }

  #next(end: number): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) if (sleeper.at <= end && (!next || sleeper.at < next.at)) next = sleeper;
    return next;
  }
}

/** Lets everything happen that waits for nothing outside the process. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

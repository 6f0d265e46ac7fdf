import type { HostError } from "../errors.ts";
import type { Json } from "../wire/message.ts";
import { type Limited, unwatch, watch } from "./deadlines.ts";
import type { TimeLimits } from "./exchange.ts";

/** What a part with time limits of its own is a part of. */
interface Timed {
  /** Since when it has been silent without a reason, on the monotonic clock. */
  silentSince(now: number): number;
  /** What is wrong when its time is up. @param limit the milliseconds that are over */
  late(limit: number): HostError;
}

/** A part of an exchange with time limits of its own. */
export class TimeLimit implements Limited {
  place: number | undefined = undefined;
  readonly #exchange: Timed;
  readonly #timeLimits: TimeLimits;
  readonly #start = performance.now();
  /** Gives up what is under way; false if nothing listens. */
  readonly #giveUp: (error: HostError) => boolean;
  #reject: ((error: unknown) => void) | undefined;

  constructor(exchange: Timed, timeLimits: TimeLimits, giveUp: (error: HostError) => boolean) {
    this.#exchange = exchange;
    this.#timeLimits = timeLimits;
    this.#giveUp = giveUp;
  }

  run(send: () => Promise<Json>): Promise<Json> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      const sent = send();
      watch(this, this.#due(this.#start));
      sent.then(
        (result) => {
          unwatch(this);
          resolve(result);
        },
        (error: unknown) => {
          unwatch(this);
          reject(error);
        },
      );
    });
  }

  #due(now: number): number {
    return Math.min(this.#exchange.silentSince(now) + this.#timeLimits.timeout, this.#start + this.#timeLimits.maxTimeout);
  }

  check(now: number): number | undefined {
    const due = this.#due(now);
    // Timers may fire up to a millisecond early.
    if (due > now + 1) return due;
    unwatch(this);
    const { timeout, maxTimeout } = this.#timeLimits;
    const error = this.#exchange.late(this.#start + maxTimeout <= now + 1 ? maxTimeout : timeout);
    // Whoever is given up fails with this error, and the plugins further in are done with it before this one goes on.
    if (!this.#giveUp(error)) this.#reject?.(error);
    return undefined;
  }
}

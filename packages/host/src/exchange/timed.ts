import type { HostError } from "../errors.ts";
import { type Limited, unwatch, watch } from "./deadlines.ts";
import type { TimeLimits, Timings } from "./exchange.ts";

const DEFAULT_TIME_LIMITS: TimeLimits = { timeout: 60_000, maxTimeout: 600_000 };

/** Something that may be silent only so long, and last only so long. Its clock runs from {@link start} to {@link stopClock}. */
export abstract class Timed implements Limited {
  timeLimits: TimeLimits = DEFAULT_TIME_LIMITS;
  place: number | undefined = undefined;
  abstract readonly timings: Timings;
  /** Whose client it speaks to: a sign of life of this one is one of that. */
  protected attachedTo: Timed | undefined = undefined;
  /** When it gave the last sign of life; at first when it was made. */
  protected active = performance.now();
  #isRunning = false;
  #paused = 0;

  /** What is wrong when its time is up. @param limit the milliseconds that are over */
  abstract late(limit: number): HostError;
  abstract cancel(error: HostError): void;

  get deadline(): number {
    return this.timings.start + this.timeLimits.maxTimeout;
  }

  allow(timeLimits: TimeLimits): void {
    this.timeLimits = timeLimits;
    if (this.#isRunning) watch(this, this.#due);
  }

  /** Starts the clock. */
  start(): void {
    this.#isRunning = true;
    watch(this, this.#due);
  }

  protected stopClock(): void {
    this.#isRunning = false;
    unwatch(this);
  }

  touch(): void {
    this.active = performance.now();
    this.attachedTo?.touch();
  }

  /** Somebody else is at work: silence is no fault until {@link resume}. */
  pause(): void {
    this.#paused++;
    this.attachedTo?.pause();
  }

  resume(): void {
    this.#paused--;
    this.attachedTo?.resume();
    this.touch();
  }

  /** Since when it has been silent without a reason; a question to a person is one. */
  silentSince(now: number): number {
    return this.#paused > 0 ? now : this.active;
  }

  get #due(): number {
    return Math.min(this.active + this.timeLimits.timeout, this.deadline);
  }

  /** Whether its time is up: then it is cancelled. Called by its clock. */
  check(now: number): number | undefined {
    const due = Math.min(this.silentSince(now) + this.timeLimits.timeout, this.deadline);
    // Timers may fire up to a millisecond early.
    if (due > now + 1) return due;
    const limit = this.deadline <= now + 1 ? this.timeLimits.maxTimeout : this.timeLimits.timeout;
    unwatch(this);
    this.cancel(this.late(limit));
    return undefined;
  }
}

const FIRST = 1_000;
const LAST = 60_000;
const HEALTHY = 60_000;
/** More failures than this in a row are a failure to be told, not a hiccup. */
const FAILURES = 5;

/**
 * When to try again: exponential from one second to one minute, forgotten after a healthy minute. With full jitter, so that
 * not every connection of a host, nor every host, knocks at the same moment.
 */
export class Backoff {
  #failures = 0;
  #readyAt: number | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;

  /** A try begins. */
  tries(): void {
    this.#triedAt = performance.now();
  }

  succeeded(): void {
    this.#readyAt = performance.now();
  }

  /** The try failed, or what it had brought up was lost. Milliseconds until the next one. */
  failed(): number {
    if (this.#readyAt !== undefined && performance.now() - this.#readyAt > HEALTHY) this.#failures = 0;
    this.#readyAt = undefined;
    this.#failures++;
    return Math.max(FIRST / 4, Math.random() * Math.min(FIRST * 2 ** (this.#failures - 1), LAST));
  }

  /** Whether it has failed too often in a row to be called a hiccup. */
  get isHopeless(): boolean {
    return this.#failures >= FAILURES;
  }

  /** A use may ask for a try before the next one is due: at once after the first failure, but not at every call later. Milliseconds to wait. */
  get pause(): number {
    if (this.#failures <= 1) return 0;
    return Math.max(0, this.#triedAt + (this.isHopeless ? LAST : FIRST / 4) - performance.now());
  }

  reset(): void {
    this.#failures = 0;
  }
}

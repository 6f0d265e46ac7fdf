/** Leaves alone who fails again and again: after so many failures in a row for a time, and then lets one try. */
export class Circuit {
  readonly #failures: number;
  readonly #openFor: number;
  readonly #now: () => number;
  readonly #changed: (isOpen: boolean) => void;
  #inARow = 0;
  /** Until when it is left alone. */
  #until: number | undefined;
  #isTried = false;

  /** @param now monotonic milliseconds @param changed told when it opens and closes */
  constructor(
    { failures, openFor }: { readonly failures: number; readonly openFor: number },
    now: () => number,
    changed: (isOpen: boolean) => void,
  ) {
    this.#failures = failures;
    this.#openFor = openFor;
    this.#now = now;
    this.#changed = changed;
  }

  get isOpen(): boolean {
    return this.#until !== undefined;
  }

  /** Whether one may ask now; whoever asks says what came of it. */
  enter(): boolean {
    if (this.#until === undefined) return true;
    if (this.#isTried || this.#now() < this.#until) return false;
    return (this.#isTried = true);
  }

  succeeded(): void {
    this.#inARow = 0;
    if (this.#until === undefined) return;
    // One that was asked before it opened says as much as the one that tries.
    this.#until = undefined;
    this.#isTried = false;
    this.#changed(false);
  }

  failed(): void {
    this.#inARow++;
    if (this.#until !== undefined && !this.#isTried) return; // asked before it opened
    if (this.#until === undefined && this.#inARow < this.#failures) return;
    const wasOpen = this.#until !== undefined;
    this.#until = this.#now() + this.#openFor;
    this.#isTried = false;
    if (!wasOpen) this.#changed(true);
  }

  /** Nobody waited for what would have come of it. */
  abandoned(): void {
    this.#isTried = false;
  }
}

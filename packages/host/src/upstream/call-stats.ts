/** Answers whose times are remembered. */
const WINDOW = 256;

/** What is counted of the calls to one upstream. To note one costs no allocation; what is asked for is computed then. */
export class CallStats {
  calls = 0;
  errors = 0;
  readonly #times = new Float64Array(WINDOW);
  #noted = 0;

  /** @param time milliseconds until the upstream answered; undefined where it was not asked, or did not answer */
  note(failed: boolean, time: number | undefined): void {
    this.calls++;
    if (failed) this.errors++;
    if (time !== undefined) this.#times[this.#noted++ % WINDOW] = time;
  }

  /** Of the last 256 answers; undefined before the first. */
  latency(): { p50: number; p95: number } | undefined {
    if (this.#noted === 0) return undefined;
    const sorted = this.#times.slice(0, this.#noted).sort();
    // The smallest time that so many answers did not exceed.
    const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] as number; // share is above 0, sorted not empty
    return { p50: at(0.5), p95: at(0.95) };
  }
}

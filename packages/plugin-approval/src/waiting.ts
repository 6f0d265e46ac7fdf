import type { Exchange, HostError, PluginHost } from "mcp-host";

/** Why nobody answers any more. */
export type Over = "late" | "withdrawn";

/**
 * Waits for answers, each until its deadline, and not longer than its call is wanted or the plugin is there. A call that waits is
 * given the time that this takes besides its own.
 */
export class Waiting {
  readonly #clock: PluginHost["clock"];
  readonly #signal: AbortSignal;
  /** Ends what waits; one listener for all of it. */
  readonly #ends = new Set<() => void>();

  constructor({ clock, signal }: Pick<PluginHost, "clock" | "signal">) {
    this.#clock = clock;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.withdraw(), { once: true });
  }

  /** Ends all that waits now. */
  withdraw(): void {
    for (const end of [...this.#ends]) end();
  }

  /**
   * @param begin asks, and takes the question back when the signal is aborted
   * @throws what `begin` throws, or why the call was stopped
   */
  async until<T>(exchange: Exchange, milliseconds: number, begin: (signal: AbortSignal) => Promise<T>): Promise<T | Over> {
    if (exchange.stopped) throw exchange.stopped;
    if (this.#signal.aborted) return "withdrawn";
    const { timeout, maxTimeout } = exchange.timeLimits;
    const begun = performance.now(); // on the clock of the call's own deadline
    exchange.allow({ timeout: timeout + milliseconds, maxTimeout: maxTimeout + milliseconds });
    const abort = new AbortController();
    let release = (): void => {};
    const over = new Promise<Over>((resolve, reject) => {
      const withdraw = (): void => resolve("withdrawn");
      const stop = (error: HostError): void => reject(error);
      const stopTimer = this.#clock.setTimeout(() => resolve("late"), milliseconds);
      this.#ends.add(withdraw);
      exchange.onStop(stop);
      release = () => {
        stopTimer();
        this.#ends.delete(withdraw);
        exchange.offStop(stop);
      };
    });
    try {
      return await Promise.race([begin(abort.signal), over]);
    } finally {
      release();
      abort.abort();
      exchange.touch();
      exchange.allow({ timeout, maxTimeout: maxTimeout + (performance.now() - begun) });
    }
  }
}

import { type Clock, type Exchange, refuse } from "mcp-host";

/** The waits of one plugin instance: each ends early when its exchange is stopped or the host closes. */
export class Waits {
  readonly #under = new Set<(error: unknown) => void>();
  readonly #clock: Pick<Clock, "setTimeout">;

  constructor(clock: Pick<Clock, "setTimeout">) {
    this.#clock = clock;
  }

  /**
   * @param over called once: without an error when the time is up, else with why it ended early
   * @returns ends the wait; `over` is not called any more
   */
  start(exchange: Exchange, milliseconds: number, over: (error?: unknown) => void): () => void {
    const { signal } = exchange;
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", stopped);
      this.#under.delete(early);
    };
    const early = (error: unknown): void => {
      end();
      over(error);
    };
    const stopped = (): void => early(signal.reason);
    const cancel = this.#clock.setTimeout(() => {
      end();
      over();
    }, milliseconds);
    this.#under.add(early);
    signal.addEventListener("abort", stopped, { once: true });
    if (signal.aborted) stopped();
    return end;
  }

  pause(exchange: Exchange, milliseconds: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.start(exchange, milliseconds, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  close(): void {
    for (const early of [...this.#under]) early(refuse("shutting_down", "the host is stopping; nothing was sent"));
  }
}

import { type HostError, type PluginHost, refuse } from "mcp-host";

/** How long what was told once is only counted, in milliseconds. */
const QUIET = 60_000;

/** What goes wrong with the store, told once a minute, and what becomes of requests meanwhile. */
export class Troubles {
  readonly #host: Pick<PluginHost, "log" | "clock">;
  readonly #isOpen: boolean;
  readonly #failed: () => void;
  #told = Number.NEGATIVE_INFINITY;
  count = 0;

  constructor(host: Pick<PluginHost, "log" | "clock">, onStoreError: "open" | "closed", failed: () => void) {
    this.#host = host;
    this.#isOpen = onStoreError === "open";
    this.#failed = failed;
  }

  /** What a request is refused with that cannot be counted; undefined where it passes. @param rule that could not count it */
  of(error: unknown, rule: string): HostError | undefined {
    this.tell(error, rule);
    return this.#isOpen
      ? undefined
      : refuse("overloaded", `rule "${rule}" cannot count at the moment, so that nothing passes it; try again`, {
          rule,
          retryAfterMs: 1_000,
        });
  }

  /** Something was not counted that has passed already. */
  tell(error: unknown, rule: string): void {
    this.count++;
    this.#failed();
    const now = this.#host.clock.monotonic();
    if (now - this.#told < QUIET) return;
    this.#told = now;
    const fields = { rule, error: error instanceof Error ? error.message : String(error), times: this.count };
    this.#host.log.error(`the store cannot be counted in; requests ${this.#isOpen ? "pass uncounted" : "are refused"}`, fields);
  }
}

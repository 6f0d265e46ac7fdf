import type { PluginHost } from "mcp-host";

/** How long what was told once is only counted, in milliseconds. */
const QUIET = 60_000;

/** Tells in the log what rules would have refused that only observe: once a minute, with how often it was. */
export class Observing {
  readonly #host: Pick<PluginHost, "log" | "clock">;
  readonly #by = new Map<string, { told: number; times: number }>();

  constructor(host: Pick<PluginHost, "log" | "clock">) {
    this.#host = host;
  }

  tell(rule: string): void {
    const now = this.#host.clock.monotonic();
    let seen = this.#by.get(rule);
    if (!seen) this.#by.set(rule, (seen = { told: Number.NEGATIVE_INFINITY, times: 0 })); // as many as there are rules
    seen.times++;
    if (now - seen.told < QUIET) return;
    this.#host.log.info("a rule would have refused requests, and only observes", { rule, times: seen.times });
    seen.told = now;
    seen.times = 0;
  }
}

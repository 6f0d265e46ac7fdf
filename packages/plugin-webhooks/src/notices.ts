import type { PluginHost } from "mcp-host";

/** How long what was told once is only counted, in milliseconds. */
const QUIET = 60_000;

/** Tells in the log what happens again and again: once a minute, with how often it did. */
export class Notices {
  readonly #host: Pick<PluginHost, "log" | "clock">;
  readonly #known = new Map<string, { told: number; times: number }>();

  constructor(host: Pick<PluginHost, "log" | "clock">) {
    this.#host = host;
  }

  /** @param message one of few, for which it is told apart */
  tell(level: "info" | "warn", message: string, fields: Readonly<Record<string, string | undefined>>): void {
    const now = this.#host.clock.monotonic();
    let seen = this.#known.get(message);
    if (!seen) this.#known.set(message, (seen = { told: Number.NEGATIVE_INFINITY, times: 0 }));
    seen.times++;
    if (now - seen.told < QUIET) return;
    this.#host.log[level](message, { ...fields, times: seen.times });
    seen.told = now;
    seen.times = 0;
  }
}

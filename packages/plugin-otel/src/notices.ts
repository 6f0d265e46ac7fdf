import type { LogFields, PluginHost } from "mcp-host";

/** How long what was told once is only counted, in milliseconds. */
const QUIET = 60_000;

/** Tells in the log what happens again and again: once a minute, with how often it did. */
export class Notices {
  readonly #host: Pick<PluginHost, "log" | "clock">;
  readonly #known = new Map<string, { told: number; times: number }>();

  constructor(host: Pick<PluginHost, "log" | "clock">) {
    this.#host = host;
  }

  /** @param message one of few @param about told apart with it, of which there are few, too */
  warn(message: string, about: string, fields: LogFields): void {
    const now = this.#host.clock.monotonic();
    const key = `${message} ${about}`;
    let seen = this.#known.get(key);
    if (!seen) this.#known.set(key, (seen = { told: Number.NEGATIVE_INFINITY, times: 0 }));
    seen.times++;
    if (now - seen.told < QUIET) return;
    this.#host.log.warn(message, { ...fields, times: seen.times });
    seen.told = now;
    seen.times = 0;
  }
}

import type { PluginHost, Store } from "mcp-host";
import { inTime } from "./limiter.ts";

const PREFIX = "reset ";
const CHANNEL = "reset";

/** What sets a rule's counters apart from those before an operator's reset: every host that shares the store hears of it. */
export class Generations {
  readonly #by = new Map<string, string>();
  readonly #store: Store;
  readonly #host: Pick<PluginHost, "random" | "log" | "clock">;

  constructor(store: Store, host: Pick<PluginHost, "random" | "log" | "clock">) {
    this.#store = store;
    this.#host = host;
  }

  /** Reads what was reset before, and listens for what is from now on. A store that fails leaves the counters that it may have. */
  async open(rules: readonly string[]): Promise<void> {
    this.#store.subscribe(CHANNEL, (message) => {
      const { rule, generation } = (message ?? {}) as { rule?: unknown; generation?: unknown }; // whoever shares the store may say anything
      if (typeof rule === "string" && typeof generation === "string" && rules.includes(rule)) this.#by.set(rule, generation);
    });
    try {
      await Promise.all(rules.map((rule) => this.#read(rule)));
    } catch (error) {
      this.#host.log.warn("what was reset before is not known: the store fails", { error: String(error) });
    }
  }

  async #read(rule: string): Promise<void> {
    const generation = await inTime(this.#store.get(PREFIX + rule), this.#host.clock.setTimeout);
    if (typeof generation === "string") this.#by.set(rule, generation);
  }

  of(rule: string): string {
    return this.#by.get(rule) ?? "";
  }

  /** Has a rule begin to count anew, for everybody. */
  async renew(rule: string): Promise<void> {
    const generation = this.#host.random.uuid().slice(0, 8);
    await this.#store.set(PREFIX + rule, generation);
    this.#by.set(rule, generation);
    await this.#store.publish(CHANNEL, { rule, generation });
  }
}

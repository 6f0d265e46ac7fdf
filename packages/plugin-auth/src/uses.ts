import { isObject, type PluginHost } from "mcp-host";

/** When a key was last used, in milliseconds since 1970, and the address that it came from. */
export interface Use {
  readonly at: number;
  readonly from: string;
}

/** Milliseconds between two times that the use of one key is written to the store: a busy one is used a thousand times a second. */
const KEEP_EVERY = 60_000;
/** So many keys are told in a report, those that were used last. */
const TOLD = 20;

/** Knows when each key was last used. What it knows is in the host's store, so that it outlives a host whose store does. */
export class KeyUses {
  readonly #store: ReturnType<PluginHost["store"]>;
  readonly #clock: Pick<PluginHost["clock"], "now">;
  readonly #failed: (reason: string) => void;
  /** Only of keys that are configured. `kept`: when it was last written. */
  readonly #uses = new Map<string, { at: number; from: string; kept: number }>();

  /** @param failed told why the store does not take it */
  constructor({ store, clock }: Pick<PluginHost, "store" | "clock">, failed: (reason: string) => void) {
    this.#store = store("auth");
    this.#clock = clock;
    this.#failed = failed;
  }

  /** A key that is known was used just now. */
  note(id: string, from: string): void {
    const now = this.#clock.now();
    let use = this.#uses.get(id);
    if (use) {
      use.at = now;
      use.from = from;
    } else this.#uses.set(id, (use = { at: now, from, kept: Number.NEGATIVE_INFINITY }));
    if (now - use.kept >= KEEP_EVERY) void this.#keep(id, use);
  }

  /** Takes over what the store knows: other hosts may have it, too. @returns what is known of these keys, those that were used last first */
  async look(ids: readonly string[]): Promise<ReadonlyMap<string, Use>> {
    for (const id of ids) {
      const found = await this.#store.get(keyOf(id));
      if (!isObject(found) || typeof found.at !== "number" || typeof found.from !== "string") continue;
      if (found.at > (this.#uses.get(id)?.at ?? 0)) this.#uses.set(id, { at: found.at, from: found.from, kept: found.at });
    }
    return new Map(this.#latest().filter(([id]) => ids.includes(id)));
  }

  /** For a report. */
  told(): Record<string, string> {
    const latest = this.#latest().slice(0, TOLD);
    return Object.fromEntries(latest.map(([id, { at, from }]) => [id, `${new Date(at).toISOString()} from ${from}`]));
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    await Promise.all([...this.#uses].map(([id, use]) => (use.at > use.kept ? this.#keep(id, use) : undefined)));
  }

  #latest(): [string, Use][] {
    return [...this.#uses].sort(([, one], [, other]) => other.at - one.at);
  }

  async #keep(id: string, use: { readonly at: number; readonly from: string; kept: number }): Promise<void> {
    const { at, from } = use;
    use.kept = at;
    try {
      await this.#store.set(keyOf(id), { at, from });
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error));
    }
  }
}

const keyOf = (id: string): string => `used:${id}`;

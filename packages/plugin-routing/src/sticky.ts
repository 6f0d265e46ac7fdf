import { hash } from "node:crypto";
import { BoundedMap, type Exchange, type Logger, type PluginClock, type Store, withDeadline } from "mcp-host";

/** Callers that are remembered without asking the store. */
const MOST = 10_000;

/** How long a call waits for the store, in milliseconds; less than a tap may take. */
const PATIENCE = 1_000;

interface Kept {
  readonly server: string;
  readonly until: number;
  /** When the store is told again that it lasts. */
  readonly renew: number;
}

/** Which member somebody's calls go to. It is kept in the host's store, so that others who share it know. */
export class Sticky {
  readonly #group: string;
  readonly #by: "session" | "principal";
  readonly #time: number;
  readonly #store: Store;
  readonly #clock: Pick<PluginClock, "monotonic">;
  readonly #log: Logger;
  readonly #known = new BoundedMap<string, Kept>(MOST);

  constructor(
    group: string,
    by: "session" | "principal",
    time: number,
    around: { readonly store: Store; readonly clock: Pick<PluginClock, "monotonic">; readonly log: Logger },
  ) {
    this.#group = group;
    this.#by = by;
    this.#time = time;
    this.#store = around.store;
    this.#clock = around.clock;
    this.#log = around.log;
  }

  /** The key of whose call it is; nobody can tell from it who that is. */
  keyOf({ caller, scope }: Exchange): string {
    return hash("sha256", `${this.#group} ${this.#by === "session" ? caller.id : scope}`, "base64url");
  }

  /** The member that this key's calls go to, if there is one. The store is asked once. */
  of(key: string): string | undefined | Promise<string | undefined> {
    return this.here(key) ?? this.#ask(key);
  }

  /** The same, as far as it is known without the store. */
  here(key: string): string | undefined {
    const kept = this.#known.get(key);
    const now = this.#clock.monotonic();
    if (!kept || kept.until <= now) return undefined;
    if (kept.renew <= now) this.put(key, kept.server);
    return kept.server;
  }

  async #ask(key: string): Promise<string | undefined> {
    try {
      const asked = Promise.resolve(this.#store.get(`sticky ${key}`));
      const server = await withDeadline(asked, PATIENCE, () => {
        throw new Error(`the store did not answer within ${PATIENCE} ms`);
      });
      if (typeof server !== "string") return undefined;
      this.#remember(key, server);
      return server;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** From now on they go there. The call does not wait for the store. */
  put(key: string, server: string): void {
    this.#remember(key, server);
    void this.#write(key, server);
  }

  async #write(key: string, server: string): Promise<void> {
    try {
      await this.#store.set(`sticky ${key}`, server, this.#time);
    } catch (error) {
      this.#failed(error);
    }
  }

  #remember(key: string, server: string): void {
    const now = this.#clock.monotonic();
    this.#known.set(key, { server, until: now + this.#time, renew: now + this.#time / 4 });
  }

  #failed(error: unknown): void {
    this.#log.warn("the store was not reached, so a caller may come to another member", { group: this.#group, error: String(error) });
  }
}

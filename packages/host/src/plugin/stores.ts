import { type Clock, machineClock } from "./clock.ts";
import { MemoryStore } from "./memory-store.ts";
import { defineService } from "./plugin.ts";
import type { Store } from "./store.ts";

/** Puts another store in the place of the one in memory: `host.provide(STORE, (name) => ...)`, asked once for each name. */
export const STORE = defineService<(name: string) => Store>("store");

const MAX_STORES = 1_000;

/** Stores by name, each made when it is first used: those in memory, or those of one provider. */
export class Stores {
  readonly #stores = new Map<string, Store>();
  readonly #clock: Clock;

  /** @param clock of those in memory */
  constructor(clock: Clock = machineClock) {
    this.#clock = clock;
  }

  /** @throws Error where there are too many names */
  of(name: string, make: (name: string) => Store = () => new MemoryStore(this.#clock)): Store {
    let store = this.#stores.get(name);
    if (store) return store;
    if (this.#stores.size >= MAX_STORES)
      throw new Error(`there are ${MAX_STORES} stores already; name a store by what it is for, and put what it is about into its keys`);
    store = make(name);
    this.#stores.set(name, store);
    return store;
  }
}

import { type Clock, machineClock } from "./clock.ts";
import { MemoryStore } from "./memory-store.ts";
import { defineService } from "./plugin.ts";
import type { SecretStore, Store } from "./store.ts";

/** Puts another store in the place of the one in memory: `host.provide(STORE, (name) => ...)`, asked once for each name. */
export const STORE = defineService<(name: string) => Store>("store");

/**
 * Stores for what nobody else may read, such as tokens, by name: encrypted at rest, lasting, and shared by the processes of one machine
 * at least. `host.find(SECRET_STORE)`; nobody provides it in memory, so that whoever asks decides what becomes of its secrets without one.
 * The same name gives the same store to whoever asks; subscriptions are the asker's to end.
 */
export const SECRET_STORE = defineService<(name: string) => SecretStore>("secret-store");

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

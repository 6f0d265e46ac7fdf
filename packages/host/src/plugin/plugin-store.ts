import type { Awaitable } from "../exchange/awaitable.ts";
import type { Failures } from "./failures.ts";
import type { Lease, Store } from "./store.ts";
import { checkJson, checkStep, checkTime, checkTtl } from "./store-value.ts";

export interface PluginStoreOptions {
  readonly name: string;
  /** The store itself; undefined while plugins are still being applied. */
  readonly find: () => Store | undefined;
  /** Aborted when the plugin goes. */
  readonly signal: AbortSignal;
  readonly plugin: string;
  readonly failures: Failures;
}

/**
 * A store as one plugin has it. Which one it is shows when it is used: whoever provides it may come later in the config. What is
 * asked for in `apply` waits until all plugins are applied. Subscriptions end with the plugin. What no store may be given is refused
 * here, in the same words whoever provides it.
 */
export class PluginStore implements Store {
  readonly #options: PluginStoreOptions;

  constructor(options: PluginStoreOptions) {
    this.#options = options;
  }

  get(key: string): Awaitable<unknown> {
    return this.#use((store) => store.get(key));
  }

  set(key: string, value: unknown, ttl?: number): Awaitable<void> {
    const what = this.#of("the value of", key);
    checkTtl(what, ttl);
    checkJson(what, value);
    return this.#use((store) => store.set(key, value, ttl));
  }

  delete(key: string): Awaitable<void> {
    return this.#use((store) => store.delete(key));
  }

  increment(key: string, by?: number, ttl?: number): Awaitable<number> {
    const what = this.#of("the counter", key);
    checkTtl(what, ttl);
    checkStep(what, by);
    return this.#use((store) => store.increment(key, by, ttl));
  }

  update(key: string, change: (value: unknown) => unknown, ttl?: number): Awaitable<unknown> {
    const what = this.#of("the value of", key);
    checkTtl(what, ttl);
    const once = (value: unknown): unknown => {
      const changed = change(value);
      if (!(changed instanceof Promise)) {
        checkJson(what, changed);
        return changed;
      }
      changed.catch(() => {}); // told here
      throw new TypeError(`the change of "${key}" in the store "${this.#options.name}" is asynchronous; wait before update, or after it`);
    };
    return this.#use((store) => store.update(key, once, ttl));
  }

  lease(name: string, ttl: number): Awaitable<Lease | undefined> {
    const what = this.#of("the lease", name);
    checkTime(what, ttl);
    const checked = (lease: Lease | undefined): Lease | undefined =>
      lease && {
        renew: (more) => {
          checkTime(what, more);
          return lease.renew(more);
        },
        release: () => lease.release(),
      };
    return this.#use((store) => {
      const lease = store.lease(name, ttl);
      return lease instanceof Promise ? lease.then(checked) : checked(lease as Lease | undefined); // what is no promise is the lease
    });
  }

  publish(channel: string, message: unknown): Awaitable<void> {
    checkJson(this.#of("the message to", channel), message);
    return this.#use((store) => store.publish(channel, message));
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    const { name, plugin, failures, signal } = this.#options;
    /** What one subscriber throws is no business of who published, nor of the others. */
    const guarded = (message: unknown): void => {
      try {
        listener(message);
      } catch (error) {
        failures.tell("a subscriber of a store failed", { plugin }, error, { store: name, channel });
      }
    };
    let end: (() => void) | undefined;
    const stop = (): void => {
      signal.removeEventListener("abort", stop);
      end?.();
      end = () => {};
    };
    void this.#use((store) => {
      if (!end && !signal.aborted) end = store.subscribe(channel, guarded);
    });
    signal.addEventListener("abort", stop, { once: true });
    return stop;
  }

  #of(what: string, name: string): () => string {
    return () => `${what} ${JSON.stringify(name)} in the store "${this.#options.name}"`;
  }

  #use<T>(what: (store: Store) => Awaitable<T>): Awaitable<T> {
    const store = this.#options.find();
    if (store) return what(store);
    const later = Promise.resolve().then(() => {
      const applied = this.#options.find();
      if (!applied) throw new Error(`the store "${this.#options.name}" was asked for by plugins that could not be applied`);
      return what(applied);
    });
    later.catch(() => {}); // nobody has to wait for it
    return later;
  }
}

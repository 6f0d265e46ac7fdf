import type { Awaitable } from "../exchange/awaitable.ts";
import { BoundedMap } from "../wire/bounded-map.ts";

/** A small key-value store with counters and messages. The host's own is in memory; a plugin can put a shared one in its place. */
export interface Store {
  /** The value, or undefined when there is none or its time is up. */
  get(key: string): Awaitable<unknown>;
  /** @param ttl milliseconds; without it the value stays */
  set(key: string, value: unknown, ttl?: number): Awaitable<void>;
  delete(key: string): Awaitable<void>;
  /** Adds to a counter and gives its new value. A counter's `ttl` (milliseconds) begins with its first step. */
  increment(key: string, by?: number, ttl?: number): Awaitable<number>;
  /** Tells every subscriber of a channel. */
  publish(channel: string, message: unknown): Awaitable<void>;
  /** Gives a function that ends the subscription. */
  subscribe(channel: string, listener: (message: unknown) => void): () => void;
}

const MAX_KEYS = 100_000;

interface Kept {
  value: unknown;
  readonly expires: number;
}

/** The store in memory. When it is full, the oldest key makes room. */
export class MemoryStore implements Store {
  readonly #values = new BoundedMap<string, Kept>(MAX_KEYS);
  readonly #listeners = new Map<string, Set<(message: unknown) => void>>();

  get(key: string): unknown {
    return this.#live(key)?.value;
  }

  #live(key: string): Kept | undefined {
    const kept = this.#values.get(key);
    if (!kept || kept.expires > performance.now()) return kept;
    this.#values.delete(key);
    return undefined;
  }

  set(key: string, value: unknown, ttl?: number): void {
    this.#values.set(key, { value, expires: ttl === undefined ? Number.POSITIVE_INFINITY : performance.now() + ttl });
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  increment(key: string, by = 1, ttl?: number): number {
    const kept = this.#live(key);
    const value = (typeof kept?.value === "number" ? kept.value : 0) + by;
    // In its place: a counter does not become young by counting.
    if (kept) kept.value = value;
    else this.set(key, value, ttl);
    return value;
  }

  publish(channel: string, message: unknown): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(message);
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    let listeners = this.#listeners.get(channel);
    if (!listeners) this.#listeners.set(channel, (listeners = new Set()));
    // A function of its own for each subscription, since a set holds a function once.
    const own = (message: unknown): void => listener(message);
    listeners.add(own);
    return () => {
      if (listeners.delete(own) && listeners.size === 0) this.#listeners.delete(channel);
    };
  }
}

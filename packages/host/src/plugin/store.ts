import type { Awaitable } from "../exchange/awaitable.ts";

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

/** The store in memory. When it is full, the oldest key makes room. */
export class MemoryStore implements Store {
  readonly #values = new Map<string, { value: unknown; expires: number }>();
  readonly #listeners = new Map<string, Set<(message: unknown) => void>>();

  get(key: string): unknown {
    const kept = this.#values.get(key);
    if (kept === undefined) return undefined;
    if (kept.expires > performance.now()) return kept.value;
    this.#values.delete(key);
    return undefined;
  }

  set(key: string, value: unknown, ttl?: number): void {
    this.#values.delete(key); // so that the newest is last
    this.#values.set(key, { value, expires: ttl === undefined ? Number.POSITIVE_INFINITY : performance.now() + ttl });
    if (this.#values.size > MAX_KEYS) this.#values.delete(this.#values.keys().next().value as string); // not empty
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  increment(key: string, by = 1, ttl?: number): number {
    const before = this.get(key);
    const value = (typeof before === "number" ? before : 0) + by;
    if (before === undefined) this.set(key, value, ttl);
    else this.#values.set(key, { value, expires: this.#values.get(key)?.expires ?? Number.POSITIVE_INFINITY });
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

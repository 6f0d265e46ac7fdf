import type { Awaitable } from "../exchange/awaitable.ts";

/**
 * A small key-value store with counters, leases and messages. The host's own is in memory; a plugin can put one in its place that
 * several hosts share. Values and messages are JSON, and what a store gives is not to be changed in place. Times to live are
 * milliseconds, 0 or more. What a plugin gives that is neither is refused with a TypeError before it comes to the provider.
 * `testStore` of `mcp-host/testing` is the contract in tests.
 */
export interface Store {
  /** The value, or undefined when there is none or its time is up. */
  get(key: string): Awaitable<unknown>;
  /** @param value undefined deletes it @param ttl without it the value stays */
  set(key: string, value: unknown, ttl?: number): Awaitable<void>;
  delete(key: string): Awaitable<void>;
  /** Adds to a counter and gives its new value. A counter's `ttl` begins with its first step. @throws Error where it would be infinite */
  increment(key: string, by?: number, ttl?: number): Awaitable<number>;
  /**
   * Reads, changes and writes as one step, between which nobody else writes this key. Gives the new value.
   * @param change gets the value, undefined where there is none, and gives the new one; undefined deletes it. Synchronous and without
   *   effects: it may run again where somebody was faster. What it throws is thrown, and nothing was changed
   * @param ttl the value's from now on; without it a value that is there keeps its own, and a new one stays
   */
  update(key: string, change: (value: unknown) => unknown, ttl?: number): Awaitable<unknown>;
  /**
   * Takes a lease: who has it is the only one until it is released or `ttl` is over, whatever becomes of who took it. Gives undefined
   * where somebody has it. Its name is no key of the store: leases and values do not meet.
   */
  lease(name: string, ttl: number): Awaitable<Lease | undefined>;
  /** Tells every subscriber of a channel. */
  publish(channel: string, message: unknown): Awaitable<void>;
  /** Gives a function that ends the subscription. */
  subscribe(channel: string, listener: (message: unknown) => void): () => void;
}

/** A store whose values nobody else reads, and whose keys can be listed: what is signed in to, which secrets there are. */
export interface SecretStore extends Store {
  /** The keys that have a value, in no particular order. */
  keys(): Awaitable<readonly string[]>;
}

/** What only one has at a time. */
export interface Lease {
  /** Has it go on for `ttl` from now. False when it was lost: its time was up, and somebody else may have it. */
  renew(ttl: number): Awaitable<boolean>;
  /** Gives it back. What was lost is left alone. */
  release(): Awaitable<void>;
}

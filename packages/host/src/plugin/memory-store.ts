import { BoundedMap } from "../wire/bounded-map.ts";
import { type Clock, machineClock } from "./clock.ts";
import type { Lease, Store } from "./store.ts";

const MAX_KEYS = 100_000;
const MAX_LEASES = 10_000;
const MAX_SUBSCRIPTIONS = 10_000;

interface Kept {
  value: unknown;
  readonly expires: number;
}

/** The store in memory. When it is full, the oldest key makes room; a lease or a subscription too many is refused. */
export class MemoryStore implements Store {
  readonly #values = new BoundedMap<string, Kept>(MAX_KEYS);
  /** When each lease ends, by its name; one that was taken later under that name is another object. */
  readonly #leases = new Map<string, { expires: number }>();
  readonly #listeners = new Map<string, Set<(message: unknown) => void>>();
  readonly #clock: Clock;
  #subscriptions = 0;

  constructor(clock: Clock = machineClock) {
    this.#clock = clock;
  }

  get(key: string): unknown {
    return this.#live(key)?.value;
  }

  #live(key: string): Kept | undefined {
    const kept = this.#values.get(key);
    if (!kept || kept.expires > this.#clock.monotonic()) return kept;
    this.#values.delete(key);
    return undefined;
  }

  set(key: string, value: unknown, ttl?: number): void {
    if (value === undefined) return this.delete(key);
    this.#values.set(key, { value, expires: this.#endOf(ttl) });
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  increment(key: string, by = 1, ttl?: number): number {
    const kept = this.#live(key);
    const value = (typeof kept?.value === "number" ? kept.value : 0) + by;
    if (!Number.isFinite(value)) throw new RangeError(`a counter cannot become ${value}`);
    // In its place: a counter does not become young by counting.
    if (kept) kept.value = value;
    else this.set(key, value, ttl);
    return value;
  }

  update(key: string, change: (value: unknown) => unknown, ttl?: number): unknown {
    const kept = this.#live(key);
    const value = change(kept?.value);
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, { value, expires: ttl === undefined && kept ? kept.expires : this.#endOf(ttl) });
    return value;
  }

  lease(name: string, ttl: number): Lease | undefined {
    const now = this.#clock.monotonic();
    const taken = this.#leases.get(name);
    if (taken && taken.expires > now) return undefined;
    if (!taken && this.#leases.size >= MAX_LEASES) this.#makeRoom(now);
    const own = { expires: now + ttl };
    this.#leases.set(name, own);
    return {
      renew: (more) => {
        if (this.#leases.get(name) !== own || own.expires <= this.#clock.monotonic()) return false;
        own.expires = this.#clock.monotonic() + more;
        return true;
      },
      release: () => {
        if (this.#leases.get(name) === own) this.#leases.delete(name);
      },
    };
  }

  /** Forgets the leases whose time is up. None that somebody has may make room: it would not be the only one any more. */
  #makeRoom(now: number): void {
    for (const [name, { expires }] of this.#leases) if (expires <= now) this.#leases.delete(name);
    if (this.#leases.size >= MAX_LEASES) throw new Error(`${MAX_LEASES} leases of this store are taken; release what is not needed`);
  }

  publish(channel: string, message: unknown): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(message);
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    if (this.#subscriptions >= MAX_SUBSCRIPTIONS)
      throw new Error(`this store has ${MAX_SUBSCRIPTIONS} subscriptions; end those that are not needed`);
    let listeners = this.#listeners.get(channel);
    if (!listeners) this.#listeners.set(channel, (listeners = new Set()));
    // A function of its own for each subscription, since a set holds a function once.
    const own = (message: unknown): void => listener(message);
    listeners.add(own);
    this.#subscriptions++;
    return () => {
      if (!listeners.delete(own)) return;
      this.#subscriptions--;
      if (listeners.size === 0 && this.#listeners.get(channel) === listeners) this.#listeners.delete(channel);
    };
  }

  #endOf(ttl: number | undefined): number {
    return ttl === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonic() + ttl;
  }
}

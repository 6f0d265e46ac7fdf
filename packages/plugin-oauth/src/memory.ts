import type { Lease, Store } from "mcp-host";

/** What sign-ins are kept in. */
export type Kept = Pick<Store, "get" | "set" | "delete" | "update" | "lease" | "publish" | "subscribe">;

/** Values that are kept at once; the oldest leave first. */
const MOST = 10_000;

/**
 * Keeps sign-ins where there is no store for secrets: in this process alone, since other stores may write what they are given where
 * anybody reads it.
 */
export class Memory implements Kept {
  readonly #values = new Map<string, { value: unknown; until: number }>();
  readonly #leases = new Map<string, { until: number }>();
  readonly #listeners = new Map<string, Set<(message: unknown) => void>>();
  readonly #now: () => number;

  /** @param now milliseconds that never go back */
  constructor(now: () => number) {
    this.#now = now;
  }

  get(key: string): unknown {
    const kept = this.#values.get(key);
    if (!kept) return undefined;
    if (this.#now() < kept.until) return kept.value;
    this.#values.delete(key);
    return undefined;
  }

  set(key: string, value: unknown, ttl = Number.POSITIVE_INFINITY): void {
    this.#values.delete(key);
    if (value === undefined) return;
    this.#values.set(key, { value, until: this.#now() + ttl });
    if (this.#values.size <= MOST) return;
    const [oldest = ""] = this.#values.keys();
    this.#values.delete(oldest);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  update(key: string, change: (value: unknown) => unknown): unknown {
    const until = this.#values.get(key)?.until;
    const value = change(this.get(key));
    this.set(key, value, until === undefined ? undefined : until - this.#now());
    return value;
  }

  lease(name: string, ttl: number): Lease | undefined {
    const now = this.#now();
    if ((this.#leases.get(name)?.until ?? 0) > now) return undefined;
    const held = { until: now + ttl };
    this.#leases.set(name, held);
    const isHeld = (): boolean => this.#leases.get(name) === held;
    return {
      renew: (more) => {
        if (isHeld()) held.until = this.#now() + more;
        return isHeld();
      },
      release: () => {
        if (isHeld()) this.#leases.delete(name);
      },
    };
  }

  publish(channel: string, message: unknown): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(message);
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    let listeners = this.#listeners.get(channel);
    if (!listeners) this.#listeners.set(channel, (listeners = new Set()));
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }
}

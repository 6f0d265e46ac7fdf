import type { PluginHost, Store } from "mcp-host";
import { StoreLimiter } from "./limiter.ts";
import type { Bucket } from "./subjects.ts";
import type { Span, Windows } from "./windows.ts";

/** Windows that are known to be used up, of one rule: the oldest makes room, and is asked for again. */
const MAX_SPENT = 10_000;
/** A burst comes back after so many windows. */
export const BURST_WINDOWS = 10;
/** The clocks of hosts that share a store differ; a counter that stays longer does no harm. */
const LEEWAY = 1_000;

/** What came of taking from a window. */
export interface Taken {
  readonly passes: boolean;
  /** What is left of the window for this bucket; 0 where nothing is. */
  readonly remaining: number;
  /** When the window is over, in milliseconds since 1970. */
  readonly end: number;
  /** Where it was taken, and how it is given back: {@link Ledger.giveBack}. */
  readonly ledger: Ledger;
  readonly bucket: Bucket;
  readonly key: string;
}

/** The stores of one plugin. */
export interface Stores {
  /** Of those whom an auth plugin knows, and of what the config names: nobody can make more of them. */
  readonly known: Store;
  /** Of what anybody can make any number of (addresses, sessions): a flood of those pushes out only each other. */
  readonly anyone: Store;
}

/** @param host whose stores under its id are the plugin's */
export function storesOf(host: Pick<PluginHost, "id" | "store">): Stores {
  return { known: host.store(host.id), anyone: host.store(`${host.id}.anyone`) };
}

interface LedgerOptions {
  readonly name: string;
  readonly limit: number;
  readonly window: number | "day" | "month";
  readonly windows: Windows;
  readonly stores: Stores;
  readonly clock: Pick<PluginHost["clock"], "now" | "setTimeout">;
  /** What sets counters apart from those before a reset. */
  readonly generation: () => string;
}

/** Counts one thing of one rule, in windows, in the host's store. */
export class Ledger {
  readonly limit: number;
  /** What its rule is called, and what of it is counted. */
  readonly name: string;
  readonly #options: LedgerOptions;
  readonly #known: StoreLimiter;
  readonly #anyone: StoreLimiter;
  /** When they are over, by the keys of counters that have reached the limit. */
  readonly #spent = new Map<string, number>();
  readonly #prefix: string;

  constructor(options: LedgerOptions) {
    this.limit = options.limit;
    this.name = options.name;
    this.#prefix = `${options.name}|${options.window}|`;
    this.#options = options;
    const { setTimeout } = options.clock;
    const limiter = (store: Store): StoreLimiter => new StoreLimiter(options.limit, { store, setTimeout });
    this.#known = limiter(options.stores.known);
    this.#anyone = limiter(options.stores.anyone);
  }

  /** When the bucket's window is over, if it is known without asking that it is used up. */
  spentUntil(bucket: Bucket): number | undefined {
    if (this.#spent.size === 0) return undefined;
    const now = this.#options.clock.now();
    const span = this.#options.windows(now, bucket.key);
    return this.#spent.has(this.#key(bucket, span)) ? span.end : undefined;
  }

  /** Takes one. Where it does not pass nothing was taken. @param isBinding whether what does not pass is refused; else it is counted all the same */
  async take(bucket: Bucket, isBinding: boolean): Promise<Taken> {
    const { windows, clock } = this.#options;
    const now = clock.now();
    const span = windows(now, bucket.key);
    const key = this.#key(bucket, span);
    const left = span.end - now + LEEWAY;
    const limiter = this.#of(bucket);
    const { count, passes } = await limiter.take(key, 1, left);
    if (!passes && isBinding) {
      // What was refused is not counted: what is given back later is for others, and not to make up for it. Nor is it used up for good
      // where others have taken what they will give back.
      if ((await limiter.add(key, -1, left)) >= this.limit) this.#spend(key, span);
    }
    return this.#taken(bucket, key, span, passes, count);
  }

  /** Puts back what was taken: the request is refused after all. */
  async giveBack({ bucket, key, end }: Taken): Promise<void> {
    await this.#of(bucket).add(key, -1, Math.max(0, end - this.#options.clock.now()) + LEEWAY);
    this.#spent.delete(key); // after it: who asks meanwhile is told what was true
  }

  /** Whether something is left, without taking any. */
  async look(bucket: Bucket): Promise<Taken> {
    const { windows, clock } = this.#options;
    const now = clock.now();
    const span = windows(now, bucket.key);
    const key = this.#key(bucket, span);
    const count = await this.#of(bucket).count(key);
    if (count >= this.limit) this.#spend(key, span);
    return this.#taken(bucket, key, span, count < this.limit, count);
  }

  /** Counts what was had. Gives the sum, and when the window is over. */
  async add(bucket: Bucket, amount: number): Promise<{ readonly count: number; readonly end: number }> {
    const { windows, clock } = this.#options;
    const now = clock.now();
    const span = windows(now, bucket.key);
    const key = this.#key(bucket, span);
    const count = await this.#of(bucket).add(key, amount, span.end - now + LEEWAY);
    if (count >= this.limit) this.#spend(key, span);
    return { count, end: span.end };
  }

  #taken(bucket: Bucket, key: string, { end }: Span, passes: boolean, count: number): Taken {
    return { passes, remaining: Math.max(0, this.limit - count), end, ledger: this, bucket, key };
  }

  #of({ isKnown }: Bucket): StoreLimiter {
    return isKnown ? this.#known : this.#anyone;
  }

  #key({ key }: Bucket, { id }: Span): string {
    return `${this.#prefix}${this.#options.generation()}|${id}|${key}`;
  }

  #spend(key: string, { end }: Span): void {
    if (this.#spent.size >= MAX_SPENT && !this.#spent.has(key)) {
      const now = this.#options.clock.now();
      for (const [each, until] of this.#spent) if (until <= now) this.#spent.delete(each);
      if (this.#spent.size >= MAX_SPENT) this.#spent.delete(this.#spent.keys().next().value as string); // not empty
    }
    this.#spent.set(key, end);
  }
}

import { createRequire } from "node:module";
import type { Clock, Store } from "mcp-host";
import type { RateLimiterStoreAbstract as Base, RateLimiterRes as Result } from "rate-limiter-flexible";

// Not from the package's own index, which does not have the first of them at run time, and loads a limiter for every database there is.
const require = createRequire(import.meta.url);
const RateLimiterStoreAbstract = require("rate-limiter-flexible/lib/RateLimiterStoreAbstract.js") as typeof Base; // what its types say
const RateLimiterRes = require("rate-limiter-flexible/lib/RateLimiterRes.js") as typeof Result;

/** A counter as the store has it, with the milliseconds that it will be there. */
interface Counted {
  readonly count: number;
  readonly left: number;
}

/** A store that answers later is waited for so long, in milliseconds. */
const PATIENCE = 2_000;

export interface LimiterOptions {
  readonly store: Store;
  readonly setTimeout: Clock["setTimeout"];
}

/** What a store gives, in time: nobody waits for a store for ever. */
export function inTime<T>(given: T | PromiseLike<T>, setTimeout: Clock["setTimeout"]): T | Promise<T> {
  if (!(given instanceof Promise)) return given as T; // a store gives a promise or the value
  return new Promise<T>((resolve, reject) => {
    const cancel = setTimeout(() => reject(new Error(`the store did not answer within ${PATIENCE} ms`)), PATIENCE);
    given.then(resolve, reject).finally(cancel);
  });
}

/**
 * rate-limiter-flexible over a store of the host's. Its keys are those of single windows, so that one atomic step of the store is all
 * there is to counting; what a key is made of, and for how long, is for whoever asks.
 */
export class StoreLimiter extends RateLimiterStoreAbstract {
  readonly #options: LimiterOptions;

  /** @param points that may be consumed of one key */
  constructor(points: number, options: LimiterOptions) {
    super({ storeClient: options.store, points, duration: 0, keyPrefix: "" });
    this.#options = options;
  }

  /** Takes points of a window that has `left` milliseconds. Rejects with an Error where the store does not answer. */
  async take(key: string, points: number, left: number): Promise<{ readonly count: number; readonly passes: boolean }> {
    try {
      const { consumedPoints } = await this.consume(key, points, { customDuration: left / 1_000 });
      return { count: consumedPoints, passes: true };
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      return { count: refused.consumedPoints, passes: false };
    }
  }

  /** Counts without asking; points below 0 are given back to exactly the window that they were taken from. */
  async add(key: string, points: number, left: number): Promise<number> {
    return (await this.penalty(key, points, { customDuration: left / 1_000 })).consumedPoints;
  }

  async count(key: string): Promise<number> {
    return (await this.get(key))?.consumedPoints ?? 0;
  }

  /** As the base class has it, without what it does for an insurance limiter, of which there is none. */
  override consume(key: string, points: number, options: object): Promise<Result> {
    return this._consume(key, points, options);
  }

  // What the base class has, and what it asks of those that know a store.

  declare protected _consume: (key: string, points: number, options: object) => Promise<Result>;

  protected _upsert(key: string, points: number, left: number): Promise<Counted> {
    const { store, setTimeout } = this.#options;
    try {
      const count = inTime(store.increment(key, points, left), setTimeout);
      return count instanceof Promise ? count.then((count) => ({ count, left })) : Promise.resolve({ count, left });
    } catch (error) {
      return Promise.reject(error as Error); // what a store throws is an error
    }
  }

  protected async _get(key: string): Promise<Counted | null> {
    const { store, setTimeout } = this.#options;
    const count = await inTime(store.get(key), setTimeout);
    return typeof count === "number" ? { count, left: 0 } : null;
  }

  protected _getRateLimiterRes(_key: string, changed: number, { count, left }: Counted): Result {
    return new RateLimiterRes(Math.max(0, this.points - count), left, count, count === changed);
  }
}

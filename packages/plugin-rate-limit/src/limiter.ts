import { createRequire } from "node:module";
import type { Store } from "mcp-host";
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
  readonly setTimeout: (work: () => void, milliseconds: number) => () => void;
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

  // What the base class asks of those that know a store.

  protected async _upsert(key: string, points: number, left: number): Promise<Counted> {
    return { count: await this.#answer(this.#options.store.increment(key, points, left)), left };
  }

  protected async _get(key: string): Promise<Counted | null> {
    const count = await this.#answer(this.#options.store.get(key));
    return typeof count === "number" ? { count, left: 0 } : null;
  }

  protected _getRateLimiterRes(_key: string, changed: number, { count, left }: Counted): Result {
    return new RateLimiterRes(Math.max(0, this.points - count), left, count, count === changed);
  }

  /** Nobody waits for a store for ever. */
  #answer<T>(given: T | PromiseLike<T>): T | Promise<T> {
    if (!(given instanceof Promise)) return given as T; // a store gives a promise or the value
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#options.setTimeout(() => reject(new Error(`the store did not answer within ${PATIENCE} ms`)), PATIENCE);
      given.then(resolve, reject).finally(cancel);
    });
  }
}

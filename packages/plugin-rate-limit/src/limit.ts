import { type Exchange, type HostError, type PluginHost, refuse } from "mcp-host";
import { type Policy, policyOf } from "./answers.ts";
import { Consumers } from "./consumers.ts";
import { fits, isAboutServers, type Test } from "./fitting.ts";
import { BURST_WINDOWS, Ledger, type Stores, type Taken } from "./ledger.ts";
import type { Rule, Window } from "./options.ts";
import { Slots } from "./slots.ts";
import type { Bucket, BucketOf } from "./subjects.ts";
import { windowsOf } from "./windows.ts";
import { waitWords, windowWords } from "./words.ts";

/** What the limits of one plugin have in common. */
export interface Shared {
  readonly clock: Pick<PluginHost["clock"], "now" | "setTimeout">;
  readonly stores: Stores;
  readonly timeZone: string;
  readonly generationOf: (rule: string) => string;
  readonly laneOf: (exchange: Exchange) => string;
  readonly count: (what: "refused" | "observed", rule: string) => void;
}

/** One rule at work. */
export interface Limit {
  readonly name: string;
  readonly rule: Rule;
  readonly isBinding: boolean;
  readonly isAboutServers: boolean;
  readonly fits: Test;
  readonly bucketOf: BucketOf;
  readonly requests: Requests | undefined;
  readonly bytes: Ledger | undefined;
  readonly slots: Slots | undefined;
  readonly consumers: Consumers;
  /** What headers tell of it. */
  readonly policy: Policy;
}

export function limitOf(rule: Rule, isBinding: boolean, bucketOf: BucketOf, shared: Shared): Limit {
  const { name, requests, bytes, window, concurrent, queue, burst } = rule;
  const { clock } = shared;
  const slots =
    concurrent === undefined
      ? undefined
      : new Slots({
          concurrent,
          queue,
          isBinding,
          clock,
          laneOf: shared.laneOf,
          refusal: (why) => {
            shared.count("refused", name);
            return busy(name, concurrent, queue, why);
          },
          observed: () => shared.count("observed", name),
        });
  return {
    name,
    rule,
    isBinding,
    isAboutServers: isAboutServers(rule),
    fits: fits(rule),
    bucketOf,
    requests: requests === undefined || window === undefined ? undefined : requestsOf(name, { requests, window, burst }, shared),
    bytes: bytes === undefined || window === undefined ? undefined : ledgerOf(name, name, bytes, window, shared),
    slots,
    consumers: new Consumers(),
    policy: policyOf(name, requests ?? bytes ?? 0, window, bytes !== undefined),
  };
}

/** @param rule whose counters they are @param name what they are called in the store */
function ledgerOf(rule: string, name: string, limit: number, window: Window, shared: Shared): Ledger {
  const { stores, clock, timeZone, generationOf } = shared;
  return new Ledger({ name, limit, window, windows: windowsOf(window, timeZone), stores, clock, generation: () => generationOf(rule) });
}

/** Counts the requests of a rule, or of the edge. @param name what they are called in the store */
export function requestsOf(
  rule: string,
  { requests, window, burst }: { readonly requests: number; readonly window: Window; readonly burst?: number | undefined },
  shared: Shared,
  name = rule,
): Requests {
  const isBursty = burst !== undefined && typeof window === "number";
  return new Requests(
    ledgerOf(rule, name, requests, window, shared),
    isBursty ? ledgerOf(rule, `${name}:burst`, burst, window * BURST_WINDOWS, shared) : undefined,
  );
}

/** Requests in a window, and those that pass beyond it. */
export class Requests {
  readonly #base: Ledger;
  readonly #burst: Ledger | undefined;

  constructor(base: Ledger, burst: Ledger | undefined) {
    this.#base = base;
    this.#burst = burst;
  }

  get limit(): number {
    return this.#base.limit;
  }

  /** When a request may pass again, if it is known without asking that none does now. */
  spentUntil(bucket: Bucket): number | undefined {
    const base = this.#base.spentUntil(bucket);
    if (base === undefined || !this.#burst) return base;
    const burst = this.#burst.spentUntil(bucket);
    return burst && Math.min(base, burst);
  }

  /** Takes one. Where it does not pass, nothing was taken. @param isBinding as of {@link Ledger.take} */
  take(bucket: Bucket, isBinding: boolean): Promise<Taken> {
    return this.#burst ? this.#takeMore(bucket, this.#burst, isBinding) : this.#base.take(bucket, isBinding);
  }

  async #takeMore(bucket: Bucket, more: Ledger, isBinding: boolean): Promise<Taken> {
    // What is beyond the first is the second's business, whether or not it refuses.
    let end = this.#base.spentUntil(bucket);
    if (end === undefined) {
      const base = await this.#base.take(bucket, true);
      if (base.passes) return base;
      ({ end } = base);
    }
    const taken = await more.take(bucket, isBinding);
    return taken.passes ? taken : { ...taken, end: Math.min(end, taken.end) };
  }

  /** Whether it counts requests in the window itself, and not those beyond. */
  isOf(ledger: Ledger): boolean {
    return ledger === this.#base;
  }
}

/** Why a request of a rule is refused whose window is used up. @param left milliseconds of the window */
export function usedUp({ name, requests, bytes, window, burst }: Rule, left: number): HostError {
  const what = requests === undefined ? `${bytes} bytes` : `${requests} requests`;
  const more = burst === undefined ? "" : ` and ${burst} more in a burst`;
  const retryAfterMs = Math.max(1, Math.ceil(left));
  const words = window === undefined ? "" : ` in ${windowWords(window)}`;
  return refuse(
    "rate_limited",
    `rule "${name}" lets through ${what}${words}${more}, which are used up; try again in ${waitWords(retryAfterMs)}`,
    {
      rule: name,
      retryAfterMs,
    },
  );
}

/** How long somebody waits who was refused because others are at it; nobody knows when they are done. */
const PAUSE = 1_000;

function busy(name: string, concurrent: number, queue: Rule["queue"], why: "full" | "waited" | "pushed"): HostError {
  const calls = concurrent === 1 ? "1 call" : `${concurrent} calls`;
  const reasons = {
    full: queue ? `, and ${queue.max} wait already` : "",
    waited: `, and it was not this one's turn within ${queue?.deadline} ms`,
    pushed: ", and of those that wait this caller has most",
  };
  return refuse("rate_limited", `rule "${name}" lets ${calls} be under way at a time${reasons[why]}; try again when others have ended`, {
    rule: name,
    retryAfterMs: PAUSE,
  });
}

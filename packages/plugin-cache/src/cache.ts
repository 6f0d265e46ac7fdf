import type { Awaitable, Entry, Exchange, Handler, Json, UpstreamFacts } from "mcp-host";
import type { Drop } from "./drop.ts";
import { AGAIN, ALONE, Flight } from "./flight.ts";
import { keys, owners } from "./key.ts";
import { LONGEST_WORD, type Options } from "./options.ts";
import { dropsOf, type KEPT, type Policy, policies, subjectOf } from "./policy.ts";
import type { Kept, Shelf, Terms } from "./shelf.ts";
import type { Counts } from "./statistics.ts";

type KeptMethod = (typeof KEPT)[number];

export interface CacheParts {
  readonly options: Options;
  readonly shelf: Shelf;
  readonly counts: (upstream: string) => Counts;
}

/** Keeps results and gives them again, to whom they belong and for as long as they are true. */
export class Cache {
  readonly #options: Options;
  readonly #shelf: Shelf;
  readonly #counts: (upstream: string) => Counts;
  readonly #policy: ReturnType<typeof policies>;
  readonly #key: ReturnType<typeof keys>;
  readonly #flights = new Map<string, Flight>();
  /** Those under way by the exchange that makes the call. A WeakMap of so many would keep the garbage collector busy. */
  readonly #byChild = new Map<Exchange, Flight>();
  /** Whether something may be kept for all because its server said so; another host may have put it into the store. */
  #keepsForAll: boolean;
  /** What tasks that still run will make old, by upstream. */
  readonly #awaited = new Map<string, Set<Drop>>();

  constructor({ options, shelf, counts }: CacheParts) {
    this.#options = options;
    this.#shelf = shelf;
    this.#counts = counts;
    this.#policy = policies(options);
    this.#keepsForAll = options.store !== false;
    this.#key = keys(options.ignoreMeta, options.store !== false);
  }

  /** The handler around the calls of one method to one upstream. */
  around(method: KeptMethod, next: Handler, upstream: UpstreamFacts): Handler {
    if (!this.#policy.concerns(method, upstream.key)) return next;
    const whose = owners(upstream, this.#options.scope);
    const counts = this.#counts(upstream.key);
    const policyOf = this.#policiesOf(method, upstream.key);
    const keyOf = (exchange: Exchange, policy: Policy, whom: string): string => this.#key(exchange.params, policy.called, whom);

    const fly = (exchange: Exchange, key: string, policy: Policy, refresh: boolean): Flight => {
      const flight = new Flight(exchange, upstream.key, refresh);
      this.#flights.set(key, flight);
      this.#byChild.set(flight.child, flight);
      const placeOf = ({ child }: Flight): string => {
        if (!whose.ofAll || child.freshness?.cacheScope !== "public") return key;
        this.#keepsForAll = true;
        return keyOf(child, policy, whose.ofAll(child));
      };
      void this.#fly(flight, key, policy, next, placeOf);
      return flight;
    };

    const fetched = (exchange: Exchange, key: string, policy: Policy): Promise<Json> => {
      let flight = this.#flights.get(key);
      if (flight?.isOpen) counts.joined();
      else {
        counts.miss();
        flight = fly(exchange, key, policy, false);
      }
      return flight.board(exchange).then((result) => {
        if (result === ALONE) return next(exchange);
        return result === AGAIN ? fetched(exchange, key, policy) : result;
      });
    };

    const answer = (exchange: Exchange, key: string, policy: Policy, kept: Kept | undefined): Promise<Json> => {
      if (!kept) return fetched(exchange, key, policy);
      const stale = kept.freshUntil <= this.#shelf.now();
      counts.hit(kept.cost, stale);
      if (stale && this.#flights.get(key)?.isOpen !== true) fly(exchange, key, policy, true);
      return Promise.resolve(kept.result as Json); // frozen
    };

    return (exchange) => {
      const { entry } = exchange;
      if (!entry) return next(exchange);
      const native = exchange.route?.native ?? entry.native;
      const policy = policyOf(entry, native);
      if (policy.rules.length > 0) return this.#write(exchange, next, policy, exchange.params);
      if (policy.ttl === undefined || isOwn(exchange)) return next(exchange);
      const key = keyOf(exchange, policy, whose.of(exchange));
      const kept =
        this.#keepsForAll && whose.ofAll ? this.#either(keyOf(exchange, policy, whose.ofAll(exchange)), key) : this.#shelf.get(key);
      return isPromise(kept) ? kept.then((found) => answer(exchange, key, policy, found)) : answer(exchange, key, policy, kept);
    };
  }

  /** The handler around requests about tasks: one that ends may have changed what its tool changes. */
  aroundTasks(next: Handler, upstream: UpstreamFacts): Handler {
    if (!this.#policy.concerns("tools/call", upstream.key)) return next;
    const policyOf = this.#policiesOf("tools/call", upstream.key);
    return (exchange) => {
      const { entry } = exchange;
      const policy = entry?.kind === "tool" ? policyOf(entry, entry.native) : undefined;
      return policy && policy.rules.length > 0 ? this.#write(exchange, next, policy, undefined) : next(exchange);
    };
  }

  /** What is kept under one of two keys. */
  #either(first: string, second: string): Awaitable<Kept | undefined> {
    const kept = this.#shelf.get(first);
    return isPromise(kept) ? kept.then((found) => found ?? this.#shelf.get(second)) : (kept ?? this.#shelf.get(second));
  }

  /** Drops what fits, and gives how many results that were. */
  drop(drop: Drop): Awaitable<number> {
    return this.#shelf.drop(drop);
  }

  /** A task of an upstream has ended. */
  taskEnded(upstream: string): void {
    for (const drop of this.#awaited.get(upstream) ?? []) void this.drop(drop);
  }

  /** An upstream asks a client something. @param origin the exchange that it asks on behalf of, where that is known */
  asked(upstream: string, origin: Exchange | undefined): void {
    const flight = origin && this.#byChild.get(origin);
    if (flight) flight.ask();
    // It may be any of the calls that are under way.
    else if (!origin) for (const each of this.#byChild.values()) if (each.upstream === upstream) each.ask();
  }

  /** There was progress on a call. */
  touched(origin: Exchange): void {
    this.#byChild.get(origin)?.touch();
  }

  close(): void {
    for (const flight of this.#byChild.values()) flight.cancel();
    this.#flights.clear();
    this.#shelf.close();
  }

  /**
   * Makes the call of a flight, keeps its result where that may be, and gives it to those who wait.
   * @param placeOf the key under which the result is kept, once it is there
   */
  async #fly(flight: Flight, key: string, policy: Policy, next: Handler, placeOf: (flight: Flight) => string): Promise<void> {
    const { child } = flight;
    const subject = subjectOf(policy, child.params);
    const begun = this.#shelf.begin(subject);
    const receipt = isPromise(begun) ? await begun : begun;
    flight.receipt = receipt;
    const started = performance.now();
    try {
      const result = await next(child);
      const shared = !flight.asked && !child.asked && isWhole(child, result);
      const ttl = ttlOf(policy, child);
      if (shared && result.isError !== true && ttl > 0) {
        const freshUntil = this.#shelf.now() + ttl;
        const staleUntil = freshUntil + this.#options.staleWhileRevalidate;
        const terms: Terms = { subject, cost: performance.now() - started, freshUntil, staleUntil };
        const put = this.#shelf.put(placeOf(flight), terms, JSON.stringify(result), receipt);
        if (put) await put;
      }
      flight.land(result, shared);
    } catch (error) {
      flight.fail(error);
    } finally {
      this.#shelf.end(receipt);
      this.#byChild.delete(child);
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    }
  }

  #policiesOf(method: KeptMethod, upstream: string): (entry: Entry, native: string) => Policy {
    const known = new WeakMap<Entry, Policy>();
    return (entry, native) => {
      let policy = known.get(entry);
      if (policy?.subject.native !== native) known.set(entry, (policy = this.#policy.of(method, entry, upstream, native)));
      return policy;
    };
  }

  /**
   * Makes a call that changes something. What it makes old is dropped before its answer is given, and also when nobody
   * knows whether it ran.
   * @param params of the tool, where they are known
   */
  async #write(exchange: Exchange, next: Handler, policy: Policy, params: Readonly<Json> | undefined): Promise<Json> {
    try {
      const result = await next(exchange);
      if (result.task !== undefined) this.#await(policy);
      // A task that works on will be asked about again.
      if (result.status !== "working") await this.#dropAll(dropsOf(policy, params));
      return result;
    } catch (error) {
      const unsent = exchange.sent === "no" && error instanceof Error && "sent" in error && error.sent === "no";
      if (!unsent) await this.#dropAll(dropsOf(policy, params));
      throw error;
    }
  }

  async #dropAll(drops: readonly Drop[]): Promise<void> {
    for (const drop of drops) await this.drop(drop);
  }

  #await(policy: Policy): void {
    const { upstream } = policy.subject;
    let awaited = this.#awaited.get(upstream);
    if (!awaited) this.#awaited.set(upstream, (awaited = new Set()));
    for (const drop of dropsOf(policy, undefined)) awaited.add(drop);
  }
}

/** Milliseconds that a result is fresh: as the options say or, where they say nothing, as its server does. */
function ttlOf({ ttl = 0, isUnsaid }: Policy, { freshness }: Exchange): number {
  return isUnsaid && freshness ? Math.min(freshness.ttlMs, LONGEST_WORD) : ttl;
}

/** Whether the answer can only be the caller's own: a task, or the next part of a conversation. */
function isOwn({ params, round }: Exchange): boolean {
  return params.task !== undefined || round > 0;
}

/** `_meta` keys of what is no answer: it belongs to a task, or stands in for an answer that could not be had (plugin resilience). */
const NO_ANSWER = ["io.modelcontextprotocol/related-task", "io.mcp-host/fallback"];

/** Whether a result is an answer, and not a task, a question or a substitute. */
function isWhole({ resultKind }: Exchange, result: Readonly<Json>): boolean {
  const { _meta: meta, task } = result;
  if (resultKind !== "complete" || task !== undefined) return false;
  return typeof meta !== "object" || meta === null || !NO_ANSWER.some((key) => key in meta);
}

function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return value instanceof Promise;
}

import type { Exchange, Handler, Json } from "mcp-host";
import { headersOf, type Standing } from "./answers.ts";
import type { Taken } from "./ledger.ts";
import { type Limit, usedUp } from "./limit.ts";
import type { Release } from "./slots.ts";
import type { Bucket } from "./subjects.ts";
import type { Troubles } from "./troubles.ts";

export interface GateOptions {
  readonly limits: readonly Limit[];
  readonly troubles: Troubles;
  readonly now: () => number;
  /** Whether answers tell what is left. */
  readonly headers: boolean;
  readonly count: (what: "refused" | "observed", rule: string) => void;
}

/** A limit with the bucket that a request falls into. */
interface Due {
  readonly limit: Limit;
  readonly bucket: Bucket;
}

/** What one request has taken so far. */
interface Hold {
  readonly taken: Taken[];
  readonly places: Release[];
  /** What its answer tells; undefined where nothing is told. */
  readonly standings: Standing[] | undefined;
}

/** What is known of one exchange. */
interface Known {
  isCounted: boolean;
  /** By which limits what it is answered with is counted. */
  billed: Due[] | undefined;
}

const unknown = (): Known => ({ isCounted: false, billed: undefined });

/** Lets requests pass that all limits let through. */
export class Gate {
  readonly #options: GateOptions;
  readonly #key = Symbol("rate-limit");

  /** @param options the limits in any order: what is a matter of fewer is asked first, so that who has used up its own share takes nothing of what all share */
  constructor(options: GateOptions) {
    const limits = [...options.limits].sort((a, b) => b.rule.per.length - a.rule.per.length);
    this.#options = { ...options, limits };
  }

  around(next: Handler): Handler {
    return (exchange) => {
      const due = this.#due(exchange);
      if (due.length === 0) return next(exchange);
      return this.#enter(exchange, due).then((places) => (places.length === 0 ? next(exchange) : holding(places, exchange, next)));
    };
  }

  /** For what the host answers itself. @throws HostError */
  async check(exchange: Exchange, limits: readonly Limit[]): Promise<void> {
    const due = limits.filter(({ fits }) => fits(exchange)).map((limit) => ({ limit, bucket: limit.bucketOf(exchange) }));
    await this.#enter(exchange, due);
  }

  /** An exchange is over: what it was answered with is counted. */
  settled(exchange: Exchange): void {
    const { billed } = this.#known(exchange);
    if (!billed) return;
    const bytes = sizeOf(exchange);
    if (bytes === 0) return;
    for (const due of billed)
      void due.limit.bytes?.add(due.bucket, bytes).then(
        ({ count, end }) => this.#note(due, count, end),
        (error: unknown) => this.#options.troubles.tell(error, due.limit.name),
      );
  }

  #known(exchange: Exchange): Known {
    return exchange.state(this.#key, unknown);
  }

  #due(exchange: Exchange): Due[] {
    const due: Due[] = [];
    const isOwn = exchange.plugin !== undefined && !isPart(exchange);
    for (const limit of this.#options.limits) {
      // What a plugin has done for a client is the client's one request, unless it is a matter of what servers do.
      if (isOwn && !limit.isAboutServers) continue;
      if (limit.fits(exchange)) due.push({ limit, bucket: limit.bucketOf(exchange) });
    }
    return due;
  }

  /** Takes what a request needs of all limits, or nothing. @throws HostError */
  async #enter(exchange: Exchange, due: readonly Due[]): Promise<readonly Release[]> {
    const isTold = this.#options.headers && exchange.http !== undefined;
    const hold: Hold = { taken: [], places: [], standings: isTold ? [] : undefined };
    const known = this.#known(exchange);
    // A further try, a further round, or a part of a request that was counted.
    const isCounted = known.isCounted || exchange.round > 0 || isPart(exchange);
    try {
      // What is known to be used up is asked first, so that nothing is taken elsewhere for nothing.
      if (!isCounted) for (const each of due) this.#checkSpent(each, hold);
      for (const each of due) {
        const { limit, bucket } = each;
        let taken: Taken | undefined;
        try {
          if (limit.bytes) taken = await limit.bytes.look(bucket);
          else if (limit.requests && !isCounted) taken = await limit.requests.take(bucket, limit.isBinding);
        } catch (error) {
          this.#failed(error, limit);
        }
        if (taken) this.#heed(each, hold, taken);
        if (limit.bytes) (known.billed ??= []).push(each);
      }
      for (const { limit, bucket } of due) {
        const place = limit.slots?.take(exchange, bucket);
        if (place) hold.places.push(place instanceof Promise ? await place : place);
      }
      known.isCounted = true;
      return hold.places;
    } catch (refused) {
      for (const release of hold.places) release();
      // Before the answer: who knows that it was refused may count on the rest.
      if (hold.taken.length > 0) await Promise.all(hold.taken.map((taken) => this.#giveBack(taken)));
      throw refused;
    } finally {
      if (hold.standings && hold.standings.length > 0) exchange.answerHeaders(headersOf(hold.standings));
    }
  }

  /** @throws HostError unless what cannot be counted passes */
  #failed(error: unknown, { name }: Limit): void {
    const refusal = this.#options.troubles.of(error, name);
    if (refusal) throw refusal;
  }

  #giveBack(taken: Taken): Promise<void> {
    return taken.ledger.giveBack(taken).catch((error: unknown) => this.#options.troubles.tell(error, taken.ledger.name));
  }

  /** @throws HostError */
  #checkSpent({ limit, bucket }: Due, hold: Hold): void {
    if (!limit.isBinding) return;
    const until = limit.requests?.spentUntil(bucket) ?? limit.bytes?.spentUntil(bucket);
    if (until !== undefined) this.#refuse(limit, until, hold);
  }

  /** @throws HostError */
  #heed(due: Due, hold: Hold, taken: Taken): void {
    const { limit } = due;
    const { passes, remaining, end, ledger } = taken;
    if (limit.requests) {
      if (passes || !limit.isBinding) hold.taken.push(taken);
      if (limit.requests.isOf(ledger)) this.#note(due, ledger.limit - remaining, end);
    }
    if (passes) hold.standings?.push({ policy: limit.policy, remaining, left: end - this.#options.now() });
    else this.#refuse(limit, end, hold);
  }

  /** @throws HostError unless the limit is only observed */
  #refuse({ name, rule, isBinding, policy }: Limit, end: number, { standings }: Hold): void {
    this.#options.count(isBinding ? "refused" : "observed", name);
    const left = end - this.#options.now();
    standings?.push({ policy, remaining: 0, left });
    if (isBinding) throw usedUp(rule, left);
  }

  #note({ limit: { consumers }, bucket }: Due, used: number, end: number): void {
    consumers.note(bucket.label, used, end, this.#options.now());
  }
}

async function holding(places: readonly Release[], exchange: Exchange, next: Handler): Promise<Json> {
  try {
    return await next(exchange);
  } finally {
    for (const release of places) release();
  }
}

/** Whether it was derived: the same request once more, for a refresh or a flight that several share. */
function isPart({ parent, original }: Exchange): boolean {
  return parent !== undefined && parent.original === original;
}

/** What went out, in bytes; in process, where nothing counts them, what would. */
function sizeOf({ answerBytes, outcome, parent }: Exchange): number {
  if (answerBytes !== undefined) return answerBytes;
  if (parent || !outcome || !("result" in outcome)) return 0;
  return Buffer.byteLength(JSON.stringify(outcome.result));
}

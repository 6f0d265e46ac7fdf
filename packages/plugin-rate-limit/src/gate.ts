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
  readonly taken: (Pick<Taken, "giveBack"> & { readonly name: string })[];
  readonly places: Release[];
  readonly standings: Standing[];
}

/** Lets requests pass that all limits let through. */
export class Gate {
  readonly #options: GateOptions;
  readonly #counted = Symbol("counted");
  readonly #billed = Symbol("billed");

  /** @param options the limits in any order: what is a matter of fewer is asked first, so that who has used up its own share takes nothing of what all share */
  constructor(options: GateOptions) {
    const limits = [...options.limits].sort((a, b) => b.rule.per.length - a.rule.per.length);
    this.#options = { ...options, limits };
  }

  around(next: Handler): Handler {
    return (exchange) => {
      const due = this.#due(exchange);
      return due.length === 0 ? next(exchange) : this.#carry(exchange, due, next);
    };
  }

  /** For what the host answers itself. @throws HostError */
  async check(exchange: Exchange, limits: readonly Limit[]): Promise<void> {
    const due = limits.filter(({ fits }) => fits(exchange)).map((limit) => ({ limit, bucket: limit.bucketOf(exchange) }));
    await this.#enter(exchange, due);
  }

  /** An exchange is over: what it was answered with is counted. */
  settled(exchange: Exchange): void {
    const due = exchange.state<Due[]>(this.#billed, () => []);
    if (due.length === 0) return;
    const bytes = sizeOf(exchange);
    if (bytes === 0) return;
    for (const { limit, bucket } of due)
      void limit.bytes?.add(bucket, bytes).then(
        ({ count, end }) => this.#note({ limit, bucket }, count, end),
        (error: unknown) => this.#options.troubles.tell(error, limit.name),
      );
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

  async #carry(exchange: Exchange, due: readonly Due[], next: Handler): Promise<Json> {
    const places = await this.#enter(exchange, due);
    if (places.length === 0) return next(exchange);
    try {
      return await next(exchange);
    } finally {
      for (const release of places) release();
    }
  }

  /** Takes what a request needs of all limits, or nothing. @throws HostError */
  async #enter(exchange: Exchange, due: readonly Due[]): Promise<readonly Release[]> {
    const hold: Hold = { taken: [], places: [], standings: [] };
    try {
      await this.#take(exchange, due, hold);
      return hold.places;
    } catch (refused) {
      for (const release of hold.places) release();
      // Before the answer: who knows that it was refused may count on the rest.
      await Promise.all(
        hold.taken.map(({ name, giveBack }) => giveBack().catch((error: unknown) => this.#options.troubles.tell(error, name))),
      );
      throw refused;
    } finally {
      if (this.#options.headers && hold.standings.length > 0 && exchange.http) exchange.answerHeaders(headersOf(hold.standings));
    }
  }

  async #take(exchange: Exchange, due: readonly Due[], hold: Hold): Promise<void> {
    const isCounted = this.#isCounted(exchange);
    // What is known to be used up is asked first, so that nothing is taken elsewhere for nothing.
    for (const each of due) if (!isCounted && each.limit.isBinding) this.#refuseSpent(each, hold);
    for (const each of due) {
      if (each.limit.requests && !isCounted) await this.#takeRequest(each, hold);
      else if (each.limit.bytes) await this.#lookAtBytes(exchange, each, hold);
    }
    for (const { limit, bucket } of due) {
      const place = limit.slots?.take(exchange, bucket);
      if (place) hold.places.push(place instanceof Promise ? await place : place);
    }
    if (!isCounted) exchange.state(this.#counted, () => ({ done: false })).done = true;
  }

  /** Whether it is a further round, a further try, or a part of a request that was counted. */
  #isCounted(exchange: Exchange): boolean {
    return exchange.round > 0 || isPart(exchange) || exchange.state(this.#counted, () => ({ done: false })).done;
  }

  #refuseSpent({ limit, bucket }: Due, hold: Hold): void {
    const until = limit.requests?.spentUntil(bucket) ?? limit.bytes?.spentUntil(bucket);
    if (until === undefined) return;
    this.#refuse(limit, until, hold);
  }

  async #takeRequest(due: Due, hold: Hold): Promise<void> {
    const { limit, bucket } = due;
    const { requests, isBinding } = limit;
    const taken = await requests?.take(bucket, isBinding).catch((error: unknown) => this.#failed(error, limit));
    if (!requests || !taken) return;
    const { passes, end, remaining } = taken;
    if (passes || !isBinding) hold.taken.push({ name: limit.name, giveBack: taken.giveBack });
    this.#note(due, requests.limit - remaining, end);
    if (passes) hold.standings.push(this.#standing(limit, requests.limit, remaining, end));
    else this.#refuse(limit, end, hold);
  }

  async #lookAtBytes(exchange: Exchange, due: Due, hold: Hold): Promise<void> {
    const { limit, bucket } = due;
    const { bytes } = limit;
    const seen = await bytes?.look(bucket).catch((error: unknown) => this.#failed(error, limit));
    if (!bytes || !seen) return;
    const { passes, end, remaining } = seen;
    if (passes) hold.standings.push(this.#standing(limit, bytes.limit, remaining, end));
    else this.#refuse(limit, end, hold);
    exchange.state<Due[]>(this.#billed, () => []).push(due);
  }

  /** @throws HostError unless the limit is only observed */
  #refuse(limit: Limit, end: number, hold: Hold): void {
    const { name, rule, isBinding } = limit;
    this.#options.count(isBinding ? "refused" : "observed", name);
    hold.standings.push(this.#standing(limit, rule.requests ?? rule.bytes ?? 0, 0, end));
    if (isBinding) throw usedUp(rule, end - this.#options.now());
  }

  /** @throws HostError where what cannot be counted does not pass */
  #failed(error: unknown, { name }: Limit): undefined {
    const refusal = this.#options.troubles.of(error, name);
    if (refusal) throw refusal;
  }

  #standing({ name, rule }: Limit, limit: number, remaining: number, end: number): Standing {
    // A rule of these kinds has a window, as the options are checked.
    return { name, limit, window: rule.window ?? 1_000, remaining, left: end - this.#options.now(), isBytes: rule.bytes !== undefined };
  }

  #note({ limit: { consumers }, bucket }: Due, used: number, end: number): void {
    consumers.note(bucket.label, used, end, this.#options.now());
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

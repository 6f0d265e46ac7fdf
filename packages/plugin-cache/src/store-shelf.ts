import { LRUCache } from "lru-cache";
import { type Awaitable, type Json, type Logger, type Store, withDeadline } from "mcp-host";
import { type Drop, dropper, type Subject } from "./drop.ts";
import type { ShelfOptions } from "./memory-shelf.ts";
import { frozen, type Kept, type Receipt, type Shelf, sizeOf, type Terms } from "./shelf.ts";

/** A result as it is in the store. */
interface Stored extends Kept {
  /** The number of the last drop before its call began. */
  readonly after: number;
}

interface NumberedReceipt extends Receipt {
  readonly subject: Subject;
  /** As in {@link Stored}; undefined when the store did not say. */
  readonly after: number | undefined;
}

type Test = (subject: Subject) => boolean;

/** So many drops are looked through for one result; with more since, it counts as dropped. */
const MAX_DROPS = 1_000;
/** Drops that could not be told to the store yet; more become one that drops everything. */
const MAX_OWED = 100;
/** Milliseconds that the store may take. */
const DEADLINE = 1_000;
/** The counter of drops. */
const COUNT = "drops";

/**
 * Results in a store that several hosts may share. Drops are numbered and stay in the store for as long as a result can
 * live, and each result carries the number of the last one before its call began: so a host that was not there when
 * something was dropped, or that is just reading it, knows all the same. A store that fails costs hits, never a call.
 */
export class StoreShelf implements Shelf {
  readonly now: () => number;
  readonly #store: Store;
  readonly #log: Logger;
  readonly #lifetime: number;
  readonly #maxEntrySize: number;
  /** What this host has put there. */
  readonly #own: LRUCache<string, { subject: Subject; size: number }>;
  readonly #begun = new Set<NumberedReceipt>();
  readonly #drops = new LRUCache<number, { test: Test }>({ max: MAX_DROPS });
  /** Drops up to this one were held against {@link #begun}. */
  #seen = 0;
  #owed: Drop[] = [];
  #failing = false;

  /** @param lifetime milliseconds that a result can be given for at most */
  constructor(store: Store, log: Logger, lifetime: number, { maxSize, maxEntrySize, evicted, now }: ShelfOptions) {
    this.now = now;
    this.#store = store;
    this.#log = log;
    this.#lifetime = lifetime;
    this.#maxEntrySize = Math.min(maxSize, maxEntrySize);
    this.#own = new LRUCache({
      maxSize,
      sizeCalculation: ({ size }) => size,
      ttl: Math.max(lifetime, 1),
      dispose: ({ subject }, key, reason) => {
        if (reason === "evict") evicted(subject.upstream);
        if (reason === "evict" || reason === "delete") void this.#try(() => this.#store.delete(entryKey(key)));
      },
    });
  }

  async get(key: string): Promise<Kept | undefined> {
    return this.#try(async () => {
      const [count, stored] = await Promise.all([this.#catchUp(), this.#store.get(entryKey(key))]);
      const kept = stored as Stored | undefined; // what `put` put there
      if (kept === undefined || kept.staleUntil <= this.now()) return undefined;
      if (!(await this.#isDropped(kept.subject, kept.after, count))) return kept;
      this.#own.delete(key);
      return undefined;
    });
  }

  async begin(subject: Subject): Promise<Receipt> {
    const after = await this.#try(() => this.#catchUp());
    const receipt: NumberedReceipt = { isOutdated: false, subject, after };
    this.#begun.add(receipt);
    return receipt;
  }

  end(receipt: Receipt): void {
    this.#begun.delete(receipt as NumberedReceipt); // `begin` made it
  }

  async put(key: string, terms: Terms, text: string, receipt: Receipt): Promise<void> {
    const { after, isOutdated } = receipt as NumberedReceipt; // `begin` made it
    const size = sizeOf(key, text);
    if (isOutdated || after === undefined || size > this.#maxEntrySize) return;
    const stored: Stored = { ...terms, result: frozen(JSON.parse(text) as Json), after };
    await this.#try(async () => {
      await this.#store.set(entryKey(key), stored, terms.staleUntil - this.now());
      this.#own.set(key, { subject: terms.subject, size });
    });
  }

  async drop(drop: Drop): Promise<number> {
    const test = dropper(drop);
    // At once, so that nothing that waits for the store is given what is dropped.
    for (const receipt of this.#begun) if (test(receipt.subject)) receipt.isOutdated = true;
    this.#owed = this.#owed.length < MAX_OWED ? [...this.#owed, drop] : [{}];
    await this.#try(() => this.#payOwed());
    let dropped = 0;
    for (const [key, { subject }] of [...this.#own.entries()]) if (test(subject) && this.#own.delete(key)) dropped++;
    return dropped;
  }

  usage(): ReadonlyMap<string, { readonly entries: number; readonly bytes: number }> {
    const usage = new Map<string, { entries: number; bytes: number }>();
    for (const { subject, size } of this.#own.values()) {
      const of = usage.get(subject.upstream) ?? { entries: 0, bytes: 0 };
      usage.set(subject.upstream, { entries: of.entries + 1, bytes: of.bytes + size });
    }
    return usage;
  }

  close(): void {
    this.#begun.clear();
  }

  /** Holds what was dropped since the last time against what is under way, and gives the number of the last drop. */
  async #catchUp(): Promise<number> {
    await this.#payOwed();
    const count = Number((await this.#store.get(COUNT)) ?? 0);
    if (count !== this.#seen) {
      for (const receipt of this.#begun)
        if (receipt.after === undefined || (await this.#isDropped(receipt.subject, receipt.after, count))) receipt.isOutdated = true;
      this.#seen = count;
    }
    return count;
  }

  /** Until the store knows what was dropped, nothing is taken from it. */
  async #payOwed(): Promise<void> {
    const owed = this.#owed;
    for (const drop of owed) {
      const number = await this.#store.increment(COUNT);
      await this.#store.set(`drop:${number}`, drop, this.#lifetime);
      this.#owed = this.#owed.filter((each) => each !== drop);
    }
  }

  async #isDropped(subject: Subject, after: number, count: number): Promise<boolean> {
    // A counter that went back is another store's.
    if (count < after || count - after > MAX_DROPS) return true;
    for (let number = after + 1; number <= count; number++) {
      let drop = this.#drops.get(number);
      if (!drop) {
        const found = (await this.#store.get(`drop:${number}`)) as Drop | undefined; // what #payOwed put there
        // One that is not there yet, or not any more: it may have been anything.
        drop = { test: found ? dropper(found) : () => true };
        if (found) this.#drops.set(number, drop);
      }
      if (drop.test(subject)) return true;
    }
    return false;
  }

  /** What the store gives in time, or undefined. */
  async #try<T>(work: () => Awaitable<T>): Promise<T | undefined> {
    try {
      const given = await withDeadline(Promise.resolve(work()), DEADLINE, () => {
        throw new Error(`the store did not answer within ${DEADLINE} ms`);
      });
      if (this.#failing) this.#log.info("the store of cached results works again");
      this.#failing = false;
      return given;
    } catch (error) {
      if (!this.#failing) this.#log.warn("the store of cached results fails; calls go to their upstreams", { reason: String(error) });
      this.#failing = true;
      return undefined;
    }
  }
}

function entryKey(key: string): string {
  return `entry:${key}`;
}

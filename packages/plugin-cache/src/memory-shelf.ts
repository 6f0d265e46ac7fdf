import { LRUCache } from "lru-cache";
import type { Json } from "mcp-host";
import { type Drop, dropper, type Subject } from "./drop.ts";
import { frozen, type Kept, type Receipt, type Shelf, sizeOf, type Terms } from "./shelf.ts";

/** A result as JSON until somebody is given it: most never are, and a text costs the garbage collector least. */
class Entry implements Kept {
  readonly subject: Subject;
  readonly cost: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
  readonly size: number;
  readonly group: Group;
  #text: string | undefined;
  #result: Readonly<Json> = NONE;

  constructor({ subject, cost, freshUntil, staleUntil }: Terms, text: string, size: number, group: Group) {
    this.subject = subject;
    this.cost = cost;
    this.freshUntil = freshUntil;
    this.staleUntil = staleUntil;
    this.size = size;
    this.group = group;
    this.#text = text;
  }

  get result(): Readonly<Json> {
    if (this.#text !== undefined) {
      this.#result = frozen(JSON.parse(this.#text) as Json); // it was a result
      this.#text = undefined;
    }
    return this.#result;
  }
}

const NONE: Readonly<Json> = Object.freeze({});

/** The results of one subject; a drop looks at subjects, of which there are fewer than results. */
interface Group {
  readonly id: string;
  readonly subject: Subject;
  readonly keys: Set<string>;
}

export interface ShelfOptions {
  readonly maxSize: number;
  readonly maxEntrySize: number;
  /** A result made room for others. */
  readonly evicted: (upstream: string) => void;
  /** Milliseconds by which a result is fresh or stale: monotonic in one process, since 1970 where several share it. */
  readonly now: () => number;
}

/** Results in this process, the least recently used of which go when there are too many. */
export class MemoryShelf implements Shelf {
  readonly #kept: LRUCache<string, Entry>;
  readonly #maxEntrySize: number;
  readonly #groups = new Map<string, Group>();
  readonly #usage = new Map<string, { entries: number; bytes: number }>();
  readonly #begun = new Map<Receipt, Subject>();

  readonly now: () => number;

  constructor({ maxSize, maxEntrySize, evicted, now }: ShelfOptions) {
    this.now = now;
    this.#maxEntrySize = Math.min(maxSize, maxEntrySize);
    this.#kept = new LRUCache<string, Entry>({
      maxSize,
      sizeCalculation: ({ size }) => size,
      dispose: (entry, key, reason) => {
        this.#forget(entry, key);
        if (reason === "evict") evicted(entry.subject.upstream);
      },
    });
  }

  get(key: string): Kept | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.staleUntil > this.now()) return kept;
    this.#kept.delete(key);
    return undefined;
  }

  begin(subject: Subject): Receipt {
    const receipt = { isOutdated: false };
    this.#begun.set(receipt, subject);
    return receipt;
  }

  end(receipt: Receipt): void {
    this.#begun.delete(receipt);
  }

  put(key: string, terms: Terms, text: string, { isOutdated }: Receipt): void {
    if (isOutdated) return;
    const size = sizeOf(key, text);
    if (size > this.#maxEntrySize) {
      this.#kept.delete(key);
      return;
    }
    const { subject } = terms;
    const id = idOf(subject);
    const group = this.#groups.get(id) ?? { id, subject, keys: new Set() };
    this.#kept.set(key, new Entry(terms, text, size, group));
    group.keys.add(key);
    this.#groups.set(id, group); // anew where its last key made room
    let usage = this.#usage.get(subject.upstream);
    if (!usage) this.#usage.set(subject.upstream, (usage = { entries: 0, bytes: 0 }));
    usage.entries++;
    usage.bytes += size;
  }

  drop(drop: Drop): number {
    const drops = dropper(drop);
    for (const [receipt, subject] of this.#begun) if (drops(subject)) receipt.isOutdated = true;
    let dropped = 0;
    for (const { subject, keys } of [...this.#groups.values()]) {
      if (!drops(subject)) continue;
      dropped += keys.size;
      for (const key of [...keys]) this.#kept.delete(key);
    }
    return dropped;
  }

  usage(): ReadonlyMap<string, { readonly entries: number; readonly bytes: number }> {
    return this.#usage;
  }

  close(): void {
    this.#kept.clear();
    this.#begun.clear();
  }

  #forget({ subject, size, group }: Entry, key: string): void {
    group.keys.delete(key);
    if (group.keys.size === 0) this.#groups.delete(group.id);
    const usage = this.#usage.get(subject.upstream);
    if (!usage) return;
    usage.entries--;
    usage.bytes -= size;
  }
}

/** Those of subjects without compared arguments, of which each entry of the catalog has one. */
const ids = new WeakMap<Subject, string>();

function idOf(subject: Subject): string {
  if (subject.compared) return written(subject);
  let id = ids.get(subject);
  if (id === undefined) ids.set(subject, (id = written(subject)));
  return id;
}

function written({ method, upstream, name, native, compared }: Subject): string {
  return JSON.stringify([method, upstream, name, native, compared]);
}

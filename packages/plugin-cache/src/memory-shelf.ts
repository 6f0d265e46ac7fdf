import { LRUCache } from "lru-cache";
import { type Drop, dropper, type Subject } from "./drop.ts";
import { frozen, type Kept, type Receipt, type Shelf, sizeOf } from "./shelf.ts";

interface Sized extends Kept {
  readonly size: number;
  readonly group: Group;
}

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
}

/** Results in this process, the least recently used of which go when there are too many. */
export class MemoryShelf implements Shelf {
  readonly #kept: LRUCache<string, Sized>;
  readonly #groups = new Map<string, Group>();
  readonly #usage = new Map<string, { entries: number; bytes: number }>();
  readonly #begun = new Map<Receipt, Subject>();

  constructor({ maxSize, maxEntrySize, evicted }: ShelfOptions) {
    this.#kept = new LRUCache<string, Sized>({
      maxSize,
      maxEntrySize: Math.min(maxSize, maxEntrySize),
      sizeCalculation: ({ size }) => size,
      dispose: (entry, key, reason) => {
        this.#forget(entry, key);
        if (reason === "evict") evicted(entry.subject.upstream);
      },
    });
  }

  now(): number {
    return performance.now();
  }

  get(key: string): Kept | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.staleUntil > performance.now()) return kept;
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

  put(key: string, kept: Kept, text: string, { isOutdated }: Receipt): void {
    if (isOutdated) return;
    // A copy of its own: whoever made the result may go on using it.
    const { subject } = kept;
    const id = idOf(subject);
    const group = this.#groups.get(id) ?? { id, subject, keys: new Set() };
    const sized: Sized = { ...kept, result: frozen(JSON.parse(text)), size: sizeOf(key, text), group };
    this.#kept.delete(key);
    this.#kept.set(key, sized);
    if (!this.#kept.has(key)) return; // too large
    group.keys.add(key);
    this.#groups.set(id, group); // anew where its last key made room
    let usage = this.#usage.get(subject.upstream);
    if (!usage) this.#usage.set(subject.upstream, (usage = { entries: 0, bytes: 0 }));
    usage.entries++;
    usage.bytes += sized.size;
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

  #forget({ subject, size, group }: Sized, key: string): void {
    group.keys.delete(key);
    if (group.keys.size === 0) this.#groups.delete(group.id);
    const usage = this.#usage.get(subject.upstream);
    if (!usage) return;
    usage.entries--;
    usage.bytes -= size;
  }
}

function idOf({ method, upstream, name, native, compared }: Subject): string {
  return JSON.stringify([method, upstream, name, native, compared]);
}

import type { Entry } from "mcp-host";
import { Ranking } from "./ranking.ts";
import type { Synonyms } from "./synonyms.ts";

/** Views that are kept ready: most callers have the same one. */
const MOST_VIEWS = 16;

/**
 * The index of what each caller may call. Callers who may call the same have the same one; it is made by the first search of a view, and
 * another when what is in the view changes. No word of a tool that somebody may not call counts in that caller's search.
 */
export class Views {
  readonly #synonyms: Synonyms;
  readonly #made = new Map<string, Promise<Ranking>>();
  /** Entries never change: one that does is another. */
  readonly #numbers = new WeakMap<Entry, number>();
  #last = 0;
  built = 0;

  constructor(synonyms: Synonyms) {
    this.#synonyms = synonyms;
  }

  get size(): number {
    return this.#made.size;
  }

  /** @param entries tools that a caller may call, in their order */
  of(entries: readonly Entry[]): Promise<Ranking> {
    const key = entries.map((entry) => this.#numberOf(entry)).join(" ");
    let ranking = this.#made.get(key);
    if (ranking) this.#made.delete(key);
    else {
      ranking = Ranking.of(entries, this.#synonyms);
      this.built++;
    }
    this.#made.set(key, ranking); // the last one asked for goes last
    for (const oldest of this.#made.keys()) {
      if (this.#made.size <= MOST_VIEWS) break;
      this.#made.delete(oldest);
    }
    return ranking;
  }

  #numberOf(entry: Entry): number {
    let number = this.#numbers.get(entry);
    if (number === undefined) this.#numbers.set(entry, (number = ++this.#last));
    return number;
  }
}

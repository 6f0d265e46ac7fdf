import { createHash } from "node:crypto";
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
  /** Definitions never change: one that does is another. */
  readonly #digests = new WeakMap<object, string>();
  built = 0;

  constructor(synonyms: Synonyms) {
    this.#synonyms = synonyms;
  }

  get size(): number {
    return this.#made.size;
  }

  /** @param entries tools that a caller may call, in their order. The ranking may have another caller's, which are the same by name and content */
  of(entries: readonly Entry[]): Promise<Ranking> {
    const key = this.#keyOf(entries);
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

  /** Where each caller has a connection of its own, each has definitions of its own that say the same. */
  #keyOf(entries: readonly Entry[]): string {
    const hash = createHash("sha256");
    for (const { name, upstream, native, definition } of entries)
      hash.update(JSON.stringify([name, upstream, native, this.#digestOf(definition)]));
    return hash.digest("base64");
  }

  #digestOf(definition: object): string {
    let digest = this.#digests.get(definition);
    if (digest === undefined) {
      digest = createHash("sha256").update(JSON.stringify(definition)).digest("base64");
      this.#digests.set(definition, digest);
    }
    return digest;
  }
}

import { setImmediate } from "node:timers/promises";
import type { Entry } from "mcp-host";
import MiniSearch from "minisearch";
import { documentOf, FIELDS, type ToolDocument } from "./document.ts";
import type { Synonyms } from "./synonyms.ts";
import { wordsOf } from "./words.ts";

/** How much a word counts where it is found. */
const BOOST: Readonly<Record<(typeof FIELDS)[number], number>> = { name: 3, server: 2, lead: 2, rest: 0.5, args: 0.5 };
/** How much a word counts that only means the same as one that was asked for, or only begins with it. */
const SYNONYM = 0.4;
const PREFIX = 0.4;
/** Where a synonym is looked for: what a tool does is said here, and long texts have every word. */
const TELLING = ["name", "lead"];
/** Shorter words begin too many others. */
const SHORTEST_PREFIX = 4;
/** Words of a query that are looked up: it is a few words, or a sentence. */
const MOST_WORDS = 40;
/** Tools that are read in one go. */
const AT_ONCE = 20;
/** Nothing is added for a word that is there at all (BM25+), for it would favour long texts. */
const BM25 = { k: 1.2, b: 0.75, d: 0 };

export interface Ranked {
  readonly entry: Entry;
  readonly score: number;
}

/** The tools of one view, ready to be searched by words. */
export class Ranking {
  readonly entries: readonly Entry[];
  readonly #index: MiniSearch<ToolDocument>;
  readonly #synonyms: Synonyms;

  private constructor(entries: readonly Entry[], synonyms: Synonyms) {
    this.entries = entries;
    this.#synonyms = synonyms;
    this.#index = new MiniSearch<ToolDocument>({ fields: [...FIELDS], tokenize: (text) => text.split(" "), processTerm: (word) => word });
  }

  /** Reads them some at a time: other requests are served meanwhile. */
  static async of(entries: readonly Entry[], synonyms: Synonyms): Promise<Ranking> {
    const ranking = new Ranking(entries, synonyms);
    for (const [id, entry] of entries.entries()) {
      ranking.#index.add(documentOf(id, entry));
      if (id % AT_ONCE === AT_ONCE - 1) await setImmediate();
    }
    return ranking;
  }

  /** Those that fit, best first. Which comes first of equals is settled by their order in the catalog. */
  search(query: string): Ranked[] {
    const words = [...new Set(wordsOf(query))].slice(0, MOST_WORDS);
    const sums = new Map<number, { score: number; words: number }>();
    for (const word of words)
      for (const [id, score] of this.#scoresOf(word)) {
        const sum = sums.get(id);
        if (sum) {
          sum.score += score;
          sum.words++;
        } else sums.set(id, { score, words: 1 });
      }
    // A tool that has to do with more of what was asked for goes before one that has much to do with a part of it.
    const scores = new Map([...sums].map(([id, { score, words: had }]) => [id, (score * had) / words.length]));
    const wanted = query.trim().toLowerCase();
    // Somebody who knows a name asks for nothing else.
    for (const [id, { name, native }] of this.entries.entries())
      if (name.toLowerCase() === wanted || native.toLowerCase() === wanted) scores.set(id, Number.MAX_SAFE_INTEGER);
    return [...scores]
      .sort(([one, a], [other, b]) => b - a || one - other)
      .map(([id, score]) => ({ entry: this.entries[id] as Entry, score })); // each id is an index
  }

  /** What a word is worth in each tool: itself, or the best of what may stand for it. */
  #scoresOf(word: string): Map<number, number> {
    const prefix = word.length >= SHORTEST_PREFIX;
    const scores = this.#found(word, { prefix, weights: { prefix: PREFIX, fuzzy: 0 } }, 1);
    for (const other of this.#synonyms.of(word))
      for (const [id, score] of this.#found(other, { fields: TELLING }, SYNONYM)) if (score > (scores.get(id) ?? 0)) scores.set(id, score);
    return scores;
  }

  #found(word: string, options: Parameters<MiniSearch["search"]>[1], weight: number): Map<number, number> {
    const found = this.#index.search({ queries: [word], tokenize: (text) => [text], boost: BOOST, bm25: BM25, ...options });
    return new Map(found.map(({ id, score }) => [id as number, weight * score])); // ids are those of documentOf
  }
}

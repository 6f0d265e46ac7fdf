import { type Awaitable, defineService, type Entry, type Json, type Logger, withDeadline } from "mcp-host";
import type { Ranked, Ranking } from "./ranking.ts";

/** A tool that a scorer judges: the same object each time, so that what is worked out of it can be kept by it. */
export interface ScoredTool {
  /** As the caller calls it. */
  readonly name: string;
  /** The key of its server. */
  readonly upstream: string;
  /** As it is listed. */
  readonly definition: Readonly<Json>;
}

/** A plugin's own way to tell which tools fit a query, such as embeddings. */
export interface ToolScorer {
  /**
   * @param tools what the caller may call
   * @param words what the search by words gives each of them, 0 where no word fits, to be mixed in
   * @returns a score for each of them, in their order; what has 0 or less is not found
   */
  score(query: string, tools: readonly ScoredTool[], words: readonly number[], signal: AbortSignal): Awaitable<readonly number[]>;
}

/** The key of the scorer that a plugin may provide: `host.provide(TOOL_SCORER, scorer)`. */
export const TOOL_SCORER = defineService<ToolScorer>("tool-scorer");

/** How long a scorer may take: a model waits. */
const PATIENCE = 5_000;

/** Ranks by a scorer, and by words alone where it fails. */
export class Scoring {
  readonly #scorer: ToolScorer;
  readonly #log: Logger;
  readonly #tools = new WeakMap<Entry, ScoredTool>();
  failures = 0;

  constructor(scorer: ToolScorer, log: Logger) {
    this.#scorer = scorer;
    this.#log = log;
  }

  async search(ranking: Ranking, query: string, signal: AbortSignal): Promise<Ranked[]> {
    const byWords = ranking.search(query);
    const words = new Map(byWords.map(({ entry, score }) => [entry, score]));
    const { entries } = ranking;
    const ending = new AbortController();
    try {
      const asked = this.#scorer.score(
        query,
        entries.map((entry) => this.#toolOf(entry)),
        entries.map((entry) => words.get(entry) ?? 0),
        AbortSignal.any([signal, ending.signal]),
      );
      const scores = await withDeadline(Promise.resolve(asked), PATIENCE, () => {
        throw new Error(`the scorer took longer than ${PATIENCE} ms`);
      });
      return this.#ranked(entries, scores);
    } catch (error) {
      if (signal.aborted) throw error;
      this.failures++;
      this.#log.warn("the scorer failed, and tools were found by words alone", {
        error: error instanceof Error ? error.message : String(error),
      });
      return byWords;
    } finally {
      ending.abort();
    }
  }

  #ranked(entries: readonly Entry[], scores: unknown): Ranked[] {
    if (!Array.isArray(scores) || scores.length !== entries.length || !scores.every((score) => Number.isFinite(score)))
      throw new TypeError(`the scorer gave no list of ${entries.length} numbers, one for each tool`);
    return entries
      .map((entry, index) => ({ entry, score: scores[index] as number })) // looked at above
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score);
  }

  #toolOf(entry: Entry): ScoredTool {
    let tool = this.#tools.get(entry);
    if (!tool) {
      const { name, upstream, definition } = entry;
      this.#tools.set(entry, (tool = Object.freeze({ name, upstream, definition })));
    }
    return tool;
  }
}

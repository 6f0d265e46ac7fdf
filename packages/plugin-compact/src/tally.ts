import { BoundedMap, type Entry, type Json, type Logger, type Meter } from "mcp-host";

/** Tools that are told of by name. */
const TOOLS = 1_000;
const SHOWN = 20;

interface Done {
  readonly form: string;
  readonly before: number;
  readonly after: number;
  readonly isCut: boolean;
}

/** Counts what was made shorter, and by how much. Tokens are estimated. */
export class Tally {
  readonly #log: Logger;
  readonly #answers: ReturnType<Meter["counter"]>;
  readonly #cuts: ReturnType<Meter["counter"]>;
  readonly #tokens: ReturnType<Meter["counter"]>;
  readonly #reads: ReturnType<Meter["counter"]>;
  readonly #tools = new BoundedMap<string, { answers: number; before: number; after: number; cut: number }>(TOOLS);
  readonly #totals = { answers: 0, shortened: 0, cut: 0, before: 0, after: 0 };
  readonly #warned = new BoundedMap<string, true>(TOOLS);

  constructor(log: Logger, meter: Meter) {
    this.#log = log;
    this.#answers = meter.counter({
      name: "compact.answers",
      description: "Answers that were looked at, by the form that they were given.",
      labels: ["form"],
    });
    this.#cuts = meter.counter({ name: "compact.cuts", description: "Answers that were cut." });
    this.#tokens = meter.counter({
      name: "compact.tokens.saved",
      description: "Tokens that answers had and clients did not get at once; estimated.",
    });
    this.#reads = meter.counter({ name: "compact.reads", description: "Asked for the rest of an answer.", labels: ["found"] });
  }

  /** Nothing was to be done. */
  left(tokens: number): void {
    this.#answers.add(1, "as-is");
    this.#totals.answers++;
    this.#totals.before += tokens;
    this.#totals.after += tokens;
  }

  shortened({ upstream, native }: Entry, { form, before, after, isCut }: Done): void {
    this.#answers.add(1, form);
    if (isCut) this.#cuts.add();
    this.#tokens.add(Math.max(before - after, 0));
    const totals = this.#totals;
    totals.answers++;
    totals.shortened++;
    totals.before += before;
    totals.after += after;
    if (isCut) totals.cut++;
    const name = `${upstream}:${native}`;
    const known = this.#tools.get(name) ?? { answers: 0, before: 0, after: 0, cut: 0 };
    this.#tools.set(name, {
      answers: known.answers + 1,
      before: known.before + before,
      after: known.after + after,
      cut: known.cut + (isCut ? 1 : 0),
    });
  }

  /** Told once of each tool. */
  uncut({ upstream, native }: Entry): void {
    const name = `${upstream}:${native}`;
    if (this.#warned.has(name)) return;
    this.#warned.set(name, true);
    this.#log.warn("a long answer was not cut, since the caller may not use read_more", { tool: name });
  }

  read(found: boolean): void {
    this.#reads.add(1, String(found));
  }

  report(): Json {
    const { before, after } = this.#totals;
    const tools = [...this.#tools].map(([tool, each]) => ({ tool, ...each, saved: each.before - each.after }));
    return {
      ...this.#totals,
      saved: before - after,
      tools: tools.sort((one, other) => other.saved - one.saved).slice(0, SHOWN),
    };
  }
}

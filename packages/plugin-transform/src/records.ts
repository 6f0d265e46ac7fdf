import { type Entry, isObject, type Json, type Logger, type Meter } from "mcp-host";

import type { Plan } from "./rules.ts";

/** Where something is changed. */
export type Stage = "listing" | "arguments" | "results" | "logs" | "errors";

/** Changes of a dry run that are shown. */
const SHOWN = 50;
/** Places named of one change. */
const PLACES = 20;

/** Counts what the rules do; in a dry run it tells what they would do. */
export class Records {
  readonly #log: Logger;
  readonly #isDry: boolean;
  readonly #changes: ReturnType<Meter["counter"]>;
  readonly #redactions: ReturnType<Meter["counter"]>;
  readonly #truncations: ReturnType<Meter["counter"]>;
  readonly #refusals: ReturnType<Meter["counter"]>;
  readonly #byRule = new Map<number, number>();
  readonly #would: Json[] = [];

  constructor(log: Logger, meter: Meter, isDry: boolean) {
    this.#log = log;
    this.#isDry = isDry;
    this.#changes = meter.counter({
      name: "transform.changes",
      description: "What the rules changed, or in a dry run would have.",
      labels: ["stage"],
    });
    this.#redactions = meter.counter({
      name: "transform.redactions",
      description: "What was taken out as secret or personal.",
      labels: ["detector"],
    });
    this.#truncations = meter.counter({ name: "transform.truncations", description: "Results that were cut." });
    this.#refusals = meter.counter({
      name: "transform.refusals",
      description: "Calls refused by a schema or because an expression failed.",
      labels: ["why"],
    });
  }

  get isDry(): boolean {
    return this.#isDry;
  }

  redacted(detector: string): void {
    this.#redactions.add(1, detector);
  }

  truncated(): void {
    this.#truncations.add();
  }

  refused(why: string): void {
    this.#refusals.add(1, why);
  }

  /** Notes a change. Gives what goes on: the changed value, or in a dry run the value as it was. */
  changed<T>(stage: Stage, plan: Plan, entry: Pick<Entry, "kind" | "name"> | undefined, before: T, after: T): T {
    if (before === after) return before;
    // Arguments and entries are written anew whether or not they come out the same; results only if not, and they can be large.
    const paths = this.#isDry || stage === "arguments" || stage === "listing" ? differences(before, after) : undefined;
    if (paths?.length === 0) return before;
    this.#changes.add(1, stage);
    for (const rule of plan.rules) this.#byRule.set(rule, (this.#byRule.get(rule) ?? 0) + 1);
    if (!this.#isDry) return after;
    this.would(stage, plan, entry, { changes: paths });
    return before;
  }

  /** Tells what a dry run did not do. */
  would(stage: Stage, plan: Plan, entry: Pick<Entry, "kind" | "name"> | undefined, what: Json): void {
    const fields = { stage, ...(entry && { entry: `${entry.kind} ${entry.name}` }), rules: [...plan.rules], ...what };
    this.#log.info("a dry run: this would be changed", fields);
    this.#would.push(fields);
    if (this.#would.length > SHOWN) this.#would.shift();
  }

  report(): Json {
    return {
      dryRun: this.#isDry,
      changes: Object.fromEntries([...this.#byRule].map(([rule, count]) => [`rules[${rule}]`, count])),
      ...(this.#isDry && { would: [...this.#would] }),
    };
  }
}

/** Where two JSON values differ, by path and without any value of them. */
export function differences(before: unknown, after: unknown): string[] {
  const found: string[] = [];
  const visit = (one: unknown, other: unknown, path: string): void => {
    if (one === other || found.length >= PLACES) return;
    const both = Array.isArray(one) && Array.isArray(other);
    if (!both && !(isObject(one) && isObject(other))) {
      found.push(`${path === "" ? "/" : path} ${one === undefined ? "added" : other === undefined ? "removed" : "changed"}`);
      return;
    }
    const [left, right] = [one as Json, other as Json]; // lists have keys too
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) visit(left[key], right[key], `${path}/${key}`);
  };
  visit(before, after, "");
  return found;
}

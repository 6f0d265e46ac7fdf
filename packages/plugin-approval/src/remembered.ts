import { hash } from "node:crypto";
import { canonicalJson, type Exchange, type PluginHost, type Store } from "mcp-host";
import type { Rule } from "./options.ts";

/** How long an answer counts. */
export type Choice = "once" | "session" | "principal" | "time";
export const CHOICES = ["once", "session", "principal", "time"] as const satisfies readonly Choice[];

/** Where no rule says how long, an answer is not kept for ever: its session is over by then, or somebody may look at it again. */
const LONGEST: Readonly<Record<"session" | "principal", number>> = { session: 24 * 3_600_000, principal: 365 * 24 * 3_600_000 };
const GENERATION = "generation";

/**
 * Answers that count for later calls. One is for a tool as its server describes it now, for the arguments that were shown unless the
 * rule covers the tool, for who asked (nobody else's), and for rules that ask the same. Refusals are not kept.
 */
export class Remembered {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #random: PluginHost["random"];

  constructor({ store, clock, random }: Pick<PluginHost, "store" | "clock" | "random">) {
    this.#store = store("approval");
    this.#now = () => clock.now();
    this.#random = random;
  }

  /** Whether such a call was approved before, and that counts still. */
  async has(exchange: Exchange, rule: Rule, subject: string): Promise<boolean> {
    const choices = remembering(exchange, rule);
    if (choices.length === 0) return false;
    const generation = await this.#store.get(GENERATION);
    for (const choice of choices) {
      const found = await this.#store.get(this.#key(exchange, choice, subject, generation));
      if (typeof found === "number" && this.#now() - found < lifetime(choice, rule)) return true;
    }
    return false;
  }

  async keep(exchange: Exchange, rule: Rule, subject: string, choice: Choice): Promise<void> {
    if (choice === "once") return;
    await this.#store.set(this.#key(exchange, choice, subject, await this.#store.get(GENERATION)), this.#now(), lifetime(choice, rule));
  }

  /** None of them counts any more. */
  async forget(): Promise<void> {
    // Not the next of a row: a store may lose the row, and what was forgotten would count again when it has come as far.
    await this.#store.set(GENERATION, this.#random.uuid());
  }

  #key({ caller, scope }: Exchange, choice: Choice, subject: string, generation: unknown): string {
    // A hash: the store may be a file, and a caller's id is what it is known by.
    return hash("sha256", JSON.stringify([generation ?? null, choice, choice === "session" ? caller.id : scope, subject]), "base64url");
  }
}

/** What an answer is about, apart from who gave it. */
export function subjectOf({ entry, called, params }: Exchange, { ask }: Rule, covers: Rule["covers"]): string {
  const what = [
    ask,
    covers,
    called?.upstream,
    called?.native,
    entry?.name,
    called?.definition,
    covers === "call" ? (params.arguments ?? {}) : null,
  ];
  return hash("sha256", canonicalJson(what), "base64url");
}

/** The choices of whoever is asked, by what they are called. */
export function choicesOf(exchange: Exchange, rule: Rule): ReadonlyMap<string, Choice> {
  const choices = new Map<string, Choice>([["only this call", "once"]]);
  for (const choice of remembering(exchange, rule)) choices.set(labelOf(choice, rule), choice);
  return choices;
}

function remembering({ caller: { principal } }: Exchange, { remember }: Rule): Exclude<Choice, "once">[] {
  if (typeof remember === "number") return ["time"];
  if (remember === "no") return [];
  // Where nobody authenticated the session is all that is known of who asks.
  const isKnown = principal.id !== "anonymous" && principal.id !== "local";
  return remember === "principal" && isKnown ? ["session", "principal"] : ["session"];
}

function labelOf(choice: Choice, { remember }: Rule): string {
  if (choice === "time") return `for ${spoken(remember as number)}`; // the choice of rules with a duration
  return choice === "session" ? "in this session" : "from now on";
}

function lifetime(choice: Choice, { remember }: Rule): number {
  return typeof remember === "number" ? remember : choice === "session" ? LONGEST.session : LONGEST.principal;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];

/** A duration in words. */
export function spoken(milliseconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => milliseconds >= size && milliseconds % size === 0) ?? ["ms", 1];
  const count = milliseconds / size;
  return `${count} ${unit}${count === 1 || unit === "ms" ? "" : "s"}`;
}

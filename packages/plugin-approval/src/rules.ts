import { factsOf } from "@host/cel";
import { type Entry, type Exchange, isObject, type Logger, matcher } from "mcp-host";
import type { Options, Rule, Trait } from "./options.ts";

/** Says which rule decides about a call. */
export class Rules {
  readonly #rules: readonly { readonly rule: Rule; readonly covers: (entry: Entry) => boolean }[];
  readonly #trusted: ReadonlySet<string>;
  readonly #log: Logger;
  /** What entries are is never changed, and so is not which rules speak of one. */
  readonly #concerning = new WeakMap<Entry, readonly Rule[]>();

  constructor({ rules, trust }: Pick<Options, "rules" | "trust">, log: Logger) {
    this.#trusted = new Set(trust);
    this.#log = log;
    this.#rules = rules.map((rule) => {
      const matches = rule.match && matcher(rule.match);
      const { annotations } = rule;
      const covers = (entry: Entry): boolean =>
        (!matches || matches(entry)) && (!annotations || annotations.some((trait) => this.#has(entry, trait)));
      return { rule, covers };
    });
  }

  /** The first rule that matches a call; undefined where none does. @throws Error for a call of nothing that is known, which no rule can judge */
  of(exchange: Exchange): Rule | undefined {
    const { entry, called } = exchange;
    if (!entry || !called) throw new Error("the call names nothing that rules could speak of");
    if (entry === called) return this.#about(called).find((rule) => this.#holds(rule, called, exchange));
    // A route leads elsewhere: what lets a call pass must speak of both, and what keeps one needs only one.
    const both = [entry, called];
    return this.#rules.find(({ rule }) => {
      const speaks = (each: Entry): boolean => this.#about(each).includes(rule) && this.#holds(rule, each, exchange);
      return rule.allow ? both.every(speaks) : both.some(speaks);
    })?.rule;
  }

  #about(entry: Entry): readonly Rule[] {
    let rules = this.#concerning.get(entry);
    if (!rules) this.#concerning.set(entry, (rules = this.#rules.flatMap(({ rule, covers }) => (covers(entry) ? [rule] : []))));
    return rules;
  }

  /** What cannot be decided lets nothing pass unasked. */
  #holds({ when, allow }: Rule, entry: Entry, exchange: Exchange): boolean {
    if (!when) return true;
    try {
      return when.holds(factsOf(entry, exchange.principal, exchange));
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
      this.#log.debug("a condition could not be decided, so the call does not pass unasked", { entry: entry.name, reason });
      return allow !== true;
    }
  }

  /** With the defaults of the specification (2025-11-25, schema, ToolAnnotations): what says nothing may do anything. */
  #has({ upstream, definition }: Entry, trait: Trait): boolean {
    const given = this.#trusted.has(upstream) && isObject(definition.annotations) ? definition.annotations : {};
    const isReadOnly = given.readOnlyHint === true;
    switch (trait) {
      case "read-only":
        return isReadOnly;
      case "not read-only":
        return !isReadOnly;
      case "destructive":
        return !isReadOnly && given.destructiveHint !== false;
      case "not idempotent":
        return !isReadOnly && given.idempotentHint !== true;
      case "open-world":
        return given.openWorldHint !== false;
    }
  }
}

import { factsOf } from "@host/cel";
import { type Entry, type Exchange, type Logger, matcher } from "mcp-host";
import { unit } from "./choice.ts";
import type { RuleOptions } from "./options.ts";

/** Where a rule sends a call. */
export interface Target {
  readonly rule: string;
  /** The name of the arm, of a rule that has arms; of one with a percentage `in`. */
  readonly arm: string | undefined;
  readonly servers: readonly string[];
  readonly strict: boolean;
}

/** What rules say of a call. */
export interface Verdict {
  readonly target: Target | undefined;
  readonly mirror: { readonly rule: string; readonly server: string } | undefined;
  /** Arms in which it is without being sent anywhere: those outside of a percentage. */
  readonly outside: readonly string[];
}

const NOTHING: Verdict = { target: undefined, mirror: undefined, outside: [] };

/** The arm of those whom a rule with a percentage does not send elsewhere. */
export const REST = "rest";
export const IN = "in";

/** Says where the calls of one group go. */
export class Rules {
  readonly #rules: readonly { readonly rule: RuleOptions; readonly covers: (entry: Entry) => boolean }[];
  readonly #log: Logger;
  /** What entries are is never changed, and so is not which rules are about one. */
  readonly #about = new WeakMap<Entry, readonly RuleOptions[]>();

  constructor(rules: readonly RuleOptions[], log: Logger) {
    this.#rules = rules.map((rule) => ({ rule, covers: rule.match ? matcher(rule.match) : () => true }));
    this.#log = log;
  }

  of(exchange: Exchange, entry: Entry): Verdict {
    if (this.#rules.length === 0) return NOTHING;
    let target: Target | undefined;
    let mirror: Verdict["mirror"];
    const outside: string[] = [];
    for (const rule of this.#of(entry)) {
      if (rule.mirror !== undefined ? mirror : target) continue;
      if (!this.#holds(rule, exchange, entry)) continue;
      const { name, strict } = rule;
      const place = rule.percent !== undefined || rule.arms ? placeOf(rule, exchange) : 0;
      if (rule.arms) {
        const arm = armAt(rule.arms, place);
        if (arm) target = { rule: name, arm: arm.name, servers: arm.to, strict };
        else outside.push(name);
      } else if (rule.percent !== undefined && place >= rule.percent) {
        if (rule.to) outside.push(name);
      } else if (rule.mirror !== undefined) mirror = { rule: name, server: rule.mirror };
      else if (rule.to) target = { rule: name, arm: rule.percent === undefined ? undefined : IN, servers: rule.to, strict };
    }
    return { target, mirror, outside };
  }

  #of(entry: Entry): readonly RuleOptions[] {
    let rules = this.#about.get(entry);
    if (!rules) this.#about.set(entry, (rules = this.#rules.flatMap(({ rule, covers }) => (covers(entry) ? [rule] : []))));
    return rules;
  }

  #holds({ name, principals, roles, endpoints, when }: RuleOptions, exchange: Exchange, entry: Entry): boolean {
    const { principal, caller } = exchange;
    if (principals && !principals.includes(principal.id)) return false;
    if (roles && !principal.roles.some((role) => roles.includes(role))) return false;
    if (endpoints && !endpoints.includes(caller.endpoint ?? "")) return false;
    if (!when) return true;
    try {
      return when.holds(factsOf(entry, principal, exchange));
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
      this.#log.debug("a condition could not be decided, so the rule is not about the call", { rule: name, entry: entry.name, reason });
      return false;
    }
  }
}

/** Where among a hundred somebody is, for one rule: always at the same place. */
function placeOf({ name, by }: RuleOptions, { caller, scope }: Exchange): number {
  return unit(`${name} ${by === "session" ? caller.id : scope}`) * 100;
}

function armAt(arms: NonNullable<RuleOptions["arms"]>, place: number): (typeof arms)[number] | undefined {
  let end = 0;
  return arms.find(({ percent }) => {
    end += percent;
    return place < end;
  });
}

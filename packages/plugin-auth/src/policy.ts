import { type Condition, type Facts, factsOf } from "@host/cel";
import { type Entry, type Exchange, type Logger, matcher, type Principal, type Refused, uriMatcher } from "mcp-host";
import type { Rule, Targets } from "./options.ts";

type Test = (entry: Entry) => boolean;

interface CompiledRule {
  /** Its place in the options, for whoever observes. */
  readonly name: string;
  readonly isDeny: boolean;
  readonly roles: ReadonlySet<string>;
  readonly covers: Test;
  readonly condition: Condition | undefined;
}

/** What the rules say of one entry and one principal, as far as it does not depend on the call. */
interface Verdict {
  /** Decided for good: that it is allowed, or which rule refuses; undefined where the call decides. */
  readonly decided: "allowed" | Refused | undefined;
  /** One that holds refuses. */
  readonly denies: readonly Conditional[];
  /** One must hold; undefined where it is allowed without. */
  readonly allows: readonly Condition[] | undefined;
}

interface Conditional {
  readonly condition: Condition;
  readonly refused: Refused;
}

const ALLOWED: Verdict = { decided: "allowed", denies: [], allows: undefined };
/** No rule allows it. */
const BY_DEFAULT: Refused = Object.freeze({ rule: "default" });
const UNALLOWED: Verdict = { decided: BY_DEFAULT, denies: [], allows: undefined };

/** Who may see and use what: one answer for lists and calls alike. */
export class Policy {
  readonly #rules: readonly CompiledRule[];
  readonly #default: boolean;
  readonly #log: Logger;
  /** Principals and entries never change, and a session keeps its principal. */
  readonly #verdicts = new WeakMap<Principal, WeakMap<Entry, Verdict>>();

  constructor(rules: readonly Rule[], otherwise: "allow" | "deny", log: Logger) {
    this.#rules = rules.map(({ roles, allow, deny, when }, index) => ({
      name: `rules[${index}]`,
      isDeny: deny !== undefined,
      roles: new Set(roles),
      covers: covering((deny ?? allow) as Targets, deny !== undefined), // the schema wants one of them
      condition: when,
    }));
    this.#default = otherwise === "allow";
    this.#log = log;
  }

  /** What refuses; undefined where it is allowed. Without an exchange: whether there could be a call that is. With one: whether this is. */
  refusal(entry: Entry, principal: Principal, exchange: Exchange | undefined): Refused | undefined {
    let known = this.#verdicts.get(principal);
    if (!known) this.#verdicts.set(principal, (known = new WeakMap()));
    let verdict = known.get(entry);
    if (!verdict) known.set(entry, (verdict = this.#judge(entry, principal)));
    const { decided, denies, allows } = verdict;
    if (decided !== undefined) return decided === "allowed" ? undefined : decided;
    if (!exchange) return undefined;
    const facts = factsOf(entry, principal, exchange);
    const denied = denies.find(({ condition }) => this.#holds(condition, facts, true));
    if (denied) return denied.refused;
    return allows === undefined || allows.some((condition) => this.#holds(condition, facts, false)) ? undefined : BY_DEFAULT;
  }

  #judge(entry: Entry, principal: Principal): Verdict {
    const facts = factsOf(entry, principal, undefined);
    const denies: Conditional[] = [];
    const allows: Condition[] = [];
    let isAllowed = this.#default;
    for (const { name, isDeny, roles, covers, condition } of this.#rules) {
      if (!(roles.has("*") || principal.roles.some((role) => roles.has(role))) || !covers(entry)) continue;
      if (condition?.ofCall && isDeny) denies.push({ condition, refused: { rule: name } });
      else if (condition?.ofCall) allows.push(condition);
      else if (condition && !this.#holds(condition, facts, isDeny)) continue;
      else if (isDeny) return { ...UNALLOWED, decided: { rule: name } };
      else isAllowed = true;
    }
    if (!isAllowed && allows.length === 0) return UNALLOWED;
    if (isAllowed && denies.length === 0) return ALLOWED;
    return { decided: undefined, denies, allows: isAllowed ? undefined : allows };
  }

  /** @param otherwise what counts where it cannot be decided: what refuses */
  #holds(condition: Condition, facts: Facts, otherwise: boolean): boolean {
    try {
      return condition.holds(facts);
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
      this.#log.debug("a condition could not be decided, so it refuses", { entry: facts.name, principal: facts.principal, reason });
      return otherwise;
    }
  }
}

/**
 * A test of entries: they are on one of the servers, and of one of the lists if there are any. A URI that no server lists
 * was spelt by the client: a denial speaks of any spelling that may mean the same, a permission needs all of them.
 */
function covering({ servers, tools, prompts, resources, methods }: Targets, isDeny: boolean): Test {
  const onServer = servers && matcher(servers);
  const lists: Partial<Record<Entry["kind"], Test>> = {
    ...(tools && { tool: matcher(tools) }),
    ...(prompts && { prompt: matcher(prompts) }),
    ...(methods && { method: matcher(methods) }),
  };
  if (resources) {
    const exact = matcher(resources);
    const spelt = uriMatcher(resources);
    // Where two servers have a URI, one of them is exposed with a prefix; a rule about the URI speaks of both.
    const either =
      (test: Test): Test =>
      (entry) =>
        test(entry) || (entry.name !== entry.native && test({ ...entry, name: entry.native }));
    lists.template = either(exact);
    lists.resource = either((entry) => (isDeny ? spelt.any(entry) : "uri" in entry.definition ? exact(entry) : spelt.all(entry)));
  }
  const any = Object.keys(lists).length === 0;
  return (entry) => {
    if (onServer && !onServer({ name: entry.upstream, upstream: entry.upstream, native: entry.upstream })) return false;
    return any || lists[entry.kind]?.(entry) === true;
  };
}

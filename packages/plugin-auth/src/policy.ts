import { type Condition, type Facts, factsOf } from "@host/cel";
import { type Entry, type Exchange, type Logger, matcher, type Principal, uriMatcher } from "mcp-host";
import type { Rule, Targets } from "./options.ts";

type Test = (entry: Entry) => boolean;

interface CompiledRule {
  readonly isDeny: boolean;
  readonly roles: ReadonlySet<string>;
  readonly covers: Test;
  readonly condition: Condition | undefined;
}

/** What the rules say of one entry and one principal, as far as it does not depend on the call. */
interface Verdict {
  /** Decided for good; undefined where the call decides. */
  readonly allowed: boolean | undefined;
  /** One that holds refuses. */
  readonly denies: readonly Condition[];
  /** One must hold; undefined where it is allowed without. */
  readonly allows: readonly Condition[] | undefined;
}

const ALLOWED: Verdict = { allowed: true, denies: [], allows: undefined };
const REFUSED: Verdict = { allowed: false, denies: [], allows: undefined };

/** Who may see and use what: one answer for lists and calls alike. */
export class Policy {
  readonly #rules: readonly CompiledRule[];
  readonly #default: boolean;
  readonly #log: Logger;
  /** Principals and entries never change, and a session keeps its principal. */
  readonly #verdicts = new WeakMap<Principal, WeakMap<Entry, Verdict>>();

  constructor(rules: readonly Rule[], otherwise: "allow" | "deny", log: Logger) {
    this.#rules = rules.map(({ roles, allow, deny, when }) => ({
      isDeny: deny !== undefined,
      roles: new Set(roles),
      covers: covering((deny ?? allow) as Targets, deny !== undefined), // the schema wants one of them
      condition: when,
    }));
    this.#default = otherwise === "allow";
    this.#log = log;
  }

  /** Without an exchange: whether there could be a call that is allowed. With one: whether this is. */
  permits(entry: Entry, principal: Principal, exchange: Exchange | undefined): boolean {
    let known = this.#verdicts.get(principal);
    if (!known) this.#verdicts.set(principal, (known = new WeakMap()));
    let verdict = known.get(entry);
    if (!verdict) known.set(entry, (verdict = this.#judge(entry, principal)));
    if (verdict.allowed !== undefined) return verdict.allowed;
    if (!exchange) return true;
    const facts = factsOf(entry, principal, exchange);
    if (verdict.denies.some((condition) => this.#holds(condition, facts, true))) return false;
    return verdict.allows === undefined || verdict.allows.some((condition) => this.#holds(condition, facts, false));
  }

  #judge(entry: Entry, principal: Principal): Verdict {
    const facts = factsOf(entry, principal, undefined);
    const denies: Condition[] = [];
    const allows: Condition[] = [];
    let isAllowed = this.#default;
    for (const { isDeny, roles, covers, condition } of this.#rules) {
      if (!(roles.has("*") || principal.roles.some((role) => roles.has(role))) || !covers(entry)) continue;
      if (condition?.ofCall) (isDeny ? denies : allows).push(condition);
      else if (condition && !this.#holds(condition, facts, isDeny)) continue;
      else if (isDeny) return REFUSED;
      else isAllowed = true;
    }
    if (!isAllowed && allows.length === 0) return REFUSED;
    if (isAllowed && denies.length === 0) return ALLOWED;
    return { allowed: undefined, denies, allows: isAllowed ? undefined : allows };
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

import { type Entry, type ExpectedUpstream, globParts, matcher, type PluginHost } from "mcp-host";
import type { Rule } from "./options.ts";

/** What stands for several names in the part of a glob that is an upstream's. */
const WILDCARD = /[*?]/;

/** The upstreams that rules name: a rule about none lets pass what it should keep. What has wildcards may be about servers to come. */
export function namedUpstreams(rules: readonly Rule[]): ExpectedUpstream[] {
  return rules.flatMap(({ match = [] }, index) =>
    match.flatMap((glob, at): ExpectedUpstream[] => {
      const key = globParts(glob)?.upstream;
      return key === undefined || WILDCARD.test(key) ? [] : [{ place: `options.rules[${index}].match[${at}]`, key }];
    }),
  );
}

/** A rule that says which tools it is about. */
interface Naming {
  readonly place: string;
  readonly globs: readonly string[];
  readonly fits: (entry: Entry) => boolean;
  /** Whether one of its globs may be about tools of this upstream. */
  readonly concerns: (upstream: string) => boolean;
}

/** Looks for rules that fit no tool, which a misspelt name makes of a rule: what it was to keep passes unasked. */
export class Fitting {
  readonly #host: Pick<PluginHost, "catalog" | "upstreams" | "clock" | "log">;
  readonly #rules: readonly Naming[];
  /** Tools as their servers list them: those of a member of a group are not in the catalog. */
  readonly #listed = new Map<string, readonly Entry[]>();
  readonly #told = new Set<Naming>();
  #isDue = false;

  constructor(rules: readonly Rule[], host: Pick<PluginHost, "catalog" | "upstreams" | "clock" | "log">) {
    this.#host = host;
    this.#rules = rules.flatMap(({ match }, index) => (match ? [namingOf(match, `options.rules[${index}].match`)] : []));
  }

  /** An upstream listed these entries, which the catalog is about to have. */
  heard(upstream: string, entries: readonly Entry[]): void {
    this.#listed.set(
      upstream,
      entries.filter(({ kind }) => kind === "tool"),
    );
    this.changed();
  }

  /** The catalog is being made anew: looks at it when that is done. */
  changed(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#host.clock.setTimeout(() => {
      this.#isDue = false;
      this.tell();
    }, 0);
  }

  /** Tells in the log which rules fit nothing, of each once until it fits something. */
  tell(): void {
    const unmatched = new Set(this.#unmatched());
    for (const rule of this.#told) if (!unmatched.has(rule)) this.#told.delete(rule);
    for (const rule of unmatched) {
      if (this.#told.has(rule)) continue;
      this.#told.add(rule);
      this.#host.log.warn("a rule fits no tool", { place: rule.place, match: rule.globs.join(", ") });
    }
  }

  /** The places of rules that fit no tool of upstreams that have listed theirs. */
  unmatched(): string[] {
    return this.#unmatched().map(({ place }) => place);
  }

  #unmatched(): Naming[] {
    const { catalog, upstreams } = this.#host;
    const tools = catalog.entries().filter(({ kind }) => kind === "tool");
    for (const { key } of upstreams) tools.push(...(this.#listed.get(key) ?? []));
    const known = new Set(tools.map(({ upstream }) => upstream));
    return this.#rules.filter(
      ({ concerns, fits }) => upstreams.every(({ key }) => !concerns(key) || known.has(key)) && !tools.some((tool) => fits(tool)),
    );
  }
}

function namingOf(globs: readonly string[], place: string): Naming {
  // A glob of exposed names may be about every upstream.
  const upstreams = matcher(globs.map((glob) => globParts(glob)?.upstream ?? "*"));
  return { place, globs, fits: matcher(globs), concerns: (key) => upstreams({ name: key, upstream: key, native: key }) };
}

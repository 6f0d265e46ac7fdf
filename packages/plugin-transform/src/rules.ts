import { type Entry, type Exchange, matcher, plainUri, uriMatcher } from "mcp-host";
import { ArgumentEdits } from "./arguments.ts";
import { SOURCES, type Source, sourceOf } from "./context.ts";
import type { Detector } from "./detectors.ts";
import type { Program } from "./engine.ts";
import type { Options, Place, RuleOptions } from "./options.ts";
import { Redactor } from "./redact.ts";
import type { Rewriting } from "./rewriting.ts";
import { strip } from "./strip.ts";
import type { Truncation } from "./truncate.ts";

type Names = Pick<Entry, "kind" | "name" | "upstream" | "native">;

/** A schema or expression of a rule, by its number in the engine. */
export interface Compiled {
  readonly program: number;
  /** The rule's place in the options, for errors. */
  readonly place: string;
}

/** How the document of a result is reshaped. */
export type Shape = (Compiled & { readonly kind: "jsonata" }) | { readonly kind: "pick"; readonly paths: readonly (readonly string[])[] };

/** Everything that is done with the entries that the same rules match. */
export class Plan {
  /** The rules' places in the options. */
  readonly rules: readonly number[];
  readonly listing: readonly RuleOptions[];
  readonly hides: boolean;
  readonly args: ArgumentEdits | undefined;
  readonly validateArguments: readonly Compiled[];
  readonly validateResult: readonly Compiled[];
  readonly shapes: readonly Shape[];
  readonly outputSchema: Readonly<Record<string, unknown>> | undefined;
  readonly enriched: readonly (readonly [string, Source])[];
  readonly truncation: Truncation | undefined;
  /** What takes secrets out of results. */
  readonly redactors: readonly Redactor[];
  /** What is taken out first at each place; `listing` is what strips say of every place. */
  readonly strips: Readonly<Record<Place | "listing", readonly Rewriting[]>>;
  /** {@link redactors}, as rewritings. */
  readonly redactions: readonly Rewriting[];
  /** What rewrites texts at a place: strips first. */
  readonly rewritings: Readonly<Record<Place, readonly Rewriting[]>>;

  /** @param serving rules of who serves in the owner's place: what they take out of texts is taken out too */
  constructor(rules: readonly Rule[], serving: readonly Rule[] = []) {
    const rewriting = [...serving, ...rules];
    this.rules = rewriting.map(({ index }) => index);
    const all = rules.map(({ options }) => options);
    this.listing = all;
    this.hides = all.some(({ hide }) => hide);
    const edits = rules.flatMap((rule) =>
      rule.options.args || rule.sources.arguments.length > 0
        ? [{ ...NO_ARGUMENTS, ...rule.options.args, enrich: Object.fromEntries(rule.sources.arguments) }]
        : [],
    );
    this.args = edits.length > 0 ? new ArgumentEdits(edits) : undefined;
    this.validateArguments = rules.flatMap((rule) => rule.programs.arguments ?? []);
    this.validateResult = rules.flatMap((rule) => rule.programs.result ?? []);
    this.shapes = rules.flatMap(({ programs, options }): Shape[] => [
      ...(programs.jsonata ? [{ kind: "jsonata" as const, ...programs.jsonata }] : []),
      ...(options.result?.pick ? [{ kind: "pick" as const, paths: options.result.pick.map((path) => path.split(".")) }] : []),
    ]);
    this.outputSchema = all.findLast(({ result }) => result?.outputSchema)?.result?.outputSchema;
    this.enriched = rules.flatMap(({ sources }) => sources.result);
    this.truncation = all.findLast(({ result }) => result?.truncate)?.result?.truncate;
    const at = <T>(pick: (rule: Rule, place: Place) => readonly T[]): Record<Place, readonly T[]> => ({
      arguments: rewriting.flatMap((rule) => pick(rule, "arguments")),
      results: rewriting.flatMap((rule) => pick(rule, "results")),
      logs: rewriting.flatMap((rule) => pick(rule, "logs")),
      errors: rewriting.flatMap((rule) => pick(rule, "errors")),
    });
    const redactors = at((rule, place) => (rule.redactor && rule.options.redact?.in.includes(place) ? [rule.redactor] : []));
    const strips = at((rule, place) => (rule.strip && rule.options.strip?.in.includes(place) ? [rule.strip] : []));
    this.strips = { ...strips, listing: rules.flatMap((rule) => rule.strip ?? []) };
    const both = (place: Place): readonly Rewriting[] => [...strips[place], ...redactors[place].map(({ rewriting }) => rewriting)];
    this.rewritings = { arguments: both("arguments"), results: both("results"), logs: both("logs"), errors: both("errors") };
    this.redactors = redactors.results;
    this.redactions = redactors.results.map(({ rewriting }) => rewriting);
  }
}

const NO_ARGUMENTS = { set: {}, default: {}, pin: {}, rename: {}, drop: [] };

/** One rule, with what it needs. */
export interface Rule {
  readonly index: number;
  readonly options: RuleOptions;
  readonly matches: (entry: Names) => boolean;
  readonly sources: { readonly arguments: readonly (readonly [string, Source])[]; readonly result: readonly (readonly [string, Source])[] };
  readonly programs: { readonly arguments?: Compiled; readonly result?: Compiled; readonly jsonata?: Compiled };
  readonly strip: Rewriting | undefined;
  readonly redactor: Redactor | undefined;
}

/** Entries of one upstream whose plan is remembered: as many as it may list. */
const REMEMBERED = 20_000;

/** Which rules are for which entries, decided once for each entry. */
export class Rules {
  readonly programs: readonly Program[];
  /** Where each program stands in the options. */
  readonly paths: readonly (readonly (string | number)[])[];
  readonly problems: readonly string[];
  readonly #options: Options;
  readonly #drafts: Omit<Rule, "redactor">[] = [];
  #rules: readonly Rule[] | undefined;
  readonly #byUpstream = new Map<string, Plan | undefined>();
  readonly #plans = new Map<string, Plan>();
  readonly #byEntry = new WeakMap<Entry, Plan | null>();
  /** Of entries that other servers serve, by where; as of the last listing. */
  #byServing = new WeakMap<Entry, Map<string, Plan | undefined>>();
  /** What was decided when an entry was listed, for plugins that list it under another name afterwards. */
  readonly #byNative = new Map<string, Map<string, Plan | null>>();

  constructor(given: Options) {
    this.#options = given;
    const programs: Program[] = [];
    const paths: (string | number)[][] = [];
    const problems: string[] = [];
    const compiled = (program: Program, index: number, ...keys: string[]): Compiled => {
      paths.push(["rules", index, ...keys]);
      return { program: programs.push(program) - 1, place: `rules[${index}].${keys.join(".")}` };
    };
    for (const [index, rule] of given.rules.entries()) {
      const place = `rules[${index}]`;
      const sources = (key: "arguments" | "result"): [string, Source][] =>
        Object.entries(rule.enrich?.[key] ?? {}).flatMap(([name, from]) => {
          const source = sourceOf(from, given.environment);
          if (source) return [[name, source]];
          const variable = /^environment\.(.+)$/.exec(from)?.[1];
          const why = variable === undefined ? `there are ${SOURCES.join(", ")}` : `list "${variable}" in options.environment to allow it`;
          problems.push(`options.${place}.enrich.${key}.${name}: "${from}" is not there; ${why}`);
          return [];
        });
      const kinds = rule.kind === undefined ? undefined : new Set<string>([rule.kind].flat());
      const isMatch = matching(rule.match);
      const { validate, result, strip: kindsStripped } = rule;
      // Never run here: clients compile it, and some refuse every tool where they cannot.
      if (result?.outputSchema) compiled({ kind: "schema", schema: result.outputSchema }, index, "result", "outputSchema");
      this.#drafts.push({
        index,
        options: rule,
        matches: (entry) => entry.kind !== "method" && (kinds === undefined || kinds.has(entry.kind)) && isMatch(entry),
        sources: { arguments: sources("arguments"), result: sources("result") },
        programs: {
          ...(validate?.arguments && {
            arguments: compiled({ kind: "schema", schema: validate.arguments }, index, "validate", "arguments"),
          }),
          ...(validate?.result && { result: compiled({ kind: "schema", schema: validate.result }, index, "validate", "result") }),
          ...(result?.jsonata && { jsonata: compiled({ kind: "jsonata", text: result.jsonata }, index, "result", "jsonata") }),
        },
        strip: kindsStripped && { text: (text) => strip(text, kindsStripped) },
      });
    }
    this.programs = programs;
    this.paths = paths;
    this.problems = problems;
  }

  /** Whether any rule does such a thing: what no rule does is not tapped. */
  some(does: (rule: RuleOptions) => unknown): boolean {
    return this.#options.rules.some((rule) => does(rule));
  }

  /** Fixes the detectors. Gives what rules name that there is not. */
  seal(detectors: ReadonlyMap<string, Detector>, found: (detector: string) => void): string[] {
    const problems: string[] = [];
    this.#rules = this.#drafts.map((draft) => {
      const { redact } = draft.options;
      if (!redact) return { ...draft, redactor: undefined };
      for (const name of redact.detectors ?? [])
        if (!detectors.has(name))
          problems.push(
            `options.rules[${draft.index}].redact: there is no detector "${name}"; there are ${[...detectors.keys()].join(", ")}`,
          );
      const chosen = [...detectors].filter(([name]) => redact.detectors?.includes(name) ?? true);
      return { ...draft, redactor: new Redactor({ ...redact, detectors: chosen }, found) };
    });
    return problems;
  }

  /** Decides for an entry as it is when it is listed, and remembers it for those that are made of it. */
  decide(entry: Entry): Plan | undefined {
    const plan = this.#matched(entry);
    this.#byUpstream.delete(entry.upstream);
    this.#byServing = new WeakMap();
    let own = this.#byNative.get(entry.upstream);
    if (!own) this.#byNative.set(entry.upstream, (own = new Map()));
    for (const key of [`${entry.kind} ${entry.native}`, ...(entry.kind === "resource" ? [`plain ${plainUri(entry.native)}`] : [])]) {
      own.delete(key); // so that the newest is last
      own.set(key, plan ?? null);
      if (own.size > REMEMBERED) own.delete(own.keys().next().value as string); // not empty
    }
    return plan;
  }

  /** Notes that an entry came of one that was decided on. */
  note(entry: Entry, plan: Plan | undefined): void {
    this.#byEntry.set(entry, plan ?? null);
  }

  /** What is done with an entry; undefined for nothing. */
  of(entry: Entry | undefined): Plan | undefined {
    if (!entry) return undefined;
    let plan = this.#byEntry.get(entry);
    if (plan === undefined) {
      plan = this.#byNative.get(entry.upstream)?.get(`${entry.kind} ${entry.native}`);
      // Resources that nobody lists are matched as they come, and are what is listed under another spelling, too.
      if (plan === undefined) {
        const listed = entry.kind === "resource" ? this.#byNative.get(entry.upstream)?.get(`plain ${plainUri(entry.native)}`) : undefined;
        plan = this.#plan((this.#rules ?? []).filter((rule) => rule.matches(entry) || listed?.rules.includes(rule.index))) ?? null;
      }
      this.#byEntry.set(entry, plan);
    }
    return plan ?? undefined;
  }

  /** What is done with a call: where another server serves it, its own entry is a reason to take out secrets as well. */
  ofCall({ entry, route }: Pick<Exchange, "entry" | "route">): Plan | undefined {
    if (!entry || !route || route.upstream === entry.upstream) return this.of(entry);
    const { upstream, native = entry.native } = route;
    let plans = this.#byServing.get(entry);
    if (!plans) this.#byServing.set(entry, (plans = new Map()));
    const place = `${upstream}\n${native}`;
    if (!plans.has(place)) plans.set(place, this.#servedBy(entry, upstream, native));
    return plans.get(place);
  }

  #servedBy(entry: Entry, upstream: string, native: string): Plan | undefined {
    const plan = this.of(entry);
    const serving = this.of({ ...entry, upstream, native });
    const more = serving?.rules.filter((index) => !plan?.rules.includes(index)) ?? [];
    return more.length === 0 ? plan : this.#plan(this.#at(plan?.rules ?? []), this.#at(more));
  }

  #at(indices: readonly number[]): Rule[] {
    return (this.#rules ?? []).filter(({ index }) => indices.includes(index));
  }

  /** What is done with the messages of an upstream that belong to no call: what is done with any of its entries. */
  ofUpstream(upstream: string): Plan | undefined {
    if (this.#byUpstream.has(upstream)) return this.#byUpstream.get(upstream);
    const known = this.#byNative.get(upstream);
    // Before it listed anything, every rule could be meant.
    if (!known) return this.#plan(this.#rules ?? []);
    const indices = new Set<number>();
    for (const plan of new Set(known.values())) for (const index of plan?.rules ?? []) indices.add(index);
    const plan = this.#plan((this.#rules ?? []).filter(({ index }) => indices.has(index)));
    this.#byUpstream.set(upstream, plan);
    return plan;
  }

  #matched(entry: Names): Plan | undefined {
    return this.#plan((this.#rules ?? []).filter((rule) => rule.matches(entry)));
  }

  #plan(rules: readonly Rule[], serving: readonly Rule[] = []): Plan | undefined {
    if (rules.length + serving.length === 0) return undefined;
    const key = [rules, serving].map((some) => some.map(({ index }) => index).join(",")).join(" ");
    let plan = this.#plans.get(key);
    if (!plan) {
      plan = new Plan(rules, serving);
      if (this.#plans.size < MAX_PLANS) this.#plans.set(key, plan);
    }
    return plan;
  }
}

/** Matches resources under every spelling of their URIs: another one must not get at what is hidden, or get around what is taken out. */
function matching(patterns: readonly string[]): (entry: Names) => boolean {
  const named = matcher(patterns);
  const spelt = uriMatcher(patterns);
  return (entry) => (entry.kind === "resource" ? spelt.any(entry) : named(entry));
}

/** Combinations of rules that are kept; entries keep theirs besides. */
const MAX_PLANS = 10_000;

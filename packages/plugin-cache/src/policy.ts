import { canonicalJson, type Entry, type Json, matcher, uriMatcher } from "mcp-host";
import type { Drop, Subject } from "./drop.ts";
import { type Options, USUAL_TTL } from "./options.ts";

/** A rule of the operator's. */
interface Rule {
  readonly drop: Drop;
  /** Arguments that must be the same. */
  readonly same: readonly string[];
}

/** What is done with the calls of one entry. */
export interface Policy {
  /** What its results are the answer to. */
  readonly subject: Subject;
  /** The beginning of the keys of its results. */
  readonly called: string;
  /** Milliseconds that a result is fresh; undefined when none is kept. */
  readonly ttl: number | undefined;
  /** Whether the server's own word counts instead, where it gives one. */
  readonly isUnsaid: boolean;
  /** What a call of it makes old. */
  readonly rules: readonly Rule[];
  /** Arguments that rules compare. */
  readonly compared: readonly string[];
}

/** The methods whose results may be kept. */
export const KEPT = ["tools/call", "resources/read", "prompts/get", "completion/complete"] as const;

type KeptMethod = (typeof KEPT)[number];

/** Says what is done with calls. */
export interface Policies {
  /** Whether any call of a method to an upstream is the cache's business. */
  concerns(method: KeptMethod, upstream: string): boolean;
  /** Asked once for each entry that the catalog has. */
  of(method: KeptMethod, entry: Entry, upstream: string, native: string): Policy;
}

/** Reads the options as policies. */
export function policies(options: Options): Policies {
  const kept: Record<KeptMethod, ReturnType<typeof matcher>> = {
    "tools/call": matcher(options.tools),
    "resources/read": matcher(options.resources),
    "prompts/get": matcher(options.prompts),
    "completion/complete": matcher(options.completions),
  };
  const except = matcher(options.except);
  const exceptUris = uriMatcher(options.except);
  const trusted = new Map(options.trust.map((upstream) => [upstream, { drop: { upstream }, same: [] }]));
  const all = options.invalidate.map(({ call, drop, same }) => ({
    calls: matcher(call),
    drops: matcher(drop),
    drop: { patterns: drop },
    same,
  }));
  const ttls = Object.entries(options.ttls).map(([glob, ttl]) => ({ matches: matcher([glob]), ttl }));
  const some: Record<KeptMethod, boolean> = {
    "tools/call": options.tools.length > 0 || all.length > 0,
    "resources/read": options.resources.length > 0,
    "prompts/get": options.prompts.length > 0,
    "completion/complete": options.completions.length > 0,
  };
  const concerns: Policies["concerns"] = (method, upstream) => some[method] || (method === "tools/call" && trusted.has(upstream));
  const of: Policies["of"] = (method, entry, upstream, native) => {
    const subject: Subject = { method, upstream, name: entry.name, native };
    // Whoever a plugin routed to serves in the owner's place: what is said of the owner's tool holds too.
    const isOwn = entry.upstream === upstream;
    const either = (matches: (subject: Entry | Subject) => boolean): boolean => matches(subject) || (!isOwn && matches(entry));
    const rules: Rule[] = [];
    let wanted = kept[method](subject);
    if (method === "tools/call") {
      for (const rule of all) if (either(rule.calls)) rules.push(rule);
      const everything = trusted.get(upstream);
      if (everything) {
        if (isOwn && readsOnly(entry)) wanted = true;
        else if (!wanted) rules.push(everything);
      }
      // A call that changes something has to be made.
      if (rules.length > 0) wanted = false;
    }
    // A client may spell a URI as it likes.
    const isExcepted = method === "resources/read" ? either(exceptUris.any) : either(except);
    const said = ttls.find(({ matches }) => matches(subject))?.ttl ?? options.ttl;
    const ttl = wanted && !isExcepted ? (said ?? USUAL_TTL) : 0;
    const compared = new Set(all.flatMap(({ drops, same }) => (same.length > 0 && drops(subject) ? same : [])));
    const called = JSON.stringify([method, upstream, native]);
    return { subject, called, rules, ttl: ttl > 0 ? ttl : undefined, isUnsaid: said === undefined, compared: [...compared] };
  };
  return { concerns, of };
}

/** What a result is the answer to, with the arguments that rules compare. */
export function subjectOf({ subject, compared }: Policy, params: Readonly<Json>): Subject {
  return compared.length === 0 ? subject : { ...subject, compared: picked(compared, params) };
}

/** What a call makes old. @param params undefined where they are not known: then everything that the rules may mean */
export function dropsOf({ rules }: Policy, params: Readonly<Json> | undefined): Drop[] {
  return rules.map(({ drop, same }) => (same.length === 0 || !params ? drop : { ...drop, same: picked(same, params) }));
}

function picked(names: readonly string[], { arguments: given }: Readonly<Json>): Record<string, string> {
  if (typeof given !== "object" || given === null) return {};
  const fields = new Map(Object.entries(given));
  return Object.fromEntries(names.flatMap((name) => (fields.get(name) === undefined ? [] : [[name, canonicalJson(fields.get(name))]])));
}

function readsOnly({ definition }: Entry): boolean {
  const { annotations } = definition;
  return typeof annotations === "object" && annotations !== null && "readOnlyHint" in annotations && annotations.readOnlyHint === true;
}

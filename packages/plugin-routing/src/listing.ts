import { canonicalJson, type Entry, type Logger } from "mcp-host";
import type { GroupOptions } from "./options.ts";

/** Something that members do not have alike. */
export interface Difference {
  readonly kind: Entry["kind"];
  readonly native: string;
  /** Members that do not list it. */
  readonly missing: readonly string[];
  /** Members that list it otherwise than most. */
  readonly differing: readonly string[];
  readonly offered: boolean;
}

type Members = NonNullable<Entry["members"]>;

/** Differences and owners of URIs that are remembered of a group. */
const MOST = 10_000;
/** Names that one line of the log has. */
const TOLD = 10;

/** What a group offers: what its members have alike, once. */
export class Listing {
  readonly #group: string;
  readonly #options: Pick<GroupOptions, "members" | "offer">;
  readonly #log: Logger;
  readonly #servers: ReadonlySet<string>;
  readonly #listed: ReadonlySet<string>;
  readonly #heard = new Set<string>();
  /** Whose a URI was first, so that it is never another's by the order in which servers come up. */
  readonly #owners = new Map<string, string>();
  #differences: readonly Difference[] = [];

  constructor(group: string, options: Pick<GroupOptions, "members" | "offer">, log: Logger) {
    this.#group = group;
    this.#options = options;
    this.#log = log;
    this.#servers = new Set(options.members.map(({ server }) => server));
    this.#listed = new Set(options.members.flatMap(({ server, listed }) => (listed ? [server] : [])));
  }

  /** As it was when somebody looked last. */
  get differences(): readonly Difference[] {
    return this.#differences;
  }

  /**
   * The entries with those of the group in the place of its members'.
   * @param mark is told of what stands for several
   */
  merge(entries: readonly Entry[], mark: (members: Members) => void): readonly Entry[] {
    const own = entries.filter(({ upstream }) => this.#servers.has(upstream));
    if (own.length === 0) return entries;
    const definers = this.#definers(new Set(own.map(({ upstream }) => upstream)));
    const byName = new Map<string, Entry[]>();
    for (const entry of own) {
      const key = `${entry.kind} ${entry.native}`;
      const same = byName.get(key);
      // What a server lists twice counts once.
      if (!same) byName.set(key, [entry]);
      else if (same.every(({ upstream }) => upstream !== entry.upstream)) same.push(entry);
    }
    const differences: Difference[] = [];
    /** By the first entry of each name: what is offered in its place. */
    const offered = new Map<Entry, Entry>();
    for (const same of byName.values()) {
      const [first] = same as [Entry];
      const given = first.kind === "tool" || first.kind === "prompt" ? this.#alike(same, definers, differences) : this.#shared(same);
      if (!given) continue;
      if (given.members) mark(given.members);
      offered.set(first, given);
    }
    this.#tell(differences);
    return entries.flatMap((entry) => {
      if (!this.#servers.has(entry.upstream)) return [entry];
      const given = offered.get(entry);
      const isNamed = entry.kind === "tool" || entry.kind === "prompt";
      return [...(given ? [given] : []), ...(isNamed && this.#listed.has(entry.upstream) ? [entry] : [])];
    });
  }

  /** Those whose lists decide: of the lowest priority of which anything is known, and not those that rules alone lead to. */
  #definers(known: ReadonlySet<string>): ReadonlySet<string> {
    const there = this.#options.members.filter(({ server }) => known.has(server));
    const ordinary = there.filter(({ weight }) => weight > 0);
    const from = ordinary.length > 0 ? ordinary : there;
    const first = Math.min(...from.map(({ priority }) => priority));
    return new Set(from.filter(({ priority }) => priority === first).map(({ server }) => server));
  }

  /** A tool or prompt under the group's name, if enough members have it alike. */
  #alike(same: readonly Entry[], definers: ReadonlySet<string>, differences: Difference[]): Entry | undefined {
    const [{ kind, native }] = same as [Entry];
    const deciding = same.filter(({ upstream }) => definers.has(upstream));
    const forms = new Map<string, Entry[]>();
    for (const entry of deciding) {
      const form = formOf(entry);
      forms.set(form, [...(forms.get(form) ?? []), entry]);
    }
    // Of equally many the first of the members.
    const most = [...forms.values()].reduce<readonly Entry[]>((best, each) => (each.length > best.length ? each : best), []);
    const isEnough = this.#options.offer === "all" ? most.length === definers.size : most.length * 2 > definers.size;
    const offered = most.length > 0 && isEnough;
    const having = new Set(same.map(({ upstream }) => upstream));
    const form = most[0] && formOf(most[0]);
    const differing = same.filter((entry) => formOf(entry) !== form).map(({ upstream }) => upstream);
    const missing = [...definers].filter((server) => !having.has(server));
    if (differing.length > 0 || missing.length > 0) differences.push({ kind, native, missing, differing, offered });
    if (!offered) return undefined;
    // Backups, and whom only rules lead to, serve what they have by the name.
    const serving = same.filter((entry) => most.includes(entry) || !definers.has(entry.upstream));
    return { ...(most[0] as Entry), upstream: this.#group, members: membersOf(serving) };
  }

  /** A resource or template stays its first owner's; which of several is read is for the group to say. */
  #shared(same: readonly Entry[]): Entry {
    const [first] = same as [Entry];
    const key = `${first.kind} ${first.native}`;
    const before = this.#owners.get(key);
    const owner = same.find(({ upstream }) => upstream === before) ?? first;
    if (before === undefined && this.#owners.size < MOST) this.#owners.set(key, owner.upstream);
    return same.length === 1 ? owner : { ...owner, members: membersOf(same) };
  }

  /** Each difference once. */
  #tell(differences: readonly Difference[]): void {
    this.#differences = differences;
    if (this.#heard.size > MOST) this.#heard.clear();
    const fresh = differences.filter((each) => {
      const text = JSON.stringify(each);
      return !this.#heard.has(text) && this.#heard.add(text);
    });
    if (fresh.length === 0) return;
    const told = fresh.slice(0, TOLD).map(worded);
    const more = fresh.length > TOLD ? ` and ${fresh.length - TOLD} more` : "";
    const message = `the members of a group do not have everything alike: ${told.join(", ")}${more} (\`mcp-host routing show\` has all)`;
    this.#log.warn(message, { group: this.#group, differences: fresh.length });
  }
}

/** Made once for each definition, which never changes. */
const forms = new WeakMap<object, string>();

/** What has to be the same: all of the definition but what is about the server itself. */
function formOf({ definition }: Entry): string {
  let form = forms.get(definition);
  if (form === undefined) {
    const { _meta, ...rest } = definition;
    forms.set(definition, (form = canonicalJson(rest)));
  }
  return form;
}

function membersOf(entries: readonly Entry[]): Members {
  return Object.freeze(entries.map(({ upstream, native }) => Object.freeze({ upstream, native })));
}

/** A difference in a line. */
export function worded({ kind, native, missing, differing, offered }: Difference): string {
  const parts = [
    ...(missing.length > 0 ? [`missing at ${missing.join(", ")}`] : []),
    ...(differing.length > 0 ? [`otherwise at ${differing.join(", ")}`] : []),
  ];
  return `${kind} ${native} (${parts.join("; ")}; ${offered ? "offered" : "not offered"})`;
}

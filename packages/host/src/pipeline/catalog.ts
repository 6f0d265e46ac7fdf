import { createHash } from "node:crypto";
import { asClient, type Caller, type ClientFacts } from "../exchange/caller.ts";
import { type Entry, LISTED_KINDS, LISTS, type ListedKind } from "../exchange/entry.ts";
import type { Site } from "../exchange/exchange.ts";
import { rowOf } from "../exchange/methods.ts";
import type { Trace } from "../exchange/trace.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import { errorFields, type Logger } from "../log.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { HookName } from "../plugin/hooks.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { countedAre } from "../wire/counted.ts";
import type { Json } from "../wire/message.ts";
import { type NameRegistry, prefixUri, type Withheld } from "./name-registry.ts";
import { narrowness, templateMatcher } from "./uri-template.ts";

/** What one connection lists, after `discover`. A new object whenever that changes. */
export interface View {
  readonly upstream: UpstreamFacts;
  /** In the order of the lists; a resource's name is its native URI. */
  readonly entries: readonly Entry[];
  /** What is missing of its lists and why, by kind. */
  readonly problems?: ReadonlyMap<ListedKind, string>;
}

/** The joined entries of some views: what a caller with these views is offered, before `permit`. */
export class Offer {
  readonly entries: readonly Entry[];
  readonly withheld: readonly Withheld[];
  readonly #byName = new Map<string, Entry>();
  /** The narrowest first. */
  readonly #templates: readonly { readonly entry: Entry; readonly matches: (uri: string) => boolean }[];
  readonly #prefixed = new Map<string, Map<string, string>>();
  readonly #views: readonly View[];

  constructor(entries: readonly Entry[], withheld: readonly Withheld[], views: readonly View[] = []) {
    this.entries = entries;
    this.withheld = withheld;
    this.#views = views;
    for (const entry of entries) {
      fixed(entry); // what plugins made of it
      this.#byName.set(`${entry.kind} ${entry.name}`, entry);
      if (entry.kind !== "resource" || entry.name === entry.native) continue;
      const uris = this.#prefixed.get(entry.upstream) ?? new Map<string, string>();
      this.#prefixed.set(entry.upstream, uris.set(entry.native, entry.name));
    }
    this.#templates = entries
      .filter(({ kind }) => kind === "template")
      .map((entry) => ({ entry, matches: templateMatcher(entry.name), narrow: narrowness(entry.name) }))
      .sort((a, b) => b.narrow - a.narrow);
  }

  find(kind: ListedKind, name: string): Entry | undefined {
    return this.#byName.get(`${kind} ${name}`);
  }

  /** The template that a URI can come from; of several the narrowest, which says the most of it. */
  template(uri: string): Entry | undefined {
    return this.#templates.find(({ matches }) => matches(uri))?.entry;
  }

  /** How this upstream's URIs are exposed where they differ; undefined where all are native, which is almost always. */
  exposedUris(upstream: string): ReadonlyMap<string, string> | undefined {
    return this.#prefixed.get(upstream);
  }

  /**
   * What is missing of this kind and why, by upstream: what could not be read, what a limit cut off.
   * @param sees whether the one who asks would see an entry
   */
  incomplete(kind: ListedKind, sees: (entry: Entry) => boolean): ReadonlyMap<string, string> {
    const missing = new Map<string, string>();
    for (const { upstream, problems } of this.#views) {
      const problem = problems?.get(kind);
      if (problem !== undefined) missing.set(upstream.key, problem);
    }
    for (const { entry, reason, isCut } of this.withheld) {
      if (!isCut || entry.kind !== kind || missing.has(entry.upstream) || !sees(entry)) continue;
      missing.set(entry.upstream, `${LISTS[kind].method} of all upstreams gave ${reason} (limits.entries); the rest is withheld`);
    }
    return missing;
  }

  /** An entry as it is listed. */
  static listed(entry: Entry): Json {
    const { key } = LISTS[entry.kind as ListedKind];
    return entry.definition[key] === entry.name ? (entry.definition as Json) : { ...entry.definition, [key]: entry.name };
  }
}

/** An entry that no tap can change in place: it is the same one for everybody. */
function fixed(entry: Entry): Entry {
  Object.freeze(entry.definition);
  return Object.freeze(entry);
}

/** Hashes of entries as they are listed. An entry never changes, and is the same one in many offers. */
const digests = new WeakMap<Entry, string>();

function digestOf(entry: Entry): string {
  let digest = digests.get(entry);
  if (digest === undefined)
    digests.set(
      entry,
      (digest = createHash("sha1")
        .update(JSON.stringify(Offer.listed(entry)))
        .digest("base64")),
    );
  return digest;
}

/** Hooks whose taps know who asks, or keep away whom they do not know. */
const PERSONAL: readonly HookName[] = ["authenticate", "permit", "list", "respond"];
/** Those besides that a call passes. */
const PERSONAL_TO_CALLS: readonly HookName[] = [...PERSONAL, "route", "transform", "authorize", "call"];

/** Names of entries that one line of the log has. */
const TOLD = 10;

/** The offers of views that begin alike. Held by the views themselves: an offer goes when one of its views is replaced or gone. */
interface Joins {
  offer: Offer | undefined;
  readonly next: WeakMap<View, Joins>;
}

const noJoins = (): Joins => ({ offer: undefined, next: new WeakMap() });

type Reach = (entry: Entry, member: Pick<Entry, "upstream" | "native">) => Entry;

/** What the host offers: joins views into offers, resolves names, applies `permit`. */
export class Catalog {
  readonly #hooks: SealedHooks;
  readonly #log: Logger;
  readonly #names: NameRegistry;
  readonly #limit: number;
  readonly #joins = noJoins();
  /** By upstream, of those that the config leaves something out of; undefined where there are none, which costs a call nothing. */
  readonly #selections: ReadonlyMap<string, NonNullable<Upstream["selection"]>> | undefined;
  #look: (() => Offer) | undefined;
  #reach: Reach = (entry) => entry;
  readonly #changed: (whose: string | Caller | undefined) => void;

  /** @param changed called when what a principal (by its id), a caller or all may see changed */
  constructor(options: {
    hooks: SealedHooks;
    log: Logger;
    names: NameRegistry;
    limit: number;
    upstreams: ReadonlyMap<string, Pick<Upstream, "selection">>;
    changed: (whose: string | Caller | undefined) => void;
  }) {
    this.#hooks = options.hooks;
    this.#log = options.log;
    this.#names = options.names;
    this.#limit = options.limit;
    this.#changed = options.changed;
    const selections = [...options.upstreams].flatMap(([key, { selection }]) => (selection ? [[key, selection] as const] : []));
    this.#selections = selections.length === 0 ? undefined : new Map(selections);
  }

  /** Says where to look for what is listed now, whoever it is for. @param reach what a call of an entry is at a member of its group */
  lookAt(look: () => Offer, reach: Reach): void {
    this.#look = look;
    this.#reach = reach;
  }

  /** What is offered now, whoever it is for; for operators and plugins. */
  entries(): readonly Entry[] {
    return this.#look?.().entries ?? [];
  }

  withheld(): readonly Withheld[] {
    return this.#look?.().withheld ?? [];
  }

  /** Logs what is withheld of what is listed now, as far as it was not told yet: nobody may have asked for a list. */
  tellWithheld(): void {
    this.#tell(this.#names.unheard(this.withheld()));
  }

  /** Announces that `permit` or `list` answers otherwise now, for one principal id, one caller or all: their visible lists are compared again. */
  invalidate(whose?: string | Caller): void {
    this.#changed(whose);
  }

  /** Runs `discover` over what one upstream lists. If a plugin fails there, the upstream offers nothing: it may have been hiding something. */
  async view(
    upstream: UpstreamFacts,
    lists: Readonly<Record<ListedKind, readonly Json[]>>,
    problems: ReadonlyMap<ListedKind, string>,
  ): Promise<View> {
    const entries = LISTED_KINDS.flatMap((kind) => {
      const { key } = LISTS[kind];
      return lists[kind].map((definition): Entry => {
        const native = definition[key] as string; // readList keeps only entries that have it
        return fixed({ kind, name: native, upstream: upstream.key, native, definition });
      });
    });
    if (!this.#hooks.discover) return { upstream, entries, problems };
    try {
      return { upstream, entries: await this.#hooks.discover(entries, upstream), problems };
    } catch (error) {
      this.#log.error("nothing of an upstream is offered, since discover failed", { upstream: upstream.key, ...errorFields(error) });
      return { upstream, entries: [] };
    }
  }

  /** The join of these views, in config order. Names are given for good. */
  offer(views: readonly View[]): Offer {
    let joins = this.#joins;
    for (const view of views) {
      let next = joins.next.get(view);
      if (!next) joins.next.set(view, (next = noJoins()));
      joins = next;
    }
    joins.offer ??= this.#join(views);
    return joins.offer;
  }

  /** What the join of these views would be; nobody is given a name by it. */
  survey(views: readonly View[]): Offer {
    const { offered, withheld } = this.#names.resolve(this.named(views), this.#limit, false);
    return new Offer(offered, withheld);
  }

  /** All entries of these views by the names that they come to, those included that would be withheld. */
  named(views: readonly View[]): readonly Entry[] {
    return apartUris(this.#merged(views), this.#names);
  }

  /** What of an offer a caller may see, whether or not it is shown. */
  permitted(offer: Offer, kind: ListedKind, caller: Caller): readonly Entry[] {
    return offer.entries.filter((entry) => entry.kind === kind && this.permits(entry, caller));
  }

  /** What of an offer a caller is shown. @param client who asks for it @throws HostError where a plugin fails */
  shown(offer: Offer, kind: ListedKind, caller: Caller, client: ClientFacts, trace?: Trace): readonly Entry[] {
    const { list, permit } = this.#hooks;
    const span = permit && trace?.begin("permit"); // of its taps, which are asked about every entry, nothing is told
    const entries = Object.freeze(this.permitted(offer, kind, caller));
    span?.finish();
    if (!list) return entries;
    const asking = asClient(caller, client);
    return trace ? trace.during("list", () => list(entries, asking)) : list(entries, asking);
  }

  /** Whether the config leaves it in. What it leaves out is not listed, and is not there for those either who know its name. */
  has({ kind, upstream, native }: Entry): boolean {
    return this.#selections?.get(upstream)?.takes(kind, native) ?? true;
  }

  /** Of what several have: whether one of them may be called. */
  permits(entry: Entry, caller: Caller): boolean {
    const isOpen = (each: Entry): boolean => this.has(each) && this.refusedBy(each, caller) === undefined;
    if (!isOpen(entry)) return false;
    return !entry.members || !this.#hooks.permit || entry.members.some((member) => isOpen(this.#reach(entry, member)));
  }

  /** Who hides an entry from a caller, if somebody does. */
  refusedBy(entry: Entry, caller: Caller): Site | undefined {
    return this.#hooks.permit?.(entry, caller, undefined);
  }

  /** Whether two callers may be shown different things. */
  get isJudged(): boolean {
    return this.#hooks.permit !== undefined || this.#hooks.list !== undefined;
  }

  /** Whether a plugin may give a caller something else in answer to a method than it gives others. */
  isOwn(method: string): boolean {
    const personal = rowOf(method).call ? PERSONAL_TO_CALLS : PERSONAL;
    return this.#hooks.taps.some((tap) => personal.includes(tap.hook) && ["*", method, undefined].includes(tap.method));
  }

  /** A text that changes when what this caller sees of these kinds changes. */
  signature(offer: Offer, kinds: readonly ListedKind[], caller: Caller, client: ClientFacts): string {
    const hash = createHash("sha1");
    for (const kind of kinds) {
      for (const entry of this.#shownAnyway(offer, kind, caller, client)) hash.update(digestOf(entry));
      hash.update("|");
    }
    return hash.digest("base64");
  }

  /** The same, where nobody can be told of a failure: it has been logged, and a list that cannot be made shows nothing. */
  #shownAnyway(...of: Parameters<Catalog["shown"]>): readonly Entry[] {
    try {
      return this.shown(...of);
    } catch {
      return [];
    }
  }

  #join(views: readonly View[]): Offer {
    const { offered, withheld } = this.#names.resolve(this.named(views), this.#limit);
    this.#tell(this.#names.unheard(withheld));
    return new Offer(offered, withheld, views);
  }

  /** In one line, however many they are: each is told once. */
  #tell(withheld: readonly Withheld[]): void {
    if (withheld.length === 0) return;
    const names = withheld.slice(0, TOLD).map(({ entry }) => `${entry.kind} ${entry.name} of ${entry.upstream}`);
    const more = withheld.length > TOLD ? ` and ${withheld.length - TOLD} more` : "";
    const remedy = withheld.some(({ isTaken }) => isTaken) ? "; add @host/plugin-namespace to keep both of each name" : "";
    const message = `${countedAre(withheld.length, "name")} withheld: ${names.join(", ")}${more}${remedy} (\`mcp-host status\` has each reason)`;
    this.#log.warn(message, { withheld: withheld.length });
  }

  #merged(views: readonly View[]): readonly Entry[] {
    const all = views.flatMap((view) => view.entries);
    if (!this.#hooks.merge) return all;
    try {
      return this.#hooks.merge(all);
    } catch (error) {
      // Closed: a merge that failed may have been about to withhold something.
      this.#log.error("nothing is offered, since merge failed", errorFields(error));
      return [];
    }
  }
}

/** Prefixes a URI (or URI template) that another upstream has already, or lists earlier in the config. */
function apartUris(entries: readonly Entry[], names: NameRegistry): readonly Entry[] {
  const owners = new Map<string, string>();
  const ownable = entries.filter(({ kind, name }) => (kind === "resource" || kind === "template") && !name.startsWith("ui://"));
  for (const entry of ownable) if (!owners.has(entry.name)) owners.set(entry.name, names.ownerOf(entry) ?? entry.upstream);
  const later = new Set(ownable.filter((entry) => owners.get(entry.name) !== entry.upstream));
  return later.size === 0
    ? entries
    : entries.map((entry) => (later.has(entry) ? { ...entry, name: prefixUri(entry.upstream, entry.name) } : entry));
}

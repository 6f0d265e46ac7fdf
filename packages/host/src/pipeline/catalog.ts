import { HostError } from "../errors.ts";
import { errorFields, type Logger } from "../log.ts";
import type { Json } from "../wire/message.ts";
import { type Entry, LISTED_KINDS, LISTS, type ListedKind } from "./entry.ts";
import type { Principal, SessionFacts } from "./exchange.ts";
import type { SealedHooks } from "./hook-set.ts";
import type { UpstreamFacts } from "./hooks.ts";
import { type Pins, prefixUri, type Withheld } from "./names.ts";
import { matchesTemplate } from "./uri-template.ts";

/** What one connection lists, after `discover`. A new object whenever that changes. */
export interface View {
  readonly upstream: UpstreamFacts;
  /** In the order of the lists; a resource's name is its native URI. */
  readonly entries: readonly Entry[];
}

/** The joined entries of some views: what a session with these views is offered, before `permit`. */
export class Offer {
  readonly entries: readonly Entry[];
  readonly withheld: readonly Withheld[];
  readonly #byName = new Map<string, Entry>();
  readonly #templates: Entry[];
  readonly #prefixed = new Map<string, Map<string, string>>();
  readonly #texts = new Map<Entry, string>();

  constructor(entries: readonly Entry[], withheld: readonly Withheld[]) {
    this.entries = entries;
    this.withheld = withheld;
    for (const entry of entries) {
      this.#byName.set(`${entry.kind} ${entry.name}`, entry);
      if (entry.kind !== "resource" || entry.name === entry.native) continue;
      const uris = this.#prefixed.get(entry.upstream) ?? new Map<string, string>();
      this.#prefixed.set(entry.upstream, uris.set(entry.native, entry.name));
    }
    this.#templates = entries.filter((entry) => entry.kind === "template");
  }

  find(kind: ListedKind, name: string): Entry | undefined {
    return this.#byName.get(`${kind} ${name}`);
  }

  /** The template that a URI can come from; the longest, as the most specific. */
  template(uri: string): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.#templates)
      if ((!best || entry.name.length > best.name.length) && matchesTemplate(entry.name, uri)) best = entry;
    return best;
  }

  /** How this upstream's URIs are exposed where they differ; undefined where all are native, which is almost always. */
  exposedUris(upstream: string): ReadonlyMap<string, string> | undefined {
    return this.#prefixed.get(upstream);
  }

  /** An entry as it is listed. */
  static listed(entry: Entry): Json {
    const { key } = LISTS[entry.kind as ListedKind];
    return entry.definition[key] === entry.name ? (entry.definition as Json) : { ...entry.definition, [key]: entry.name };
  }

  /** The entry as text, for comparing lists. */
  text(entry: Entry): string {
    let text = this.#texts.get(entry);
    if (text === undefined) this.#texts.set(entry, (text = JSON.stringify(Offer.listed(entry))));
    return text;
  }
}

/** How many different joins of views are kept: one per kind of client, except where sessions are isolated. */
const KEPT_OFFERS = 256;

/** What the host offers: joins views into offers, resolves names, applies `permit`. */
export class Catalog {
  readonly #hooks: SealedHooks;
  readonly #log: Logger;
  readonly #pins: Pins;
  readonly #limit: number;
  readonly #offers = new Map<string, Offer>();
  readonly #viewIds = new WeakMap<View, number>();
  #nextViewId = 1;
  #last: Offer | undefined;
  readonly #changed: (principal: string | undefined) => void;

  /** @param changed called when permissions of a principal (or of all) changed */
  constructor(options: { hooks: SealedHooks; log: Logger; pins: Pins; limit: number; changed: (principal: string | undefined) => void }) {
    this.#hooks = options.hooks;
    this.#log = options.log;
    this.#pins = options.pins;
    this.#limit = options.limit;
    this.#changed = options.changed;
  }

  /** The last offer that was made, whoever it was for; for operators and plugins. */
  entries(): readonly Entry[] {
    return this.#last?.entries ?? [];
  }

  withheld(): readonly Withheld[] {
    return this.#last?.withheld ?? [];
  }

  /** Announces that `permit` answers otherwise now, for one principal id or for all: their visible lists are compared again. */
  invalidate(principal?: string): void {
    this.#changed(principal);
  }

  /** Runs `discover` over what one upstream lists. If a plugin fails there, the upstream offers nothing: it may have been hiding something. */
  async view(upstream: UpstreamFacts, lists: Readonly<Record<ListedKind, readonly Json[]>>): Promise<View> {
    const entries = LISTED_KINDS.flatMap((kind) => {
      const { key } = LISTS[kind];
      return lists[kind].map((definition): Entry => {
        const native = definition[key] as string; // readList keeps only entries that have it
        return { kind, name: native, upstream: upstream.key, native, definition };
      });
    });
    if (!this.#hooks.discover) return { upstream, entries };
    try {
      const discovered = await this.#hooks.discover(entries, upstream);
      const known = new Set(entries.map((entry) => `${entry.kind} ${entry.native}`));
      const invented = discovered.find((entry) => entry.upstream !== upstream.key || !known.has(`${entry.kind} ${entry.native}`));
      if (invented)
        throw new HostError(
          "plugin_failure",
          `a plugin invented ${invented.kind} "${invented.native}" in discover; register an in-process upstream instead`,
        );
      return { upstream, entries: discovered };
    } catch (error) {
      this.#log.error("nothing of an upstream is offered, since discover failed", { upstream: upstream.key, ...errorFields(error) });
      return { upstream, entries: [] };
    }
  }

  /** The join of these views, in config order. */
  offer(views: readonly View[]): Offer {
    const key = views.map((view) => this.#idOf(view)).join(" ");
    const kept = this.#offers.get(key);
    if (kept) return kept;
    const offer = this.#join(views);
    this.#offers.set(key, offer);
    if (this.#offers.size > KEPT_OFFERS) this.#offers.delete(this.#offers.keys().next().value as string); // not empty
    this.#last = offer;
    return offer;
  }

  /** What of an offer a session may see. */
  visible(offer: Offer, kind: ListedKind, principal: Principal): Entry[] {
    return offer.entries.filter((entry) => entry.kind === kind && this.permits(entry, principal));
  }

  permits(entry: Entry, principal: Principal): boolean {
    return this.#hooks.permit === undefined || this.#hooks.permit(entry, principal, undefined) === undefined;
  }

  /** A text that changes when what the session sees of this kind changes. */
  signature(offer: Offer, kind: ListedKind, session: SessionFacts): string {
    return this.visible(offer, kind, session.principal)
      .map((entry) => offer.text(entry))
      .join("\n");
  }

  #idOf(view: View): number {
    let id = this.#viewIds.get(view);
    if (id === undefined) this.#viewIds.set(view, (id = this.#nextViewId++));
    return id;
  }

  #join(views: readonly View[]): Offer {
    const all = views.flatMap((view) => view.entries);
    let entries: readonly Entry[] = all;
    if (this.#hooks.merge) {
      try {
        entries = this.#hooks.merge(all);
      } catch (error) {
        // Closed: a merge that failed may have been about to withhold something.
        this.#log.error("nothing is offered, since merge failed", errorFields(error));
        entries = [];
      }
    }
    const { offered, withheld } = this.#pins.resolve(apartUris(entries, this.#pins), this.#limit);
    for (const { entry, reason } of withheld)
      this.#log.warn("an entry is withheld", { kind: entry.kind, name: entry.name, upstream: entry.upstream, reason });
    return new Offer(offered, withheld);
  }
}

/** Prefixes a URI (or URI template) that another upstream has already, or lists earlier in the config. */
function apartUris(entries: readonly Entry[], pins: Pins): readonly Entry[] {
  const owners = new Map<string, string>();
  const ownable = entries.filter(({ kind, name }) => (kind === "resource" || kind === "template") && !name.startsWith("ui://"));
  for (const entry of ownable) if (!owners.has(entry.name)) owners.set(entry.name, pins.ownerOf(entry) ?? entry.upstream);
  const later = new Set(ownable.filter((entry) => owners.get(entry.name) !== entry.upstream));
  return later.size === 0
    ? entries
    : entries.map((entry) => (later.has(entry) ? { ...entry, name: prefixUri(entry.upstream, entry.name) } : entry));
}

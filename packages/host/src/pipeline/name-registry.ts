import { createHash } from "node:crypto";
import type { Entry } from "../exchange/entry.ts";
import { counted } from "../wire/counted.ts";

/** An entry that is not offered, and why: shown by `status`. */
export interface Withheld {
  readonly entry: Entry;
  readonly reason: string;
  /** Whether only its number is the reason. */
  readonly isCut?: boolean;
  /** Whether another entry has its name. */
  readonly isTaken?: boolean;
}

/** Of so many names it is remembered that they are withheld; then they are told again. */
const HEARD = 10_000;

/** Names that one upstream keeps: several times what it may list at once, so that only names long gone come free. */
const NAMES_PER_UPSTREAM = 50_000;

/**
 * Who was given which name. A name stays with its first owner, so that a slow start or an outage never redirects calls,
 * until that owner has come to many others since it last listed this one.
 */
export class NameRegistry {
  readonly #owners = new Map<string, string>();
  /** The names of each upstream, those first that it has not listed for longest. */
  readonly #names = new Map<string, Set<string>>();
  /** Of which it was told that they are withheld. */
  readonly #heard = new Set<string>();
  readonly #quota: number;

  /** @param quota names that one upstream keeps; default 50,000 */
  constructor(quota = NAMES_PER_UPSTREAM) {
    this.#quota = quota;
  }

  /** Who has the name of an entry, if anybody was given it. A group takes over what its members had. */
  ownerOf(entry: Pick<Entry, "kind" | "name" | "upstream" | "members">): string | undefined {
    const owner = this.#owners.get(keyOf(entry));
    return entry.members?.some(({ upstream }) => upstream === owner) ? entry.upstream : owner;
  }

  /**
   * Gives each exposed name to one entry: its pinned owner, else the first in config order. The others are withheld.
   * @param limit entries of one kind
   * @param keep whether the names are pinned; not when somebody only looks
   */
  resolve(entries: readonly Entry[], limit: number, keep = true): { offered: Entry[]; withheld: Withheld[] } {
    const claims = new Map<string, Entry>();
    const counts = new Map<string, number>();
    const withheld: Withheld[] = [];
    for (const entry of entries) {
      const name = keyOf(entry);
      const owner = this.ownerOf(entry);
      const claimed = claims.get(name);
      if (owner !== undefined && owner !== entry.upstream) {
        withheld.push({
          entry,
          reason: `the name belongs to upstream "${owner}", which had it first; add @host/plugin-namespace to keep both`,
          isTaken: true,
        });
      } else if (claimed) {
        const rival =
          claimed.upstream === entry.upstream
            ? `"${claimed.native}" of the same upstream`
            : `upstream "${claimed.upstream}", which comes first in the config`;
        // No plugin can tell apart what an upstream itself does not.
        const twice = claimed.upstream === entry.upstream && claimed.native === entry.native;
        const remedy = twice ? ", which lists it more than once" : "; add @host/plugin-namespace to keep both";
        withheld.push({ entry, reason: `the name is taken by ${rival}${remedy}`, ...(!twice && { isTaken: true }) });
      } else if ((counts.get(entry.kind) ?? 0) >= limit) {
        withheld.push({ entry, reason: `more than ${counted(limit, "entry", "entries")}`, isCut: true });
      } else {
        claims.set(name, entry);
        counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + 1);
      }
    }
    if (keep) for (const [name, { upstream }] of claims) this.#pin(name, upstream);
    return { offered: [...claims.values()], withheld };
  }

  /** Those that this has not been asked about yet. */
  unheard(withheld: readonly Withheld[]): Withheld[] {
    if (this.#heard.size > HEARD) this.#heard.clear();
    return withheld.filter(({ entry }) => {
      const key = `${entry.upstream} ${keyOf(entry)}`;
      return !this.#heard.has(key) && this.#heard.add(key);
    });
  }

  /** Names of upstreams that are not configured any more come free. */
  keep(upstreams: ReadonlyMap<string, unknown>): void {
    for (const [upstream, names] of this.#names) {
      if (upstreams.has(upstream)) continue;
      for (const name of names) this.#owners.delete(name);
      this.#names.delete(upstream);
    }
  }

  #pin(name: string, upstream: string): void {
    let names = this.#names.get(upstream);
    if (!names) this.#names.set(upstream, (names = new Set()));
    names.delete(name); // to its end
    names.add(name);
    this.#owners.set(name, upstream);
    if (names.size <= this.#quota) return;
    const [oldest] = names as Iterable<string> as [string]; // more than the quota, so not empty
    names.delete(oldest);
    this.#owners.delete(oldest);
  }
}

const LONGEST_PLAIN = 200;

/** What stands for a name among the pins: of a long one its hash, since servers can make names as long as a message. */
function keyOf({ kind, name }: Pick<Entry, "kind" | "name">): string {
  return name.length <= LONGEST_PLAIN ? `${kind} ${name}` : `${kind}#${createHash("sha256").update(name).digest("base64")}`;
}

/**
 * Where two upstreams list the same URI, the later one's is prefixed literally (`<key>+<uri>`), which is reversible;
 * never `ui://`, which hosts of MCP Apps recognise by its scheme.
 */
export function prefixUri(upstream: string, uri: string): string {
  return `${upstream}+${uri}`;
}

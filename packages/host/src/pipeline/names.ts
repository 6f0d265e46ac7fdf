import type { Entry } from "./entry.ts";

/** An entry that is not offered, and why: shown by `status`. */
export interface Withheld {
  readonly entry: Entry;
  readonly reason: string;
}

/**
 * Who was given which name. A name stays with its first owner as long as that upstream is configured, so that a slow
 * start or an outage never redirects calls.
 */
export class Pins {
  readonly #owners = new Map<string, string>();

  /** Who has the name, if anybody was given it. */
  ownerOf(entry: Pick<Entry, "kind" | "name">): string | undefined {
    return this.#owners.get(`${entry.kind} ${entry.name}`);
  }

  /** Gives each exposed name to one entry: its pinned owner, else the first in config order. The others are withheld. @param limit entries of one kind */
  resolve(entries: readonly Entry[], limit: number): { offered: Entry[]; withheld: Withheld[] } {
    const claims = new Map<string, Entry>();
    const counts = new Map<string, number>();
    const withheld: Withheld[] = [];
    for (const entry of entries) {
      const name = `${entry.kind} ${entry.name}`;
      const owner = this.#owners.get(name);
      const claimed = claims.get(name);
      if (owner !== undefined && owner !== entry.upstream) {
        withheld.push({
          entry,
          reason: `the name belongs to upstream "${owner}", which had it first; add @host/plugin-namespace to keep both`,
        });
      } else if (claimed) {
        const rival =
          claimed.upstream === entry.upstream
            ? `"${claimed.native}" of the same upstream`
            : `upstream "${claimed.upstream}", which comes first in the config`;
        // No plugin can tell apart what an upstream itself does not.
        const twice = claimed.upstream === entry.upstream && claimed.native === entry.native;
        const remedy = twice ? ", which lists it more than once" : "; add @host/plugin-namespace to keep both";
        withheld.push({ entry, reason: `the name is taken by ${rival}${remedy}` });
      } else if ((counts.get(entry.kind) ?? 0) >= limit) {
        withheld.push({ entry, reason: `more than ${limit} entries` });
      } else {
        claims.set(name, entry);
        counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + 1);
      }
    }
    for (const [name, { upstream }] of claims) this.#owners.set(name, upstream);
    return { offered: [...claims.values()], withheld };
  }

  /** Frees the names of upstreams that are not configured any more. */
  keep(upstreams: ReadonlySet<string>): void {
    for (const [name, owner] of this.#owners) if (!upstreams.has(owner)) this.#owners.delete(name);
  }
}

/**
 * Where two upstreams list the same URI, the later one's is prefixed literally (`<key>+<uri>`), which is reversible;
 * never `ui://`, which hosts of MCP Apps recognise by its scheme.
 */
export function prefixUri(upstream: string, uri: string): string {
  return `${upstream}+${uri}`;
}

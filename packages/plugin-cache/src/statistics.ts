import type { Json, Meter, Reading } from "mcp-host";
import type { Shelf } from "./shelf.ts";

/** What the cache did, since the host started. */
export interface Statistics {
  /** Calls answered with a kept result, stale ones included. */
  hits: number;
  /** Calls that went to the upstream and whose result could have been kept. */
  misses: number;
  /** Calls that waited for an equal one which was under way. */
  joined: number;
  /** Hits whose result was past its `ttl`. */
  stale: number;
  /** Results that made room for others. */
  evictions: number;
  /** Milliseconds of upstream time that hits did not cost. */
  savedMs: number;
}

/** Notes what happened with the calls to one upstream. */
export interface Counts {
  hit(savedMs: number, stale: boolean): void;
  miss(): void;
  joined(): void;
}

/** {@link Statistics} with what follows from them, and what is kept now. */
export interface CacheStats extends Statistics {
  /** Hits and joined calls among all that could have been either; 0 when there were none. */
  ratio: number;
  /** Results that are kept. */
  entries: number;
  /** What they take. */
  bytes: number;
}

/** What is counted of each upstream, for figures, reports and operators. */
export class Tally {
  readonly #by = new Map<string, Statistics>();
  #shelf: Pick<Shelf, "usage"> = { usage: () => new Map() };

  /** Where what is kept is counted. */
  watch(shelf: Pick<Shelf, "usage">): void {
    this.#shelf = shelf;
  }

  /** The counts of one upstream, to be added to. */
  of(upstream: string): Statistics {
    let statistics = this.#by.get(upstream);
    if (!statistics) this.#by.set(upstream, (statistics = { hits: 0, misses: 0, joined: 0, stale: 0, evictions: 0, savedMs: 0 }));
    return statistics;
  }

  /** All upstreams together, or one of them. */
  stats(upstream?: string): CacheStats {
    const sum: CacheStats = { hits: 0, misses: 0, joined: 0, ratio: 0, stale: 0, evictions: 0, entries: 0, bytes: 0, savedMs: 0 };
    for (const [key, one] of this.#by) {
      if (upstream !== undefined && key !== upstream) continue;
      for (const name of Object.keys(one) as (keyof Statistics)[]) sum[name] += one[name];
    }
    for (const [key, { entries, bytes }] of this.#shelf.usage()) {
      if (upstream !== undefined && key !== upstream) continue;
      sum.entries += entries;
      sum.bytes += bytes;
    }
    const answered = sum.hits + sum.joined;
    return { ...sum, savedMs: Math.round(sum.savedMs), ratio: answered === 0 ? 0 : answered / (answered + sum.misses) };
  }

  report(): Json {
    return { ...this.stats(), upstreams: Object.fromEntries([...this.#by.keys()].map((key) => [key, this.stats(key)])) };
  }

  readings(read: (stats: CacheStats) => number): Reading[] {
    return [...this.#by.keys()].map((key) => ({ labels: [key], value: read(this.stats(key)) }));
  }
}

/** Counts events in a tally and in the host's instruments. */
export function meters(meter: Meter, tally: Tally): { of(upstream: string): Counts; evicted(upstream: string): void } {
  const labels = ["upstream"];
  const hits = meter.counter({ name: "cache.hits", description: "Calls answered with a kept result, stale ones included", labels });
  const misses = meter.counter({ name: "cache.misses", description: "Calls that went to the upstream and could have been hits", labels });
  const joined = meter.counter({ name: "cache.joined", description: "Calls that waited for an equal one under way", labels });
  const stale = meter.counter({ name: "cache.stale", description: "Hits whose result was past its ttl", labels });
  const evictions = meter.counter({ name: "cache.evictions", description: "Results that made room for others", labels });
  const saved = meter.counter({ name: "cache.saved", description: "Upstream time that hits did not cost", unit: "s", labels });
  meter.gauge({ name: "cache.bytes", description: "What the kept results take", unit: "By", labels }, () =>
    tally.readings(({ bytes }) => bytes),
  );
  meter.gauge({ name: "cache.entries", description: "Results that are kept", labels }, () => tally.readings(({ entries }) => entries));
  return {
    of(upstream) {
      const counts = tally.of(upstream);
      return {
        hit(savedMs, isStale) {
          counts.hits++;
          counts.savedMs += savedMs;
          hits.add(1, upstream);
          saved.add(savedMs / 1000, upstream);
          if (!isStale) return;
          counts.stale++;
          stale.add(1, upstream);
        },
        miss() {
          counts.misses++;
          misses.add(1, upstream);
        },
        joined() {
          counts.joined++;
          joined.add(1, upstream);
        },
      };
    },
    evicted(upstream) {
      tally.of(upstream).evictions++;
      evictions.add(1, upstream);
    },
  };
}

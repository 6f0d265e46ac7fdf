import type { Exemplar, HistogramPoint } from "./metric-figures.ts";
import type { Attributes } from "./span.ts";

/** Durations of MCP operations, in seconds: the bounds that the conventions for MCP name. */
export const OPERATION_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300] as const;

/** What is left of a set of attributes once there are too many. */
const OVERFLOW: Attributes = { "otel.metric.overflow": true };

interface Series {
  readonly attributes: Attributes;
  readonly counts: number[];
  sum: number;
  /** What of it was taken before, where what is told is what has come since. */
  readonly taken: { counts: number[]; sum: number };
  readonly exemplars: (Exemplar | undefined)[];
}

/** A histogram of durations, by attributes. */
export class Durations {
  readonly name: string;
  readonly description: string;
  readonly bounds: readonly number[] = OPERATION_SECONDS;
  readonly #maxSeries: number;
  readonly #series = new Map<string, Series>();

  constructor(name: string, description: string, maxSeries: number) {
    this.name = name;
    this.description = description;
    this.#maxSeries = maxSeries;
  }

  get series(): number {
    return this.#series.size;
  }

  /** @param seconds how long it took @param key what its attributes are known by @param attributes made where it is the first of them */
  add(seconds: number, key: string, attributes: () => Attributes, exemplar?: () => Exemplar): void {
    const series = this.#series.get(key) ?? this.#begin(key, attributes);
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++; // within the bounds
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += seconds;
    if (exemplar) series.exemplars[bucket] = exemplar();
  }

  #begin(key: string, attributes: () => Attributes): Series {
    const isRoom = this.#series.size < this.#maxSeries;
    const known = isRoom ? undefined : this.#series.get("");
    if (known) return known;
    const zeros = (): number[] => new Array<number>(this.bounds.length + 1).fill(0);
    const made: Series = {
      attributes: isRoom ? attributes() : OVERFLOW,
      counts: zeros(),
      sum: 0,
      taken: { counts: zeros(), sum: 0 },
      exemplars: [],
    };
    this.#series.set(isRoom ? key : "", made);
    return made;
  }

  /** What there is now. @returns with what says that it was taken: exemplars are told once, and where deltas are, everything */
  points(isDelta: boolean): { readonly points: HistogramPoint[]; taken(): void } {
    const points: HistogramPoint[] = [];
    const after: (() => void)[] = [];
    for (const series of this.#series.values()) {
      const { attributes, taken } = series;
      const counts = [...series.counts];
      const { sum } = series;
      const told = isDelta ? counts.map((count, bucket) => count - (taken.counts[bucket] ?? 0)) : counts;
      const count = told.reduce((all, each) => all + each, 0);
      if (isDelta && count === 0) continue;
      const exemplars = series.exemplars.filter((each) => each !== undefined);
      points.push({ attributes, counts: told, count, sum: isDelta ? sum - taken.sum : sum, exemplars });
      after.push(() => {
        taken.counts = counts;
        taken.sum = sum;
        series.exemplars.forEach((each, bucket) => {
          if (each && exemplars.includes(each)) series.exemplars[bucket] = undefined;
        });
      });
    }
    return {
      points,
      taken() {
        for (const each of after) each();
      },
    };
  }
}

import type { Attributes } from "./span.ts";

/** A request that stands for those in its bucket. */
export interface Exemplar {
  readonly value: number;
  /** In milliseconds since 1970. */
  readonly at: number;
  readonly traceId: string;
  readonly spanId: string;
}

/** Durations in buckets, one more than there are bounds. */
export interface HistogramPoint {
  readonly attributes: Attributes;
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
  readonly exemplars: readonly Exemplar[];
}

export interface NumberPoint {
  readonly attributes: Attributes;
  readonly value: number;
}

interface MetricFacts {
  readonly name: string;
  readonly description: string;
  /** In UCUM. */
  readonly unit: string;
  /** Both in milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
}

/** One instrument as it is sent. */
export type MetricFigures = MetricFacts &
  (
    | {
        readonly kind: "histogram";
        readonly isDelta: boolean;
        readonly bounds: readonly number[];
        readonly points: readonly HistogramPoint[];
      }
    | { readonly kind: "counter"; readonly isDelta: boolean; readonly points: readonly NumberPoint[] }
    | { readonly kind: "gauge"; readonly points: readonly NumberPoint[] }
  );

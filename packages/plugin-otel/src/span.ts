import type { TraceContext } from "./trace-context.ts";

/** Kinds of spans, by their numbers in OTLP less one, as OpenTelemetry's `SpanKind` has them. */
export const KIND = { internal: 0, server: 1, client: 2 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

export type Attributes = Record<string, string | number | boolean | string[]>;

/** Something that happened in a span. */
export interface Moment {
  readonly name: string;
  /** In milliseconds since 1970. */
  readonly at: number;
  readonly attributes: Attributes;
}

/** A span that is over, until it is written. */
export interface FinishedSpan {
  readonly context: TraceContext;
  /** Undefined for the first of a trace. */
  readonly parentId: string | undefined;
  /** Whether the parent is another program's. */
  readonly isRemote: boolean;
  readonly name: string;
  readonly kind: Kind;
  /** Both in milliseconds since 1970, with fractions. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  /** Whether it ended with an error; a text says more. */
  readonly failed: boolean | string;
  readonly links: readonly TraceContext[];
  readonly events: readonly Moment[];
}

import type { Counter, Meter } from "mcp-host";

export const SIGNALS = ["traces", "metrics", "logs"] as const;
export type Signal = (typeof SIGNALS)[number];

/** Why something never came to the collector. */
export type DropReason = "queue_full" | "unreachable" | "refused" | "rejected" | "unwritable" | "shutdown";

/** What the plugin counts of itself. */
export interface Instruments {
  readonly exported: Counter;
  readonly dropped: Counter;
  readonly failures: Counter;
}

export function makeInstruments(
  meter: Meter,
  waiting: () => readonly { readonly signal: Signal; readonly waiting: number }[],
): Instruments {
  const made: Instruments = {
    exported: meter.counter({
      name: "otel.exported",
      description: "Spans, metrics and lines of the log that the collector took.",
      labels: ["signal"],
    }),
    dropped: meter.counter({
      name: "otel.dropped",
      description: "What never came to the collector, by why.",
      labels: ["signal", "reason"],
    }),
    failures: meter.counter({ name: "otel.failures", description: "Requests that the collector did not take.", labels: ["signal"] }),
  };
  meter.gauge({ name: "otel.waiting", description: "Spans and lines of the log that wait to be sent.", labels: ["signal"] }, () =>
    waiting().map(({ signal, waiting }) => ({ labels: [signal], value: waiting })),
  );
  return made;
}

/** The figures of one signal. */
export class Tally {
  readonly signal: Signal;
  readonly #instruments: Instruments;
  #exported = 0;
  #failures = 0;
  readonly #dropped: Partial<Record<DropReason, number>> = {};
  /** Why the last request was not taken; undefined once one was. */
  #failing: string | undefined;

  constructor(signal: Signal, instruments: Instruments) {
    this.signal = signal;
    this.#instruments = instruments;
  }

  taken(count: number): void {
    this.#failing = undefined;
    this.#exported += count;
    this.#instruments.exported.add(count, this.signal);
  }

  failed(why: string): void {
    this.#failing = why;
    this.#failures++;
    this.#instruments.failures.add(1, this.signal);
  }

  dropped(count: number, reason: DropReason): void {
    if (count === 0) return;
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count;
    this.#instruments.dropped.add(count, this.signal, reason);
  }

  report(): Readonly<Record<string, unknown>> {
    return {
      exported: this.#exported,
      dropped: { ...this.#dropped },
      failures: this.#failures,
      ...(this.#failing !== undefined && { failing: this.#failing }),
    };
  }
}

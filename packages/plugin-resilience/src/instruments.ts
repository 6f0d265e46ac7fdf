import type { Counter, Meter, Reading } from "mcp-host";
import type { BreakerState } from "./breaker.ts";
import type { Counted, Protection } from "./protection.ts";

/** The counters, by what they count. */
export type Instruments = Readonly<Record<Counted, Counter>>;

const STATE: Readonly<Record<BreakerState, number>> = { closed: 0, "half-open": 1, open: 2 };

/** Makes the plugin's counters, and gauges over the upstreams that will be there. */
export function makeInstruments(meter: Meter, upstreams: () => readonly [key: string, Protection][]): Instruments {
  const labels = ["upstream"];
  const counter = (name: string, description: string): Counter => meter.counter({ name, description, labels });
  const gauge = (name: string, description: string, value: (upstream: Protection) => number | undefined): void =>
    meter.gauge({ name, description, labels }, () =>
      upstreams().flatMap(([key, upstream]): Reading[] => {
        const now = value(upstream);
        return now === undefined ? [] : [{ labels: [key], value: now }];
      }),
    );
  gauge("breaker.state", "0 closed, 1 half-open, 2 open.", ({ breaker }) => breaker && STATE[breaker.state]);
  gauge("bulkhead.active", "Calls in flight.", ({ bulkhead }) => bulkhead?.active);
  gauge("bulkhead.queued", "Calls that wait for their turn.", ({ bulkhead }) => bulkhead?.queued);
  return {
    opened: counter("breaker.opened", "Times that the circuit opened."),
    refused: counter("breaker.refused", "Calls refused because the circuit was open."),
    retries: counter("retry.attempts", "Further tries after a failed one."),
    rejected: counter("bulkhead.rejected", "Calls refused because too many were in flight and waiting."),
    fallbacks: counter("fallback.used", "Results that a fallback gave."),
  };
}

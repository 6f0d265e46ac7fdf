import type { Counter, Meter, Reading } from "mcp-host";
import type { Limit } from "./limit.ts";

/** The plugin's counters. */
export interface Instruments {
  readonly refused: Counter;
  readonly observed: Counter;
  readonly failed: Counter;
}

/** Makes the counters, and gauges over the rules that will be there. */
export function makeInstruments(meter: Meter, limits: () => readonly Limit[], now: () => number): Instruments {
  const labels = ["rule"];
  const gauge = (name: string, description: string, of: "active" | "queued"): void =>
    meter.gauge({ name, description, labels }, () =>
      limits().flatMap(({ name: rule, slots }): Reading[] => {
        if (!slots) return [];
        let value = 0;
        for (const place of slots.usage.values()) value += place[of];
        return [{ labels: [rule], value }];
      }),
    );
  gauge("rate_limit.active", "Calls under way that a rule counts.", "active");
  gauge("rate_limit.queued", "Calls that wait for their turn.", "queued");
  meter.gauge({ name: "rate_limit.used", description: "The largest share of a rule that somebody has used up by now.", labels }, () =>
    limits().map(({ name: rule, ...limit }) => ({ labels: [rule], value: usedOf(limit, now()) })),
  );
  return {
    refused: meter.counter({ name: "rate_limit.refused", description: "Requests that a rule refused.", labels }),
    observed: meter.counter({
      name: "rate_limit.observed",
      description: "Requests that a rule would have refused, and only observed.",
      labels,
    }),
    failed: meter.counter({ name: "rate_limit.store_errors", description: "Times that the store could not be counted in." }),
  };
}

/** 1 where somebody has all that a rule lets through in a window, or at a time; more in a burst. */
function usedOf(
  { rule: { requests, bytes, concurrent }, slots, consumers }: Pick<Limit, "rule" | "slots" | "consumers">,
  now: number,
): number {
  const most = slots ? Math.max(0, ...Array.from(slots.usage.values(), ({ active }) => active)) : (consumers.top(1, now)[0]?.used ?? 0);
  return most / (concurrent ?? requests ?? bytes ?? Number.POSITIVE_INFINITY);
}

import type { Counter, Meter, Reading } from "mcp-host";
import type { Limit } from "./limit.ts";

/** The plugin's counters. */
export interface Instruments {
  readonly refused: Counter;
  readonly observed: Counter;
  readonly failed: Counter;
}

/** Makes the counters, and gauges over the rules that will be there. */
export function makeInstruments(meter: Meter, limits: () => readonly Limit[]): Instruments {
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

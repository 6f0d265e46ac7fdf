import type { Counter, Meter, Reading } from "mcp-host";
import type { Alert } from "./alerts.ts";
import type { Receiver } from "./receiver.ts";

/** The plugin's counters. */
export interface Instruments {
  readonly sent: Counter;
  readonly failed: Counter;
  readonly dropped: Counter;
}

/** Makes the counters, and gauges over the alerts and receivers that will be there. */
export function makeInstruments(meter: Meter, alerts: () => Iterable<Alert>, receivers: () => readonly Receiver[]): Instruments {
  const counts = (state: Alert["state"]): Reading[] => {
    const by = new Map<string, { labels: string[]; value: number }>();
    for (const alert of alerts()) {
      if (alert.state !== state) continue;
      const key = `${alert.rule} ${alert.severity}`;
      const found = by.get(key) ?? { labels: [alert.rule, alert.severity], value: 0 };
      found.value++;
      by.set(key, found);
    }
    return [...by.values()];
  };
  const labels = ["rule", "severity"];
  meter.gauge({ name: "alerts.firing", description: "Alerts that go on.", labels }, () => counts("firing"));
  meter.gauge({ name: "alerts.pending", description: "Alerts that have not been there for long enough.", labels }, () => counts("pending"));
  meter.gauge({ name: "alerts.waiting", description: "Messages that wait for their receiver.", labels: ["receiver"] }, () =>
    receivers().map(({ options, waiting }) => ({ labels: [options.name], value: waiting })),
  );
  return {
    sent: meter.counter({ name: "alerts.sent", description: "Messages that receivers took.", labels: ["receiver", "status"] }),
    failed: meter.counter({ name: "alerts.failed", description: "Tries that receivers did not take.", labels: ["receiver", "reason"] }),
    dropped: meter.counter({ name: "alerts.dropped", description: "Times that something was wrong for which there was no room." }),
  };
}

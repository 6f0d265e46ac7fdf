import type { Json, Meter } from "mcp-host";
import type { Found } from "./found.ts";
import type { Showing } from "./showing.ts";
import type { Views } from "./views.ts";

/** What is counted of searches and calls, for figures and reports. */
export class Figures {
  searches = 0;
  empty = 0;
  calls = 0;
  readonly #searched: (outcome: "found" | "nothing") => void;
  readonly #called: () => void;

  constructor(meter: Meter) {
    const searches = meter.counter({ name: "tool_search.searches", description: "Searches for tools", labels: ["outcome"] });
    const calls = meter.counter({ name: "tool_search.calls", description: "Calls of tools through the one that calls others" });
    this.#searched = (outcome) => searches.add(1, outcome);
    this.#called = () => calls.add();
  }

  searched(found: number): void {
    this.searches++;
    if (found === 0) this.empty++;
    this.#searched(found === 0 ? "nothing" : "found");
  }

  called(): void {
    this.calls++;
    this.#called();
  }
}

/** What the plugin's gauges and its report read. */
export interface Watched {
  readonly figures: Figures;
  readonly views: Views;
  readonly showing: Showing;
  readonly found: Found;
  /** Whether a plugin provides a scorer, and how often it failed; undefined where words alone count. */
  readonly scorer: () => { readonly failures: number } | undefined;
}

export function gauges(meter: Meter, { views, showing }: Watched): void {
  meter.gauge(
    { name: "tool_search.indexes", description: "Indexes that are kept, one for each set of tools that callers may call" },
    () => [{ labels: [], value: views.size }],
  );
  meter.gauge(
    { name: "tool_search.list_tokens", description: "What the last list that search replaced costs, estimated", labels: ["shown"] },
    () =>
      showing.spared
        ? [
            { labels: ["list"], value: showing.spared.before },
            { labels: ["search"], value: showing.spared.after },
          ]
        : [],
  );
}

export function report({ figures, views, showing, found, scorer }: Watched): Json {
  const { searches, empty, calls } = figures;
  const failures = scorer()?.failures;
  return {
    shown: { ...showing.tally },
    ...(showing.spared && { tokens: { list: showing.spared.before, search: showing.spared.after, isEstimate: true } }),
    searches,
    withoutResult: empty,
    calls,
    indexes: { kept: views.size, built: views.built },
    callersWithFoundTools: found.callers,
    scorer: failures === undefined ? "words" : { provided: true, failures },
  };
}

import type { Counter, Json, Meter } from "mcp-host";
import type { FailureReason } from "./failure.ts";
import type { HookOptions } from "./options.ts";
import type { Verdict } from "./verdict.ts";

/** What came of a question: its verdict, that there was none, or that it was not asked since too many only observe. */
export type Outcome = Verdict["did"] | "failed" | "skipped";

/** The plugin's counters. */
export interface Instruments {
  readonly verdicts: Counter;
  readonly failures: Counter;
  readonly requests: Counter;
  readonly time: Counter;
}

/** Makes the counters, and gauges over the hooks that will be there. */
export function makeInstruments(meter: Meter, hooks: () => readonly { readonly tally: Tally; readonly isOpen: boolean }[]): Instruments {
  const labels = ["hook"];
  const made: Instruments = {
    verdicts: meter.counter({
      name: "webhooks.verdicts",
      description: "What came of questions to hooks.",
      labels: ["hook", "mode", "outcome"],
    }),
    failures: meter.counter({ name: "webhooks.failures", description: "Questions without a verdict, by why.", labels: ["hook", "reason"] }),
    requests: meter.counter({ name: "webhooks.requests", description: "HTTP requests to hooks, retries included.", labels }),
    time: meter.counter({ name: "webhooks.time", description: "Time until hooks gave a verdict or failed, in all.", unit: "s", labels }),
  };
  meter.gauge({ name: "webhooks.asking", description: "Questions under way.", labels }, () =>
    hooks().map(({ tally }) => ({ labels: [tally.hook], value: tally.asking })),
  );
  meter.gauge({ name: "webhooks.open", description: "1 while a hook failed too often and is left alone.", labels }, () =>
    hooks().map(({ tally, isOpen }) => ({ labels: [tally.hook], value: isOpen ? 1 : 0 })),
  );
  return made;
}

/** Counts what came of the questions to one hook. */
export class Tally {
  readonly hook: string;
  readonly #mode: string;
  readonly #instruments: Instruments;
  readonly #outcomes: Record<Outcome, number> = { allowed: 0, warned: 0, changed: 0, refused: 0, failed: 0, skipped: 0 };
  #requests = 0;
  #asking = 0;

  constructor({ name, mode }: Pick<HookOptions, "name" | "mode">, instruments: Instruments) {
    this.hook = name;
    this.#mode = mode;
    this.#instruments = instruments;
  }

  /** Questions under way. */
  get asking(): number {
    return this.#asking;
  }

  begun(): void {
    this.#asking++;
  }

  /** @param milliseconds since it began */
  ended(milliseconds: number): void {
    this.#asking--;
    this.#instruments.time.add(milliseconds / 1_000, this.hook);
  }

  sent(): void {
    this.#requests++;
    this.#instruments.requests.add(1, this.hook);
  }

  count(outcome: Outcome, reason?: FailureReason): void {
    this.#outcomes[outcome]++;
    this.#instruments.verdicts.add(1, this.hook, this.#mode, outcome);
    if (reason !== undefined) this.#instruments.failures.add(1, this.hook, reason);
  }

  report(): Json {
    return { ...this.#outcomes, requests: this.#requests, asking: this.#asking };
  }
}

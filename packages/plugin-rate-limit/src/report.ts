import type { Json } from "mcp-host";
import type { Consumers } from "./consumers.ts";
import { ADDRESSES, type Door } from "./door.ts";
import type { Limit } from "./limit.ts";
import type { Options, Rule } from "./options.ts";
import { windowWords } from "./words.ts";

/** So many of those who use most are told. */
const TOP = 10;

/** How things stand with the limits, for operators. */
export class Report {
  readonly #options: Options;
  readonly #counts = new Map<string, { refused: number; observed: number }>();

  constructor(options: Options) {
    this.#options = options;
  }

  count(what: "refused" | "observed", rule: string): void {
    const counts = this.#counts.get(rule) ?? { refused: 0, observed: 0 };
    counts[what]++;
    this.#counts.set(rule, counts); // as many as there are rules
  }

  tell(limits: readonly Limit[], door: Door | undefined, storeErrors: number, now: number): Json {
    const { mode } = this.#options;
    const row = (name: string, limit: string, own: Options["mode"] | undefined, consumers: Consumers): Json => ({
      limit,
      mode: own ?? mode,
      refused: 0,
      observed: 0,
      ...this.#counts.get(name),
      top: consumers.top(TOP, now),
    });
    return {
      mode,
      ...(door && {
        [ADDRESSES]: row(
          ADDRESSES,
          `${door.limit.requests} requests in ${windowWords(door.limit.window)}`,
          door.limit.mode,
          door.consumers,
        ),
      }),
      rules: Object.fromEntries(
        limits.map(({ name, rule, slots, consumers }) => {
          const { per } = rule;
          const told = row(name, limitWords(rule), rule.mode, consumers);
          const usage = slots && Object.fromEntries([...sums(slots.usage.values())]);
          return [name, { ...told, per, ...usage }];
        }),
      ),
      storeErrors,
    };
  }
}

function sums(places: Iterable<{ readonly active: number; readonly queued: number }>): Map<string, number> {
  const sum = new Map([
    ["active", 0],
    ["queued", 0],
  ]);
  for (const { active, queued } of places) {
    sum.set("active", (sum.get("active") ?? 0) + active);
    sum.set("queued", (sum.get("queued") ?? 0) + queued);
  }
  return sum;
}

/** What a rule lets through, as people say it. */
function limitWords({ requests, burst, bytes, window, concurrent, queue }: Rule): string {
  if (concurrent !== undefined) return `${concurrent} at a time${queue ? `, ${queue.max} waiting` : ""}`;
  const what = requests === undefined ? `${bytes} bytes` : `${requests} requests`;
  return `${what}${window === undefined ? "" : ` in ${windowWords(window)}`}${burst === undefined ? "" : `, ${burst} more in a burst`}`;
}

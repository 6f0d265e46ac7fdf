import { isRefusal } from "../errors.ts";
import type { Decision, Site } from "./exchange.ts";

/** What plugins decided about one exchange, in order. */
export class Decisions {
  static readonly NONE: readonly Decision[] = Object.freeze([]);
  readonly list: Decision[] = [];
  /** What was thrown when the last of them was made: it passes other taps on its way. */
  #by: unknown;

  /** @param thrown by what, which is noted once @returns whether it is noted */
  note({ plugin, hook, rule: known }: Site & Pick<Decision, "rule">, did: Decision["did"], thrown?: unknown): boolean {
    if (thrown !== undefined && thrown === this.#by) return false;
    this.#by = thrown;
    const rule = isRefusal(thrown) ? thrown.rule : known;
    this.list.push({ plugin, hook, did, ...(rule !== undefined && { rule }) });
    return true;
  }
}

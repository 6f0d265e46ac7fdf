import { type Entry, type Handler, type Json, matcher, type PluginHost, type TimeLimits } from "mcp-host";
import { Breaker } from "./breaker.ts";
import { Bulkhead } from "./bulkhead.ts";
import { withFallback } from "./fallback.ts";
import type { Instruments } from "./instruments.ts";
import type { Settled, ToolRule } from "./options.ts";
import { Budget, Retry } from "./retry.ts";
import { withTimeout } from "./timeout.ts";
import type { Waits } from "./waits.ts";

/** What is counted. */
export type Counted = "opened" | "refused" | "retries" | "rejected" | "fallbacks";

export interface ProtectionParts {
  readonly policies: Settled;
  readonly rules: readonly ToolRule[];
  /** The upstream's own time limits. */
  readonly patience: TimeLimits;
  readonly waits: Waits;
  readonly instruments: Instruments;
  readonly host: Pick<PluginHost, "log" | "repeatable" | "clock" | "random">;
}

/** What a rule sets for one tool, or the upstream for everything else. */
type Particular = Pick<ToolRule, "timeout" | "retry"> & Partial<Pick<ToolRule, "fallback">>;

/** The policies of one upstream around its handlers: fallback, retry, bulkhead, breaker, timeout, from the outside in. */
export class Protection {
  readonly #upstream: string;
  readonly #parts: ProtectionParts;
  readonly #breaker: Breaker | undefined;
  readonly #bulkhead: Bulkhead | undefined;
  readonly #budget: Budget | undefined;
  readonly #counts: Record<Counted, number> = { opened: 0, refused: 0, retries: 0, rejected: 0, fallbacks: 0 };

  constructor(upstream: string, parts: ProtectionParts) {
    this.#upstream = upstream;
    this.#parts = parts;
    const { policies, rules, waits, host } = parts;
    if (policies.breaker)
      this.#breaker = new Breaker(upstream, policies.breaker, {
        now: host.clock.monotonic,
        changed: (state, reason) => {
          if (state === "open") this.#count("opened");
          if (state === "open") host.log.warn("a circuit opened", { upstream, reason, forMs: Math.ceil(this.#breaker?.remaining ?? 0) });
          else host.log.info(state === "closed" ? "a circuit closed" : "an open circuit is tried", { upstream });
        },
        refused: () => this.#count("refused"),
      });
    if (policies.bulkhead) this.#bulkhead = new Bulkhead(upstream, policies.bulkhead, waits, () => this.#count("rejected"));
    const retry = policies.retry || rules.find((rule) => rule.retry !== false)?.retry;
    if (retry) this.#budget = new Budget(retry.budget);
  }

  /** The handler around the upstream's, for every method; `next` itself, if nothing is to be done. */
  around(next: Handler): Handler {
    const { policies, rules } = this.#parts;
    const plain = this.#compose(next, policies);
    const tool = rules.length === 0 ? plain : this.#byTool(next, plain);
    // The answer to tasks/result comes when the task is done: it may be silent for as long as that takes, and it keeps nobody busy.
    const waiting = this.#compose(next, { ...policies, timeout: false }, null);
    if (tool === next && waiting === next) return next;
    return (exchange) => {
      const { method } = exchange;
      return method === "tools/call" ? tool(exchange) : method === "tasks/result" ? waiting(exchange) : plain(exchange);
    };
  }

  #byTool(next: Handler, plain: Handler): Handler {
    const rules = this.#parts.rules.map((rule) => ({ matches: matcher(rule.match), handler: this.#compose(next, rule) }));
    // Entries live as long as their list, and globs cost more than all the rest.
    const handlers = new WeakMap<Entry, Handler>();
    return (exchange) => {
      const { entry } = exchange;
      if (!entry) return plain(exchange);
      let handler = handlers.get(entry);
      if (!handler) handlers.set(entry, (handler = rules.find(({ matches }) => matches(entry))?.handler ?? plain));
      return handler(exchange);
    };
  }

  #compose(next: Handler, { timeout, retry, fallback }: Particular, bulkhead: Bulkhead | null | undefined = this.#bulkhead): Handler {
    const { patience, waits, host } = this.#parts;
    let handler = next;
    if (timeout) handler = withTimeout(handler, timeout, patience);
    if (this.#breaker) handler = this.#breaker.around(handler);
    if (bulkhead) {
      handler = bulkhead.around(handler);
      if (this.#breaker) handler = this.#breaker.before(handler);
    }
    if (retry && this.#budget) {
      const retrying = (): void => this.#count("retries");
      handler = new Retry(retry, { budget: this.#budget, waits, repeatable: host.repeatable, chance: host.random.float, retrying }).around(
        handler,
      );
    }
    if (fallback) handler = withFallback(handler, fallback, () => this.#count("fallbacks"));
    return handler;
  }

  #count(what: Counted): void {
    this.#counts[what]++;
    this.#parts.instruments[what].add(1, this.#upstream);
  }

  get breaker(): Breaker | undefined {
    return this.#breaker;
  }

  get bulkhead(): Bulkhead | undefined {
    return this.#bulkhead;
  }

  report(): Json {
    const { opened, refused, retries, rejected, fallbacks } = this.#counts;
    const { policies } = this.#parts;
    const breaker = this.#breaker;
    return {
      ...(breaker && {
        breaker: {
          state: breaker.state,
          opened,
          refused,
          ...(breaker.state === "open" && { triedInMs: Math.ceil(breaker.remaining) }),
          ...(breaker.lastFailure !== undefined && { lastFailure: breaker.lastFailure }),
        },
      }),
      ...(this.#bulkhead &&
        policies.bulkhead && {
          bulkhead: { active: this.#bulkhead.active, concurrent: policies.bulkhead.concurrent, queued: this.#bulkhead.queued, rejected },
        }),
      ...(this.#budget && { retry: { retries, budget: this.#budget.left } }),
      ...(this.#parts.rules.some(({ fallback }) => fallback) && { fallback: { used: fallbacks } }),
    };
  }
}

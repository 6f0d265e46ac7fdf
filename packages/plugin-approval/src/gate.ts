import type { Counter, Exchange, Handler, HostError, Json, Logger } from "mcp-host";
import type { Asking, Verdict } from "./asking.ts";
import type { Rule } from "./options.ts";
import { refusalOf, resultOf } from "./refusals.ts";
import { subjectOf } from "./remembered.ts";
import type { Rules } from "./rules.ts";

export interface GateOptions {
  readonly rules: Rules;
  readonly asking: Asking;
  readonly log: Logger;
  /** How long an answer is waited for, where the rule says nothing else. */
  readonly deadline: number;
  /** Counts calls by who answered and what came of it. */
  readonly calls: Counter;
}

/** What was decided about one request. It may come here again: where nothing could be sent, another route is tried. */
interface Decided {
  /** What was approved: a tool of a server, with its arguments. */
  readonly approved: Set<string>;
  refusal: HostError | undefined;
}

/** Lets calls through that need no approval, or have it. */
export class Gate {
  readonly #options: GateOptions;
  readonly #state = Symbol("approval");

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Refuses as every plugin does, so that whoever looks at decisions sees it. */
  guard(next: Handler): Handler {
    return (exchange) => {
      const rule = this.#options.rules.of(exchange);
      return !rule || rule.allow ? next(exchange) : this.#pass(exchange, rule).then(() => next(exchange));
    };
  }

  /** Around {@link guard}: tells the model what was refused. Who wants a task gets an error, since a result would be taken for a broken task. */
  tell(next: Handler): Handler {
    return (exchange) =>
      next(exchange).catch((error: unknown): Json => {
        const { refusal } = this.#decided(exchange);
        if (!refusal || error !== refusal || exchange.params.task !== undefined) throw error;
        return resultOf(refusal);
      });
  }

  #decided(exchange: Exchange): Decided {
    return exchange.state<Decided>(this.#state, () => ({ approved: new Set(), refusal: undefined }));
  }

  /** @throws a refusal, or why the call was stopped */
  async #pass(exchange: Exchange, rule: Rule): Promise<void> {
    const decided = this.#decided(exchange);
    if (decided.refusal) throw decided.refusal;
    const subject = subjectOf(exchange, rule, "call");
    if (decided.approved.has(subject)) return;
    const { asking } = this.#options;
    const deadline = rule.deadline ?? this.#options.deadline;
    const verdict: Verdict = rule.deny ? { by: "rule", refused: "denied" } : await asking.about(exchange, rule, deadline);
    this.#note(exchange, verdict);
    const { by, refused, reason } = verdict;
    if (refused === undefined) decided.approved.add(subject);
    else throw (decided.refusal = refusalOf(refused, exchange, rule, { by, deadline, reason }));
  }

  #note(exchange: Exchange, { by, who, refused }: Verdict): void {
    const { calls, log } = this.#options;
    calls.add(1, by, refused ?? "approved");
    log.info(refused === undefined ? "a call was approved" : "a call was refused", {
      requestId: exchange.id,
      tool: exchange.entry?.name,
      upstream: exchange.called?.upstream,
      principal: exchange.principal.id,
      by,
      ...(who !== undefined && { who }),
      ...(refused !== undefined && { refused }),
    });
  }
}

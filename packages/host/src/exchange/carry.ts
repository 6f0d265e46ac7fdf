import type { Json } from "../wire/message.ts";
import type { Outcome } from "./exchange.ts";
import type { HostExchange } from "./host-exchange.ts";

/**
 * Carries an exchange to its end, with its clock running. Errors pass the `fail` taps of the hooks that it began on.
 * @param through what gives its result
 * @param finish told what came of it, perhaps more than once: the first counts
 */
export function carry(
  exchange: HostExchange,
  through: { run(exchange: HostExchange): Promise<Json> },
  finish: (outcome: Outcome) => void,
): void {
  let failing = false;
  const failed = (cause: unknown): void => {
    if (failing) return; // it may be cancelled while plugins look at what it failed with
    exchange.trace?.unwind(cause);
    const outcome = exchange.outcomeOf(cause);
    const fail = "error" in outcome && !exchange.outcome ? exchange.course?.fail(exchange, outcome.error) : undefined;
    if (!fail) return finish(outcome);
    failing = true;
    fail.then(
      (error) => finish({ cause, error }),
      (broken: unknown) => finish(exchange.outcomeOf(broken)),
    );
  };
  exchange.onStop(failed);
  exchange.start();
  through.run(exchange).then((result) => finish({ result }), failed);
}

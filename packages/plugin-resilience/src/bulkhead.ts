import { type BulkheadPolicy, bulkhead } from "cockatiel";
import { type Exchange, type Handler, type HostError, type Json, refuse } from "mcp-host";
import type { BulkheadOptions } from "./options.ts";
import type { Waits } from "./waits.ts";

/** The bound on calls in flight to one upstream, and the queue before it, around cockatiel's. */
export class Bulkhead {
  readonly #upstream: string;
  readonly #options: BulkheadOptions;
  readonly #waits: Waits;
  readonly #rejected: () => void;
  readonly #policy: BulkheadPolicy;

  constructor(upstream: string, options: BulkheadOptions, waits: Waits, rejected: () => void) {
    this.#upstream = upstream;
    this.#options = options;
    this.#waits = waits;
    this.#rejected = rejected;
    this.#policy = bulkhead(options.concurrent, options.queue);
  }

  get active(): number {
    return this.#options.concurrent - this.#policy.executionSlots;
  }

  get queued(): number {
    return this.#options.queue - this.#policy.queueSlots;
  }

  around(next: Handler): Handler {
    return (exchange) => (this.#policy.executionSlots > 0 ? this.#policy.execute(() => next(exchange)) : this.#queue(exchange, next));
  }

  #queue(exchange: Exchange, next: Handler): Promise<Json> {
    const { concurrent, queueTimeout } = this.#options;
    if (this.#policy.queueSlots === 0) return Promise.reject(this.#refusal(`has ${concurrent} calls in flight and a full queue`));
    return new Promise((resolve, reject) => {
      let isGone = false;
      const end = this.#waits.start(exchange, queueTimeout, (error) => {
        isGone = true;
        reject(error ?? this.#refusal(`has had ${concurrent} calls in flight for ${queueTimeout} ms`));
      });
      // cockatiel is not given the signal: when the turn of a call that was aborted comes, it would let the next one wait for another end.
      const turn = (): Promise<Json> => {
        if (isGone) return Promise.resolve({});
        end();
        return next(exchange);
      };
      this.#policy.execute(turn).then(resolve, (error: unknown) => {
        end();
        reject(error);
      });
    });
  }

  #refusal(what: string): HostError {
    this.#rejected();
    const upstream = this.#upstream;
    return refuse("overloaded", `upstream "${upstream}" ${what}; nothing was sent`, { upstream });
  }
}

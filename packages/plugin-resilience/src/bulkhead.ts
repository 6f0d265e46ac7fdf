import { type Exchange, type Handler, type HostError, type Json, refuse } from "mcp-host";
import type { BulkheadOptions } from "./options.ts";
import type { Waits } from "./waits.ts";

/**
 * The bound on calls in flight to one upstream, and the queue before it. Not cockatiel's: there a call that gave up keeps
 * its place until its turn comes, so that behind a server that is stuck a queue of nobody refuses everybody.
 */
export class Bulkhead {
  readonly #upstream: string;
  readonly #options: BulkheadOptions;
  readonly #waits: Waits;
  readonly #rejected: () => void;
  /** Those who wait, by what gives them their turn; who came first is first. */
  readonly #queue = new Set<() => void>();
  #active = 0;

  constructor(upstream: string, options: BulkheadOptions, waits: Waits, rejected: () => void) {
    this.#upstream = upstream;
    this.#options = options;
    this.#waits = waits;
    this.#rejected = rejected;
  }

  get active(): number {
    return this.#active;
  }

  get queued(): number {
    return this.#queue.size;
  }

  around(next: Handler): Handler {
    return (exchange) => (this.#active < this.#options.concurrent ? this.#run(exchange, next) : this.#wait(exchange, next));
  }

  #run(exchange: Exchange, next: Handler): Promise<Json> {
    this.#active++;
    return next(exchange).then(
      (result) => {
        this.#release();
        return result;
      },
      (error: unknown) => {
        this.#release();
        throw error;
      },
    );
  }

  #release(): void {
    this.#active--;
    const [turn] = this.#queue;
    turn?.();
  }

  #wait(exchange: Exchange, next: Handler): Promise<Json> {
    const { concurrent, queue, queueTimeout } = this.#options;
    if (this.#queue.size >= queue) return Promise.reject(this.#refusal(`has ${concurrent} calls in flight and a full queue`));
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        this.#queue.delete(turn);
        end();
        this.#run(exchange, next).then(resolve, reject);
      };
      this.#queue.add(turn);
      const end = this.#waits.start(exchange, queueTimeout, (error) => {
        this.#queue.delete(turn);
        reject(error ?? this.#refusal(`has had ${concurrent} calls in flight for ${queueTimeout} ms`));
      });
    });
  }

  #refusal(what: string): HostError {
    this.#rejected();
    const upstream = this.#upstream;
    return refuse("overloaded", `upstream "${upstream}" ${what}; nothing was sent`, { upstream });
  }
}

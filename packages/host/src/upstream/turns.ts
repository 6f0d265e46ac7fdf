import { HostError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Json } from "../wire/message.ts";

/** The turns of calls to an upstream that is given only so many at once. Who finds none free waits; first come, first served. */
export class Turns {
  readonly #upstream: string;
  readonly #concurrency: number;
  readonly #places: number;
  #taken = 0;
  /** What gives each of those who wait its turn, in the order in which they came. */
  readonly #waiting = new Set<() => void>();

  /** @param places how many may wait; further ones are refused */
  constructor(upstream: string, concurrency: number, places: number) {
    this.#upstream = upstream;
    this.#concurrency = concurrency;
    this.#places = places;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Sends when it is this call's turn. One that is stopped before leaves at once, and is never sent. */
  take(exchange: HostExchange, send: () => Promise<Json>): Promise<Json> {
    if (exchange.stopped) return Promise.reject(exchange.stopped);
    if (this.#taken < this.#concurrency) return this.#send(send);
    if (this.#waiting.size >= this.#places) return Promise.reject(this.#full());
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(turn);
        exchange.offStop(stopped);
        exchange.queuedFor = undefined;
      };
      const stopped = (error: HostError): void => {
        leave();
        reject(error);
      };
      const turn = (): void => {
        leave();
        exchange.touch(); // the server is silent from now on, not since the call came
        this.#send(exchange.outcome ? () => Promise.reject(answered()) : send).then(resolve, reject);
      };
      this.#waiting.add(turn);
      exchange.queuedFor = this.#concurrency;
      exchange.onStop(stopped);
    });
  }

  async #send(send: () => Promise<Json>): Promise<Json> {
    this.#taken++;
    try {
      return await send();
    } finally {
      this.#taken--;
      const [turn] = this.#waiting;
      turn?.();
    }
  }

  #full(): HostError {
    const reason = `upstream "${this.#upstream}" has as many calls in flight as its "concurrency" allows (${this.#concurrency}), and ${this.#places} that wait; nothing was sent`;
    return new HostError("overloaded", reason, { upstream: this.#upstream });
  }
}

/** A plugin gave an answer of its own and left its call waiting. */
function answered(): HostError {
  return new HostError("cancelled", "the request was answered before its turn came; nothing was sent");
}

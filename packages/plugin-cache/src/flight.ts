import { type Exchange, type HostError, type Json, refuse } from "mcp-host";
import type { Receipt } from "./shelf.ts";

/** One call that waits for a flight, and what becomes of it. */
interface Passenger {
  readonly exchange: Exchange;
  readonly resolve: (result: Json | typeof ALONE | typeof AGAIN) => void;
  readonly reject: (error: unknown) => void;
  /** Hears when the call is stopped. */
  readonly leave: (error: HostError) => void;
}

/** The answer is for somebody else: the call has to be made on its own. */
export const ALONE = Symbol("alone");
/** Nobody knows an answer, and this call has time left. */
export const AGAIN = Symbol("again");

/**
 * One call to an upstream that all equal calls of one owner wait for. It is made by a child of the first one's exchange,
 * so that it goes on when that one's client has gone and others still wait.
 */
export class Flight {
  readonly child: Exchange;
  readonly upstream: string;
  /** Set before the call is sent. */
  receipt: Receipt | undefined;
  /** The upstream asked the client something: the answer is that client's alone. */
  asked = false;
  /** Whose call it is; none has a refresh in the background. */
  readonly #first: Exchange | undefined;
  #passengers: Passenger[] = [];

  constructor(exchange: Exchange, upstream: string, refresh: boolean) {
    this.upstream = upstream;
    this.#first = refresh ? undefined : exchange;
    this.child = exchange.derive({ attached: !refresh });
  }

  /** Whether a call may still come aboard: what it would get must not be older than itself. */
  get isOpen(): boolean {
    return !this.asked && this.receipt?.isOutdated !== true && this.child.stopped === undefined;
  }

  /** The result, for one call, which keeps its own deadline and cancellation. */
  board(exchange: Exchange): Promise<Json | typeof ALONE | typeof AGAIN> {
    exchange.wait();
    return new Promise((resolve, reject) => {
      const leave = (error: HostError): void => {
        this.#disembark((each) => each === passenger);
        reject(error);
        if (this.#passengers.length === 0 && this.#first) this.child.cancel(error);
      };
      const passenger: Passenger = { exchange, resolve, reject, leave };
      this.#passengers.push(passenger);
      exchange.onStop(leave);
      if (exchange.stopped) leave(exchange.stopped);
    });
  }

  /** The upstream showed a sign of life; the first one's exchange knows already. */
  touch(): void {
    for (const { exchange } of this.#passengers) if (exchange !== this.#first) exchange.touch();
  }

  /** The upstream asks the client something: everybody else goes alone. */
  ask(): void {
    this.asked = true;
    this.#dismiss();
    // Nobody is asked on behalf of a refresh, or of a call that was given up.
    if (this.#passengers.length === 0) this.child.cancel(refuse("cancelled", "nobody waits for it any more", { sent: this.child.sent }));
  }

  /** @param shared whether the result is for everybody who waits, and not only for the first */
  land(result: Json, shared: boolean): void {
    if (!shared) this.#dismiss();
    for (const { resolve } of this.#disembark(everybody)) resolve(result);
  }

  fail(error: unknown): void {
    const isTimeout = error instanceof Error && "type" in error && error.type === "upstream_timeout";
    for (const { exchange, resolve, reject } of this.#disembark(everybody)) {
      // The time that is up is the first one's.
      if (isTimeout && exchange !== this.#first) resolve(AGAIN);
      else reject(error);
    }
  }

  /** The host stops. */
  cancel(): void {
    this.child.cancel(refuse("shutting_down", "the host is stopping", { sent: this.child.sent }));
  }

  #dismiss(): void {
    for (const { resolve } of this.#disembark(({ exchange }) => exchange !== this.#first)) resolve(ALONE);
  }

  /** Takes passengers out, who wait no longer. */
  #disembark(which: (passenger: Passenger) => boolean): readonly Passenger[] {
    const all = this.#passengers;
    const gone = all.filter(which);
    this.#passengers = gone.length === all.length ? [] : all.filter((each) => !gone.includes(each));
    for (const { exchange, leave } of gone) exchange.offStop(leave);
    return gone;
  }
}

const everybody = (): boolean => true;

import { failureFields, type Logger } from "../log.ts";
import type { Exchange } from "./exchange.ts";
import { type Span, Trace, type TraceListener, type TraceOptions } from "./trace.ts";

/** What a trace is kept on. */
interface Traced extends Exchange {
  readonly parent: Traced | undefined;
  trace: Trace | undefined;
}

interface Listening {
  readonly listener: TraceListener;
  readonly only: TraceOptions["only"];
  readonly log: Logger;
  readonly until: AbortSignal | undefined;
  stop(): void;
}

/** Who listens to the exchanges of a host. */
export class Tracer {
  readonly #log: Logger;
  readonly #listening = new Set<Listening>();
  #last = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * Tells a listener from now on. One that throws, or whose `only` throws, is not told any more.
   * @param until ends it, too
   * @returns ends it
   * @throws TypeError for what is no function
   */
  listen(listener: TraceListener, { only }: TraceOptions = {}, until?: AbortSignal, log = this.#log): () => void {
    const given: unknown = listener; // JavaScript may give anything
    if (typeof given !== "function") throw new TypeError(`host.trace takes a function, not ${given === null ? "null" : typeof given}`);
    if (only !== undefined && typeof (only as unknown) !== "function")
      throw new TypeError(`"only" of host.trace is a function, not ${typeof only}`);
    const stop = (): void => {
      this.#listening.delete(listening);
      until?.removeEventListener("abort", stop);
    };
    const listening: Listening = { listener, only, log, until, stop };
    if (until?.aborted) return stop;
    this.#listening.add(listening);
    until?.addEventListener("abort", stop, { once: true });
    return stop;
  }

  /** Whether somebody listens whom this signal ends. */
  isHeardBy(signal: AbortSignal): boolean {
    return [...this.#listening].some(({ until }) => until === signal);
  }

  /** Traces an exchange that begins, as a part of what its parent is at. While nobody listens, nothing is done. */
  trace(exchange: Traced): void {
    if (this.#listening.size === 0) return;
    const chosenBy = new Set<unknown>();
    let isHeard = false;
    for (const listening of this.#listening)
      if (!listening.only) isHeard = true;
      else if (this.#chooses(listening, listening.only, exchange)) chosenBy.add(listening);
    if (isHeard || chosenBy.size > 0) exchange.trace = new Trace(this, exchange, exchange.parent?.trace?.current, { chosenBy });
  }

  #chooses(listening: Listening, only: (exchange: Exchange) => boolean, exchange: Exchange): boolean {
    try {
      return only(exchange) === true;
    } catch (error) {
      this.#failed(listening, error);
      return false;
    }
  }

  #failed({ stop, log }: Listening, error: unknown): void {
    stop();
    log.error("a listener of the trace failed and is not told any more", failureFields(error));
  }

  nextId(): number {
    return ++this.#last;
  }

  /** @param chosenBy those of the listeners that choose which wanted this exchange */
  tell(span: Span, phase: "begin" | "end", chosenBy: ReadonlySet<unknown>): void {
    for (const listening of this.#listening) {
      if (listening.only && !chosenBy.has(listening)) continue;
      try {
        listening.listener(span, phase);
      } catch (error) {
        this.#failed(listening, error);
      }
    }
  }
}

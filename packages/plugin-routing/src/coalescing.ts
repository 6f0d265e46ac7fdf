import { canonicalJson, type Exchange, type Handler, type HostError, isObject, type Json, matcher } from "mcp-host";
import { isReadOnly } from "./mirrors.ts";
import type { CoalesceOptions } from "./options.ts";

/** A call under way that equal ones wait for. */
interface Flight {
  readonly leader: Exchange;
  readonly answer: Promise<Json>;
}

/** Of `_meta`: where a trace belongs, which no answer depends on. */
const NEVER = ["traceparent", "tracestate", "baggage"];
/** Flights that may be joined at once; calls beyond them go alone. */
const MOST = 1_000;

/** Makes one of equal calls that one caller makes at the same time. */
export class Coalescing {
  readonly #rules: readonly { readonly fits: ReturnType<typeof matcher>; readonly isReadOnly: CoalesceOptions["readOnly"] }[];
  readonly #flights = new Map<string, Flight>();
  readonly #count: (upstream: string) => void;

  /** @param count told of each call that another one answered */
  constructor(rules: readonly CoalesceOptions[], count: (upstream: string) => void) {
    this.#rules = rules.map(({ match, readOnly }) => ({ fits: matcher(match), isReadOnly: readOnly }));
    this.#count = count;
  }

  around(next: Handler): Handler {
    if (this.#rules.length === 0) return next;
    const handler: Handler = (exchange) => {
      const key = this.#keyOf(exchange);
      if (key === undefined) return next(exchange);
      const flight = this.#flights.get(key);
      if (flight)
        return joined(flight, exchange).then((answer) => {
          // Its leader has gone, or was asked something: somebody else goes first now, and the answer was for one.
          if (answer === undefined) return flight.leader.stopped ? handler(exchange) : next(exchange);
          this.#count(exchange.called?.upstream ?? "");
          return answer;
        });
      if (this.#flights.size >= MOST) return next(exchange);
      const answer = next(exchange).finally(() => this.#flights.delete(key));
      this.#flights.set(key, { leader: exchange, answer });
      return answer;
    };
    return handler;
  }

  /** What is equal has the same one; undefined for what no rule is about. */
  #keyOf(exchange: Exchange): string | undefined {
    const { entry, called, method, params, caller, round, original } = exchange;
    if (!entry || !called || round > 0 || original.task !== undefined) return undefined;
    const rule = this.#rules.find(({ fits }) => fits(entry) || fits(called));
    if (!rule || !isReadOnly(exchange, rule.isReadOnly)) return undefined;
    const { _meta: given, ...rest } = params;
    const meta = isObject(given) ? Object.entries(given).filter(([key]) => !NEVER.includes(key)) : [];
    // Progress is for who asked for it.
    if (meta.some(([key]) => key === "progressToken")) return undefined;
    const sent = meta.length > 0 ? { ...rest, _meta: Object.fromEntries(meta) } : rest;
    return `${caller.id} ${method} ${called.upstream} ${called.native.length} ${called.native} ${canonicalJson(sent)}`;
  }
}

/** The answer of a flight, as long as this call itself is wanted; undefined where it is not for this one. */
function joined({ leader, answer }: Flight, exchange: Exchange): Promise<Json | undefined> {
  exchange.wait();
  return new Promise((resolve, reject) => {
    const leave = (error: HostError): void => reject(error);
    exchange.onStop(leave);
    answer
      .then(
        (result) => resolve(leader.asked || leader.resultKind !== "complete" ? undefined : result),
        (error: unknown) => (leader.stopped ? resolve(undefined) : reject(error)),
      )
      .finally(() => exchange.offStop(leave));
    if (exchange.stopped) leave(exchange.stopped);
  });
}

import { BoundedMap, type Exchange, matcher, outcomeName, type PluginHost } from "mcp-host";
import type { Condition, Reading, Watch } from "./kind.ts";
import type { RuleOf } from "./rules.ts";
import { serverTest } from "./servers.ts";
import { percentOf, timeOf } from "./words.ts";

/** A window moves in so many steps. */
const SLICES = 12;
/** Latencies are told apart by a sixth of an octave, which is 12 %. */
const PER_OCTAVE = 6;
const BUCKETS = 28 * PER_OCTAVE;
/** Servers of one rule. */
const MOST = 1_000;

/** The same mistakes that the alerts of plugin-metrics leave out: those of clients, and what a tool itself calls an error. */
const NOT_THE_SERVERS: ReadonlySet<string> = new Set([
  "ok",
  "tool_error",
  "cancelled",
  "invalid_request",
  "invalid_params",
  "resource_not_found",
  "method_not_found",
  "unauthorized",
  "insufficient_scope",
  "forbidden",
  "rate_limited",
  "error -32602",
  "error -32601",
  "error -32002",
]);

class Slice {
  step = -1;
  calls = 0;
  failures = 0;
  /** Made where latencies are looked at. */
  times: Uint32Array | undefined;
}

/** What came of the requests of some time to one server, which takes a few additions for each. */
export class Window {
  readonly #length: number;
  readonly #slices = Array.from({ length: SLICES }, () => new Slice());

  /** @param within milliseconds */
  constructor(within: number) {
    this.#length = within / SLICES;
  }

  /** @param took milliseconds; undefined where it is not looked at @param now monotonic */
  add(failed: boolean, took: number | undefined, now: number): void {
    const step = Math.floor(now / this.#length);
    const slice = this.#slices[step % SLICES] as Slice; // a remainder of their number
    if (slice.step !== step) {
      slice.step = step;
      slice.calls = slice.failures = 0;
      slice.times?.fill(0);
    }
    slice.calls++;
    if (failed) slice.failures++;
    if (took === undefined) return;
    slice.times ??= new Uint32Array(BUCKETS);
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log2(Math.max(took, 1)) * PER_OCTAVE)));
    slice.times[bucket] = (slice.times[bucket] ?? 0) + 1;
  }

  #present(now: number): Slice[] {
    const step = Math.floor(now / this.#length);
    return this.#slices.filter((slice) => slice.step > step - SLICES && slice.step <= step);
  }

  counts(now: number): { readonly calls: number; readonly failures: number } {
    const present = this.#present(now);
    return { calls: sum(present.map(({ calls }) => calls)), failures: sum(present.map(({ failures }) => failures)) };
  }

  /** The time within which this share of the requests was answered, in milliseconds, at most 12 % too high; 0 where there are none. */
  quantile(share: number, now: number): number {
    const present = this.#present(now).flatMap(({ times }) => times ?? []);
    const all = sum(present.map((times) => sum([...times])));
    let left = share * all;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= sum(present.map((times) => times[bucket] ?? 0));
      if (left <= 0 && all > 0) return 2 ** (bucket / PER_OCTAVE);
    }
    return 0;
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

/** A watch that hears of every request. */
export interface TrafficWatch extends Watch {
  settled(exchange: Exchange): void;
}

type TrafficRule = RuleOf<"error-ratio"> | RuleOf<"latency">;

export function traffic(host: Pick<PluginHost, "clock" | "upstreams">, rule: TrafficRule): TrafficWatch {
  const { within, minimum } = rule;
  const isServer = serverTest(rule.servers);
  const isTool = rule.tools && matcher(rule.tools);
  const { monotonic } = host.clock;
  const began = monotonic();
  const windows = new BoundedMap<string, Window>(MOST);

  return {
    settled(exchange) {
      const { called, entry, outcome, timings } = exchange;
      const about = called ?? entry;
      const key = exchange.route?.upstream ?? about?.upstream;
      // What a server asks of a client is no request to it, and what goes on in another round is counted with its last.
      if (key === undefined || !outcome || exchange.isQuestion || exchange.resultKind === "input_required" || !isServer(key)) return;
      if (isTool && (about?.kind !== "tool" || !isTool(about))) return;
      let took: number | undefined;
      if (rule.kind === "latency") {
        // What was never sent, such as what a cache had, says nothing of how fast a server is; nor does what waited for a person.
        if (timings.sent === undefined || exchange.asked) return;
        took = (timings.answered ?? timings.end ?? monotonic()) - timings.sent;
      }
      const name = rule.kind === "error-ratio" ? outcomeName(outcome) : "ok";
      const failed = !NOT_THE_SERVERS.has(name) || (rule.kind === "error-ratio" && rule.toolErrors && name === "tool_error");
      let window = windows.get(key);
      if (!window) windows.set(key, (window = new Window(within)));
      window.add(failed, took, monotonic());
    },

    read(): Reading {
      const now = monotonic();
      const isSettling = now - began < within;
      const there = new Set(host.upstreams.map(({ key }) => key));
      const conditions: Condition[] = [];
      for (const [server, window] of windows) {
        const counts = window.counts(now);
        if (!there.has(server)) windows.delete(server);
        else if (counts.calls >= minimum)
          conditions.push({ subject: server, labels: { server }, ...judged(rule, server, window, counts, now) });
        // Who is not asked any more is not failing any more.
        else conditions.push({ subject: server, is: isSettling ? "unknown" : "good", summary: "", labels: { server } });
      }
      return { conditions, isSettling };
    },
  };
}

function judged(
  rule: TrafficRule,
  server: string,
  window: Window,
  { calls, failures }: ReturnType<Window["counts"]>,
  now: number,
): Pick<Condition, "is" | "summary"> {
  const within = `of the last ${timeOf(rule.within)}`;
  if (rule.kind === "error-ratio") {
    const summary = `${percentOf(failures / calls)} of the ${calls} requests to server "${server}" ${within} failed (${failures})`;
    return { is: failures / calls > rule.above ? "bad" : "good", summary };
  }
  const took = window.quantile(rule.quantile, now);
  const summary = `${percentOf(rule.quantile)} of the ${calls} requests to server "${server}" ${within} took up to ${timeOf(took)}`;
  return { is: took > rule.above ? "bad" : "good", summary };
}

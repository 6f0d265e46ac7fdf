import { type Exchange, isModern } from "mcp-host";
import { Distribution, MESSAGE_BYTES, OPERATION_SECONDS, OVERHEAD_SECONDS } from "./distribution.ts";
import { methodLabel, OTHER, upstreamLabel } from "./methods.ts";
import { type Ending, Endings } from "./outcome.ts";

/** Labels of requests: the attributes of the OpenTelemetry conventions, and the upstream. Empty: it has none. */
export interface TargetLabels {
  readonly mcp_method_name: string;
  readonly upstream: string;
  readonly gen_ai_tool_name: string;
  readonly gen_ai_prompt_name: string;
}

/** Requests for one thing that ended in one way. */
export interface EndingFigures {
  readonly ending: Ending;
  /** From the request's arrival to its answer. */
  readonly duration: Distribution;
  /** From the last send to the upstream to its answer; nothing where nothing was sent. */
  readonly upstream: Distribution;
}

/** Requests for one thing: a tool or a prompt of an upstream, or else a method. */
export interface TargetFigures {
  readonly labels: TargetLabels;
  readonly request: Distribution;
  readonly answer: Distribution;
  readonly endings: Map<string, EndingFigures>;
}

/** Requests of one principal. */
export interface PrincipalFigures {
  well: number;
  tool_error: number;
  cancelled: number;
  error: number;
}

type Kind = "tool" | "prompt" | "";

/** Which clients a request came from, and what it was answered with. */
export interface KindFigures {
  readonly mcp_method_name: string;
  /** `modern`: the client speaks MCP 2026-07-28, which knows no sessions. */
  readonly era: "legacy" | "modern";
  /** Of its result; empty where it has none. */
  readonly kind: Exchange["resultKind"] | "";
  count: number;
}

/** Counts every finished request. What is known of a set of labels is found by three look-ups, and nothing is made per call. */
export class Requests {
  /** By method. */
  readonly overhead = new Map<string, Distribution>();
  readonly principals = new Map<string, PrincipalFigures>();
  /** Few by nature: a dozen for each method. */
  readonly #kinds = new Map<string, KindFigures[]>();
  readonly #maxSeries: number;
  readonly #maxPrincipals: number;
  readonly #endings = new Endings();
  /** By method, upstream and name. */
  readonly #targets = new Map<string, Map<string, Map<string, TargetFigures>>>();
  #series = 0;

  /**
   * @param maxSeries sets of method, upstream, name and error; what comes after is counted without its name, and as many
   * again later, under `other` alone
   * @param maxPrincipals principals that are counted apart; 0: none is counted
   */
  constructor(maxSeries: number, maxPrincipals: number) {
    this.#maxSeries = maxSeries;
    this.#maxPrincipals = maxPrincipals;
  }

  /** How many sets of labels there are. */
  get series(): number {
    return this.#series;
  }

  settled(exchange: Exchange): void {
    const { outcome, timings, entry } = exchange;
    if (!outcome) return;
    const ending = this.#endings.of(outcome);
    const method = methodLabel(exchange.method);
    const kind: Kind = entry?.kind === "tool" || entry?.kind === "prompt" ? entry.kind : "";
    const target = this.#target(method, upstreamLabel(exchange), kind, entry && kind !== "" ? entry.name : "", ending.type);
    const figures = target.endings.get(ending.type) ?? this.#begin(target, ending);
    this.#kind(method, isModern(exchange.client.version) ? "modern" : "legacy", "result" in outcome ? exchange.resultKind : "");
    const end = timings.end ?? performance.now();
    const total = end - timings.start;
    figures.duration.observe(total / 1000);
    if (timings.sent !== undefined) {
      // A call that ran out of time was never answered.
      const upstream = (timings.answered !== undefined && timings.answered >= timings.sent ? timings.answered : end) - timings.sent;
      figures.upstream.observe(upstream / 1000);
      this.#overhead(method).observe(Math.max(0, total - upstream) / 1000);
    }
    if (exchange.requestBytes !== undefined) target.request.observe(exchange.requestBytes);
    if (exchange.answerBytes !== undefined) target.answer.observe(exchange.answerBytes);
    if (this.#maxPrincipals > 0) this.#principal(exchange.principal.id, ending.type);
  }

  /** Requests by the era of their clients and the kind of their results. */
  *kinds(): IterableIterator<KindFigures> {
    for (const figures of this.#kinds.values()) yield* figures;
  }

  #kind(method: string, era: KindFigures["era"], kind: KindFigures["kind"]): void {
    let figures = this.#kinds.get(method);
    if (!figures) this.#kinds.set(method, (figures = []));
    for (const each of figures) {
      if (each.kind !== kind || each.era !== era) continue;
      each.count++;
      return;
    }
    figures.push({ mcp_method_name: method, era, kind, count: 1 });
  }

  /** Every thing that was asked for. */
  *targets(): IterableIterator<TargetFigures> {
    for (const upstreams of this.#targets.values()) for (const names of upstreams.values()) yield* names.values();
  }

  #target(method: string, upstream: string, kind: Kind, name: string, ending: string): TargetFigures {
    const found = this.#targets.get(method)?.get(upstream)?.get(name);
    if (found?.endings.has(ending) || this.#series < this.#maxSeries) return found ?? this.#make(method, upstream, kind, name);
    // First the name is given up, and after as many sets again everything.
    const less = kind === "" ? "" : OTHER;
    const nameless = this.#targets.get(method)?.get(upstream)?.get(less);
    if (nameless?.endings.has(ending) || this.#series < 2 * this.#maxSeries) return nameless ?? this.#make(method, upstream, kind, less);
    return this.#targets.get(OTHER)?.get(OTHER)?.get("") ?? this.#make(OTHER, OTHER, "", "");
  }

  #make(method: string, upstream: string, kind: Kind, name: string): TargetFigures {
    let upstreams = this.#targets.get(method);
    if (!upstreams) this.#targets.set(method, (upstreams = new Map()));
    let names = upstreams.get(upstream);
    if (!names) upstreams.set(upstream, (names = new Map()));
    const made: TargetFigures = {
      labels: {
        mcp_method_name: method,
        upstream,
        gen_ai_tool_name: kind === "tool" ? name : "",
        gen_ai_prompt_name: kind === "prompt" ? name : "",
      },
      request: new Distribution(MESSAGE_BYTES),
      answer: new Distribution(MESSAGE_BYTES),
      endings: new Map(),
    };
    names.set(name, made);
    return made;
  }

  #begin(target: TargetFigures, ending: Ending): EndingFigures {
    this.#series++;
    const made = { ending, duration: new Distribution(OPERATION_SECONDS), upstream: new Distribution(OPERATION_SECONDS) };
    target.endings.set(ending.type, made);
    return made;
  }

  #overhead(method: string): Distribution {
    let found = this.overhead.get(method);
    if (!found) this.overhead.set(method, (found = new Distribution(OVERHEAD_SECONDS)));
    return found;
  }

  #principal(id: string, error: string): void {
    let found = this.principals.get(id);
    if (!found) {
      const name = this.principals.size < this.#maxPrincipals ? id : OTHER;
      found = this.principals.get(name) ?? { well: 0, tool_error: 0, cancelled: 0, error: 0 };
      this.principals.set(name, found);
    }
    found[error === "" ? "well" : error === "tool_error" || error === "cancelled" ? error : "error"]++;
  }
}

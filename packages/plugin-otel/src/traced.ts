import { BoundedMap, type Exchange } from "mcp-host";
import type { ContextSettings, TraceSettings } from "./options.ts";
import type { Sampler } from "./sampling.ts";
import type { FinishedSpan, Moment } from "./span.ts";
import { contextOf, newId, type TraceContext } from "./trace-context.ts";

/** Spans of one trace that wait until it is known whether it is told. */
const MOST_WAITING = 128;
/** Requests of late whose traces have other ids than they. */
const MOST_OTHERS = 1_000;
/** Calls that a question may belong to, as links. */
const MOST_LINKS = 8;
/** Moments of one span. */
const MOST_MOMENTS = 32;

/** What belongs together: a client's request, with what plugins and servers ask on its behalf. */
export class TracedCall {
  readonly traceId: string;
  readonly state: string | undefined;
  /** Decided when it began: told with all its parts, and servers are told so. */
  readonly isSampled: boolean;
  /** Whether something in it ended with an error. */
  hasFailed = false;
  /** Between the clock of exchanges, in milliseconds, and 1970; one for a whole trace, so that a clock that is set tears no trace apart. */
  readonly #offset = Date.now() - performance.now();
  readonly #tell: (span: FinishedSpan) => void;
  #isTold: boolean | undefined;
  #waiting: (() => FinishedSpan)[] | undefined;

  /** @param mayBeTold whether it may be told although it is not sampled */
  constructor(traceId: string, state: string | undefined, isSampled: boolean, mayBeTold: boolean, tell: (span: FinishedSpan) => void) {
    this.traceId = traceId;
    this.state = state;
    this.isSampled = isSampled;
    this.#isTold = isSampled || (mayBeTold ? undefined : false);
    this.#tell = tell;
  }

  /** Whether it is told; undefined while that is open. */
  get isTold(): boolean | undefined {
    return this.#isTold;
  }

  context(spanId: string): TraceContext {
    const { traceId, isSampled, state } = this;
    return { traceId, spanId, isSampled, state };
  }

  /** @param moment in monotonic milliseconds */
  at(moment: number): number {
    return moment + this.#offset;
  }

  /** A span is over. @param make makes it, perhaps later */
  add(make: () => FinishedSpan): void {
    if (this.#isTold) return this.#tell(make());
    if (this.#isTold === false) return;
    this.#waiting ??= [];
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(make);
  }

  /** It is over: those that wait are told, or forgotten. */
  decide(isTold: boolean): void {
    if (this.#isTold !== undefined) return;
    this.#isTold = isTold;
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    if (isTold) for (const make of waiting) this.#tell(make());
  }
}

/** An exchange, as a span. */
export class TracedExchange {
  readonly call: TracedCall;
  readonly spanId = newId(8);
  /** Whether the call is over with it. */
  readonly isFirst: boolean;
  /** Undefined for the first of a trace. */
  parentId: string | undefined;
  /** Whether the parent is another program's, which said so itself. */
  readonly isRemote: boolean;
  readonly links: readonly TraceContext[];
  /** The attempt that is under way, or was last. */
  attempt: string | undefined = undefined;
  /** The question to the client, as a span. */
  question: { readonly spanId: string; readonly start: number } | undefined = undefined;
  /** Those of its questions that nobody has answered yet. */
  readonly open = new Set<Exchange>();
  /** What happened in its spans, by their ids. */
  #moments: Map<string, Moment[]> | undefined;

  constructor(call: TracedCall, isFirst: boolean, parentId: string | undefined, isRemote: boolean, links: readonly TraceContext[]) {
    this.call = call;
    this.isFirst = isFirst;
    this.parentId = parentId;
    this.isRemote = isRemote;
    this.links = links;
  }

  happened(spanId: string, moment: Moment): void {
    this.#moments ??= new Map();
    const known = this.#moments.get(spanId) ?? [];
    if (known.length < MOST_MOMENTS) known.push(moment);
    this.#moments.set(spanId, known);
  }

  moments(spanId: string): readonly Moment[] {
    return this.#moments?.get(spanId) ?? [];
  }
}

/** An attempt that is not over. */
export interface UnderWay {
  readonly traced: TracedExchange;
  readonly spanId: string;
}

export interface TracedOptions {
  /** The plugin's id: after a reload the plugin that is there then ends what the one before began. */
  readonly id: string;
  readonly settings: TraceSettings;
  readonly context: ContextSettings;
  readonly sampler: Sampler;
  readonly tell: (span: FinishedSpan) => void;
}

/** Finds what is known of exchanges, under the plugin's own key. */
export class TracedExchanges {
  readonly #options: TracedOptions;
  readonly #key: string;
  readonly #mayBeTold: boolean;
  /** Attempts under way, by caller and server. */
  readonly #attempts = new Map<string, Set<UnderWay>>();
  readonly #others = new BoundedMap<string, string>(MOST_OTHERS);

  constructor(options: TracedOptions) {
    this.#options = options;
    this.#key = `otel ${options.id}`;
    this.#mayBeTold = options.settings.errors || options.settings.slow !== false;
  }

  /** That of an exchange; one that was derived is a part of what it was derived from. */
  of(exchange: Exchange): TracedExchange {
    const { parent } = exchange;
    if (parent && isDerived(exchange, parent)) return this.of(parent);
    return exchange.state(this.#key, () => (parent ? this.#child(exchange, this.of(parent)) : this.#first(exchange)));
  }

  /** The trace of a request of late; undefined where it has the id of the request. */
  readonly traceOf = (requestId: string): string | undefined => this.#others.get(requestId);

  /** An attempt begins that its server may ask something on the way of. @returns ends it */
  attempt(exchange: Exchange, upstream: string, attempt: UnderWay): () => void {
    const key = keyOf(exchange, upstream);
    let known = this.#attempts.get(key);
    if (!known) this.#attempts.set(key, (known = new Set()));
    known.add(attempt);
    return () => {
      known.delete(attempt);
      if (known.size === 0 && this.#attempts.get(key) === known) this.#attempts.delete(key);
    };
  }

  /**
   * What a question may be about that comes over a wire of one client's own: it does not say so. Of several it may be any, and then it is
   * linked to them all.
   */
  #underWay(exchange: Exchange): readonly UnderWay[] {
    const known = exchange.route && this.#attempts.get(keyOf(exchange, exchange.route.upstream));
    return known ? [...known].slice(0, MOST_LINKS) : [];
  }

  #first(exchange: Exchange): TracedExchange {
    const { context, sampler, tell } = this.#options;
    const said = contextOf(exchange.original._meta);
    const asking = exchange.isQuestion && !said ? this.#underWay(exchange) : [];
    const [only] = asking;
    if (only && asking.length === 1) {
      this.#others.set(exchange.id, only.traced.call.traceId);
      return new TracedExchange(only.traced.call, false, only.spanId, false, []);
    }
    const ambient = contextOf(exchange.http?.headers);
    const given = context.in === "ignore" ? undefined : (said ?? ambient);
    const parent = context.in === "parent" ? given : undefined;
    // What the host logs of the request has the same id, where that is the host's to choose.
    const traceId = parent?.traceId ?? (said?.traceId === exchange.id ? newId(16) : exchange.id);
    const call = new TracedCall(traceId, parent?.state, sampler.samples(exchange, traceId, parent), this.#mayBeTold, tell);
    if (traceId !== exchange.id) this.#others.set(exchange.id, traceId);
    const around = context.in === "link" ? [said, ambient] : context.in === "parent" && said ? [ambient] : [];
    const links = [...around, ...asking.map(({ traced, spanId }) => traced.call.context(spanId))];
    return new TracedExchange(
      call,
      true,
      parent?.spanId,
      parent !== undefined,
      links.filter((each) => each !== undefined && each.spanId !== parent?.spanId) as TraceContext[], // undefined is left out
    );
  }

  /** What a plugin or a server asks on behalf of an exchange. */
  #child(exchange: Exchange, parent: TracedExchange): TracedExchange {
    const { call } = parent;
    const said = exchange.isQuestion && exchange.plugin === undefined ? contextOf(exchange.original._meta) : undefined;
    // A server that traces, too, asks within a span of its own, below that of the attempt.
    const isBelow = said?.traceId === call.traceId;
    return new TracedExchange(
      call,
      false,
      isBelow ? said.spanId : (parent.attempt ?? parent.spanId),
      isBelow,
      said && !isBelow ? [said] : [],
    );
  }
}

/** `derive` copies a request; what a plugin asks is another. */
export function isDerived({ method, original, plugin, isQuestion }: Exchange, parent: Exchange): boolean {
  return (
    (plugin === undefined || plugin === parent.plugin) &&
    isQuestion === parent.isQuestion &&
    method === parent.method &&
    original === parent.original
  );
}

function keyOf({ caller }: Exchange, upstream: string): string {
  return `${caller.id} ${upstream}`;
}

import { HostError, isRefusal } from "../errors.ts";
import { redact } from "../redact.ts";
import { PeerError } from "../wire/peer-error.ts";
import type { Decision, Exchange, Route } from "./exchange.ts";

/** What a tap did, besides letting pass what it got. */
export type TraceDeed = Decision["did"] | "retried" | "changed";

/** A part of the way of an exchange: the whole of it, a stage, or one tap within a stage. */
export interface TraceSpan {
  /** Unique in its host; what begins later has a greater one. */
  readonly id: number;
  /** What it is a part of. That of a plugin's own request, or of a question, is the span that it was made in. */
  readonly parent: TraceSpan | undefined;
  readonly exchange: Exchange;
  /**
   * The method, of a whole exchange. Else the hook whose taps are asked, or `send` (to an upstream, or a question to the
   * client), `wait` (for an upstream that starts, or for a turn there) and `retry` (a moment: what failed is tried again).
   */
  readonly name: string;
  /** Whose tap it is; undefined for a stage as a whole, and for what the host does. */
  readonly plugin: string | undefined;
  /** In monotonic milliseconds, as `exchange.timings`. */
  readonly start: number;
  readonly end: number | undefined;
  readonly did: TraceDeed | undefined;
  /** What it changed, without secrets: made whenever it is read, which costs as much as what was changed is large. */
  readonly change: TraceChange | undefined;
  /** Where a route leads, or what is sent goes. */
  readonly route: Route | undefined;
  /** The type of the error that it ended with, or that was the reason of a `retry`; `upstream` for an upstream's own. */
  readonly error: string | undefined;
}

export interface TraceChange {
  readonly before: unknown;
  readonly after: unknown;
}

/** Told when something begins and when it ends, at once and in order. It may not wait, and must be quick: calls wait for it. */
export type TraceListener = (span: TraceSpan, phase: "begin" | "end") => void;

/** Which exchanges a listener is told of. */
export interface TraceOptions {
  /**
   * Asked when an exchange begins, before anything is known of it but what its client sent: `true` has the listener told of it, and of what
   * is derived from it. What a plugin asks on its behalf, and questions to the client, are exchanges of their own, and asked for. What no
   * listener wants costs no more than the question. Quick, as the listener. Default: all.
   */
  readonly only?: (exchange: Exchange) => boolean;
}

/** Where a trace tells of its spans. */
interface Teller {
  nextId(): number;
  /** @param chosenBy those of the listeners that choose which wanted this exchange */
  tell(span: Span, phase: "begin" | "end", chosenBy: ReadonlySet<unknown>): void;
}

let changeIn: (span: Span) => TraceChange | undefined;

/** A span as the host has it. */
export class Span implements TraceSpan {
  readonly id: number;
  readonly parent: Span | undefined;
  readonly exchange: Exchange;
  readonly name: string;
  readonly plugin: string | undefined;
  readonly start = performance.now();
  end: number | undefined = undefined;
  did: TraceDeed | undefined = undefined;
  route: Route | undefined = undefined;
  error: string | undefined = undefined;
  readonly #trace: Trace;
  #change: TraceChange | undefined;

  static {
    changeIn = (span) => span.#change;
  }

  constructor(trace: Trace, id: number, parent: Span | undefined, name: string, plugin: string | undefined) {
    this.#trace = trace;
    this.id = id;
    this.parent = parent;
    this.exchange = trace.exchange;
    this.name = name;
    this.plugin = plugin;
  }

  get change(): TraceChange | undefined {
    return this.#change && { before: redact(this.#change.before), after: redact(this.#change.after) };
  }

  /** Another object was given than was got. */
  changed(before: unknown, after: unknown): void {
    this.did = "changed";
    this.#change = { before, after };
  }

  /** It is over, and said where to go. */
  leads(route: Route): void {
    this.route = route;
    this.finish();
  }

  /** It is over; whoever says so later changes nothing. @param error what it ended with, if with an error @param did what is known now */
  finish(error?: unknown, did = this.did): void {
    if (this.end !== undefined) return;
    this.did = did;
    if (error !== undefined) this.error = typeOf(error);
    this.end = performance.now();
    this.#trace.left(this);
  }
}

/** What a span changed as it is, secrets included: only for what takes them out itself. */
export function changeOf(span: TraceSpan): TraceChange | undefined {
  return span instanceof Span ? changeIn(span) : undefined;
}

/** Whose synchronous taps run now, where somebody listens: not all of them are given the exchange. */
let present: Trace | undefined;

/** A tap of a synchronous hook, where the exchange that it is asked for is traced. */
export function presentTap(hook: string, plugin: string): Span | undefined {
  return present?.begin(hook, plugin);
}

interface TraceOrigin {
  readonly forked?: { readonly from: Span; readonly outer?: Trace };
  readonly chosenBy: ReadonlySet<unknown>;
}

/** The spans of one exchange that somebody listens to. What begins is a part of what began last and is not over. */
export class Trace {
  readonly #exchange: Exchange;
  readonly #tracer: Teller;
  /** That of the exchange as a whole; of one that was derived, that in which it was. */
  readonly #whole: Span;
  readonly #outer: Trace | undefined;
  readonly #chosenBy: ReadonlySet<unknown>;
  #current: Span;
  #isOver = false;
  #result: unknown;

  /** @param more the trace that it goes on from, for an exchange that is derived, which is told in its parts alone; and who wants it */
  constructor(tracer: Teller, exchange: Exchange, parent: Span | undefined, more: TraceOrigin) {
    const { forked, chosenBy } = more;
    this.#tracer = tracer;
    this.#chosenBy = chosenBy;
    this.#exchange = exchange;
    this.#outer = forked?.outer;
    this.#whole = forked?.from ?? new Span(this, tracer.nextId(), parent, exchange.method, undefined);
    this.#current = this.#whole;
    if (!forked) tracer.tell(this.#whole, "begin", chosenBy);
  }

  get exchange(): Exchange {
    return this.#exchange;
  }

  /** What is under way. */
  get current(): Span {
    return this.#current;
  }

  /** For an exchange that is derived from this one. @param attached its results are this one's */
  fork(exchange: Exchange, attached: boolean): Trace {
    const forked = { from: this.#current, ...(attached && { outer: this }) };
    return new Trace(this.#tracer, exchange, undefined, { forked, chosenBy: this.#chosenBy });
  }

  /** A stage, or with `plugin` a tap. Undefined once all is over: what was given up may still be at work. */
  begin(name: string, plugin?: string): Span | undefined {
    if (this.#isOver) return undefined;
    const span = new Span(this, this.#tracer.nextId(), this.#current, name, plugin);
    this.#current = span;
    this.#tracer.tell(span, "begin", this.#chosenBy);
    return span;
  }

  /** A stage of taps that may wait. */
  async stage<T>(name: string, run: () => Promise<T>): Promise<T> {
    const span = this.begin(name);
    try {
      const given = await run();
      span?.finish();
      return given;
    } catch (error) {
      span?.finish(error);
      throw error;
    }
  }

  /** A stage of synchronous taps, which learn by {@link presentTap} whom they are asked for. @returns ends it */
  enter(name: string): (error?: unknown) => void {
    const span = this.begin(name);
    const before = present;
    present = this;
    return (error) => {
      present = before;
      span?.finish(error);
    };
  }

  /** The same, where taps may throw. */
  during<T>(name: string, run: () => T): T {
    const leave = this.enter(name);
    let thrown: unknown;
    try {
      return run();
    } catch (error) {
      thrown = error;
      throw error;
    } finally {
      leave(thrown);
    }
  }

  /** Something failed and is tried again, by a plugin's `call` tap or by the host. @param error the type of what it failed with */
  retried(error: string, plugin?: string): void {
    const by = this.#current;
    const span = this.begin("retry", plugin);
    if (!span) return;
    span.did = "retried";
    span.error = error;
    span.finish();
    if (plugin !== undefined && by.plugin === plugin) by.did = "retried";
  }

  /** What the upstream, or who answered in its place, gave: on its way out each `call` tap may make another of it. */
  answered(result: unknown): void {
    this.#result = result;
    this.#outer?.answered(result);
  }

  /** A `call` tap gave a result. */
  passed(tap: Span, result: unknown): void {
    if (this.#result !== undefined && this.#result !== result) tap.changed(this.#result, result);
    this.answered(result);
  }

  /** What is under way is given up: its error ends it. */
  unwind(error?: unknown): void {
    while (this.#current !== this.#whole) this.#current.finish(error);
  }

  /** The exchange is over. */
  over(error?: unknown): void {
    if (this.#isOver) return;
    this.unwind();
    this.#isOver = true;
    this.#whole.finish(error);
  }

  /** For spans, that they are over. */
  left(span: Span): void {
    while (this.#current !== this.#whole && this.#current.end !== undefined) this.#current = this.#current.parent ?? this.#whole;
    this.#tracer.tell(span, "end", this.#chosenBy);
  }
}

function typeOf(error: unknown): string {
  if (error instanceof HostError || isRefusal(error)) return error.type;
  return error instanceof PeerError ? "upstream" : "internal";
}

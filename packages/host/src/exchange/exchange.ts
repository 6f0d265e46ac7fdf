import { HostError, type Sent } from "../errors.ts";
import type { Target } from "../pipeline/target.ts";
import type { Json, Message, RpcError } from "../wire/message.ts";
import { type ClientFacts, type Principal, type SessionFacts, scopeOf } from "./caller.ts";
import { correlationId } from "./correlation.ts";
import { type Limited, unwatch, watch } from "./deadlines.ts";
import type { Entry } from "./entry.ts";
import { Try } from "./time-limit.ts";

export type { ClientFacts, Principal, SessionFacts };
export { scopeOf };

/** Where messages go that belong to a call and come before its answer: the answer's own stream. */
export interface Sink {
  /** False when nobody is there any more. */
  send(message: Message): boolean;
}

/** Where a call is sent. */
export interface Route {
  /** A configured upstream's key. */
  readonly upstream: string;
  /** What this upstream calls the entry; default: the entry's native name. */
  readonly native?: string;
}

/** What came of an exchange. */
export type Outcome = { readonly result: Json } | { readonly error: RpcError; readonly cause: unknown } | { readonly cancelled: string };

/** One try to get an answer from an upstream. */
export interface Attempt {
  readonly upstream: string;
  /** The type of the error that it ended with. */
  error?: string;
}

/** Which tap is at work. */
export interface Site {
  readonly plugin: string;
  readonly hook: string;
}

/** The time limits of a call, in milliseconds. */
export interface Patience {
  /** Longest silence; progress starts it anew, an outstanding question to a person pauses it. */
  readonly timeout: number;
  /** Longest time in all. */
  readonly maxTimeout: number;
}

const DEFAULT_PATIENCE: Patience = { timeout: 60_000, maxTimeout: 600_000 };

export interface ExchangeOptions {
  method: string;
  params: Json | undefined;
  session: SessionFacts;
  sink: Sink | undefined;
  parent?: Exchange;
  /** Those of another exchange, to be shared with it. */
  timings?: Exchange["timings"];
}

/**
 * One request on its way through the pipeline, and its answer back: the same object on every stage and transport. It
 * lives until `settled`; what a plugin keeps about it belongs in {@link Exchange.state}.
 */
export class Exchange implements Limited {
  /** Correlation id: 32 hex digits, the trace id of `_meta.traceparent` where the client sent one. */
  readonly id: string;
  readonly method: string;
  /** The client's params as they came. */
  readonly original: Readonly<Json>;
  /** The params as they are sent (exposed names): {@link original} until `transform` made others. */
  params: Readonly<Json>;
  readonly session: SessionFacts;
  /** The exchange on whose behalf this one is: of a reverse request, or of {@link derive}. */
  readonly parent: Exchange | undefined;
  /** What the request names, once it was looked up. */
  entry: Entry | undefined = undefined;
  route: Route | undefined = undefined;
  readonly attempts: Attempt[] = [];
  resultKind: "complete" | "input_required" | "task" = "complete";
  /** Whether the upstream asked the client something on its way to the answer, as far as it can be told. */
  asked = false;
  outcome: Outcome | undefined = undefined;
  /** Which tap is at work; undefined while the host or an upstream is. */
  at: Site | undefined = undefined;
  /** Size of the request as it came, in bytes; undefined in process, in a batch, and where it is no client's. */
  requestBytes: number | undefined = undefined;
  /**
   * Size of the answer as it went out, in bytes; undefined in process, or where there was none. On a stream and over
   * stdio nothing counts bytes: there it is the number of UTF-16 units, which for ASCII is the same and else less.
   */
  answerBytes: number | undefined = undefined;
  /** Monotonic milliseconds (`performance.now()`). */
  readonly timings: { readonly start: number; sent?: number; answered?: number; end?: number };
  /** The hook set that it began on, and ends on; the host's own. */
  hookSet: object | undefined = undefined;
  /** What the request names and where it goes; the host's own. */
  target: Target | undefined = undefined;
  /** How long the call may take; the route's upstream sets it. */
  patience: Patience = DEFAULT_PATIENCE;
  /** Where messages before the answer go; undefined for a detached exchange. */
  readonly sink: Sink | undefined;

  /** The exchange that may send: itself, or the one that it was derived from. */
  #root: Exchange = this;
  /** The one whose client an attached child speaks to. */
  #attachedTo: Exchange | undefined;
  #sent: Sent = "no";
  #claimed = false;
  #abort: AbortController | undefined;
  #states: Map<symbol | string, unknown> | undefined;
  #active: number;
  #isTimed = false;
  #paused = 0;
  readonly #onStop: ((error: HostError) => void)[] = [];
  #stopped: HostError | undefined;

  constructor(options: ExchangeOptions) {
    this.id = options.parent?.id ?? correlationId(options.params);
    this.method = options.method;
    this.original = options.params ?? {};
    this.params = this.original;
    this.session = options.session;
    this.sink = options.sink;
    this.parent = options.parent;
    this.#active = performance.now();
    this.timings = options.timings ?? { start: this.#active };
  }

  get principal(): Principal {
    return this.session.principal;
  }

  get client(): ClientFacts {
    return this.session.client;
  }

  /**
   * The isolation key: what is kept for one scope must never be shown to another. It is the principal's, and where
   * nobody was authenticated the session's.
   */
  get scope(): string {
    return scopeOf(this.session);
  }

  /** Whether the upstream got the request. */
  get sent(): Sent {
    return this.#sent;
  }

  set sent(sent: Sent) {
    this.#sent = sent;
    if (this.#attachedTo) this.#attachedTo.sent = sent;
  }

  /** Aborted when the exchange is cancelled or out of time. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#stopped && !this.#abort.signal.aborted) this.#abort.abort(this.#stopped);
    return this.#abort.signal;
  }

  /** When the exchange fails at the latest, on the clock of {@link timings}. */
  get deadline(): number {
    return this.timings.start + this.patience.maxTimeout;
  }

  /** A plugin's own data about this exchange, made on first use. */
  state<T>(key: symbol | string, make: () => T): T {
    this.#states ??= new Map();
    if (!this.#states.has(key)) this.#states.set(key, make());
    return this.#states.get(key) as T; // whoever owns the key put a T there
  }

  /**
   * A child for work that must outlive or precede the client's wait (refresh, single flight): it has a clock of its own
   * and is not cancelled with its parent. It is detached, without a sink, unless `attached`: then it speaks to the parent's
   * client while that one waits. Progress and questions go there, signs of life count for the parent too, and the parent
   * knows how far it was sent and when.
   */
  derive({ attached = false }: { attached?: boolean } = {}): Exchange {
    const sink: Sink | undefined =
      attached && this.sink ? { send: (message) => this.outcome === undefined && this.sink?.send(message) === true } : undefined;
    const child = new Exchange({
      method: this.method,
      params: this.original,
      session: this.session,
      sink,
      parent: this,
      ...(attached && { timings: this.timings }),
    });
    if (attached) child.#attachedTo = this;
    child.hookSet = this.hookSet;
    child.params = this.params;
    child.entry = this.entry;
    child.route = this.route;
    child.target = this.target;
    child.#root = this.#root;
    child.patience = this.patience;
    return child;
  }

  /** Sets how long it may take; the host does so with the `timeout` and `maxTimeout` of the upstream before `transform` and `call`. */
  allow(patience: Patience): void {
    this.patience = patience;
    if (this.#isTimed) watch(this, this.#due);
  }

  /**
   * Sends with narrower time limits, as a `call` tap does with `next`. When they are up, what was sent is given up (the
   * upstream is told) and this fails with `upstream_timeout`, but the exchange goes on while its own patience lasts: the
   * plugin may try again or answer itself. Progress and questions to a person count as they do for the exchange.
   */
  within(patience: Patience, send: (exchange: Exchange) => Promise<Json>): Promise<Json> {
    this.touch();
    const before = this.#onStop.length;
    return new Try(this, patience, (error) => this.#giveUp(before, error)).run(send);
  }

  /** Calls `stop` when the exchange is cancelled or out of time, which costs less than a listener of {@link signal}; {@link offStop} takes it back. */
  onStop(stop: (error: HostError) => void): void {
    this.#onStop.push(stop);
  }

  offStop(stop: (error: HostError) => void): void {
    const index = this.#onStop.lastIndexOf(stop);
    if (index !== -1) this.#onStop.splice(index, 1);
  }

  // --- for the host only ---

  /**
   * Takes the right to send, which an exchange shares with those derived from it: at most one of them may be sending, and
   * none after one was sent. False when it is taken.
   */
  claim(): boolean {
    if (this.#root.#claimed) return false;
    this.#root.#claimed = true;
    return true;
  }

  /** Nothing was sent after all. */
  unclaim(): void {
    this.#root.#claimed = false;
  }

  /** Whether it was derived; then it has a clock of its own, which runs while it is sent. */
  get isDetached(): boolean {
    return this.#root !== this;
  }

  /** Starts the clock. */
  start(): void {
    this.#isTimed = true;
    watch(this, this.#due);
  }

  /** The upstream gave a sign of life. */
  touch(): void {
    this.#active = performance.now();
    this.#attachedTo?.touch();
  }

  /** A person is being asked: silence is no fault until {@link resume}. */
  pause(): void {
    this.#paused++;
    this.#attachedTo?.pause();
  }

  resume(): void {
    this.#paused--;
    this.#attachedTo?.resume();
    this.touch();
  }

  /** Since when it has been silent without a reason; a question to a person is one. */
  silentSince(now: number): number {
    return this.#paused > 0 ? now : this.#active;
  }

  /** Stops what began to listen after `before` others; false if nothing did. */
  #giveUp(before: number, error: HostError): boolean {
    const begun = this.#onStop.slice(before);
    for (const stop of begun) stop(error);
    return begun.length > 0;
  }

  /** Ends the exchange from outside: cancelled by its client, or out of time. */
  cancel(error: HostError): void {
    if (this.#stopped || this.outcome) return;
    this.#stopped = error;
    this.#abort?.abort(error);
    for (const stop of [...this.#onStop]) stop(error);
  }

  /** Why the exchange was stopped, if it was. */
  get stopped(): HostError | undefined {
    return this.#stopped;
  }

  /** The exchange is over; its clock stops. */
  release(): void {
    this.#isTimed = false;
    unwatch(this);
    this.#onStop.length = 0;
  }

  get #due(): number {
    return Math.min(this.#active + this.patience.timeout, this.deadline);
  }

  /** Whether its time is up: then it is cancelled. Called by its clock. */
  check(now: number): number | undefined {
    const due = Math.min(this.silentSince(now) + this.patience.timeout, this.deadline);
    // Timers may fire up to a millisecond early.
    if (due > now + 1) return due;
    const limit = this.deadline <= now + 1 ? this.patience.maxTimeout : this.patience.timeout;
    unwatch(this);
    this.cancel(this.late(limit));
    return undefined;
  }

  /** What is wrong when its time is up. @param limit the milliseconds that are over */
  late(limit: number): HostError {
    const { at, sent, route } = this;
    if (at)
      return new HostError("plugin_failure", `plugin "${at.plugin}" did not finish in ${at.hook} within ${limit} ms`, {
        plugin: at.plugin,
        sent,
      });
    const ran = sent === "no" ? "nothing was sent" : "the call may or may not have run";
    return new HostError("upstream_timeout", `upstream "${route?.upstream}" did not answer within ${limit} ms; ${ran}`, {
      ...(route && { upstream: route.upstream }),
      sent,
    });
  }
}

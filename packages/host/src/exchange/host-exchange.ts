import { HostError, type Sent } from "../errors.ts";
import type { AddedHeader } from "../wire/link.ts";
import type { Id, Json } from "../wire/message.ts";
import type { Freshness } from "../wire/modern.ts";
import { toRpcError } from "../wire/peer-error.ts";
import { sendWithHeaders } from "./added-headers.ts";
import { type AddedMeta, sendWithMeta } from "./added-meta.ts";
import { answerHeaders, giveHeaders } from "./answer-headers.ts";
import { type Caller, type ClientFacts, type Principal, scopeOf } from "./caller.ts";
import { correlationId } from "./correlation.ts";
import type { Asker, Course, OwnCalls, Reply, Sink } from "./course.ts";
import { Decisions } from "./decisions.ts";
import type { Entry } from "./entry.ts";
import type { Attempt, Exchange, HttpOrigin, Outcome, OwnAskOptions, OwnCallOptions, Route, TimeLimits, Timings } from "./exchange.ts";
import { lateness, notRunning } from "./lateness.ts";
import type { Asks, Brought } from "./round.ts";
import { TimeLimit } from "./time-limit.ts";
import { Timed } from "./timed.ts";
import type { Trace } from "./trace.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export interface ExchangeOptions {
  method: string;
  params: Json | undefined;
  caller: Caller;
  sink: Sink | undefined;
  /** Where the request itself says it. Default: as its parent, or its caller. */
  client?: ClientFacts;
  parent?: HostExchange;
  /** Of an upstream, or of a plugin, to the client. */
  isQuestion?: boolean;
  /** Who made it, where it is a plugin's own. */
  plugin?: string | undefined;
  /** How many requests of plugins' own lead to it. */
  depth?: number;
  /** Of a round of questions, where it is the next request. */
  brought?: Brought | undefined;
  /** Those of another exchange, to be shared with it. */
  timings?: Mutable<Timings>;
}

/** An {@link Exchange} with what only the host may do: it sets what is known of the request and settles it. */
export class HostExchange extends Timed implements Exchange {
  readonly id: string;
  readonly method: string;
  readonly original: Readonly<Json>;
  params: Readonly<Json>;
  readonly caller: Caller;
  client: ClientFacts;
  readonly parent: HostExchange | undefined;
  readonly isQuestion: boolean;
  readonly plugin: string | undefined;
  readonly depth: number;
  entry: Entry | undefined = undefined;
  called: Entry | undefined = undefined;
  route: Route | undefined = undefined;
  readonly attempts: Mutable<Attempt>[] = [];
  resultKind: Exchange["resultKind"] = "complete";
  asked = false;
  /** What its client is to be asked in its answer. */
  asks: Asks | undefined = undefined;
  brought: Brought | undefined;
  /** How many calls the upstream is given at once, while this one waits for its turn there. */
  queuedFor: number | undefined = undefined;
  outcome: Outcome | undefined = undefined;
  at: Exchange["at"] = undefined;
  /** The innermost `call` tap that was reached: without anything sent it is the one that answered. */
  inside: Exchange["at"] = undefined;
  requestBytes: number | undefined = undefined;
  answerBytes: number | undefined = undefined;
  readonly timings: Mutable<Timings>;
  /** Undefined until it runs. */
  course: Course | undefined = undefined;
  /** What plugins asked of the pipeline on behalf of one request of a client, over all levels; made for the first. */
  ownCalls: OwnCalls<HostExchange> | undefined = undefined;
  /** What the request names and where it goes, as the pipeline found it; what that is, is the pipeline's business. */
  target: object | undefined = undefined;
  /** Undefined unless somebody listened when it began. */
  trace: Trace | undefined = undefined;
  /** What plugins add to the headers of what is sent now. */
  headers: readonly AddedHeader[] | undefined = undefined;
  /** What they add to its `_meta`. */
  meta: readonly AddedMeta[] | undefined = undefined;
  /** Where messages before the answer go; undefined for a detached exchange. */
  sink: Sink | undefined;
  /** The id of the client's request that it answers; undefined where it answers none. */
  wireId: Id | undefined = undefined;
  /** How its client is asked, where that is not by the request that it belongs to. */
  asker: Asker | undefined = undefined;
  /** The exchange that may send: itself, or the one that it was derived from. */
  #root: HostExchange = this;
  /** The one whose client an attached child speaks to. */
  protected override attachedTo: HostExchange | undefined = undefined;
  #sent: Sent = "no";
  #freshness: Freshness | undefined = undefined;
  #claimed = false;
  #isReached = false;
  #decisions: Decisions | undefined;
  #http: HttpOrigin | undefined;
  #abort: AbortController | undefined;
  #states: Map<symbol | string, unknown> | undefined;
  readonly #onStop: ((error: HostError) => void)[] = [];
  #stopped: HostError | undefined;

  constructor(options: ExchangeOptions) {
    super();
    this.id = options.parent?.id ?? correlationId(options.params);
    this.method = options.method;
    this.original = options.params ?? {};
    this.params = this.original;
    this.caller = options.caller;
    this.client = options.client ?? options.parent?.client ?? options.caller.client;
    this.sink = options.sink;
    this.parent = options.parent;
    this.isQuestion = options.isQuestion === true;
    this.plugin = options.plugin;
    this.depth = options.depth ?? options.parent?.depth ?? 0;
    this.brought = options.brought;
    this.timings = options.timings ?? { start: this.active };
  }

  get principal(): Principal {
    return this.caller.principal;
  }

  get scope(): string {
    return scopeOf(this.caller);
  }

  get http(): HttpOrigin | undefined {
    this.#http ??= this.sink?.http ?? this.parent?.http;
    return this.#http;
  }

  get round(): number {
    return this.brought?.number ?? 0;
  }

  get sent(): Sent {
    return this.#sent;
  }

  get freshness(): Freshness | undefined {
    return this.#freshness;
  }

  set freshness(freshness: Freshness | undefined) {
    this.#freshness = freshness;
    if (this.attachedTo) this.attachedTo.freshness = freshness;
  }

  set sent(sent: Sent) {
    this.#sent = sent;
    if (this.attachedTo) this.attachedTo.sent = sent;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#stopped && !this.#abort.signal.aborted) this.#abort.abort(this.#stopped);
    return this.#abort.signal;
  }

  get decisions(): Exchange["decisions"] {
    return this.#decisions?.list ?? Decisions.NONE;
  }

  state<T>(key: symbol | string, make: () => T): T {
    this.#states ??= new Map();
    if (!this.#states.has(key)) this.#states.set(key, make());
    return this.#states.get(key) as T; // whoever owns the key put a T there
  }

  derive({ attached = false }: { readonly attached?: boolean } = {}): HostExchange {
    const sink: Sink | undefined =
      attached && this.sink ? { send: (message) => this.outcome === undefined && this.sink?.send(message) === true } : undefined;
    const child = new HostExchange({
      method: this.method,
      params: this.original,
      caller: this.caller,
      sink,
      parent: this,
      isQuestion: this.isQuestion,
      ...(attached && { timings: this.timings, brought: this.brought }),
    });
    if (attached) child.attachedTo = this;
    child.course = this.course;
    child.params = this.params;
    child.entry = this.entry;
    child.called = this.called;
    child.route = this.route;
    child.target = this.target;
    child.#root = this.#root;
    child.timeLimits = this.timeLimits;
    child.headers = this.headers;
    child.meta = this.meta;
    child.trace = this.trace?.fork(child, attached);
    return child;
  }

  within(timeLimits: TimeLimits, send: (exchange: Exchange) => Promise<Json>): Promise<Json> {
    this.touch();
    const before = this.#onStop.length;
    return new TimeLimit(this, timeLimits, (error) => this.#giveUp(before, error)).run(() => send(this));
  }

  withHeaders(headers: Readonly<Record<string, string>>, send: (exchange: Exchange) => Promise<Json>): Promise<Json> {
    return sendWithHeaders(this, headers, () => send(this));
  }

  withMeta(meta: Readonly<Json>, send: (exchange: Exchange) => Promise<Json>): Promise<Json> {
    return sendWithMeta(this, meta, () => send(this));
  }

  answerHeaders(headers: Readonly<Record<string, string>>): boolean {
    return giveHeaders(this, answerHeaders(headers));
  }

  retry(error: string): void {
    const last = this.attempts.at(-1);
    if (!last) return;
    last.error = error;
    this.attempts.push({ upstream: last.upstream });
    this.trace?.retried(error, this.at?.plugin);
  }

  call(method: string, params?: Json, options: OwnCallOptions = {}): Promise<Json> {
    return this.course?.call(this, method, params, options) ?? Promise.reject(notRunning());
  }

  ask(method: string, params: Json, options: OwnAskOptions = {}): Promise<Json> {
    return this.course?.ask(this, method, params, options) ?? Promise.reject(notRunning());
  }

  wait(): void {
    this.at = undefined;
  }

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

  /** It came through all `call` taps to the host's end. */
  reach(): void {
    this.#root.#isReached = true;
  }

  /** Whether it, or one that is derived from it, came through all `call` taps. */
  get isReached(): boolean {
    return this.#root.#isReached;
  }

  /** Notes what a plugin decided. @param thrown by what, which is noted once @returns whether it is noted */
  decide(...decision: Parameters<Decisions["note"]>): boolean {
    return (this.#decisions ??= new Decisions()).note(...decision);
  }

  /** Goes on under another request of the same caller: all that comes from now on, its answer included, is for that one. */
  reattach(reply: Reply, wireId: Id, client: ClientFacts): void {
    this.sink = reply;
    this.wireId = wireId;
    this.client = client;
  }

  /** Itself, or the one that it was derived from. */
  get whole(): HostExchange {
    return this.#root;
  }

  /** Whether it was derived; then it has a clock of its own, which runs while it is sent. */
  get isDetached(): boolean {
    return this.#root !== this;
  }

  /** Stops what began to listen after `before` others; false if nothing did. */
  #giveUp(before: number, error: HostError): boolean {
    const begun = this.#onStop.slice(before);
    for (const stop of begun) stop(error);
    return begun.length > 0;
  }

  cancel(error: HostError): void {
    if (this.#stopped || this.outcome) return;
    this.#stopped = error;
    this.#abort?.abort(error);
    for (const stop of [...this.#onStop]) stop(error);
  }

  get stopped(): HostError | undefined {
    return this.#stopped;
  }

  /**
   * Ends it: whoever is first (the pipeline, the deadline, the client) decides what came of it, and what comes later changes nothing.
   * @param deliver gives the answer, before anything else is done that would keep somebody waiting
   * @returns whether this was the first
   */
  settle(outcome: Outcome, deliver: (outcome: Outcome) => void): boolean {
    if (this.outcome) return false;
    this.outcome = outcome;
    this.timings.end = performance.now();
    deliver(outcome);
    this.release();
    return true;
  }

  /** What comes of it when this was thrown, or when this stopped it. */
  outcomeOf(cause: unknown): Exclude<Outcome, { result: Json }> {
    if (cause instanceof HostError && cause.type === "cancelled" && this.#stopped) return { cancelled: cause.message };
    return { error: toRpcError(cause, this.id), cause };
  }

  /** Its clock stops: nothing is expected of upstreams any more. */
  release(): void {
    this.stopClock();
    this.#onStop.length = 0;
  }

  late(limit: number): HostError {
    return lateness(this, limit);
  }
}

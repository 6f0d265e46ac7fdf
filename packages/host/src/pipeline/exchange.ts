import { randomBytes } from "node:crypto";
import { HostError, type Sent } from "../errors.ts";
import type { Json, Message, RpcError } from "../wire/message.ts";
import { metaOf } from "../wire/message.ts";
import { type Limited, unwatch, watch } from "./deadlines.ts";
import type { Entry } from "./entry.ts";
import type { Target } from "./target.ts";

/** Who calls, as an auth plugin established it; `local` on stdio and in process, `anonymous` over HTTP without auth. */
export interface Principal {
  readonly id: string;
  readonly roles: readonly string[];
  /** What else the auth plugin knows, such as the claims of a token. */
  readonly claims?: Readonly<Json>;
}

/** What the host knows of the client of a session. */
export interface ClientFacts {
  readonly info: Readonly<Json>;
  readonly capabilities: Readonly<Json>;
  /** The negotiated protocol version. */
  readonly version: string;
  /** The level of `logging/setLevel`; undefined until the client set one. */
  readonly logLevel: string | undefined;
}

/** What an exchange shows of its session. */
export interface SessionFacts {
  readonly id: string;
  readonly principal: Principal;
  readonly client: ClientFacts;
  /** Whether the client comes over the network; otherwise over stdio or in process. */
  readonly network: boolean;
  /** Whether this is the host's only client, so that every connection is its own. */
  readonly sole: boolean;
}

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

const PROCESS = randomBytes(8).toString("hex");
let count = 0;

/** The trace id of a W3C `traceparent`, so that the host's logs and the client's traces share one id; else one of our own. */
function correlationId(params: Json | undefined): string {
  const traceparent = metaOf(params)?.traceparent;
  const trace = typeof traceparent === "string" ? /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent)?.[1] : undefined;
  return trace ?? `${PROCESS}${(++count).toString(16).padStart(16, "0")}`;
}

export interface ExchangeOptions {
  method: string;
  params: Json | undefined;
  session: SessionFacts;
  sink: Sink | undefined;
  parent?: Exchange;
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
  /** Whether the upstream got the request. */
  sent: Sent = "no";
  resultKind: "complete" | "input_required" | "task" = "complete";
  outcome: Outcome | undefined = undefined;
  /** Which tap is at work; undefined while the host or an upstream is. */
  at: Site | undefined = undefined;
  /** Monotonic milliseconds (`performance.now()`). */
  readonly timings: { readonly start: number; sent?: number; answered?: number; end?: number };
  /** What the request names and where it goes; the host's own. */
  target: Target | undefined = undefined;
  /** How long the call may take; the route's upstream sets it. */
  patience: Patience = DEFAULT_PATIENCE;
  /** Where messages before the answer go; undefined for a detached exchange. */
  readonly sink: Sink | undefined;

  /** The exchange that may send: itself, or the one that it was derived from. */
  #root: Exchange = this;
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
    this.timings = { start: this.#active };
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

  /** A detached child for work that must outlive or precede the client's wait (refresh, single flight): it has no sink. */
  derive(): Exchange {
    const child = new Exchange({ method: this.method, params: this.original, session: this.session, sink: undefined, parent: this });
    child.params = this.params;
    child.entry = this.entry;
    child.route = this.route;
    child.target = this.target;
    child.#root = this.#root;
    child.patience = this.patience;
    return child;
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

  /** Whether a client waits for it; what was derived has a clock of its own, which runs while it is sent. */
  get isDetached(): boolean {
    return this.#root !== this;
  }

  /** Starts the clock. */
  start(): void {
    this.#isTimed = true;
    watch(this, this.#due);
  }

  /** Calls `stop` when the exchange is cancelled or out of time; {@link offStop} takes it back. */
  onStop(stop: (error: HostError) => void): void {
    this.#onStop.push(stop);
  }

  offStop(stop: (error: HostError) => void): void {
    const index = this.#onStop.lastIndexOf(stop);
    if (index !== -1) this.#onStop.splice(index, 1);
  }

  /** The upstream gave a sign of life. */
  touch(): void {
    this.#active = performance.now();
  }

  /** A person is being asked: silence is no fault until {@link resume}. */
  pause(): void {
    this.#paused++;
  }

  resume(): void {
    this.#paused--;
    this.touch();
  }

  /** Takes over the patience of the upstream that was chosen. */
  allow(patience: Patience): void {
    this.patience = patience;
    if (this.#isTimed) watch(this, this.#due);
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

  /** When its time is up unless there is a sign of life. */
  get #due(): number {
    return Math.min(this.#active + this.patience.timeout, this.deadline);
  }

  /** Whether its time is up: then it is cancelled. Called by its clock. */
  check(now: number): number | undefined {
    const due = this.#paused > 0 ? Math.min(now + this.patience.timeout, this.deadline) : this.#due;
    // Timers may fire up to a millisecond early.
    if (due > now + 1) return due;
    const limit = this.deadline <= now + 1 ? this.patience.maxTimeout : this.patience.timeout;
    unwatch(this);
    this.cancel(
      this.at
        ? new HostError("plugin_failure", `plugin "${this.at.plugin}" did not finish in ${this.at.hook} within ${limit} ms`, {
            plugin: this.at.plugin,
            sent: this.sent,
          })
        : new HostError(
            "upstream_timeout",
            `upstream "${this.route?.upstream}" did not answer within ${limit} ms; the call may or may not have run`,
            {
              ...(this.route && { upstream: this.route.upstream }),
              sent: this.sent,
            },
          ),
    );
    return undefined;
  }
}

/** The principal where somebody authenticated; otherwise the session, since everybody would be the same principal. */
export function scopeOf(session: SessionFacts): string {
  const { id } = session.principal;
  return id === "anonymous" || id === "local" ? `session:${session.id}` : `principal:${id}`;
}

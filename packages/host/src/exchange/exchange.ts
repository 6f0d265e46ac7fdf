import type { HostError, RpcError, Sent } from "../errors.ts";
import type { Json } from "../wire/message.ts";
import type { Freshness } from "../wire/modern.ts";
import type { Caller, ClientFacts, Principal } from "./caller.ts";
import type { Entry } from "./entry.ts";

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
  readonly error?: string;
}

/** Which tap is at work. */
export interface Site {
  readonly plugin: string;
  readonly hook: string;
}

/** What a plugin decided about an exchange. */
export interface Decision extends Site {
  /** `failed`: it broke, and the exchange with it. `answered`: in the upstream's or the client's place. */
  readonly did: "refused" | "failed" | "answered" | "routed";
  /** Which of the plugin's rules it was, where its refusal says so (`refuse(type, message, { rule })`). */
  readonly rule?: string;
}

/** The time limits of a call, in milliseconds. */
export interface TimeLimits {
  /** Longest silence; progress starts it anew, an outstanding question to a person pauses it. */
  readonly timeout: number;
  /** Longest time in all. */
  readonly maxTimeout: number;
}

/** How far somebody is. A tool of a plugin's hands it on with `context.progress(told.progress, told.total, told.message)`. */
export type Progress = {
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
};

/** How a plugin has a request of its own carried. */
export interface OwnCallOptions {
  /** Told what the upstream says on its way to the answer. What has no number for `progress` is a sign of life and no more. */
  readonly onProgress?: (progress: Progress) => void;
  /** Gives it up: it fails with `cancelled`, and the upstream is told. */
  readonly signal?: AbortSignal;
}

/** How a plugin has the client asked. */
export interface OwnAskOptions {
  /** Takes the question back: it fails with `cancelled`, and the client is told. */
  readonly signal?: AbortSignal;
}

/** What the HTTP edge knows of the request that an exchange came with. Never credentials. */
export interface HttpOrigin {
  /** The address that the connection came from: a proxy's, behind a proxy. */
  readonly address: string;
  /** The path below that of the MCP endpoint: `""` for the unnamed one, `/p/work` for the endpoint `work`. */
  readonly path: string;
  /** Those of the headers that plugins keep (`host.keepHeaders`) which the request has, by their names in lower case. Secrets in them are redacted. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Moments of an exchange, in monotonic milliseconds (`performance.now()`). */
export interface Timings {
  readonly start: number;
  readonly sent?: number;
  readonly answered?: number;
  readonly end?: number;
}

/**
 * One request on its way through the pipeline, and its answer back: the same object on every stage and transport, as
 * plugins see it. It lives until `settled`; what a plugin keeps about it belongs in {@link Exchange.state}.
 */
export interface Exchange {
  /** Correlation id: 32 hex digits, the trace id of `_meta.traceparent` where the client sent one. */
  readonly id: string;
  readonly method: string;
  /** The client's params as they came. */
  readonly original: Readonly<Json>;
  /** The params as they are sent (exposed names): {@link original} until `transform` made others. */
  readonly params: Readonly<Json>;
  readonly caller: Caller;
  readonly principal: Principal;
  readonly client: ClientFacts;
  /**
   * What the HTTP edge knows of it; undefined on stdio, in process and where no client's request is the cause. Of a session over
   * WebSocket it is the request that opened it, of one over HTTP+SSE the one that posted the message.
   */
  readonly http: HttpOrigin | undefined;
  /**
   * The isolation key: what is kept for one scope must never be shown to another. It is the principal's, and where
   * nobody was authenticated the caller's. Not for counting what somebody may have: who is anonymous has a new one with each new
   * session, for nothing. That is `countingKey(exchange)`.
   */
  readonly scope: string;
  /** The exchange on whose behalf this one is: of a server's request, of {@link derive}, {@link call} or {@link ask}. */
  readonly parent: Exchange | undefined;
  /**
   * Whether it is a question to the client, which passes `ask` and `answer`: a plugin's own where there is a {@link plugin},
   * else that of the upstream which {@link route} names.
   */
  readonly isQuestion: boolean;
  /** The plugin whose own request this is, as far as it can be told; undefined for what a client or a server sent. */
  readonly plugin: string | undefined;
  /** What the request names, once it was looked up. */
  readonly entry: Entry | undefined;
  /** What is really called: {@link entry}, unless a route leads to another upstream or native name. */
  readonly called: Entry | undefined;
  readonly route: Route | undefined;
  readonly attempts: readonly Attempt[];
  /**
   * What the result is. `input_required`: questions to the client (`inputRequests`), which sends the request again with its
   * answers, as an exchange of its own; `respond` taps do not see it. `task`: a task that was begun.
   */
  readonly resultKind: "complete" | "input_required" | "task";
  /** How many rounds of questions this request's client has answered before, with requests that were exchanges of their own: 0 for most. */
  readonly round: number;
  /**
   * How long the result may be kept, and for whom. Of a read it is what the server said, and once the `call` taps are through
   * `private` where a plugin may have made it the caller's own; of lists and `server/discover` what the host reckons. Undefined
   * where nothing is known: for other methods, for servers before 2026-07-28, and for what followed a question.
   */
  readonly freshness: Freshness | undefined;
  /** Whether the upstream asked the client something on its way to the answer, as far as it can be told. */
  readonly asked: boolean;
  /** Whether the upstream got the request. */
  readonly sent: Sent;
  readonly outcome: Outcome | undefined;
  /** Which plugin refused, answered or routed it, in order. Who reads an error with none of them knows that it was the host's or an upstream's own. */
  readonly decisions: readonly Decision[];
  /** Which tap is at work; undefined while the host or an upstream is. */
  readonly at: Site | undefined;
  /** Size of the request as it came, in bytes; undefined in process, in a batch, and where it is no client's. */
  readonly requestBytes: number | undefined;
  /**
   * Size of the answer as it went out, in bytes; undefined in process, or where there was none. On a stream and over
   * stdio nothing counts bytes: there it is the number of UTF-16 units, which for ASCII is the same and else less.
   */
  readonly answerBytes: number | undefined;
  readonly timings: Timings;
  /** How long the call may take; the route's upstream sets it. */
  readonly timeLimits: TimeLimits;
  /** When the exchange fails at the latest, on the clock of {@link timings}. */
  readonly deadline: number;
  /** Aborted when the exchange is cancelled or out of time. */
  readonly signal: AbortSignal;
  /** Why the exchange was stopped, if it was. */
  readonly stopped: HostError | undefined;

  /** A plugin's own data about this exchange, made on first use. */
  state<T>(key: symbol | string, make: () => T): T;

  /**
   * A child for work that must outlive or precede the client's wait (refresh, single flight): it has a clock of its own
   * and is not cancelled with its parent. It is detached, without a way to the client, unless `attached`: then it speaks
   * to the parent's client while that one waits. Progress and questions go there, signs of life count for the parent too,
   * and the parent knows how far it was sent and when.
   */
  derive(options?: { readonly attached?: boolean }): Exchange;

  /**
   * Sends a request of the plugin's own through the whole pipeline as the same caller: what that caller may not do, this may
   * not either. It has its own time limits, is cancelled with this exchange, and what it says before its answer (questions to
   * the client, logs) belongs to this one. Meanwhile this exchange is not silent. Its tap has its own deadline all the same,
   * which outside of `call` is a few seconds.
   * @param method what the pipeline knows but for `initialize`, `ping` and `logging/setLevel`
   * @throws HostError or PeerError, as a client would be answered; `overloaded` beyond `limits.callDepth` and `limits.callsPerExchange`
   */
  call(method: string, params?: Json, options?: OwnCallOptions): Promise<Json>;

  /**
   * Asks the client: `elicitation/create`, `sampling/createMessage`, `roots/list`. The question passes `ask`, its answer
   * `answer`. It is withdrawn when this exchange ends, which is not silent meanwhile.
   * @throws HostError `method_not_found` or `invalid_params` where the client did not declare that it can be asked so,
   * `client_gone` when it is gone or does not answer within `limits.questionTime`
   */
  ask(method: string, params: Json, options?: OwnAskOptions): Promise<Json>;

  /** Ends a child that the plugin derived: it fails with this error, and what was sent for it is given up. */
  cancel(error: HostError): void;

  /** Sets how long it may take; the host does so with the `timeout` and `maxTimeout` of the upstream before `transform` and `call`. */
  allow(timeLimits: TimeLimits): void;

  /**
   * Sends with narrower time limits, as a `call` tap does with `next`. When they are up, what was sent is given up (the
   * upstream is told) and this fails with `upstream_timeout`, but the exchange goes on while its own time lasts: the
   * plugin may try again or answer itself. Progress and questions to a person count as they do for the exchange.
   */
  within(timeLimits: TimeLimits, send: (exchange: Exchange) => Promise<Json>): Promise<Json>;

  /**
   * Sends with these headers besides the connection's, as a `call` tap does with `next`: they go with the POST of a call to a
   * server over Streamable HTTP, and nowhere on other wires. Rejects with a TypeError for a header that is malformed, of the
   * protocol or the hop, or a credential: those are given per connection, with `credentials`.
   */
  withHeaders(headers: Readonly<Record<string, string>>, send: (exchange: Exchange) => Promise<Json>): Promise<Json>;

  /**
   * Sends with these keys in the params' `_meta`, in place of those that are there, as a `call` tap does with `next`; a key that is undefined is
   * taken out. Over every wire, for whichever server it is: that may be none of yours. Rejects with a TypeError for a key of the protocol's own.
   */
  withMeta(meta: Readonly<Json>, send: (exchange: Exchange) => Promise<Json>): Promise<Json>;

  /**
   * Gives headers to the HTTP answer that the result or the error will be in; one of a name that was given before is replaced. False
   * where there is none: on stdio, in process, over WebSocket and HTTP+SSE, for what no client's request is the cause of, and
   * once the head has gone out, as it has when something had to be sent before the answer.
   * @throws TypeError for a header that is malformed, of the protocol or the hop, or the host's own
   */
  answerHeaders(headers: Readonly<Record<string, string>>): boolean;

  /** Notes that the last attempt failed with an error of this type and that another one begins, as whoever tries again inside `call` does. */
  retry(error: string): void;

  /** Counts as a sign of life: silence is measured anew from here. */
  touch(): void;

  /** The tap waits for others from here on: should time run out, it is the upstream that is named, and not the plugin. */
  wait(): void;

  /** Calls `stop` when the exchange is cancelled or out of time, which costs less than a listener of {@link signal}; {@link offStop} takes it back. */
  onStop(stop: (error: HostError) => void): void;
  offStop(stop: (error: HostError) => void): void;
}

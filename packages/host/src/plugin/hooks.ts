import type { Hono } from "hono";
import { AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook, SyncBailHook, SyncHook, SyncWaterfallHook } from "tapable";
import type { RpcError } from "../errors.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Caller, Principal } from "../exchange/caller.ts";
import type { Entry } from "../exchange/entry.ts";
import type { Exchange, Route } from "../exchange/exchange.ts";
import type { METHODS, Method, MethodParams, MethodRow } from "../exchange/methods.ts";
import type { Credentials, CredentialsRequest, UpstreamFacts } from "../exchange/upstream-facts.ts";
import { isObject, type Json, type Notification } from "../wire/message.ts";
import { changedError, changedList, changedParams, invented, noPrincipal, notOffered } from "./breaches.ts";
import { aboutCaller, aboutExchange } from "./conditions.ts";
import { hook, hookByMethod, type TappableOf } from "./hook-definition.ts";
import type {
  Ask,
  Handler,
  HttpArrival,
  NotificationOrigin,
  OperatedEvent,
  OwnAnswer,
  Refused,
  RefusedEvent,
  SessionEvent,
  UpstreamEvent,
} from "./hook-types.ts";

/** The methods whose row of the table of methods has a value at a field: those whose requests pass a hook. */
type With<Field extends keyof MethodRow, Value> = { [M in Method]: (typeof METHODS)[M][Field] extends Value ? M : never }[Method];

type TransformFns = {
  [M in With<"transform", true>]: (params: Readonly<MethodParams[M]>, exchange: Exchange) => Awaitable<Readonly<MethodParams[M]>>;
} & {
  "*": (params: Readonly<Json>, exchange: Exchange) => Awaitable<Readonly<Json>>;
};
type AuthorizeFns = Record<With<"permit", "twice"> | "*", (exchange: Exchange) => Awaitable<Refused | undefined>>;
type CallFns = Record<With<"call", true> | "*", (next: Handler, upstream: UpstreamFacts) => Handler>;
type RespondFns = Record<With<"respond", true> | "*", (result: Readonly<Json>, exchange: Exchange) => Awaitable<Readonly<Json>>>;
type FailFns = Record<
  With<"call", true> | With<"respond", true> | "*",
  (error: Readonly<RpcError>, exchange: Exchange) => Awaitable<Readonly<RpcError>>
>;

/**
 * Every hook, in the order of the way of a request. From this table come the types of taps, the rules that the guard
 * holds them to, and the tables of `docs/pipeline.md`.
 */
export const HOOKS = {
  admit: hook<(request: HttpArrival) => Awaitable<void>>({
    kind: "AsyncSeriesHook",
    args: ["request"],
    closed: true,
    breach: () => "the tap gave something; throw refuse(type, message) to turn a request away, and return nothing to let it pass",
    gives: "nothing",
    host: "admitted",
    purpose:
      "Refuse floods, addresses, paths: asked for every HTTP request but the probes of `/healthz` and `/readyz`, before `authenticate`. Says nothing of who it is; `throw refuse(...)` turns it away.",
  }),
  authenticate: hook<(request: HttpArrival) => Awaitable<Principal | undefined>>({
    kind: "AsyncSeriesBailHook",
    args: ["request"],
    closed: true,
    gives: "a Principal, or undefined",
    host: "without taps `anonymous`; with taps 401",
    purpose: "Who is it? Asked at the HTTP edge, before any body is parsed.",
  }),
  principal: hook<(principal: Principal, request: HttpArrival) => Awaitable<Principal>>({
    kind: "AsyncSeriesWaterfallHook",
    args: ["principal", "request"],
    closed: true,
    breach: noPrincipal,
    gives: "a Principal with the same id",
    host: "unchanged",
    purpose:
      "Add roles, claims, a binding to whoever was authenticated; never asked for `anonymous`. The same credentials must get the same, since a session is bound to id, roles and binding: a request with others is told that the session is unknown.",
  }),
  refused: hook<(event: RefusedEvent) => void>({
    kind: "SyncHook",
    args: ["event"],
    gives: "nothing",
    host: "–",
    purpose:
      "What was turned away without an exchange that is answered: HTTP requests by `admit`, `authenticate`, `principal` or the edge itself, and clients' notifications by `permit` or `transform`. Tells which plugin and hook it was.",
  }),
  session: hook<(event: SessionEvent) => void>({
    kind: "SyncHook",
    args: ["event"],
    about: ({ session }) => aboutCaller(session),
    gives: "nothing",
    host: "–",
    purpose: "A client session was opened or closed.",
  }),
  upstream: hook<(event: UpstreamEvent) => void>({
    kind: "SyncHook",
    args: ["event"],
    gives: "nothing",
    host: "–",
    purpose: "A connection to an upstream changed its state.",
  }),
  credentials: hook<(credentials: Credentials, request: CredentialsRequest) => Awaitable<Credentials>>({
    kind: "AsyncSeriesWaterfallHook",
    args: ["credentials", "request"],
    about: (_credentials, { upstream, principal }) => ({ server: upstream.key, principal }),
    closed: true,
    gives: "credentials",
    host: "what the config says",
    purpose:
      "Headers for an HTTP upstream, variables for a stdio one. Asked when a connection is made, once when a server answers 401, and before use when they have expired; never per call.",
  }),
  discover: hook<(entries: readonly Entry[], upstream: UpstreamFacts) => Awaitable<readonly Entry[]>>({
    kind: "AsyncSeriesWaterfallHook",
    args: ["entries", "upstream"],
    breach: invented,
    gives: "entries",
    host: "as listed",
    purpose: "Hide, rename, re-describe what one upstream lists. Runs when a list was read, never per request; may not invent entries.",
  }),
  merge: hook<(entries: readonly Entry[]) => readonly Entry[]>({
    kind: "SyncWaterfallHook",
    args: ["entries"],
    breach: invented,
    gives: "entries",
    host: "conflicts resolved: the pinned owner, else the first in config order",
    purpose: "Sees the whole last-known catalog, upstreams that are down included: conflict strategies, name budgets.",
  }),
  route: hook<(exchange: Exchange) => Awaitable<Route | undefined>>({
    kind: "AsyncSeriesBailHook",
    args: ["exchange"],
    about: aboutExchange,
    decision: "routed",
    breach: (route) =>
      isObject(route) && typeof route.upstream === "string" ? undefined : 'a Route is an object with the key of its "upstream"',
    gives: "a Route, or undefined",
    host: "the entry's owner",
    purpose:
      "Load balancing, canaries, content-based routing. Asked again when a call failed and was provably not sent, or was lost and may run twice (`host.repeatable`): `exchange.attempts` tells what was tried. Without another route the call fails as it did.",
  }),
  permit: hook<(entry: Entry, caller: Caller, exchange: Exchange | undefined) => Refused | undefined>({
    kind: "SyncBailHook",
    args: ["entry", "caller", "exchange"],
    about: (entry, caller) => ({ ...aboutCaller(caller), entry }),
    closed: true,
    decides: true,
    gives: "false, `{ rule }`, or undefined",
    host: "allowed",
    purpose:
      "One rule that hides an entry from lists and refuses it in calls. Asked after `route` without the exchange, and after `transform` with it. Where a route leads to another upstream or native name, that entry is asked beside the named one.",
  }),
  list: hook<(entries: readonly Entry[], caller: Caller) => readonly Entry[]>({
    kind: "SyncWaterfallHook",
    args: ["entries", "caller"],
    partial: true,
    about: (_entries, caller) => aboutCaller(caller),
    breach: notOffered,
    gives: "entries",
    host: "all that `permit` lets through",
    purpose:
      "What one caller is shown of one list: may leave out and reorder, never add or edit. What it leaves out can still be called; what nobody may call is for `permit`.",
  }),
  transform: hookByMethod<TransformFns>({
    kind: "AsyncSeriesWaterfallHook",
    args: ["params", "exchange"],
    passes: ({ transform }) => transform,
    about: (_params, exchange) => aboutExchange(exchange),
    breach: changedParams,
    gives: "params",
    host: "unchanged",
    purpose:
      "Rewrite what goes to the upstream. Names, URIs, refs and task ids are read-only. Plugins behind may still change it: what decides by arguments belongs in `authorize`.",
  }),
  authorize: hookByMethod<AuthorizeFns>({
    kind: "AsyncSeriesBailHook",
    args: ["exchange"],
    passes: ({ permit }) => permit === "twice",
    about: aboutExchange,
    closed: true,
    decides: true,
    gives: "false, `{ rule }`, or undefined",
    host: "allowed",
    purpose:
      "Refuse a call by its arguments, as they are really sent; may wait, as policy engines must: asked once per call, after the second `permit`; lists never ask it. `exchange.called` is what is judged.",
  }),
  call: hookByMethod<CallFns>({
    kind: "SyncWaterfallHook",
    args: ["next", "upstream"],
    passes: ({ call }) => call,
    about: () => ({}),
    composed: true,
    gives: "a handler",
    host: "the connection",
    purpose:
      "Everything around a call: cache, breaker, retry, timeout. Composed once per upstream; the first plugin in config is the outermost.",
  }),
  respond: hookByMethod<RespondFns>({
    kind: "AsyncSeriesWaterfallHook",
    args: ["result", "exchange"],
    passes: ({ respond }) => respond === true,
    about: (_result, exchange) => aboutExchange(exchange),
    breach: changedList,
    gives: "result",
    host: "unchanged",
    purpose: "Redact, truncate, reshape. For lists: edit fields, never add, drop or rename.",
  }),
  fail: hookByMethod<FailFns>({
    kind: "AsyncSeriesWaterfallHook",
    args: ["error", "exchange"],
    passes: ({ call, respond }) => call || respond === true,
    about: (_error, exchange) => aboutExchange(exchange),
    closed: true,
    breach: changedError,
    gives: "error",
    host: "unchanged",
    purpose:
      "A JSON-RPC error on its way to the client, or a client's to whoever asked it something (`exchange.isQuestion`): redact its message and data, map its code. It stays an error; whoever wants a result instead taps `call`.",
  }),
  settled: hook<(exchange: Exchange) => void>({
    kind: "SyncHook",
    args: ["exchange"],
    about: aboutExchange,
    gives: "nothing",
    host: "–",
    purpose: "Metrics, audit, logs. Fires exactly once per request; what it throws is logged and changes nothing.",
  }),
  ask: hook<(request: Ask, exchange: Exchange) => Awaitable<Ask | OwnAnswer>>({
    kind: "AsyncSeriesWaterfallHook",
    args: ["request", "exchange"],
    about: (_request, exchange) => aboutExchange(exchange),
    decision: "answered",
    ends: (value) => isObject(value) && "answer" in value,
    gives: "the request, or `{ answer }`",
    host: "the owning session",
    purpose: "What an upstream asks of the client (sampling, elicitation, roots): rewrite, answer in its place, or refuse.",
  }),
  answer: hook<(result: Readonly<Json>, exchange: Exchange) => Awaitable<Readonly<Json>>>({
    kind: "AsyncSeriesWaterfallHook",
    args: ["result", "exchange"],
    about: (_result, exchange) => aboutExchange(exchange),
    gives: "result",
    host: "unchanged",
    purpose: "The client's answer on its way to the upstream that asked.",
  }),
  notify: hook<(notification: Readonly<Notification>, origin: NotificationOrigin) => Readonly<Notification> | null>({
    kind: "SyncWaterfallHook",
    args: ["notification", "origin"],
    about: (_notification, { upstream, exchange }) => ({ ...(exchange && aboutExchange(exchange)), server: upstream }),
    ends: (value) => value === null,
    gives: "the notification, or null",
    host: "the owning sessions",
    purpose: "Filter or redact logs, progress, list changes: once per upstream message, before its recipients are computed. null ends it.",
  }),
  http: hook<(app: Hono, publicApp: Hono) => void>({
    kind: "SyncHook",
    args: ["app", "publicApp"],
    gives: "nothing",
    host: "–",
    purpose:
      "Mount routes on the host's Hono app, which exists only if somebody taps: on `app` behind `authenticate`, as the endpoint is; on `publicApp` for everybody who reaches the host. What a route throws is logged as the plugin's failure; `refuse()` has its status.",
  }),
  operated: hook<(event: OperatedEvent) => void>({
    kind: "SyncHook",
    args: ["event"],
    gives: "nothing",
    host: "–",
    purpose:
      "Who did what to the running host: a reload, a reconnect, a stop, an operation of a plugin, done or failed, whoever asked for it. What only reads is not told.",
  }),
  ready: hook<() => Awaitable<void>>({
    kind: "AsyncSeriesHook",
    args: [],
    tellsOperator: true,
    gives: "nothing",
    host: "–",
    purpose: "The host starts: work that waits, before the first client is served.",
  }),
  close: hook<() => Awaitable<void>>({
    kind: "AsyncSeriesHook",
    args: [],
    gives: "nothing",
    host: "–",
    purpose: "The host stops: release what was acquired.",
  }),
};

export type HookName = keyof typeof HOOKS;

/** `host.hooks`: the same hooks with the types of their taps. */
export type Hooks = { readonly [Name in HookName]: TappableOf<(typeof HOOKS)[Name]> };

/** tapable's classes by name. */
export const HOOK_CLASSES = { AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook, SyncBailHook, SyncHook, SyncWaterfallHook };

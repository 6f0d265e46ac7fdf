import type { Hono } from "hono";
import { AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook, SyncBailHook, SyncHook, SyncWaterfallHook } from "tapable";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Principal, SessionFacts } from "../exchange/caller.ts";
import type { Entry } from "../exchange/entry.ts";
import type { Exchange, Route } from "../exchange/exchange.ts";
import type { MethodParams } from "../exchange/methods.ts";
import type { ConnectionState, Credentials, CredentialsRequest, UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Json, Notification } from "../wire/message.ts";

/**
 * A hook as plugins see it. At run time it is the real tapable object, guarded: `tap` only, in config order, and only
 * while `apply` runs. On an asynchronous hook `fn` may return a promise; on a synchronous one it may not.
 */
export interface Tappable<Fn> {
  /** @param name the plugin's name */
  tap(name: string, fn: Fn): void;
}

/** Hooks keyed by request method; `"*"` taps every method, those that the host does not know included. */
export interface TappableMap<Fns> {
  for<Key extends keyof Fns>(method: Key): Tappable<Fns[Key]>;
}

/** A change of one connection's state, or the end of an upstream. */
export interface UpstreamEvent extends UpstreamFacts {
  /** `removed`: a reload took the upstream out of the config, or put one with other settings in its place. */
  readonly state: ConnectionState | "removed";
  /** Why, where there is a reason. */
  readonly reason: string | undefined;
}

export interface SessionEvent {
  readonly event: "opened" | "closed";
  readonly session: SessionFacts;
}

/** What an operator had done to the running host. */
export interface OperatedEvent {
  /** When it was asked for, in milliseconds since 1970. */
  readonly at: number;
  /** Who: `socket` (`mcp-host` on this machine), `signal`, `watch`, `program` (which the host is a part of), or whom `via` names. */
  readonly who: string;
  /** The plugin that had it done for `who`, through `host.operator.run`; absent where none did. */
  readonly via?: string;
  /** What, as `host.operator.list()` names it. */
  readonly operation: string;
  /** The plugin whose operation it is; absent for the host's own. */
  readonly plugin?: string;
  /** Without secrets. */
  readonly params: Readonly<Json>;
  /** `ok`, or why it was not done, without secrets. */
  readonly outcome: string;
}

/** What the host knows of an HTTP request before its body was read. */
export interface HttpFacts {
  readonly method: string;
  /** Path without query: a token in a query is never looked at. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly remoteAddress: string;
}

/** A question of an upstream to its client: sampling, elicitation, roots, or a vendor's own. */
export interface Ask {
  readonly method: string;
  readonly params: Readonly<Json>;
}

/** A plugin's answer in the client's place. */
export interface OwnAnswer {
  readonly answer: Json;
}

/** Where a notification of an upstream comes from and whom it is for, as far as that is known. */
export interface NotificationOrigin {
  readonly upstream: string;
  /** The call on whose stream or token it came. */
  readonly exchange: Exchange | undefined;
}

/** Gets the result of one exchange. What a `call` tap is given, and what it gives back. */
export type Handler = (exchange: Exchange) => Promise<Json>;

type TransformFns = {
  [M in keyof MethodParams]: (params: Readonly<MethodParams[M]>, exchange: Exchange) => Awaitable<Readonly<MethodParams[M]>>;
} & {
  "*": (params: Readonly<Json>, exchange: Exchange) => Awaitable<Readonly<Json>>;
};
type CallFn = (next: Handler, upstream: UpstreamFacts) => Handler;
type CallFns = Record<keyof MethodParams | "*", CallFn>;
type RespondFn = (result: Readonly<Json>, exchange: Exchange) => Awaitable<Readonly<Json>>;
type RespondFns = Record<keyof MethodParams | "*", RespondFn>;

/** How a hook runs: which of tapable's classes it is, and whether it is keyed by method. */
export interface HookDefinition {
  readonly kind: "AsyncSeriesWaterfallHook" | "SyncWaterfallHook" | "SyncBailHook" | "AsyncSeriesBailHook" | "SyncHook" | "AsyncSeriesHook";
  readonly args: readonly string[];
  readonly keyed?: true;
  /** Always fails closed, whatever the config says. */
  readonly closed?: true;
  /** What a tap gives back. */
  readonly gives: string;
  /** Who answers when no tap did. */
  readonly host: string;
  readonly purpose: string;
}

/** Every hook, in the order of the way of a request. `docs/pipeline.md` takes its tables from here. */
export const HOOKS = {
  authenticate: {
    kind: "AsyncSeriesBailHook",
    args: ["request"],
    closed: true,
    gives: "a Principal, or undefined",
    host: "without taps `anonymous`; with taps 401",
    purpose: "Who is it? Asked at the HTTP edge, before any body is parsed.",
  },
  session: { kind: "SyncHook", args: ["event"], gives: "nothing", host: "–", purpose: "A client session was opened or closed." },
  upstream: { kind: "SyncHook", args: ["event"], gives: "nothing", host: "–", purpose: "A connection to an upstream changed its state." },
  credentials: {
    kind: "AsyncSeriesWaterfallHook",
    args: ["credentials", "request"],
    closed: true,
    gives: "credentials",
    host: "what the config says",
    purpose:
      "Headers for an HTTP upstream, variables for a stdio one. Asked when a connection is made, once when a server answers 401, and before use when they have expired; never per call.",
  },
  discover: {
    kind: "AsyncSeriesWaterfallHook",
    args: ["entries", "upstream"],
    gives: "entries",
    host: "as listed",
    purpose: "Hide, rename, re-describe what one upstream lists. Runs when a list was read, never per request; may not invent entries.",
  },
  merge: {
    kind: "SyncWaterfallHook",
    args: ["entries"],
    gives: "entries",
    host: "conflicts resolved: the pinned owner, else the first in config order",
    purpose: "Sees the whole last-known catalog, upstreams that are down included: conflict strategies, name budgets.",
  },
  route: {
    kind: "AsyncSeriesBailHook",
    args: ["exchange"],
    gives: "a Route, or undefined",
    host: "the entry's owner",
    purpose: "Load balancing, canaries, content-based routing. Asked again only when a call failed and was provably not sent.",
  },
  permit: {
    kind: "SyncBailHook",
    args: ["entry", "principal", "exchange"],
    closed: true,
    gives: "false, or undefined",
    host: "allowed",
    purpose:
      "One rule that hides an entry from lists and refuses it in calls. Asked after `route` without the exchange, and after `transform` with it. Where a route leads to another upstream or native name, that entry is asked beside the named one.",
  },
  transform: {
    kind: "AsyncSeriesWaterfallHook",
    args: ["params", "exchange"],
    keyed: true,
    gives: "params",
    host: "unchanged",
    purpose: "Rewrite or refuse what goes to the upstream. Names, URIs, refs and task ids are read-only.",
  },
  call: {
    kind: "SyncWaterfallHook",
    args: ["next", "upstream"],
    keyed: true,
    gives: "a handler",
    host: "the connection",
    purpose:
      "Everything around a call: cache, breaker, retry, timeout. Composed once per upstream; the first plugin in config is the outermost.",
  },
  respond: {
    kind: "AsyncSeriesWaterfallHook",
    args: ["result", "exchange"],
    keyed: true,
    gives: "result",
    host: "unchanged",
    purpose: "Redact, truncate, reshape. For lists: edit fields, never add, drop or rename.",
  },
  settled: {
    kind: "SyncHook",
    args: ["exchange"],
    gives: "nothing",
    host: "–",
    purpose: "Metrics, audit, logs. Fires exactly once per request; what it throws is logged and changes nothing.",
  },
  ask: {
    kind: "AsyncSeriesWaterfallHook",
    args: ["request", "exchange"],
    gives: "the request, or `{ answer }`",
    host: "the owning session",
    purpose: "What an upstream asks of the client (sampling, elicitation, roots): rewrite, answer in its place, or refuse.",
  },
  answer: {
    kind: "AsyncSeriesWaterfallHook",
    args: ["result", "exchange"],
    gives: "result",
    host: "unchanged",
    purpose: "The client's answer on its way to the upstream that asked.",
  },
  notify: {
    kind: "SyncWaterfallHook",
    args: ["notification", "origin"],
    gives: "the notification, or null",
    host: "the owning sessions",
    purpose: "Filter or redact logs, progress, list changes: once per upstream message, before its recipients are computed. null ends it.",
  },
  http: {
    kind: "SyncHook",
    args: ["app", "publicApp"],
    gives: "nothing",
    host: "–",
    purpose:
      "Mount routes on the host's Hono app, which exists only if somebody taps: on `app` behind `authenticate`, as the endpoint is; on `publicApp` for everybody who reaches the host.",
  },
  operated: {
    kind: "SyncHook",
    args: ["event"],
    gives: "nothing",
    host: "–",
    purpose:
      "Who did what to the running host: a reload, a reconnect, a stop, an operation of a plugin, done or failed, whoever asked for it. What only reads is not told.",
  },
  ready: {
    kind: "AsyncSeriesHook",
    args: [],
    gives: "nothing",
    host: "–",
    purpose: "The host starts: work that waits, before the first client is served.",
  },
  close: { kind: "AsyncSeriesHook", args: [], gives: "nothing", host: "–", purpose: "The host stops: release what was acquired." },
} as const satisfies Record<string, HookDefinition>;

export type HookName = keyof typeof HOOKS;

/** `host.hooks`: the same hooks with the types of their taps. */
export interface Hooks {
  readonly authenticate: Tappable<(request: HttpFacts) => Awaitable<Principal | undefined>>;
  readonly session: Tappable<(event: SessionEvent) => void>;
  readonly upstream: Tappable<(event: UpstreamEvent) => void>;
  readonly credentials: Tappable<(credentials: Credentials, request: CredentialsRequest) => Awaitable<Credentials>>;
  readonly discover: Tappable<(entries: readonly Entry[], upstream: UpstreamFacts) => Awaitable<readonly Entry[]>>;
  readonly merge: Tappable<(entries: readonly Entry[]) => readonly Entry[]>;
  readonly route: Tappable<(exchange: Exchange) => Awaitable<Route | undefined>>;
  readonly permit: Tappable<(entry: Entry, principal: Principal, exchange: Exchange | undefined) => false | undefined>;
  readonly transform: TappableMap<TransformFns>;
  readonly call: TappableMap<CallFns>;
  readonly respond: TappableMap<RespondFns>;
  readonly settled: Tappable<(exchange: Exchange) => void>;
  readonly ask: Tappable<(request: Ask, exchange: Exchange) => Awaitable<Ask | OwnAnswer>>;
  readonly answer: Tappable<(result: Readonly<Json>, exchange: Exchange) => Awaitable<Readonly<Json>>>;
  readonly notify: Tappable<(notification: Readonly<Notification>, origin: NotificationOrigin) => Readonly<Notification> | null>;
  readonly http: Tappable<(app: Hono, publicApp: Hono) => void>;
  readonly operated: Tappable<(event: OperatedEvent) => void>;
  readonly ready: Tappable<() => Awaitable<void>>;
  readonly close: Tappable<() => Awaitable<void>>;
}

/** tapable's classes by name. */
export const HOOK_CLASSES = { AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook, SyncBailHook, SyncHook, SyncWaterfallHook };

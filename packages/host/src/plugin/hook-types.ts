import type { ErrorType } from "../errors.ts";
import type { Caller, Principal } from "../exchange/caller.ts";
import type { Entry } from "../exchange/entry.ts";
import type { Exchange, Site } from "../exchange/exchange.ts";
import type { Method } from "../exchange/methods.ts";
import type { ConnectionState, UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Json } from "../wire/message.ts";

/**
 * A hook as plugins see it. At run time it is the real tapable object, guarded: `tap` only, in config order, and only
 * while `apply` runs. On an asynchronous hook `fn` may return a promise; on a synchronous one it may not.
 */
export interface Tappable<Fn> {
  /** @param name the plugin's name */
  tap(name: string, fn: Fn): void;
}

/** What stands before the slash in names of methods that are MCP's own. */
type Family = Method extends infer Name ? (Name extends `${infer First}/${string}` ? First : never) : never;

/** MCP's families, and each with an `s` too many or too few. */
type Taken = Family | (Family extends infer Name ? (Name extends `${infer One}s` ? One : `${Name & string}s`) : never);

/**
 * Hooks keyed by request method; `"*"` taps every method, those that the host does not know included. A method that never
 * comes to the hook is refused, and so is a misspelt one.
 */
export interface TappableMap<Fns extends Record<"*", unknown>> {
  for<Key extends keyof Fns>(method: Key): Tappable<Fns[Key]>;
  /** A method of a server's own, in a family of its own: `acme/search`. It comes to the host's only server. One whose family is nearly one of MCP's: `for("*")`. */
  for<Own extends `${string}/${string}`>(method: Own extends `${Taken}/${string}` ? never : Own): Tappable<Fns["*"]>;
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
  readonly session: Caller;
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
  /** By names in lower case: all of them for `admit`, `authenticate` and `principal`; for `refused` those that plugins keep. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The address that the connection comes from: a proxy's, behind a proxy. `""` over a Unix socket. */
  readonly address: string;
}

/** A request as `admit`, `authenticate` and `principal` are asked about it. */
export interface HttpArrival extends HttpFacts {
  /**
   * Gives headers to the answer, whatever it will be; one of a name that was given before is replaced. False where the host has
   * no answer to give them to: the head has gone out, it is a WebSocket's, or a server around the host answers itself.
   * @throws TypeError for a header that is malformed, of the protocol or the hop, or the host's own
   */
  answerHeaders(headers: Readonly<Record<string, string>>): boolean;
}

/** What was turned away without an exchange that is answered: a request at the HTTP edge, or a client's notification on its way. */
export interface RefusedEvent {
  /** The request; undefined for a notification. Its headers are those that plugins keep (`host.keepHeaders`), and never credentials. */
  readonly request: HttpFacts | undefined;
  /** Of a notification. */
  readonly exchange: Exchange | undefined;
  /** Which plugin refused it, or failed over it, in which hook; undefined: the host itself did. */
  readonly decision: Site | undefined;
  /** Which of the plugin's rules it was, where its refusal says so. */
  readonly rule: string | undefined;
  readonly type: ErrorType;
  /** The HTTP status; undefined for a notification, which gets no answer. */
  readonly status: number | undefined;
  /** What the client was told, or would have been. */
  readonly message: string;
}

/** How `permit` and `authorize` say no: with the name of the plugin's rule that it is for, `decisions` tells that to whoever observes, and nobody else. */
export type Refused = false | { readonly rule: string };

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

/** What a tap is run for, as far as a condition may ask. What is unknown meets no condition on it. */
export interface Subject {
  readonly entry?: Entry | undefined;
  /** The upstream's key, where there is no entry. */
  readonly server?: string | undefined;
  readonly principal?: Principal | undefined;
  /** `""` is the unnamed one. */
  readonly endpoint?: string | undefined;
}

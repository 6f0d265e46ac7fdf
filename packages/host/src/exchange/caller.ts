import type { Json } from "../wire/message.ts";

/** Who calls, as an auth plugin established it; `local` on stdio and in process, `anonymous` over HTTP without auth. */
export interface Principal {
  readonly id: string;
  readonly roles: readonly string[];
  /** What else the auth plugin knows, such as the claims of a token. */
  readonly claims?: Readonly<Json>;
  /**
   * What else a session is bound to: who issued the credentials, to which client, how far they reach. A request with another
   * binding is no part of the session, and nothing is shared between the two.
   */
  readonly binding?: string;
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

/** The principal where somebody authenticated; otherwise the session, since everybody would be the same principal. */
export function scopeOf(session: SessionFacts): string {
  const { id, binding } = session.principal;
  if (id === "anonymous" || id === "local") return `session:${session.id}`;
  return binding === undefined ? `principal:${id}` : `principal:${id} ${binding}`;
}

import type { Json } from "../wire/message.ts";

/** Who calls, as an auth plugin established it; `local` on stdio and in process, `anonymous` over HTTP without auth. */
export interface Principal {
  readonly id: string;
  readonly roles: readonly string[];
  /** What else the auth plugin knows, such as the claims of a token. */
  readonly claims?: Readonly<Json>;
  /**
   * What else a caller is bound to: who issued the credentials, to which client, how far they reach. A request with another
   * binding is another caller's, and nothing is shared between the two.
   */
  readonly binding?: string;
}

/** The program that calls, as it describes itself. Never part of what a caller is known by. */
export interface ClientFacts {
  readonly info: Readonly<Json>;
  /** The negotiated protocol version. */
  readonly version: string;
  /** The level of `logging/setLevel`; undefined until the client set one. */
  readonly logLevel: string | undefined;
}

/**
 * Whom an exchange comes from. Whatever is kept by client (lists, connections, limits, answers to a person's questions) is
 * kept by caller, under its {@link id}. A session is one kind of caller.
 */
export interface Caller {
  /** 128 random bits or more, the same for all that this caller sends; nobody can guess another's. */
  readonly id: string;
  readonly principal: Principal;
  /** What the client declared that it can be asked (`elicitation`, `sampling`, `roots`, ...). */
  readonly capabilities: Readonly<Json>;
  readonly client: ClientFacts;
  /** The name of the endpoint that it came in by, as a plugin opened it; undefined for the unnamed one. */
  readonly endpoint: string | undefined;
  /** Whether the client comes over the network; otherwise over stdio or in process. */
  readonly network: boolean;
  /** Whether this is the host's only client, so that every connection is its own. */
  readonly sole: boolean;
}

/** A caller as one of its clients: of MCP 2026-07-28 each request tells which it is, and several may be one caller. */
export function asClient(caller: Caller, client: ClientFacts): Caller {
  if (caller.client === client) return caller;
  const { id, principal, capabilities, endpoint, network, sole } = caller;
  return { id, principal, capabilities, client, endpoint, network, sole };
}

/** The principal where somebody authenticated; otherwise the caller, since everybody would be the same principal. */
export function scopeOf({ id: caller, principal }: Pick<Caller, "id" | "principal">): string {
  const { id, binding } = principal;
  if (id === "anonymous" || id === "local") return `session:${caller}`;
  return binding === undefined ? `principal:${id}` : `principal:${id} ${binding}`;
}

import type { Principal } from "./caller.ts";

/** Facts of an upstream, for `discover`, `call` and `upstream`. */
export interface UpstreamFacts {
  /** The config's key; of what a plugin offers the plugin's id. */
  readonly key: string;
  /**
   * Of a `url` without `type` it is what the server answered to last: it may change while the host runs. `plugin`: there is no
   * server, a plugin offers entries of its own.
   */
  readonly wire: "stdio" | "http" | "sse" | "websocket" | "transport" | "plugin";
  /** The `type` of a server whose transport a plugin or code brings. */
  readonly type?: string;
  readonly isolation: "shared" | "session" | "principal";
}

/**
 * Where a connection stands. `unconfigured`: the config refers to a value for it that nobody has set, so it is not tried.
 * `needs sign-in`: a plugin has no credentials for it until somebody signs in, so nothing is sent and nothing tried by itself.
 */
export type ConnectionState =
  | "idle"
  | "connecting"
  | "ready"
  | "degraded"
  | "failed"
  | "needs sign-in"
  | "backing off"
  | "draining"
  | "stopped"
  | "unconfigured";

/** What a connection to an upstream is made with, besides what the config says. */
export interface Credentials {
  /** Headers of every request to an HTTP upstream; they win over the config's of the same name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Variables of a stdio server, set when its process starts; they win over the config's. */
  readonly env: Readonly<Record<string, string>>;
  /** When the headers cease to be good, in milliseconds since 1970: they are asked for again before they are used then. */
  readonly expires?: number;
}

/** Who needs credentials, and why. */
export interface CredentialsRequest {
  readonly upstream: UpstreamFacts;
  /** Whose connection it is; undefined where clients share it. */
  readonly principal: Principal | undefined;
  /**
   * `connect`: a connection is made; `refused`: an HTTP upstream answered 401 to the last ones; `insufficient`: it answered 403
   * and wants more scope (RFC 6750 section 3.1); `expired`: their time is up.
   */
  readonly reason: "connect" | "refused" | "insufficient" | "expired";
  /**
   * What an HTTP upstream says with `refused` and `insufficient`: its `WWW-Authenticate` as it came, several joined by commas
   * (RFC 9110 section 11.6.1), at most 4096 characters. Undefined where it says nothing.
   */
  readonly challenge: string | undefined;
  /** What the connection had until now; undefined with `connect`. */
  readonly last: Credentials | undefined;
}

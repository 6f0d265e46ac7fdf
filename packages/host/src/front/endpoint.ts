import type { IncomingMessage } from "node:http";
import type { ListenConfig } from "../config/schema.ts";
import { HostError } from "../errors.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Logger } from "../log.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Limits } from "../wire/limits.ts";
import { isSupportedVersion, PROTOCOL_VERSIONS } from "../wire/versions.ts";
import type { FrontResponse } from "./response.ts";

/** What every way in over the network is made with. */
export interface NetworkOptions {
  readonly listen: ListenConfig;
  /** Where relative paths of `listen.tls` begin. */
  readonly folder: string;
  readonly limits: Limits;
  readonly sessions: Sessions;
  readonly hooks: () => SealedHooks;
  readonly log: Logger;
  /** Who a client is, where the program whose server it is has established it. Asked before plugins; undefined leaves it to them. */
  readonly authenticate?: ((request: IncomingMessage) => Awaitable<Principal | undefined>) | undefined;
  /** Whether `/readyz` answers 200, and why not. */
  readonly ready: () => { ready: boolean; down: readonly string[] };
}

/** One way in over the network: Streamable HTTP, the HTTP+SSE of old, WebSocket. */
export interface Endpoint {
  /** Refuses new requests and sessions; what is in flight goes on. */
  drain(): void;
  /** A session has ended, perhaps one of this way in: so does what it was served on. */
  ended(session: Session): void;
  /** Called about once a second. @param quiet it is time for a sign of life on what is open */
  tick(now: number, quiet: boolean): void;
  /** Ends what is open. */
  close(): void;
}

/** A way in whose messages come in HTTP requests. */
export interface HttpEndpoint extends Endpoint {
  /** Throws why it refuses, or tells `failed` later. Not a promise: a call pays for every one. */
  serve(request: IncomingMessage, response: FrontResponse, principal: Principal, failed: (error: unknown) => void): void;
}

export const ANONYMOUS: Principal = Object.freeze({ id: "anonymous", roles: Object.freeze([]) });

/** Whether somebody says who clients are. */
export function isAuthenticated({ authenticate, hooks }: Pick<NetworkOptions, "authenticate" | "hooks">): boolean {
  return authenticate !== undefined || hooks().authenticate !== undefined;
}

/** Who makes a request. Only where somebody says it. */
export async function authenticate(options: NetworkOptions, request: IncomingMessage, path: string): Promise<Principal> {
  const { method = "", headers, socket } = request;
  const facts = { method, path, headers, remoteAddress: socket.remoteAddress ?? "" };
  const hooks = options.hooks();
  const principal = (await options.authenticate?.(request)) ?? (await hooks.authenticate?.(facts));
  if (hooks !== options.hooks()) return authenticate(options, request, path); // a reload came between: what it took away is gone
  if (typeof principal !== "object" || typeof principal?.id !== "string" || principal.id === "" || !Array.isArray(principal.roles)) {
    throw new HostError("unauthorized", "the request is not authenticated", { headers: { "www-authenticate": "Bearer" } });
  }
  return principal;
}

/** The network session with this id, if it is this principal's: another's is no different from an unknown one. */
export function ownSession(sessions: Sessions, id: string, principal: Principal): Session | undefined {
  const session = sessions.get(id);
  return session?.network && isSame(session.principal, principal) ? session : undefined;
}

/** Whether two say the same of who somebody is and what they may do. */
export function isSame(a: Principal, b: Principal): boolean {
  if (a === b) return true;
  return a.id === b.id && a.binding === b.binding && JSON.stringify([...a.roles].sort()) === JSON.stringify([...b.roles].sort());
}

/** @throws HostError if the request names a protocol version that the host does not speak */
export function checkVersion(request: IncomingMessage): void {
  const version = request.headers["mcp-protocol-version"];
  if (version !== undefined && !isSupportedVersion(version)) {
    throw new HostError(
      "unsupported_version",
      `the host does not speak the protocol version in MCP-Protocol-Version; it speaks ${PROTOCOL_VERSIONS.join(", ")}`,
    );
  }
}

/** @throws HostError unless the body of a POST says that it is JSON */
export function checkJson(request: IncomingMessage): void {
  const type = request.headers["content-type"] ?? "";
  if (type !== "application/json" && !/^application\/json\s*(;|$)/i.test(type))
    throw new HostError("unsupported_media_type", "Content-Type must be application/json");
}

export function notAllowed(method: string | undefined, allowed: string): HostError {
  return new HostError("method_not_allowed", `${method} is not one of the endpoint's methods`, { headers: { allow: allowed } });
}

/** Why a session ends whose client a reload has made unknown, or another. */
export function unknownNow(): HostError {
  return new HostError("unauthorized", "the client is not who it was any more; connect anew");
}

export function stopping(): HostError {
  return new HostError("shutting_down", "the host is stopping", { headers: { connection: "close", "retry-after": "5" } });
}

/** The path that a request is for. A slash at its end says nothing: people and proxies add one. */
export function pathOf(request: IncomingMessage): string {
  const path = writtenPath(request);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** The path of a request as its client or a proxy wrote it. */
export function writtenPath({ url = "/" }: IncomingMessage): string {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}

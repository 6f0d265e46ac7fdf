import type { IncomingMessage } from "node:http";
import type { ListenConfig } from "../config/schema.ts";
import { HostError } from "../errors.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Logger } from "../log.ts";
import type { Failures } from "../plugin/failures.ts";
import type { PluginSet } from "../plugin/plugin-set.ts";
import type { Callers } from "../session/callers.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Limits } from "../wire/limits.ts";
import type { Json } from "../wire/message.ts";
import { isSupportedVersion, PROTOCOL_VERSIONS } from "../wire/versions.ts";
import type { FrontResponse } from "./response.ts";

/** What every way in over the network is made with. */
export interface NetworkOptions {
  readonly listen: ListenConfig;
  /** Where relative paths of `listen.tls` begin. */
  readonly folder: string;
  readonly limits: Limits;
  /** Milliseconds that calls in flight may take to finish once nothing new comes. */
  readonly drain: number;
  readonly sessions: Sessions;
  /** Those that clients of the modern era are. */
  readonly callers: Callers;
  /** What the host says it is. */
  readonly hostInfo: Json;
  /** What plugins have to say at the edge: those that serve now. */
  readonly plugins: () => Pick<PluginSet, "hooks" | "edge">;
  readonly log: Logger;
  /** Where what routes of plugins throw is told. */
  readonly failures: Failures;
  /** Who a client is, where the program whose server it is has established it. Asked before plugins; undefined leaves it to them. */
  readonly authenticate?: ((request: IncomingMessage) => Awaitable<Principal | undefined>) | undefined;
  /** Whether `/readyz` answers 200, and why not. */
  readonly ready: () => { ready: boolean; down: readonly string[]; draining: boolean };
}

/** One way in over the network: Streamable HTTP, the HTTP+SSE of old, WebSocket. */
export interface WayIn {
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
export interface HttpWayIn extends WayIn {
  /** Throws why it refuses, or tells `failed` later. Not a promise: a call pays for every one. */
  serve(request: IncomingMessage, response: FrontResponse, arrival: Arrival, failed: (error: unknown) => void): void;
}

/** Who comes in, and by which endpoint. */
export interface Arrival {
  readonly principal: Principal;
  /** The name of one that a plugin opened; undefined for the unnamed one. */
  readonly endpoint: string | undefined;
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

/** What stands between the path of a way in and the name of an endpoint that a plugin opened. */
const NAMED = "/p";

/** The endpoint whose path this is, and the path of the way in that it is below. */
export function namedIn(path: string): { base: string; endpoint: string } | undefined {
  const slash = path.lastIndexOf("/");
  const base = path.slice(0, slash);
  return base.endsWith(NAMED) ? { base: base.slice(0, -NAMED.length) || "/", endpoint: path.slice(slash + 1) } : undefined;
}

/** The path of an endpoint, below that of a way in. */
export function pathBelow(endpoint: string | undefined): string {
  return endpoint === undefined ? "" : `${NAMED}/${endpoint}`;
}

/** @throws HostError unless a plugin has opened the endpoint. Not before it is known who asks: which there are is nobody else's business. */
export function checkEndpoint({ plugins }: Pick<NetworkOptions, "plugins">, endpoint: string | undefined): void {
  if (endpoint !== undefined && !plugins().edge.endpoints.has(endpoint))
    throw new HostError("not_found", `there is no endpoint "${endpoint.slice(0, 64)}" here`);
}

import type { IncomingMessage } from "node:http";
import type { ListenConfig } from "../config/schema.ts";
import { ConfigError, HostError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Limits } from "../wire/limits.ts";
import { isLoopback, isLoopbackName } from "../wire/loopback.ts";
import type { FrontResponse } from "./response.ts";

/** The methods of the MCP endpoint. */
export const ENDPOINT_METHODS = "GET, POST, DELETE";
/** The methods that a route of a plugin may have. */
export const ROUTE_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Whoever can reach an open port without authentication can use every server behind it. A name of other machines' means that
 * they do reach it, through a proxy. @throws ConfigError unless that is `allowed`
 */
export function checkExposure({ host, hosts }: ListenConfig, allowed: boolean, log: Logger): void {
  const name = isLoopback(host) ? hosts.find((each) => !isLoopbackName(each)) : undefined;
  if (isLoopback(host) && name === undefined) return;
  if (allowed) return log.warn("everybody who can reach this port can use every upstream: --insecure-no-auth", { host, name });
  throw new ConfigError([
    name === undefined
      ? `listen.host: "${host}" can be reached from other machines and no auth plugin is loaded; add one, listen on 127.0.0.1, or pass --insecure-no-auth`
      : `listen.hosts: "${name}" is how other machines reach the host through a proxy, and no auth plugin is loaded; add one, leave the name out, or pass --insecure-no-auth`,
  ]);
}

export type Checks = Pick<Edge, "check" | "headers" | "preflight">;

/** The checks that every HTTP request passes before anything of it is looked at. */
export class Edge {
  readonly #hosts: ReadonlySet<string> | undefined;
  readonly #ownOrigins: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #maxHeaders: number;
  readonly #place: string;

  /**
   * @param at the port that is really listened on, and how
   * @param place where the names and origins are written, for errors
   */
  constructor(
    listen: Pick<ListenConfig, "host" | "hosts" | "origins">,
    { port, scheme }: { port: number; scheme: "http" | "https" },
    limits: Limits,
    place = "listen.",
  ) {
    this.#place = place;
    const loopback = isLoopback(listen.host);
    // Beyond loopback the names by which the host is reached are unknown, unless the config says them.
    // 127.0.0.2 is a loopback address too, and a URL has brackets around an IPv6 one.
    const own = loopback ? [...LOOPBACK_NAMES, ...(listen.host.includes(":") ? [] : [listen.host])] : [];
    const at = (names: readonly string[], ports: readonly number[]): string[] =>
      names.flatMap((name) => [name, ...ports.map((each) => `${name}:${each}`)]);
    // Some proxies write the port that they were called at even where it is the default one.
    const names = [...at(own, [port]), ...at(listen.hosts, [port, 80, 443])];
    this.#hosts = names.length === 0 ? undefined : new Set(names);
    // The host's own pages call from its own origin, which a web page elsewhere cannot have.
    this.#ownOrigins = new Set(own.map((name) => new URL(`${scheme}://${name}:${port}`).origin));
    this.#origins = new Set(listen.origins);
    this.#maxHeaders = limits.headerCount;
  }

  /** Refuses foreign Host and Origin headers; exact comparison leaves no room for look-alikes. */
  check(request: IncomingMessage): HostError | undefined {
    const { rawHeaders, headers } = request;
    if (rawHeaders.length > 2 * this.#maxHeaders) return new HostError("invalid_request", `more than ${this.#maxHeaders} headers`);
    let hosts = 0;
    let origins = 0;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] as string; // rawHeaders come in pairs
      if (name.length === 4 && name.toLowerCase() === "host") hosts++;
      else if (name.length === 6 && name.toLowerCase() === "origin") origins++;
    }
    if (hosts !== 1 || (this.#hosts && !this.#hosts.has((headers.host ?? "").toLowerCase()))) {
      return new HostError("forbidden", `the Host header is not one of the host's names; add it to ${this.#place}hosts if it should be`);
    }
    if (origins === 0) return undefined;
    if (origins > 1 || !this.#allows(headers.origin ?? ""))
      return new HostError("forbidden", `the Origin header is not an allowed one; add it to ${this.#place}origins if it should be`);
    return undefined;
  }

  #allows(origin: string): boolean {
    return this.#origins.has(origin) || this.#ownOrigins.has(origin);
  }

  /** Headers of every answer, names and values in turn: for CORS only to the origins that the config names. */
  headers(request: IncomingMessage): readonly string[] {
    if (this.#origins.size === 0) return SECURITY;
    const { origin } = request.headers;
    if (origin === undefined || !this.#origins.has(origin)) return [...SECURITY, "vary", "Origin"];
    const exposed = "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy";
    return [...SECURITY, "vary", "Origin", "access-control-allow-origin", origin, "access-control-expose-headers", exposed];
  }

  /** Answers a preflight of an allowed origin, which says nothing of what is there; gives whether it did. @param methods that may be asked for */
  preflight(request: IncomingMessage, response: FrontResponse, methods: string): boolean {
    if (request.method !== "OPTIONS" || !this.#origins.has(request.headers.origin ?? "")) return false;
    const params = paramHeadersIn(request.headers["access-control-request-headers"]);
    const allowed = [ALLOWED_HEADERS, ...params].join(", ");
    response
      .head(204, "access-control-allow-methods", methods, "access-control-allow-headers", allowed, "access-control-max-age", "600")
      .end();
    return true;
  }
}

/** What web pages may send with a request, besides the headers that tools ask for. */
const ALLOWED_HEADERS = "Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID";
/** Headers that repeat arguments of a tool (2026-07-28); which they are only the tools say. */
const PARAM_HEADER = /^mcp-param-[\w!#$%&'*+.^`|~-]{1,64}$/i;
const PARAM_HEADERS = 32;

/** Those headers of tools that a preflight asks for. */
function paramHeadersIn(asked: string | undefined): string[] {
  if (!asked?.toLowerCase().includes("mcp-param-")) return [];
  const names = asked.split(",", 4 * PARAM_HEADERS).map((name) => name.trim());
  return names.filter((name) => PARAM_HEADER.test(name)).slice(0, PARAM_HEADERS);
}

const SECURITY = Object.freeze(["x-content-type-options", "nosniff", "x-frame-options", "DENY", "cache-control", "no-store"]);

/** What clients send as a rule; it need not be looked into. */
const USUAL_ACCEPT = "application/json, text/event-stream";

/**
 * Whether a client takes all of these media types, of which the host chooses (2025-11-25, transports, "Sending Messages"). One
 * that says nothing takes everything (RFC 9110, section 12.5.1), and one that writes a range with a wildcard does not choose.
 */
export function accepts({ headers: { accept } }: IncomingMessage, ...types: string[]): boolean {
  if (!accept || accept === USUAL_ACCEPT) return true;
  const ranges = accept.toLowerCase();
  const isRange = (type: string): boolean => ranges.includes(`${type.slice(0, type.indexOf("/"))}/*`);
  return ranges.includes("*/*") || types.some(isRange) || types.every((type) => ranges.includes(type));
}

/** A client that names the event stream first gets one from the start; all others get plain JSON as long as that will do. */
export function prefersStream({ headers: { accept = "" } }: IncomingMessage): boolean {
  if (accept === USUAL_ACCEPT) return false;
  const stream = accept.indexOf("text/event-stream");
  return stream !== -1 && stream < accept.indexOf("application/json");
}

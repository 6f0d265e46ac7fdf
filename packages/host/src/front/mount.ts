import type { IncomingMessage, ServerResponse } from "node:http";
import type { ListenConfig } from "../config/schema.ts";
import { ConfigError, HostError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Limits } from "../wire/limits.ts";
import { isLoopback, isLoopbackName } from "../wire/loopback.ts";
import { type Checks, Edge } from "./edge.ts";
import { HttpFront } from "./http.ts";
import { enter, isAuthenticated } from "./identity.ts";
import { turnAway } from "./refusal.ts";
import { FrontResponse } from "./response.ts";
import { type NetworkOptions, namedIn, pathBelow, pathOf } from "./way-in.ts";

/** Handles a request of Node's HTTP server, or of a framework over it. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** The edge of a host in another's server: the rules of one that listens on the port that the request came to. */
export class MountedEdge implements Checks {
  readonly #listen: Pick<ListenConfig, "host" | "hosts" | "origins">;
  readonly #limits: Limits;
  readonly #isOpen: () => boolean;
  readonly #name: string;
  /** Whether the server is reached by others' names, through a proxy on this machine perhaps. */
  readonly #isNamed: boolean;
  /** By port, of which a program has few. */
  readonly #edges = new Map<number, Edge>();

  /** @param isOpen whether other machines may call: clients are authenticated, or the operator takes the risk; a reload may change it @param name of the method that was given the names */
  constructor({ hosts, origins }: ListenConfig, limits: Limits, isOpen: () => boolean, name: "handler" | "guard") {
    const foreign = hosts.find((name) => !isLoopbackName(name));
    if (!isOpen() && foreign !== undefined)
      throw new ConfigError([
        `${name}: "${foreign}" can be reached from other machines and nobody says who clients are; add an auth plugin, give ${name}() an "authenticate", or make the host with "insecureNoAuth"`,
      ]);
    this.#listen = { host: "127.0.0.1", hosts, origins };
    this.#limits = limits;
    this.#isOpen = isOpen;
    this.#name = name;
    this.#isNamed = foreign !== undefined;
  }

  check(request: IncomingMessage): HostError | undefined {
    if (!this.#isOpen() && (this.#isNamed || !isNear(request.socket.remoteAddress)))
      return new HostError(
        "forbidden",
        `nobody says who clients are, so only this machine may call; add an auth plugin, give ${this.#name}() an "authenticate", or make the host with "insecureNoAuth"`,
      );
    return this.#at(request).check(request);
  }

  headers(request: IncomingMessage): readonly string[] {
    return this.#at(request).headers(request);
  }

  preflight(request: IncomingMessage, response: FrontResponse, methods: string): boolean {
    return this.#at(request).preflight(request, response, methods);
  }

  #at({ socket: { localPort = 0 } }: IncomingMessage): Edge {
    let edge = this.#edges.get(localPort);
    if (!edge)
      this.#edges.set(localPort, (edge = new Edge(this.#listen, { port: localPort, scheme: "http" }, this.#limits, `${this.#name}'s `)));
    return edge;
  }
}

/** Whether a request comes from this machine; over a Unix socket there is no address. */
function isNear(address: string | undefined): boolean {
  return address === undefined || isLoopback(address.replace(/^::ffff:/, ""));
}

/** Opens a front in another's server. @throws ConfigError where other machines could call and nobody says who they are */
export async function mountFront(
  options: Omit<NetworkOptions, "listen">,
  listen: ListenConfig,
  insecureNoAuth: boolean,
): Promise<{ front: HttpFront; handler: RequestHandler }> {
  const isOpen = (): boolean => insecureNoAuth || isAuthenticated(options);
  const edge = new MountedEdge(listen, options.limits, isOpen, "handler");
  const front = new HttpFront({ ...options, listen });
  await front.mount(edge);
  const path = (request: IncomingMessage): string => pathIn(request, listen.path);
  return { front, handler: (request, response) => front.serve(request, dressed(response), path(request)) };
}

/**
 * Lets requests in that another server answers itself, by the rules of {@link mountFront}. Gives who makes them, and rejects with a HostError.
 * @throws ConfigError where other machines could call and nobody says who they are
 */
export function guardOf(
  options: Omit<NetworkOptions, "listen">,
  listen: ListenConfig,
  insecureNoAuth: boolean,
): (request: IncomingMessage) => Promise<Principal> {
  const edge = new MountedEdge(listen, options.limits, () => insecureNoAuth || isAuthenticated(options), "guard");
  return async (request) => {
    const path = pathOf(request);
    try {
      const refused = edge.check(request);
      if (refused) throw refused;
      return await enter(options, request, path, undefined);
    } catch (error) {
      const { type, message, headers } = turnAway(options, request, path, error);
      throw error instanceof HostError ? error : new HostError(type, message, { headers: { ...headers }, cause: error });
    }
  };
}

/** What a request is for. Where a router has taken its own path from the URL, what is left may be that of an endpoint. @param path of the MCP endpoint */
function pathIn(request: IncomingMessage & { baseUrl?: unknown }, path: string): string {
  const left = pathOf(request);
  if (typeof request.baseUrl !== "string" || request.baseUrl === "") return left;
  const named = namedIn(left);
  if (named?.base === "/") return (path === "/" ? "" : path) + pathBelow(named.endpoint);
  return left === "/" ? path : left;
}

/** A response of another's server with what the host's answers have besides; what else a framework made of it stays. */
function dressed(response: ServerResponse): FrontResponse {
  const { head, give, applyFixed } = FrontResponse.prototype;
  const fixed: readonly string[] = [];
  return Object.assign(response, { fixed, given: undefined, head, give, applyFixed }) as FrontResponse;
}

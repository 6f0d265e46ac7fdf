import http, { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ConfigError, HostError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Session } from "../session/session.ts";
import { Acceptance } from "./acceptance.ts";
import { type Checks, Edge, ENDPOINT_METHODS, ROUTE_METHODS } from "./edge.ts";
import { ANONYMOUS, admit, enter, isGuarded } from "./identity.ts";
import { listenFailure, type Server, serverOptions } from "./listening.ts";
import { LongLived } from "./long-lived.ts";
import { turnAway } from "./refusal.ts";
import type { FrontResponse } from "./response.ts";
import { routesOf } from "./routes.ts";
import { StreamableHttp } from "./streamable.ts";
import type { Certificate } from "./tls.ts";
import { type Arrival, checkEndpoint, type HttpWayIn, type NetworkOptions, namedIn, pathOf, type WayIn } from "./way-in.ts";

const KEEP_ALIVE = 15_000;
const TICK = 1_000;
/** How long what was answered just now may take on its way out. */
const LAST_WORDS = 500;
/** What probes ask. */
const HEALTH = "/healthz";
const READINESS = "/readyz";

const NOBODY: Arrival = Object.freeze({ principal: ANONYMOUS, endpoint: undefined });

/** Serves clients over the network: one port, its edge, and the ways in behind it. */
export class HttpFront {
  readonly #options: NetworkOptions;
  /** By path: what is served there. */
  readonly #paths = new Map<string, HttpWayIn>();
  readonly #ways: WayIn[] = [];
  readonly #longLived: LongLived;
  #server: Server | undefined;
  #acceptance: Acceptance | undefined;
  #certificate: Certificate | undefined;
  #edge!: Checks; // made once the port is known; nothing is served before
  #app: ((request: IncomingMessage, response: FrontResponse) => unknown) | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #keptAlive = performance.now();
  #draining = false;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#longLived = new LongLived(options);
    const streamable = new StreamableHttp(options, this.#longLived);
    this.#paths.set(options.listen.path, streamable);
    this.#ways.push(streamable);
  }

  /** Begins to listen; gives the endpoint's URL. */
  async listen(): Promise<string> {
    const { listen, limits, plugins } = this.#options;
    (await this.routes(plugins().hooks))();
    const websocket = listen.websocket ? await import("./websocket.ts") : undefined;
    const server = await this.#makeServer(websocket?.SocketRequest ?? IncomingMessage);
    server.maxConnections = limits.connections;
    this.#server = server;
    this.#acceptance = new Acceptance(server, this.#options.log);
    if (listen.sse) {
      const { SseFront } = await import("./sse.ts");
      const sse = new SseFront(this.#options, this.#longLived);
      for (const path of SseFront.PATHS) this.#paths.set(path, sse);
      this.#ways.push(sse);
    }
    if (websocket) {
      const sockets = new websocket.WebSocketFront(this.#options, this.#longLived);
      this.#ways.push(sockets);
      server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => sockets.upgrade(this.#edge, request, socket, head));
    }
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(new ConfigError([listenFailure(error, listen)])));
      server.listen({ port: listen.port, host: listen.host }, resolve);
    });
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const scheme = this.#certificate ? "https" : "http";
    this.#open(new Edge(listen, { port, scheme }, limits));
    const name = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
    return `${scheme}://${name}:${port}${listen.path}`;
  }

  async #makeServer(Request: typeof IncomingMessage): Promise<Server> {
    const { listen, limits, folder, log } = this.#options;
    const serve = (request: IncomingMessage, response: FrontResponse): void => this.serve(request, response);
    const options = serverOptions(limits, Request);
    if (!listen.tls) return http.createServer(options, serve);
    const { Certificate } = await import("./tls.ts");
    this.#certificate = new Certificate(listen.tls, folder, log);
    return this.#certificate.createServer(options, serve);
  }

  /** Serves what another server hands to {@link serve}, once `edge` has let it pass. */
  async mount(edge: Checks): Promise<void> {
    (await this.routes(this.#options.plugins().hooks))();
    this.#open(edge);
  }

  #open(edge: Checks): void {
    this.#edge = edge;
    this.#ticker = setInterval(() => this.#tick(), TICK).unref();
  }

  /** Gets the routes of plugins ready, with Hono where there are any; gives what puts them in the place of those before, and has them asked who those are that are connected. */
  async routes(hooks: SealedHooks): Promise<() => void> {
    const app = hooks.http && (await routesOf(hooks, this.#options));
    return () => {
      this.#app = app;
      this.#longLived.check();
    };
  }

  /** Reads the certificate of `listen.tls` anew; a bad one is logged and the old one stays. */
  renew(): void {
    this.#certificate?.renew();
  }

  /** Refuses new requests; what is in flight goes on, and clients may still answer what they were asked. */
  drain(): void {
    this.#draining = true;
    for (const way of this.#ways) way.drain();
  }

  async close(): Promise<void> {
    this.drain();
    clearInterval(this.#ticker);
    this.#certificate?.close();
    for (const way of this.#ways) way.close();
    const server = this.#server;
    if (!server?.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), LAST_WORDS).unref();
    await closed;
  }

  /** @param path what the request is for, where its URL does not say it */
  serve(request: IncomingMessage, response: FrontResponse, path = pathOf(request)): void {
    void request.socket.remoteAddress; // noted once per connection: it is asked for when the connection may have gone
    const failed = (error: unknown): void => this.#reject(request, response, path, error);
    try {
      response.fixed = this.#edge.headers(request); // first, so that refusals have them too
      const refused = this.#edge.check(request);
      if (refused) throw refused;
      let way = this.#paths.get(path);
      const named = way ? undefined : namedIn(path);
      if (named) way = this.#paths.get(named.base);
      if (this.#edge.preflight(request, response, way ? ENDPOINT_METHODS : ROUTE_METHODS)) return;
      if (!way) this.#elsewhere(path, request, response, failed);
      else this.#arrive(way, named?.endpoint, path, request, response, failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Lets a request in by an endpoint. Without anybody to ask it waits for nothing. */
  #arrive(
    way: HttpWayIn,
    endpoint: string | undefined,
    path: string,
    request: IncomingMessage,
    response: FrontResponse,
    failed: (error: unknown) => void,
  ): void {
    const options = this.#options;
    const serve = (principal: Principal): void => {
      checkEndpoint(options, endpoint);
      way.serve(request, response, principal === ANONYMOUS && endpoint === undefined ? NOBODY : { principal, endpoint }, failed);
    };
    if (!isGuarded(options)) return serve(ANONYMOUS);
    enter(options, request, path, response).then(serve).catch(failed);
  }

  #elsewhere(path: string, request: IncomingMessage, response: FrontResponse, failed: (error: unknown) => void): void {
    if (path === HEALTH || path === READINESS) return this.#probed(path, response);
    const serve = (): void => {
      if (!this.#app) throw new HostError("not_found", `there is nothing here; the MCP endpoint is ${this.#options.listen.path}`);
      response.applyFixed();
      this.#app(request, response);
    };
    if (!this.#options.plugins().hooks.admit) return serve();
    admit(this.#options, request, path, response).then(serve).catch(failed);
  }

  #probed(path: string, response: FrontResponse): void {
    const { ready, down, draining } = path === HEALTH ? { ready: true, down: [], draining: false } : this.#options.ready();
    const ok = ready && !this.#draining;
    response.head(ok ? 200 : 503, "content-type", "application/json");
    const why = this.#draining ? "stopping" : draining ? "draining" : "not ready";
    response.end(JSON.stringify(ok ? { status: "ok" } : { status: why, down }));
  }

  /** A session has ended: so do its streams. */
  ended(session: Session): void {
    for (const way of this.#ways) way.ended(session);
  }

  #tick(): void {
    const now = performance.now();
    const quiet = now - this.#keptAlive >= KEEP_ALIVE;
    if (quiet) this.#keptAlive = now;
    for (const way of this.#ways) way.tick(now, quiet);
    this.#acceptance?.look();
  }

  #reject(request: IncomingMessage, response: FrontResponse, path: string, error: unknown): void {
    if (response.destroyed) return;
    if (response.headersSent) {
      response.end();
      return;
    }
    const { status, headers, body } = turnAway(this.#options, request, path, error);
    response.head(status, ...Object.entries(headers).flat());
    response.end(body);
  }
}

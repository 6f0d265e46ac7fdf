import http, { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ConfigError, HostError } from "../errors.ts";
import type { Principal } from "../pipeline/exchange.ts";
import type { Session } from "../session/session.ts";
import { Answer } from "./answer.ts";
import { Edge } from "./edge.ts";
import { ANONYMOUS, authenticate, type Entrance, type HttpEntrance, type NetworkOptions, pathOf } from "./entrance.ts";
import { listenFailure } from "./listening.ts";
import { edgeRefusal } from "./refusal.ts";
import { StreamableHttp } from "./streamable.ts";
import type { Certificate } from "./tls.ts";

const KEEP_ALIVE = 15_000;
const TICK = 1_000;
/** How long what was answered just now may take on its way out. */
const LAST_WORDS = 500;

type Server = http.Server<typeof IncomingMessage, typeof Answer>;

/** Serves clients over the network: one port, its edge, and the ways in behind it. */
export class HttpFront {
  readonly #options: NetworkOptions;
  /** By path: what is served there. */
  readonly #endpoints = new Map<string, HttpEntrance>();
  readonly #entrances: Entrance[] = [];
  #server: Server | undefined;
  #certificate: Certificate | undefined;
  #edge!: Edge; // made once the port is known; nothing is served before
  #app: ((request: IncomingMessage, response: Answer) => unknown) | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #keptAlive = performance.now();
  #draining = false;

  constructor(options: NetworkOptions) {
    this.#options = options;
    const streamable = new StreamableHttp(options);
    this.#endpoints.set(options.listen.path, streamable);
    this.#entrances.push(streamable);
  }

  /** Begins to listen; gives the endpoint's URL. */
  async listen(): Promise<string> {
    const { listen, limits, hooks } = this.#options;
    if (hooks().http) await this.#mount();
    const websocket = listen.websocket ? await import("./websocket.ts") : undefined;
    const server = await this.#makeServer(websocket?.SocketRequest ?? IncomingMessage);
    this.#server = server;
    server.maxConnections = limits.connections;
    if (listen.sse) {
      const { SseFront } = await import("./sse.ts");
      const sse = new SseFront(this.#options);
      for (const path of SseFront.PATHS) this.#endpoints.set(path, sse);
      this.#entrances.push(sse);
    }
    if (websocket) {
      const sockets = new websocket.WebSocketFront(this.#options);
      this.#entrances.push(sockets);
      server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => sockets.upgrade(this.#edge, request, socket, head));
    }
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(new ConfigError([listenFailure(error, listen)])));
      server.listen({ port: listen.port, host: listen.host }, resolve);
    });
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const scheme = this.#certificate ? "https" : "http";
    this.#edge = new Edge(listen, { port, scheme }, limits);
    this.#ticker = setInterval(() => this.#tick(), TICK);
    this.#ticker.unref();
    const name = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
    return `${scheme}://${name}:${port}${listen.path}`;
  }

  async #makeServer(Request: typeof IncomingMessage): Promise<Server> {
    const { listen, limits, folder, log } = this.#options;
    const options = {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 5_000,
      noDelay: true,
      IncomingMessage: Request,
      ServerResponse: Answer,
    };
    const serve = (request: IncomingMessage, response: Answer): void => this.#serve(request, response);
    if (!listen.tls) return http.createServer(options, serve);
    const { Certificate } = await import("./tls.ts");
    this.#certificate = new Certificate(listen.tls, folder, log);
    return this.#certificate.createServer(options, serve);
  }

  /** Loads Hono, for plugins that have routes. */
  async #mount(): Promise<void> {
    const [{ Hono }, { getRequestListener }] = await Promise.all([import("hono"), import("@hono/node-server")]);
    const app = new Hono();
    this.#options.hooks().http?.(app);
    this.#app = getRequestListener(app.fetch);
  }

  /** Reads the certificate of `listen.tls` anew; a bad one is logged and the old one stays. */
  async renew(): Promise<void> {
    await this.#certificate?.renew();
  }

  /** Refuses new requests; what is in flight goes on, and clients may still answer what they were asked. */
  drain(): void {
    this.#draining = true;
    for (const entrance of this.#entrances) entrance.drain();
  }

  async close(): Promise<void> {
    this.drain();
    clearInterval(this.#ticker);
    this.#certificate?.close();
    for (const entrance of this.#entrances) entrance.close();
    const server = this.#server;
    if (!server?.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), LAST_WORDS).unref();
    await closed;
  }

  #serve(request: IncomingMessage, response: Answer): void {
    const failed = (error: unknown): void => this.#reject(response, error);
    try {
      response.fixed = this.#edge.headers(request); // first, so that refusals have them too
      const refused = this.#edge.check(request);
      if (refused) throw refused;
      const path = pathOf(request);
      const endpoint = this.#endpoints.get(path);
      if (!endpoint) return this.#elsewhere(path, request, response);
      if (request.method === "OPTIONS") {
        const denied = this.#edge.preflight(request, response);
        if (denied) throw denied;
        return;
      }
      const hooks = this.#options.hooks();
      if (!hooks.authenticate) return endpoint.serve(request, response, ANONYMOUS, failed);
      const serve = (principal: Principal): void => endpoint.serve(request, response, principal, failed);
      authenticate(hooks, request, path).then(serve).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #elsewhere(path: string, request: IncomingMessage, response: Answer): void {
    if (path === "/healthz" || path === "/readyz") {
      const { ready, down } = path === "/healthz" ? { ready: true, down: [] } : this.#options.ready();
      const ok = ready && !this.#draining;
      response.head(ok ? 200 : 503, "content-type", "application/json");
      response.end(JSON.stringify(ok ? { status: "ok" } : { status: this.#draining ? "stopping" : "not ready", down }));
      return;
    }
    if (this.#app) {
      response.applyFixed();
      this.#app(request, response);
      return;
    }
    throw new HostError("not_found", `there is nothing here; the MCP endpoint is ${this.#options.listen.path}`);
  }

  /** A session has ended: so do its streams. */
  ended(session: Session): void {
    for (const entrance of this.#entrances) entrance.ended(session);
  }

  #tick(): void {
    const now = performance.now();
    const quiet = now - this.#keptAlive >= KEEP_ALIVE;
    if (quiet) this.#keptAlive = now;
    for (const entrance of this.#entrances) entrance.tick(now, quiet);
  }

  #reject(response: Answer, error: unknown): void {
    if (response.destroyed) return;
    if (response.headersSent) {
      response.end();
      return;
    }
    const { status, headers, body } = edgeRefusal(error, this.#options.log);
    response.head(status, ...Object.entries(headers).flat());
    response.end(body);
  }
}

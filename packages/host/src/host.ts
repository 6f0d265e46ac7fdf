import type { Readable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { applyPlugins, type Surroundings } from "./apply.ts";
import { type Assembly, assemble } from "./assembly.ts";
import { parseConfig } from "./config/parse.ts";
import { type LoadedPlugin, loadPlugins } from "./config/plugins.ts";
import type { Config, ResolvedConfig } from "./config/schema.ts";
import { retireLiterals } from "./config/secrets.ts";
import { EmbeddedHost, type Inside } from "./embedded.ts";
import { HostError } from "./errors.ts";
import { checkExposure } from "./front/edge.ts";
import type { HttpFront, HttpFrontOptions } from "./front/http.ts";
import { type HandlerOptions, handlerOf, mountOf, type RequestHandler } from "./handler.ts";
import { createLogger, type Logger } from "./log.ts";
import { Offers } from "./offers.ts";
import type { Catalog } from "./pipeline/catalog.ts";
import type { Exchange, Principal } from "./pipeline/exchange.ts";
import { HookSet, type SealedHooks, type TapRecord } from "./pipeline/hook-set.ts";
import { logExchange } from "./request-log.ts";
import { shareLevel } from "./session/answers.ts";
import type { Session } from "./session/session.ts";
import { Sessions } from "./session/sessions.ts";
import { describeStatus, type HostStatus } from "./status.ts";
import type { Connection } from "./upstream/connection.ts";
import { Upstream } from "./upstream/upstream.ts";
import { HOST_INFO, VERSION } from "./version.ts";
import type { FrameOutput } from "./wire/frame-writer.ts";
import type { Notification } from "./wire/message.ts";

export { VERSION };

export interface HostOptions {
  /** Where relative paths of the config begin: plugin files, the `cwd` of stdio servers. Default: the working directory. */
  folder?: string;
  /** Default: a log to stderr at level `info`. */
  log?: Logger;
  /** Listen beyond loopback without an auth plugin: whoever reaches the port uses every server. */
  insecureNoAuth?: boolean;
}

/** Makes a host. Nothing runs before {@link Host.start}. @throws ConfigError that names everything wrong with the config */
export function createHost(config: Config, options: HostOptions = {}): Host {
  return new Host(parseConfig(config), options);
}

/** MCP servers behind one endpoint, and plugins at every stage in between. */
export class Host extends EmbeddedHost implements AsyncDisposable {
  readonly config: ResolvedConfig;
  readonly log: Logger;
  readonly folder: string;
  readonly sessions: Sessions;
  readonly #options: HostOptions;
  readonly #abort = new AbortController();
  readonly #upstreams = new Map<string, Upstream>();
  #parts: Assembly | undefined;
  #plugins: readonly LoadedPlugin[] = [];
  #taps: readonly TapRecord[] = [];
  readonly #offers = new Offers();
  readonly #fronts: HttpFront[] = [];
  /** Handlers in other programs' servers: each is opened once. */
  readonly #mounts: (() => Promise<RequestHandler>)[] = [];
  #preparing: Promise<SealedHooks> | undefined;
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #url: string | undefined;

  constructor(config: ResolvedConfig, options: HostOptions) {
    super();
    this.config = config;
    this.#options = options;
    this.log = options.log ?? createLogger();
    this.folder = options.folder ?? process.cwd();
    this.sessions = new Sessions({
      host: {
        run: (exchange) => {
          this.vitals.inFlight++;
          return this.#use().pipeline.run(exchange);
        },
        settled: (exchange) => {
          this.vitals.inFlight--;
          this.#settled(exchange);
        },
        refused: (exchange) => this.#settled(exchange),
        notification: (session, notification) => this.#fromClient(session, notification),
        admit: () => this.#admit(),
      },
      limits: config.limits,
      local: () => config.listen === undefined && this.#mounts.length === 0,
      opened: (session) => this.#use().hooks.session?.({ event: "opened", session }),
      closed: (session) => this.#sessionClosed(session),
    });
  }

  /** Loads plugins, opens the HTTP front if `listen` is configured, and begins to connect. Idempotent. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Loads and applies the plugins and checks what depends on them; nothing runs yet. What `validate` and `inspect` need. Idempotent. */
  async prepare(): Promise<void> {
    this.#preparing ??= this.#prepare();
    await this.#preparing;
  }

  async #prepare(): Promise<SealedHooks> {
    const { config, log } = this;
    this.#plugins = await loadPlugins(config.plugins, this.folder);
    const set = new HookSet(log);
    const catalogRef: { catalog?: Catalog } = {};
    for (const [key, upstreamConfig] of Object.entries(config.mcpServers))
      this.#upstreams.set(key, this.#makeUpstream(key, upstreamConfig));
    const around: Surroundings = {
      config,
      log,
      folder: this.folder,
      signal: this.#abort.signal,
      status: () => this.status(),
      upstreams: [...this.#upstreams.values()].map(({ facts }) => facts),
      catalog: { entries: () => catalogRef.catalog?.entries() ?? [], invalidate: (principal) => catalogRef.catalog?.invalidate(principal) },
      isolated: this.#upstreams,
    };
    applyPlugins(set, this.#plugins, around, this.#offers);
    this.#taps = set.taps;
    const hooks = set.seal();
    if (config.listen && !hooks.authenticate) checkExposure(config.listen, this.#options.insecureNoAuth === true, log);
    this.#parts = assemble({
      hooks,
      config,
      log,
      upstreams: this.#upstreams,
      sessions: this.sessions,
      hostInfo: HOST_INFO,
      settled: (exchange) => this.#settled(exchange),
    });
    catalogRef.catalog = this.#parts.directory.catalog;
    for (const { owner } of this.#plugins)
      if (!this.#taps.some((tap) => tap.plugin === owner.id)) log.warn("a plugin taps no hook and so does nothing", { plugin: owner.id });
    return hooks;
  }

  async #start(): Promise<void> {
    const { config } = this;
    this.#preparing ??= this.#prepare();
    const hooks = await this.#preparing;
    await hooks.ready?.();
    if (config.listen) {
      const { HttpFront } = await import("./front/http.ts");
      const front = new HttpFront({ listen: config.listen, ...this.#behindFronts() });
      this.#fronts.push(front);
      this.#url = await front.listen();
      this.#connectEager();
    }
    await Promise.all(this.#mounts.map((mount) => mount()));
  }

  /** What every network front needs of the host. */
  #behindFronts(): Omit<HttpFrontOptions, "listen"> {
    const { log, sessions } = this;
    return { limits: this.config.limits, sessions, hooks: () => this.#use().hooks, log, ready: () => this.readiness() };
  }

  async #mount({ authenticate, ...options }: HandlerOptions): Promise<RequestHandler> {
    const { mountFront } = await import("./front/mounted.ts");
    if (this.#closing) throw new HostError("shutting_down", "the host is stopping");
    const insecureNoAuth = this.#options.insecureNoAuth === true;
    const { front, handler } = await mountFront({ ...this.#behindFronts(), authenticate }, mountOf(options, this.config), insecureNoAuth);
    this.#fronts.push(front);
    this.#connectEager();
    return handler;
  }

  #makeUpstream(key: string, config: ResolvedConfig["mcpServers"][string]): Upstream {
    const { folder, log } = this;
    const credentials = () => this.#use().hooks.credentials;
    return new Upstream(
      { key, config, folder, limits: this.config.limits, log, hostInfo: HOST_INFO, credentials },
      {
        request: (connection, request, origin) => this.#use().reverse.receive(connection, request, origin),
        notification: (connection, notification, origin) => this.#use().notices.receive(connection, notification, origin),
        listed: (connection) => this.#listed(connection),
        state: (connection) => this.#stateChanged(connection),
      },
    );
  }

  #use(): Assembly {
    if (!this.#parts) throw new Error("the host is not started");
    return this.#parts;
  }

  /** Without a network front the first client decides what its servers are told, so nothing starts before it. */
  #connectEager(): void {
    for (const upstream of this.#upstreams.values()) {
      if (upstream.config.start === "eager") void upstream.base()?.known();
    }
  }

  // --- ways in ---

  /** The HTTP endpoint, once started with `listen`. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Who clients over stdio and in process are. */
  get #local(): Principal {
    return { id: "local", roles: this.config.roles };
  }

  /** Serves one client over an SDK transport, such as half of `InMemoryTransport.createLinkedPair()`. Starts the host if need be. @param as who it is, where the caller knows; default: `local`, with the config's roles */
  async connect(transport: Transport, as: { principal?: Principal } = {}): Promise<void> {
    await this.start();
    const { serveTransport } = await import("./front/transport.ts");
    await serveTransport({ sessions: this.sessions, principal: as.principal ?? this.#local, limits: this.config.limits, transport });
  }

  /**
   * A handler for another HTTP server: plain `http`, Express, Fastify, Hono. The host needs no `listen` then; its checks of
   * Host and Origin, authentication and limits stay in force. The first request starts the host if nobody has.
   */
  handler(options: HandlerOptions = {}): RequestHandler {
    let opening: Promise<RequestHandler> | undefined;
    const mount = (): Promise<RequestHandler> => (opening ??= this.#mount(options));
    this.#mounts.push(mount);
    return handlerOf(() => this.start().then(mount), this.log);
  }

  /** Serves one client over standard input and output (or another pair of streams). Resolves when that client is gone and its calls in flight are done (at most `drain`). */
  async serveStdio(streams: { input: Readable; output: FrameOutput }): Promise<void> {
    await this.start();
    const { serveStdio } = await import("./front/stdio.ts");
    const { sessions, config } = this;
    const { signal } = this.#abort;
    await new Promise<void>((resolve) => {
      const gone = (): void => {
        signal.removeEventListener("abort", end);
        resolve();
      };
      const end = serveStdio({ sessions, principal: this.#local, limits: config.limits, drain: config.drain, ...streams, gone });
      signal.addEventListener("abort", end, { once: true });
    });
  }

  // --- what happens ---

  #admit(): HostError | undefined {
    if (this.#closing) return new HostError("shutting_down", "the host is stopping");
    const { inFlight } = this.vitals;
    if (inFlight >= this.config.limits.inFlight) return new HostError("overloaded", `${inFlight} requests are in flight already`);
    return undefined;
  }

  #settled(exchange: Exchange): void {
    this.vitals.settled(exchange, this.#upstreams);
    this.#parts?.hooks.settled?.(exchange);
    logExchange(this.log, exchange, this.config.slowCall);
  }

  #fromClient(session: Session, notification: Notification): void {
    const { pipeline, reverse } = this.#use();
    const params = notification.params ?? {};
    if (notification.method === "notifications/roots/list_changed") {
      for (const upstream of this.#upstreams.values()) {
        const connection = upstream.connectionFor(session);
        if (connection.owner === session && connection.capabilities.roots !== undefined)
          connection.notify(notification.method, notification.params);
      }
    } else if (notification.method === "notifications/tasks/status") reverse.taskStatus(session, params);
    else void pipeline.notify(session, notification);
  }

  async #listed(connection: Connection): Promise<void> {
    const { directory, announcer } = this.#use();
    await directory.listed(connection);
    announcer.listed();
  }

  #stateChanged(connection: Connection): void {
    const { state, reason, facts, key } = connection;
    this.log.debug("an upstream changed its state", { upstream: facts.key, connection: key, state, reason });
    this.#parts?.hooks.upstream?.({ ...facts, state, reason });
    if (this.#parts?.directory.stateChanged()) this.#parts.announcer.listed();
  }

  #sessionClosed(session: Session): void {
    for (const front of this.#fronts) front.ended(session);
    for (const upstream of this.#upstreams.values()) {
      for (const connection of upstream.release(session)) shareLevel(connection, (id) => this.sessions.get(id));
    }
    this.#parts?.hooks.session?.({ event: "closed", session });
  }

  // --- what an operator asks ---

  /** State and reason of every upstream, what is offered by whom and what is withheld. */
  status(): HostStatus {
    return describeStatus({
      version: VERSION,
      startedAt: this.vitals.startedAt,
      url: this.#url,
      sessions: this.sessions.size,
      inFlight: this.vitals.inFlight,
      upstreams: [...this.#upstreams.values()],
      catalog: this.#use().directory.catalog,
      dropped: this.#use().notices.dropped,
      readiness: this.readiness(),
      reports: this.reports(),
    });
  }

  /** Every tap in config order, and the plugins they belong to. */
  pipeline(): { plugins: readonly { id: string; version: string; source: string; onError: string }[]; taps: readonly TapRecord[] } {
    return {
      plugins: this.#plugins.map(({ owner, source }) => ({ id: owner.id, version: owner.version, source, onError: owner.onError })),
      taps: this.#taps.map(({ hook, method, plugin, version }) => ({ hook, ...(method !== undefined && { method }), plugin, version })),
    };
  }

  protected inside(): Inside {
    return { upstreams: this.#upstreams, offers: this.#offers, catalog: this.#parts?.directory.catalog };
  }

  // --- the end ---

  /** Stops taking requests, lets those in flight finish (at most `drain`), ends every session, connection and child process. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#starting?.catch(() => {}); // whoever started it was told
    for (const front of this.#fronts) front.drain();
    await this.sessions.end(this.config.drain);
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream.stop(0)));
    await Promise.all(this.#fronts.map((front) => front.close()));
    await this.#parts?.hooks.close?.().catch(() => {}); // the guard has logged it
    this.#abort.abort();
    retireLiterals(this.config);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

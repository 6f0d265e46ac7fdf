import type { Readable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { parseConfig } from "../config/parse.ts";
import type { Config, ResolvedConfig } from "../config/schema.ts";
import { retireLiterals } from "../config/secrets.ts";
import { HostError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { checkExposure } from "../front/edge.ts";
import type { NetworkOptions } from "../front/endpoint.ts";
import type { HttpFront } from "../front/http.ts";
import type { RequestHandler } from "../front/mount.ts";
import { createLogger, type Logger } from "../log.ts";
import type { TapRecord } from "../plugin/hook-set.ts";
import type { HostStatus } from "../plugin/host-status.ts";
import { Offers } from "../plugin/operations.ts";
import type { TransportFactory } from "../plugin/transport-registry.ts";
import { shareLevel } from "../session/answers.ts";
import type { Session } from "../session/session.ts";
import { Sessions } from "../session/sessions.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { HOST_INFO, VERSION } from "../version.ts";
import type { FrameOutput } from "../wire/frame-writer.ts";
import type { Notification } from "../wire/message.ts";
import { EmbeddedHost, type Inside } from "./api.ts";
import type { Assembly } from "./assembly.ts";
import { Generations } from "./generations.ts";
import { type HandlerOptions, handlerOf, mountOf } from "./handler.ts";
import type { ReloadReport } from "./reload.ts";
import { logExchange } from "./request-log.ts";
import { describeStatus } from "./status.ts";

export interface HostOptions {
  /** Where relative paths of the config begin: plugin files, the `cwd` of stdio servers. Default: the working directory. */
  folder?: string;
  /** Default: a log to stderr at level `info`. */
  log?: Logger;
  /** Listen beyond loopback without an auth plugin: whoever reaches the port uses every server. */
  insecureNoAuth?: boolean;
  /** Transports by the `type` of the servers that use them, as plugins register them with `host.transports`. */
  transports?: Readonly<Record<string, TransportFactory>>;
}

/** Makes a host. Nothing runs before {@link Host.start}. @throws ConfigError that names everything wrong with the config */
export function createHost(config: Config, options: HostOptions = {}): Host {
  return new Host(config, options);
}

/** MCP servers behind one endpoint, and plugins at every stage in between. */
export class Host extends EmbeddedHost implements AsyncDisposable {
  #written: Config;
  readonly #config: ResolvedConfig;
  readonly log: Logger;
  readonly folder: string;
  readonly sessions: Sessions;
  readonly #insecureNoAuth: boolean;
  readonly #abort = new AbortController();
  readonly #generations: Generations;
  readonly #fronts: HttpFront[] = [];
  /** Handlers in other programs' servers: each is opened once. */
  readonly #mounts: (() => Promise<RequestHandler>)[] = [];
  #preparing: Promise<Assembly> | undefined;
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #url: string | undefined;

  constructor(written: Config, options: HostOptions) {
    super();
    const config = parseConfig(written);
    this.#written = written;
    this.#config = config;
    this.#insecureNoAuth = options.insecureNoAuth === true;
    this.log = options.log ?? createLogger();
    this.folder = options.folder ?? process.cwd();
    this.sessions = new Sessions({
      host: {
        run: (exchange) => {
          this.vitals.inFlight++;
          return this.#generations.serving.pipeline.run(exchange);
        },
        settled: (exchange) => {
          this.vitals.inFlight--;
          this.#settled(exchange);
          this.#generations.settled();
        },
        refused: (exchange) => this.#settled(exchange),
        notification: (session, notification) => this.#fromClient(session, notification),
        admit: () => this.#admit(),
      },
      limits: config.limits,
      local: () => config.listen === undefined && this.#mounts.length === 0,
      opened: (session) => this.#generations.serving.hooks.session?.({ event: "opened", session }),
      closed: (session) => this.#sessionClosed(session),
    });
    this.#generations = new Generations({
      folder: this.folder,
      log: this.log,
      sessions: this.sessions,
      hostInfo: HOST_INFO,
      status: () => this.status(),
      transports: options.transports ?? {},
      signal: this.#abort.signal,
      settled: (exchange) => this.#settled(exchange),
      check: ({ listen }, { authenticate }) => {
        if (listen && !authenticate) checkExposure(listen, this.#insecureNoAuth, this.log);
      },
      mount: async (hooks) => {
        const mounted = await Promise.all(this.#fronts.map((front) => front.routes(hooks)));
        return () => {
          for (const use of mounted) use();
        };
      },
    });
  }

  /** The config that the host runs on now. */
  get config(): ResolvedConfig {
    return this.#generations.isThere ? this.#generations.serving.config : this.#config;
  }

  /** Loads plugins, opens the HTTP front if `listen` is configured, and begins to connect. Idempotent. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Loads and applies the plugins and checks what depends on them; nothing runs yet. What `validate` and `inspect` need. Idempotent. */
  async prepare(): Promise<void> {
    this.#preparing ??= this.#generations.first(this.#config);
    await this.#preparing;
  }

  async #start(): Promise<void> {
    const { config } = this;
    await this.prepare();
    const { plugins } = this.#generations.serving.plugins;
    for (const plugin of plugins) await plugin.run("ready");
    if (config.listen) {
      const { HttpFront } = await import("../front/http.ts");
      const front = new HttpFront({ listen: config.listen, ...this.#behindFronts() });
      this.#fronts.push(front);
      this.#url = await front.listen();
      this.#connectEager();
    }
    await Promise.all(this.#mounts.map((mount) => mount()));
  }

  /** What every network front needs of the host. */
  #behindFronts(): Omit<NetworkOptions, "listen"> {
    const { log, sessions, folder } = this;
    return {
      folder,
      limits: this.config.limits,
      sessions,
      hooks: () => this.#generations.serving.hooks,
      log,
      ready: () => this.readiness(),
    };
  }

  async #mount({ authenticate, ...options }: HandlerOptions): Promise<RequestHandler> {
    const { mountFront } = await import("../front/mount.ts");
    if (this.#closing) throw new HostError("shutting_down", "the host is stopping");
    const behind = { ...this.#behindFronts(), authenticate };
    const { front, handler } = await mountFront(behind, mountOf(options, this.config), this.#insecureNoAuth);
    this.#fronts.push(front);
    this.#connectEager();
    return handler;
  }

  get #upstreams(): ReadonlyMap<string, Upstream> {
    return this.#generations.isThere ? this.#generations.serving.upstreams : new Map();
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
    const { serveTransport } = await import("../front/transport.ts");
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
    const { serveStdio } = await import("../front/stdio.ts");
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

  #settled(exchange: HostExchange): void {
    this.vitals.settled(exchange, this.#upstreams);
    this.#generations.serving.hooks.settled?.(exchange);
    logExchange(this.log, exchange, this.config.slowCall);
  }

  #fromClient(session: Session, notification: Notification): void {
    const params = notification.params ?? {};
    if (notification.method === "notifications/roots/list_changed") {
      for (const upstream of this.#upstreams.values()) {
        const connection = upstream.connectionFor(session);
        if (connection.owner === session && connection.capabilities.roots !== undefined)
          connection.notify(notification.method, notification.params);
      }
    } else if (notification.method === "notifications/tasks/status") this.#generations.reverse.taskStatus(session, params);
    else void this.#generations.serving.pipeline.notify(session, notification);
  }

  #sessionClosed(session: Session): void {
    for (const front of this.#fronts) front.ended(session);
    for (const upstream of this.#upstreams.values()) {
      for (const connection of upstream.release(session)) shareLevel(connection, (id) => this.sessions.get(id));
    }
    this.#generations.serving.hooks.session?.({ event: "closed", session });
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
      catalog: this.#generations.serving.directory.catalog,
      dropped: this.#generations.notices.dropped,
      readiness: this.readiness(),
      reports: this.reports(),
    });
  }

  /** Every tap in config order, and the plugins they belong to. */
  pipeline(): { plugins: readonly { id: string; version: string; source: string; onError: string }[]; taps: readonly TapRecord[] } {
    const { plugins, hooks } = this.#generations.serving;
    return {
      plugins: plugins.plugins.map(({ loaded: { owner, source } }) => ({
        id: owner.id,
        version: owner.version,
        source,
        onError: owner.onError,
      })),
      taps: hooks.taps.map(({ hook, method, plugin, version }) => ({ hook, ...(method !== undefined && { method }), plugin, version })),
    };
  }

  protected inside(): Inside {
    if (!this.#generations.isThere) return { upstreams: new Map(), offers: new Offers(), catalog: undefined };
    const { upstreams, plugins, directory } = this.#generations.serving;
    return { upstreams, offers: plugins.offers, catalog: directory.catalog };
  }

  /**
   * Puts another config in the place of the one that runs. Upstreams and plugins that it does not change live on with all
   * their state, as do open sessions and calls in flight; what it changes is made anew beside the old, which goes when the
   * last call that began on it is over. Clients are told once if their lists changed.
   * @param config default: the one that the host was made with, which applies changed plugin files anew
   * @throws ConfigError for a config that cannot be used, or that changes `listen`, `limits` or `roles`; then nothing has changed
   */
  async reload(config: Config = this.#written): Promise<ReloadReport> {
    await this.#starting;
    const resolved = parseConfig(config);
    for (const front of this.#fronts) front.renew();
    let unused = resolved;
    try {
      const before = this.config;
      const report = await this.#generations.replace(resolved);
      this.#written = config;
      unused = before;
      return report;
    } finally {
      retireLiterals(unused);
    }
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
    await this.#generations.stop();
    await Promise.all(this.#fronts.map((front) => front.close()));
    await this.#generations.end();
    this.#abort.abort();
    retireLiterals(this.config);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

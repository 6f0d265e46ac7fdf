import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { parseConfig } from "../config/parse.ts";
import type { Config, ResolvedConfig } from "../config/schema.ts";
import { retireLiterals } from "../config/secrets.ts";
import type { Principal } from "../exchange/caller.ts";
import type { TraceListener, TraceOptions } from "../exchange/trace.ts";
import { checkExposure } from "../front/edge.ts";
import type { RequestHandler } from "../front/mount.ts";
import type { Arrival } from "../front/way-in.ts";
import { createLogger, type Logger } from "../log.ts";
import { machineClock } from "../plugin/clock.ts";
import { Failures } from "../plugin/failures.ts";
import type { HostStatus } from "../plugin/host-status.ts";
import { LogListeners } from "../plugin/log-listeners.ts";
import { machineRandom } from "../plugin/random.ts";
import { Requesters } from "../session/requesters.ts";
import { HOST_INFO } from "../version.ts";
import { withDeadline } from "../wire/deadline.ts";
import type { Json } from "../wire/message.ts";
import type { EmbeddingApi } from "./api.ts";
import type { Assembly } from "./assembly.ts";
import { CatalogFiles } from "./catalog-files.ts";
import { Fronts, type StdioClient } from "./fronts.ts";
import { Generations } from "./generations.ts";
import type { Guard, GuardOptions, HandlerOptions } from "./handler.ts";
import { type HostHealth, healthOf, type Readiness, readinessOf, reconnect } from "./health.ts";
import { LocalClients, type LocalClientsOptions } from "./local-clients.ts";
import { type Desk, type HostOperator, type OperatedHost, operatedHost, operatorAt } from "./operated-host.ts";
import type { HostOptions } from "./options.ts";
import { ProtocolApi } from "./protocol-api.ts";
import type { ReloadReport } from "./reload.ts";
import { type HostStats, modeOf, Stats } from "./stats.ts";
import { describePipeline, describeStatus, type HostPipeline } from "./status.ts";
import { Traffic } from "./traffic.ts";

/** What clients in the same process need of a host; for what belongs to the host and is not its public face. */
export let localOptionsOf: (host: Host) => LocalClientsOptions;

/** MCP servers behind one endpoint, and plugins at every stage in between. */
export class Host extends ProtocolApi implements EmbeddingApi, AsyncDisposable {
  readonly log: Logger;
  /** Where relative paths of the config begin. */
  readonly folder: string;
  readonly operator: HostOperator;
  #written: Config;
  readonly #first: ResolvedConfig;
  readonly #abort = new AbortController();
  readonly #stats = new Stats();
  readonly #requesters: Requesters;
  readonly #generations: Generations;
  readonly #fronts: Fronts;
  readonly #failures: Failures;
  protected readonly clients: LocalClients;
  readonly #desk: Desk;
  readonly #catalogFiles: CatalogFiles | undefined;
  #preparing: Promise<Assembly> | undefined;
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #url: string | undefined;
  /** Whether an operator has taken it out of what a load balancer sends to. */
  #isDraining = false;

  static {
    localOptionsOf = (host) => ({
      sessions: host.#requesters.sessions,
      log: host.log,
      config: () => host.config,
      start: () => host.start(),
      checkEndpoint: (name) => host.#generations.serving.plugins.edge.check(name),
    });
  }

  /** `createHost` is what makes one. @param desk makes what stands above it: where everything is done that operators have done to it */
  constructor(written: Config, options: HostOptions, desk: (host: OperatedHost) => Desk) {
    super();
    const config = parseConfig(written);
    this.#written = written;
    this.#first = config;
    const listeners = new LogListeners(options.log ?? createLogger());
    const {
      clock = machineClock,
      random = machineRandom,
      transports = {},
      insecureNoAuth = false,
      freezeMessages: freezes = false,
      brief: isBrief = false,
    } = options;
    this.log = listeners.log;
    this.folder = options.folder ?? process.cwd();
    const { log, folder } = this;
    const failures = (this.#failures = new Failures(log, clock, this.#abort.signal));
    const traffic = new Traffic({
      generations: () => this.#generations,
      requesters: () => this.#requesters,
      config: () => this.config,
      log,
      failures,
      stats: this.#stats,
      isClosing: () => this.#closing !== undefined,
    });
    this.#requesters = new Requesters({
      host: traffic,
      limits: config.limits,
      stateKey: config.stateKey,
      local: () => config.listen === undefined && !this.#fronts.isMounted,
      isolates: () => [...this.#generations.upstreams.values()].some(({ facts }) => facts.isolation !== "shared"),
      opened: (session) => this.#generations.serving.hooks.session?.({ event: "opened", session }),
      ended: (session) => this.#fronts.ended(session),
    });
    if (options.catalogFolder !== undefined) this.#catalogFiles = new CatalogFiles(options.catalogFolder, log);
    this.#fronts = new Fronts({
      folder,
      log,
      failures,
      requesters: this.#requesters,
      hostInfo: HOST_INFO,
      config: () => this.config,
      insecureNoAuth,
      plugins: () => this.#generations.serving.plugins,
      ready: () => this.readiness(),
      start: () => this.start(),
      opened: () => this.#connectEager(),
    });
    this.#generations = new Generations({
      folder,
      log,
      requesters: this.#requesters,
      hostInfo: HOST_INFO,
      surroundings: {
        listeners,
        failures,
        freezes,
        isBrief,
        clock,
        random,
        transports,
        signal: this.#abort.signal,
        status: () => this.status(),
        renew: (name, principal) => reconnect(this.#generations.upstreams, name, this.config.drain, principal),
        operator: () => this.#desk,
      },
      store: this.#catalogFiles,
      settled: (exchange) => traffic.over(exchange),
      check: ({ listen }, { authenticate }) => {
        if (listen && !authenticate) checkExposure(listen, insecureNoAuth, log);
      },
      mount: (hooks) => this.#fronts.routes(hooks),
    });
    this.clients = new LocalClients(localOptionsOf(this));
    this.#desk = desk(
      operatedHost(this, this.#generations, this.#requesters, clock, {
        reload: (to) => this.#reload(to),
        reconnect: (name) => this.#reconnect(name),
        drainFor: (isDraining) => void (this.#isDraining = isDraining),
        hear: (listener, level) => listeners.of("", this.#abort.signal).listen(listener, level),
      }),
    );
    this.operator = operatorAt(this.#desk);
  }

  /** The config that the host runs on now. */
  get config(): ResolvedConfig {
    return this.#generations.isThere ? this.#generations.serving.config : this.#first;
  }

  /** Loads plugins, opens the HTTP front if `listen` is configured, and begins to connect. Idempotent. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Loads and applies the plugins and checks what depends on them; nothing runs yet. What `validate` and `inspect` need. Idempotent. */
  async prepare(): Promise<void> {
    this.#preparing ??= this.#generations.first(this.#first);
    await this.#preparing;
  }

  async #start(): Promise<void> {
    await this.prepare();
    for (const plugin of this.#generations.serving.plugins.plugins) await plugin.run("ready");
    if (this.config.listen) this.#url = await this.#fronts.listen(this.config.listen);
    await this.#fronts.openMounts();
  }

  /** Without a network front the first client decides what its servers are told, so nothing starts before it. */
  #connectEager(): void {
    for (const upstream of this.#generations.eager()) void upstream.base()?.known();
  }

  // --- ways in ---

  /** The HTTP endpoint, once started with `listen`. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Starts the host for a client over stdio or in process. @throws ConfigError for an endpoint that no plugin has opened */
  async #arrival({ principal, endpoint }: Partial<Arrival>): Promise<Arrival> {
    await this.start();
    if (endpoint !== undefined) this.#generations.serving.plugins.edge.check(endpoint);
    return { principal: principal ?? { id: "local", roles: this.config.roles }, endpoint };
  }

  /**
   * Serves one client over an SDK transport, such as half of `InMemoryTransport.createLinkedPair()`. Starts the host if need be.
   * @param as who it is, where the caller knows (default: `local`, with the config's roles), and by which endpoint of a plugin's it comes
   */
  async connect(transport: Transport, as: { principal?: Principal; endpoint?: string } = {}): Promise<void> {
    await this.#fronts.serveTransport(transport, await this.#arrival(as));
  }

  /**
   * A handler for another HTTP server: plain `http`, Express, Fastify, Hono. The host needs no `listen` then; its checks of
   * Host and Origin, authentication and limits stay in force. The first request starts the host if nobody has.
   */
  handler(options: HandlerOptions = {}): RequestHandler {
    return this.#fronts.handler(options);
  }

  /**
   * Lets in requests to the program's own routes by the rules that `handler` has for its own: Host and Origin, `admit`, authentication, and
   * without any only this machine. Gives who makes the request; rejects with a `HostError`, whose `status` is that of the answer.
   */
  guard(options: GuardOptions = {}): Guard {
    return this.#fronts.guard(options);
  }

  /**
   * Serves one client over standard input and output (or another pair of streams), by an endpoint of a plugin's where one is named.
   * `protocols` are the eras that it may speak (default: those of `listen`, else both).
   * Resolves when that client is gone and its calls in flight are done (at most `drain`).
   */
  async serveStdio({ endpoint, ...client }: StdioClient & { endpoint?: string | undefined }): Promise<void> {
    await this.#fronts.serveStdio(client, await this.#arrival({ endpoint }));
  }

  // --- what an operator asks ---

  mode(): HostStats["mode"] {
    return modeOf(Object.keys(this.config.mcpServers).length);
  }

  health(): HostHealth {
    return healthOf(this.#generations.upstreams.values());
  }

  readiness(): Readiness {
    return readinessOf(this.#generations.upstreams.values(), this.#isDraining);
  }

  stats(): HostStats {
    const { upstreams, catalog } = this.#generations;
    return this.#stats.read({ upstreams, catalog, sessions: this.#requesters.sessions.size });
  }

  /** State and reason of every upstream, what is offered by whom and what is withheld. */
  status(): HostStatus {
    const { serving, notifications } = this.#generations;
    return describeStatus(serving, {
      startedAt: this.#stats.startedAt,
      inFlight: this.#stats.inFlight,
      url: this.#url,
      requesters: this.#requesters,
      dropped: notifications.dropped,
      reports: this.reports(),
      draining: this.#isDraining,
    });
  }

  /** Every tap in config order, and the plugins they belong to. */
  pipeline(): HostPipeline {
    return describePipeline(this.#generations.serving.plugins);
  }

  reports(): Readonly<Record<string, Readonly<Json>>> {
    return this.#generations.operations.reports(this.#failures);
  }

  reconnect(name: string): Promise<void> {
    return this.#desk.told({ who: "program", operation: "reconnect", params: { upstream: name } }, () => this.#reconnect(name));
  }

  trace(listener: TraceListener, options?: TraceOptions): () => void {
    return this.#generations.tracer.listen(listener, options, this.#abort.signal);
  }

  async #reconnect(name: string): Promise<void> {
    await this.start();
    await reconnect(this.#generations.upstreams, name, this.config.drain);
  }

  async known(milliseconds: number): Promise<void> {
    await withDeadline(Promise.all(this.#generations.eager().map((upstream) => upstream.base()?.known())), milliseconds, () => {});
  }

  /**
   * Puts another config in the place of the one that runs. Upstreams and plugins that it does not change live on with all
   * their state, as do open sessions and calls in flight; what it changes is made anew beside the old, which goes when the
   * last call that began on it is over. Clients are told once if their lists changed.
   * @param config default: the one that the host was made with, which applies changed plugin files anew
   * @throws ConfigError for a config that cannot be used, or that changes `listen`, `limits` or `roles`; then nothing has changed
   */
  reload(config?: Config): Promise<ReloadReport> {
    return this.#desk.told({ who: "program", operation: "reload" }, () => this.#reload(config));
  }

  async #reload(config: Config = this.#written): Promise<ReloadReport> {
    await this.#starting;
    const resolved = parseConfig(config);
    this.#fronts.renew();
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
    this.#fronts.drain();
    await this.#requesters.end(this.config.drain);
    await this.#generations.stop();
    await this.#fronts.close();
    await this.#generations.end();
    await this.#catalogFiles?.written();
    this.#abort.abort();
    retireLiterals(this.config);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

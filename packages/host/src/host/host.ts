import type { Readable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type {
  CallToolResult,
  CompleteResult,
  GetPromptResult,
  ListPromptsResult,
  ListResourcesResult,
  ListResourceTemplatesResult,
  ListToolsResult,
  ReadResourceResult,
} from "@modelcontextprotocol/sdk/types.js";
import { nearest } from "../config/nearest.ts";
import { parseConfig } from "../config/parse.ts";
import type { Config, ResolvedConfig } from "../config/schema.ts";
import { retireLiterals } from "../config/secrets.ts";
import type { Principal } from "../exchange/caller.ts";
import type { TraceListener } from "../exchange/trace.ts";
import { checkExposure } from "../front/edge.ts";
import type { RequestHandler } from "../front/mount.ts";
import { createLogger, type Logger } from "../log.ts";
import type { HostStatus } from "../plugin/host-status.ts";
import { Sessions } from "../session/sessions.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { HOST_INFO } from "../version.ts";
import { withDeadline } from "../wire/deadline.ts";
import type { FrameOutput } from "../wire/frame-writer.ts";
import type { Json } from "../wire/message.ts";
import type { EmbeddingApi } from "./api.ts";
import type { Assembly } from "./assembly.ts";
import { CatalogFiles } from "./catalog-files.ts";
import { Fronts } from "./fronts.ts";
import { Generations } from "./generations.ts";
import type { HandlerOptions } from "./handler.ts";
import { type HostHealth, healthOf, readinessOf, reconnect } from "./health.ts";
import { type CallOptions, LocalClients } from "./local-clients.ts";
import type { HostOptions } from "./options.ts";
import type { ReloadReport } from "./reload.ts";
import { type HostStats, modeOf, Stats } from "./stats.ts";
import { describePipeline, describeStatus, type HostPipeline } from "./status.ts";
import { Traffic } from "./traffic.ts";

/** Makes a host. Nothing runs before {@link Host.start}. @throws ConfigError that names everything wrong with the config */
export function createHost(config: Config, options: HostOptions = {}): Host {
  return new Host(config, options);
}

/** The sessions of a host; for what belongs to the host and is not its public face. */
export let sessionsOf: (host: Host) => Sessions;

/** MCP servers behind one endpoint, and plugins at every stage in between. */
export class Host implements EmbeddingApi, AsyncDisposable {
  readonly log: Logger;
  /** Where relative paths of the config begin. */
  readonly folder: string;
  #written: Config;
  readonly #first: ResolvedConfig;
  readonly #insecureNoAuth: boolean;
  readonly #abort = new AbortController();
  readonly #stats = new Stats();
  readonly #sessions: Sessions;
  readonly #generations: Generations;
  readonly #fronts: Fronts;
  readonly #clients: LocalClients;
  readonly #catalogFiles: CatalogFiles | undefined;
  #preparing: Promise<Assembly> | undefined;
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #url: string | undefined;

  static {
    sessionsOf = (host) => host.#sessions;
  }

  constructor(written: Config, options: HostOptions) {
    const config = parseConfig(written);
    this.#written = written;
    this.#first = config;
    this.#insecureNoAuth = options.insecureNoAuth === true;
    this.log = options.log ?? createLogger();
    this.folder = options.folder ?? process.cwd();
    const { log, folder } = this;
    const traffic = new Traffic({
      generations: () => this.#generations,
      sessions: () => this.#sessions,
      config: () => this.config,
      log,
      stats: this.#stats,
      isClosing: () => this.#closing !== undefined,
    });
    this.#sessions = new Sessions({
      host: traffic,
      limits: config.limits,
      local: () => config.listen === undefined && !this.#fronts.isMounted,
      opened: (session) => this.#generations.serving.hooks.session?.({ event: "opened", session }),
      closed: (session) => {
        this.#fronts.ended(session);
        traffic.closed(session);
      },
    });
    const sessions = this.#sessions;
    if (options.catalogFolder !== undefined) this.#catalogFiles = new CatalogFiles(options.catalogFolder, log);
    this.#fronts = new Fronts({
      folder,
      log,
      sessions,
      config: () => this.config,
      insecureNoAuth: this.#insecureNoAuth,
      hooks: () => this.#generations.serving.hooks,
      ready: () => this.readiness(),
      start: () => this.start(),
      opened: () => this.#connectEager(),
      signal: this.#abort.signal,
    });
    this.#generations = new Generations({
      folder,
      log,
      sessions,
      hostInfo: HOST_INFO,
      status: () => this.status(),
      transports: options.transports ?? {},
      signal: this.#abort.signal,
      store: this.#catalogFiles,
      settled: (exchange) => traffic.over(exchange),
      check: ({ listen }, { authenticate }) => {
        if (listen && !authenticate) checkExposure(listen, this.#insecureNoAuth, log);
      },
      mount: (hooks) => this.#fronts.routes(hooks),
    });
    this.#clients = new LocalClients({ sessions, log, config: () => this.config, start: () => this.start() });
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
    const { listen } = this.config;
    if (listen) this.#url = await this.#fronts.listen(listen);
    await this.#fronts.openMounts();
  }

  get #upstreams(): ReadonlyMap<string, Upstream> {
    return this.#generations.isThere ? this.#generations.serving.upstreams : new Map();
  }

  /** Those that are connected without anybody calling. */
  get #eager(): Upstream[] {
    return [...this.#upstreams.values()].filter(({ config }) => config.start === "eager");
  }

  /** Without a network front the first client decides what its servers are told, so nothing starts before it. */
  #connectEager(): void {
    for (const upstream of this.#eager) void upstream.base()?.known();
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
    await this.#fronts.serveTransport(transport, as.principal ?? this.#local);
  }

  /**
   * A handler for another HTTP server: plain `http`, Express, Fastify, Hono. The host needs no `listen` then; its checks of
   * Host and Origin, authentication and limits stay in force. The first request starts the host if nobody has.
   */
  handler(options: HandlerOptions = {}): RequestHandler {
    return this.#fronts.handler(options);
  }

  /** Serves one client over standard input and output (or another pair of streams). Resolves when that client is gone and its calls in flight are done (at most `drain`). */
  async serveStdio(streams: { input: Readable; output: FrameOutput }): Promise<void> {
    await this.start();
    await this.#fronts.serveStdio(streams, this.#local);
  }

  // --- the protocol, for the program that the host is a part of ---

  listTools(options?: CallOptions): Promise<ListToolsResult> {
    return this.#clients.list("tools/list", "tools", options);
  }

  callTool(name: string, args: Record<string, unknown> = {}, options?: CallOptions): Promise<CallToolResult> {
    return this.#clients.ask("tools/call", { name, arguments: args }, options);
  }

  listResources(options?: CallOptions): Promise<ListResourcesResult> {
    return this.#clients.list("resources/list", "resources", options);
  }

  listResourceTemplates(options?: CallOptions): Promise<ListResourceTemplatesResult> {
    return this.#clients.list("resources/templates/list", "resourceTemplates", options);
  }

  readResource(uri: string, options?: CallOptions): Promise<ReadResourceResult> {
    return this.#clients.ask("resources/read", { uri }, options);
  }

  listPrompts(options?: CallOptions): Promise<ListPromptsResult> {
    return this.#clients.list("prompts/list", "prompts", options);
  }

  getPrompt(name: string, args: Record<string, string> = {}, options?: CallOptions): Promise<GetPromptResult> {
    return this.#clients.ask("prompts/get", { name, arguments: args }, options);
  }

  complete(...[ref, argument, context, options]: Parameters<EmbeddingApi["complete"]>): Promise<CompleteResult> {
    return this.#clients.ask("completion/complete", { ref, argument, ...(context && { context }) }, options);
  }

  // --- what an operator asks ---

  mode(): HostStats["mode"] {
    return modeOf(Object.keys(this.config.mcpServers).length);
  }

  health(): HostHealth {
    return healthOf(this.#upstreams.values());
  }

  readiness(): { ready: boolean; down: readonly string[] } {
    return readinessOf(this.#upstreams.values());
  }

  stats(): HostStats {
    const catalog = this.#generations.isThere ? this.#generations.serving.directory.catalog : undefined;
    return this.#stats.read({ upstreams: this.#upstreams, catalog, sessions: this.#sessions.size });
  }

  /** State and reason of every upstream, what is offered by whom and what is withheld. */
  status(): HostStatus {
    const { serving, notifications } = this.#generations;
    const { startedAt, inFlight } = this.#stats;
    return describeStatus(serving, {
      startedAt,
      inFlight,
      url: this.#url,
      sessions: this.#sessions.size,
      dropped: notifications.dropped,
      reports: this.reports(),
    });
  }

  /** Every tap in config order, and the plugins they belong to. */
  pipeline(): HostPipeline {
    return describePipeline(this.#generations.serving.plugins);
  }

  reports(): Readonly<Record<string, Readonly<Json>>> {
    return this.#generations.isThere ? this.#generations.serving.plugins.operations.reports(this.log) : {};
  }

  async operate(plugin: string, name: string, params: Readonly<Json>): Promise<Readonly<Json>> {
    await this.prepare();
    return this.#generations.serving.plugins.operations.operate(plugin, name, params);
  }

  trace(listener: TraceListener): () => void {
    return this.#generations.tracer.listen(listener, this.#abort.signal);
  }

  async reconnect(name: string): Promise<void> {
    await this.start();
    const upstream = this.#upstreams.get(name);
    if (!upstream) throw new Error(`no upstream is called "${name}"${nearest(name, [...this.#upstreams.keys()])}`);
    await reconnect(upstream, this.config.drain);
  }

  async known(milliseconds: number): Promise<void> {
    await withDeadline(Promise.all(this.#eager.map((upstream) => upstream.base()?.known())), milliseconds, () => {});
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
    await this.#sessions.end(this.config.drain);
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

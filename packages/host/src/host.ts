import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { applyPlugins, type Surroundings } from "./apply.ts";
import { type Assembly, assemble } from "./assembly.ts";
import { parseConfig } from "./config/parse.ts";
import { type LoadedPlugin, loadPlugins } from "./config/plugins.ts";
import type { Config, ResolvedConfig } from "./config/schema.ts";
import { HostError } from "./errors.ts";
import { checkExposure } from "./front/edge.ts";
import type { HttpFront } from "./front/http.ts";
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
import type { FrameOutput } from "./wire/frame-writer.ts";
import type { Json, Notification } from "./wire/message.ts";

/** The host package's version. */
export const VERSION: string = (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string })
  .version;

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
export class Host implements AsyncDisposable {
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
  #front: HttpFront | undefined;
  #preparing: Promise<SealedHooks> | undefined;
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #inFlight = 0;
  #url: string | undefined;
  readonly startedAt = Date.now();

  constructor(config: ResolvedConfig, options: HostOptions) {
    this.config = config;
    this.#options = options;
    this.log = options.log ?? createLogger();
    this.folder = options.folder ?? process.cwd();
    this.sessions = new Sessions({
      host: {
        run: (exchange) => {
          this.#inFlight++;
          return this.#use().pipeline.run(exchange);
        },
        settled: (exchange) => {
          this.#inFlight--;
          this.#settled(exchange);
        },
        refused: (exchange) => this.#settled(exchange),
        notification: (session, notification) => this.#fromClient(session, notification),
        admit: () => this.#admit(),
      },
      limits: config.limits,
      local: () => config.listen === undefined,
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
    const { config, log } = this;
    this.#preparing ??= this.#prepare();
    const hooks = await this.#preparing;
    await hooks.ready?.();
    if (config.listen) {
      const { HttpFront } = await import("./front/http.ts");
      this.#front = new HttpFront({
        listen: config.listen,
        folder: this.folder,
        limits: config.limits,
        sessions: this.sessions,
        hooks: () => hooks,
        log,
        ready: () => this.readiness(),
      });
      this.#url = await this.#front.listen();
      this.#connectEager();
    }
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
    if (this.#inFlight >= this.config.limits.inFlight)
      return new HostError("overloaded", `${this.#inFlight} requests are in flight already`);
    return undefined;
  }

  #settled(exchange: Exchange): void {
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
  }

  #sessionClosed(session: Session): void {
    this.#front?.ended(session);
    for (const upstream of this.#upstreams.values()) {
      for (const connection of upstream.release(session)) shareLevel(connection, (id) => this.sessions.get(id));
    }
    this.#parts?.hooks.session?.({ event: "closed", session });
  }

  // --- what an operator asks ---

  /** Whether every `required` upstream is up, or would be at its first use: one that rests, or waits for its clients, is not down. */
  readiness(): { ready: boolean; down: readonly string[] } {
    const down = [...this.#upstreams.values()].filter((upstream) => upstream.config.required && upstream.isDown).map(({ key }) => key);
    return { ready: down.length === 0, down };
  }

  /** State and reason of every upstream, what is offered by whom and what is withheld. */
  status(): HostStatus {
    return describeStatus({
      version: VERSION,
      startedAt: this.startedAt,
      url: this.#url,
      sessions: this.sessions.size,
      inFlight: this.#inFlight,
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

  /** How things stand with each plugin that says so, by its id, without secrets. One that throws is logged and says `{ failed: true }`. */
  reports(): Readonly<Record<string, Readonly<Json>>> {
    return this.#offers.reports(this.log);
  }

  /** Does what a plugin offers to operators. @throws Error that names what there is instead */
  operate(plugin: string, name: string, params: Readonly<Json>): Promise<Readonly<Json>> {
    return this.#offers.operate(plugin, name, params);
  }

  /** Resolves when every eager upstream is known or has failed, or after `milliseconds`. */
  async settled(milliseconds: number): Promise<void> {
    const all = Promise.all(
      [...this.#upstreams.values()].filter(({ config }) => config.start === "eager").map((upstream) => upstream.base()?.known()),
    );
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([all, new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)))]);
    clearTimeout(timer);
  }

  // --- the end ---

  /** Stops taking requests, lets those in flight finish (at most `drain`), ends every session, connection and child process. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#starting?.catch(() => {}); // whoever started it was told
    this.#front?.drain();
    await this.sessions.end(this.config.drain);
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream.stop(0)));
    await this.#front?.close();
    await this.#parts?.hooks.close?.().catch(() => {}); // the guard has logged it
    this.#abort.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const HOST_INFO = Object.freeze({ name: "mcp-host", version: VERSION });

import type { UpstreamConfig } from "../config/schema.ts";
import { HostError, PeerError } from "../errors.ts";
import { errorFields, type Logger } from "../log.ts";
import type { ListedKind } from "../pipeline/entry.ts";
import type { Exchange, SessionFacts } from "../pipeline/exchange.ts";
import type { ConnectionState, UpstreamFacts } from "../pipeline/hooks.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link } from "../wire/link.ts";
import type { Json, Notification, Request } from "../wire/message.ts";
import { Peer } from "../wire/peer.ts";
import { Backoff } from "./backoff.ts";
import { type ServerFacts, shakeHands } from "./handshake.ts";
import { listedBy, NO_LISTS, type RawLists, Refresher, readLists } from "./lists.ts";
import { Upkeep } from "./upkeep.ts";

export interface ConnectionOptions {
  /** The isolation key within the upstream. */
  readonly key: string;
  readonly facts: UpstreamFacts;
  readonly config: UpstreamConfig;
  readonly limits: Limits;
  readonly log: Logger;
  readonly makeLink: () => Link;
  /** What is declared to the server at `initialize`. */
  readonly clientInfo: Json;
  readonly capabilities: Json;
  /** The only session that uses this connection, where there is exactly one by design. */
  readonly owner: SessionFacts | undefined;
}

/** What a connection tells the host. */
export interface ConnectionEvents {
  request(connection: Connection, request: Request, origin: Exchange | undefined): void;
  notification(connection: Connection, notification: Notification, origin: Exchange | undefined): void;
  /** The lists were read, again or for the first time. */
  listed(connection: Connection): Promise<void>;
  state(connection: Connection): void;
}

/**
 * One connection to an upstream through all its lives: it connects, is lost, backs off and connects again, and keeps
 * what it learned (lists, subscriptions, log level) meanwhile.
 */
export class Connection {
  readonly key: string;
  readonly facts: UpstreamFacts;
  readonly config: UpstreamConfig;
  readonly owner: SessionFacts | undefined;
  readonly capabilities: Json;
  /** Sessions that use this connection. */
  readonly users = new Set<string>();
  /** URIs that are subscribed, with the sessions that asked for them. */
  readonly subscriptions = new Map<string, Set<string>>();
  /** Live tasks that only this connection knows. */
  readonly tasks = new Set<string>();
  state: ConnectionState = "idle";
  reason: string | undefined;
  /** What the server said of itself, the last time it was asked. */
  server: ServerFacts | undefined;
  /** The last-known lists; undefined until they were read once. */
  lists: RawLists | undefined;
  /** Faults of the last listing, by kind. */
  readonly listProblems = new Map<ListedKind, string>();
  /** Milliseconds of the last answered ping or initialize. */
  latency: number | undefined;
  restarts = 0;
  /** When the last try to connect began, on the monotonic clock. */
  connectingSince: number | undefined;

  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #backoff = new Backoff();
  #peer: Peer<Exchange> | undefined;
  /** Links on their way out: a child that does not want to go takes some seconds, and {@link stop} waits for it. */
  readonly #ending = new Set<Promise<void>>();
  #connecting: Promise<void> | undefined;
  #reading: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #upkeep: Upkeep | undefined;
  #lastUse = performance.now();
  #level: string | undefined;
  #authFailed = false;
  /** Whether the present life has answered anything but `initialize`. */
  #served = false;
  readonly #refresher = new Refresher((kinds) => {
    if (this.#peer && this.isReady) this.#reading = this.#read(this.#peer, kinds);
  });

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.key = options.key;
    this.facts = options.facts;
    this.config = options.config;
    this.owner = options.owner;
    this.capabilities = options.capabilities;
  }

  get isReady(): boolean {
    return this.state === "ready" || this.state === "degraded";
  }

  get inFlight(): number {
    return this.#peer?.inFlight ?? 0;
  }

  get counters(): { garbage: number; unexpected: number } {
    return this.#peer?.counters ?? { garbage: 0, unexpected: 0 };
  }

  describe(): { pid?: number; stderr?: string } {
    return this.#peer?.link.describe?.() ?? {};
  }

  /** Resolves when requests can be sent. Reconnects on use, though not at every use of a server that keeps failing. */
  connect(): Promise<void> {
    if (this.isReady) return Promise.resolve();
    if (this.#connecting) return this.#connecting;
    if (this.state === "draining" || this.state === "stopped") return Promise.reject(this.#down("is stopped"));
    const pause = this.#backoff.pause;
    if (pause > 0) return Promise.reject(this.#down("is not available", pause));
    clearTimeout(this.#retry);
    this.#connecting = this.#attempt().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /** Resolves when the lists are known, connecting first if need be. Never rejects: `state` tells. */
  async known(): Promise<void> {
    if (this.lists) return;
    try {
      await this.connect();
      await this.#reading;
    } catch {
      // The state and its reason are kept and shown.
    }
  }

  async #attempt(): Promise<void> {
    const { key: upstream } = this.facts;
    this.#set("connecting");
    this.#served = false;
    this.#backoff.tries();
    const started = performance.now();
    this.connectingSince = started;
    const peer = new Peer<Exchange>(upstream, this.#options.makeLink(), {
      request: (request, origin) => this.#events.request(this, request, origin),
      notification: (notification, origin) => this.#notification(notification, origin),
      closed: (error) => this.#lost(peer, error),
    });
    this.#peer = peer;
    try {
      const { clientInfo, capabilities } = this.#options;
      this.server = await shakeHands(upstream, peer, { clientInfo, capabilities }, this.config.startTimeout);
    } catch (error) {
      this.#failedToConnect(peer, error);
      throw this.#authFailed
        ? new HostError("upstream_auth", `upstream "${upstream}" refuses the host's credentials`, { upstream })
        : this.#down("is not available");
    }
    this.latency = performance.now() - started;
    this.#backoff.succeeded();
    this.#authFailed = false;
    this.#lastUse = performance.now();
    this.#set("ready");
    this.#restore(peer);
    this.#reading = this.#read(peer, listedBy(this.server.capabilities as Json));
    this.#upkeep = new Upkeep(this.config, {
      ping: (timeout) => peer.request("ping", undefined, { timeout }).result,
      lastUse: () => this.#lastUse,
      inFlight: () => peer.inFlight,
      needed: () => peer.inFlight > 0 || this.subscriptions.size > 0 || this.tasks.size > 0,
      answered: (latency) => {
        this.latency = latency;
        if (this.state === "degraded") this.#set("ready");
      },
      degraded: (reason) => this.isReady && this.#set("degraded", reason),
      dead: () =>
        this.#lost(
          peer,
          new HostError("upstream_lost", `upstream "${this.facts.key}" does not answer pings`, {
            upstream: this.facts.key,
            sent: "unknown",
          }),
        ),
      unused: () => void this.#rest(),
    });
  }

  #stopTimers(): void {
    this.#upkeep?.stop();
    this.#refresher.stop();
  }

  /** What a new life must be told again. */
  #restore(peer: Peer<Exchange>): void {
    if (this.#level !== undefined) this.#sendLevel(peer, this.#level);
    for (const uri of this.subscriptions.keys()) {
      peer.request("resources/subscribe", { uri }, { timeout: this.config.timeout }).result.catch((error) => {
        this.#options.log.warn("a subscription could not be renewed", { upstream: this.facts.key, ...errorFields(error) });
      });
    }
  }

  #failedToConnect(peer: Peer<Exchange>, error: unknown): void {
    this.#authFailed = error instanceof HostError && error.type === "upstream_auth";
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#peer === peer) this.#peer = undefined;
    void this.#end(peer);
    if (this.state !== "connecting") return; // stopped meanwhile
    this.#options.log.warn("an upstream could not be connected", { upstream: this.facts.key, connection: this.key, reason });
    this.#backOff(reason);
  }

  /** The link of a live connection broke. */
  #lost(peer: Peer<Exchange>, error: HostError): void {
    if (this.#peer !== peer || !this.isReady) return;
    this.#peer = undefined;
    this.#stopTimers();
    void this.#end(peer);
    this.#options.log.warn("an upstream was lost", { upstream: this.facts.key, connection: this.key, reason: error.message });
    this.restarts++;
    // A server that ends sessions which it served is not failing: the next use begins another one at once.
    if (peer.link.sessionEnded && this.#served) this.#backoff.reset();
    this.#backOff(error.message);
  }

  #end(peer: Peer<Exchange>): Promise<void> {
    const ending = peer
      .close()
      .catch(() => {})
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return ending;
  }

  #backOff(reason: string): void {
    const wait = this.#backoff.failed();
    const waiting = this.#wanted && !this.#authFailed;
    // Nobody needs a lazy one before its next use.
    this.#set(this.#authFailed || this.#backoff.isHopeless ? "failed" : waiting ? "backing off" : "idle", reason);
    if (!waiting) return;
    this.#retry = setTimeout(() => void this.connect().catch(() => {}), Math.max(wait, this.#backoff.pause));
    this.#retry.unref();
  }

  /** Whether the connection should be up without anybody calling. */
  get #wanted(): boolean {
    return this.config.start === "eager" || this.subscriptions.size > 0;
  }

  /** Sends a request of the host's own. */
  request(method: string, params: Json | undefined, timeout = this.config.timeout): Promise<Json> {
    if (!this.#peer) return Promise.reject(this.#down("is not available"));
    return this.#peer.request(method, params, { timeout }).result;
  }

  /** Sends a client's request; the exchange owns the deadline. `params` are as the upstream wants them. */
  async call(exchange: Exchange, params: Json, progress: ((params: Json) => void) | undefined): Promise<Json> {
    if (exchange.stopped) throw exchange.stopped; // nothing is started for somebody who has gone
    if (!this.isReady) await this.connect();
    const peer = this.#peer;
    if (!peer) throw this.#down("is not available");
    if (peer.inFlight >= this.#options.limits.inFlightPerUpstream) {
      throw new HostError("overloaded", `upstream "${this.facts.key}" has ${peer.inFlight} requests in flight already`, {
        upstream: this.facts.key,
      });
    }
    if (exchange.stopped) throw exchange.stopped;
    this.#lastUse = performance.now();
    const outstanding = peer.request(exchange.method, params, { origin: exchange, ...(progress && { progress }) });
    exchange.sent = "unknown";
    exchange.timings.sent = this.#lastUse;
    exchange.onStop(outstanding.cancel);
    try {
      const result = await outstanding.result;
      exchange.sent = "yes";
      this.#served = true;
      return result;
    } catch (error) {
      if (error instanceof HostError) exchange.sent = error.sent;
      else if (error instanceof PeerError) exchange.sent = "yes";
      throw error;
    } finally {
      exchange.offStop(outstanding.cancel);
      this.#lastUse = performance.now();
      exchange.timings.answered = this.#lastUse;
    }
  }

  notify(method: string, params?: Json): void {
    this.#peer?.notify(method, params);
  }

  respond(request: Request, outcome: { result: Json } | { error: { code: number; message: string; data?: unknown } }): void {
    this.#peer?.respond(request.id, outcome, request.id);
  }

  /** Sets the log level of the server, now and after every reconnect. */
  setLevel(level: string | undefined): void {
    if (level === undefined || level === this.#level) return;
    this.#level = level;
    if (this.#peer && this.isReady) this.#sendLevel(this.#peer, level);
  }

  get level(): string | undefined {
    return this.#level;
  }

  #sendLevel(peer: Peer<Exchange>, level: string): void {
    if (this.server?.capabilities.logging === undefined) return;
    peer.request("logging/setLevel", { level }, { timeout: this.config.timeout }).result.catch((error) => {
      this.#options.log.warn("an upstream refused its log level", { upstream: this.facts.key, level, ...errorFields(error) });
    });
  }

  // --- lists ---

  #notification(notification: Notification, origin: Exchange | undefined): void {
    if (!this.#refresher.changed(notification.method)) this.#events.notification(this, notification, origin);
  }

  /** Reads these lists and keeps the last-known ones of the others. */
  async #read(peer: Peer<Exchange>, kinds: readonly ListedKind[]): Promise<void> {
    await this.#reading;
    const lists = await readLists(peer, kinds, this.#options.limits, this.lists ?? NO_LISTS, this.listProblems);
    if (peer.isClosed) return; // half-read lists of a dead server are worth less than the last-known ones, or none
    this.#served = true;
    for (const [kind, problem] of this.listProblems)
      this.#options.log.warn("a list is incomplete", { upstream: this.facts.key, kind, problem });
    this.lists = lists;
    await this.#events.listed(this);
  }

  // --- health and idleness ---

  /** Stops an unused server; its lists stay, and the next use starts it again. */
  async #rest(): Promise<void> {
    const peer = this.#peer;
    this.#peer = undefined;
    this.#stopTimers();
    this.#set("idle", `unused for ${this.config.idleTimeout} ms`);
    this.#backoff.reset();
    if (peer) await this.#end(peer);
  }

  /** Ends the connection for good, after the calls in flight or `drain` milliseconds. */
  async stop(drain: number): Promise<void> {
    if (this.state === "stopped") return;
    clearTimeout(this.#retry);
    this.#stopTimers();
    if (this.state !== "draining") this.#set("draining");
    const until = performance.now() + drain;
    while (this.inFlight > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    const peer = this.#peer;
    this.#set("stopped");
    if (peer) void this.#end(peer);
    this.#peer = undefined;
    await this.#connecting?.catch(() => {});
    await Promise.all(this.#ending);
  }

  #set(state: ConnectionState, reason?: string): void {
    this.state = state;
    this.reason = reason;
    this.#events.state(this);
  }

  /** What a client is told: the reason itself may name commands and paths, so it stays in the log and in `status`. */
  #down(what: string, retryAfterMs?: number): HostError {
    return new HostError("upstream_down", `upstream "${this.facts.key}" ${what}; nothing was sent (\`mcp-host status\` has the reason)`, {
      upstream: this.facts.key,
      ...(retryAfterMs !== undefined && { retryAfterMs: Math.ceil(retryAfterMs) }),
    });
  }
}

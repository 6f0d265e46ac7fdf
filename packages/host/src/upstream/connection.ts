import type { UpstreamConfig } from "../config/schema.ts";
import { HostError, isRefusal } from "../errors.ts";
import type { SessionFacts } from "../exchange/caller.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { ConnectionState, UpstreamFacts } from "../exchange/upstream-facts.ts";
import { briefReason } from "../redact.ts";
import type { Json, Request } from "../wire/message.ts";
import { Peer } from "../wire/peer.ts";
import { Backoff } from "./backoff.ts";
import { callPeer, unlessStopped } from "./call.ts";
import { Closing, quiet } from "./closing.ts";
import type { ConnectionEvents, ConnectionOptions } from "./connection-options.ts";
import { type ServerFacts, shakeHands } from "./handshake.ts";
import { Listings, listedBy } from "./lists.ts";
import { RestoredState } from "./restored-state.ts";
import { Upkeep } from "./upkeep.ts";

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
  readonly restored: RestoredState;
  state: ConnectionState = "idle";
  reason: string | undefined;
  /** What the server said of itself, the last time it was asked. */
  server: ServerFacts | undefined;
  /** What it lists. */
  readonly listings: Listings;
  /** Milliseconds of the last answered ping or initialize. */
  latency: number | undefined;
  restarts = 0;
  /** When the last try to connect began, on the monotonic clock. */
  connectingSince: number | undefined;

  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #backoff = new Backoff();
  #peer: Peer<HostExchange> | undefined;
  #epitaph: { stderr?: string } | undefined;
  readonly #closing = new Closing();
  #connecting: Promise<void> | undefined;
  #renewing: Promise<void> | undefined;
  #stopping = false;
  #retry: NodeJS.Timeout | undefined;
  #upkeep: Upkeep | undefined;
  #lastUse = performance.now();
  #authFailed = false;
  /** Whether the present life has answered anything but `initialize`. */
  #served = false;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.key = options.key;
    this.facts = options.facts;
    this.config = options.config;
    this.owner = options.owner;
    this.capabilities = options.capabilities;
    this.restored = new RestoredState(options.facts.key, options.config.timeout, options.log);
    this.listings = new Listings(
      options.limits,
      () => (this.isReady ? this.#peer : undefined),
      () => this.#listed(),
    );
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

  /** The process, and the last lines of its stderr: of the last life while there is no other. */
  describe(): { pid?: number; stderr?: string } {
    const live = this.#peer?.link.describe?.() ?? {};
    const stderr = live.stderr || (this.isReady ? undefined : this.#epitaph?.stderr);
    return stderr ? { ...live, stderr } : live;
  }

  /** Resolves when requests can be sent. Reconnects on use, though not at every use of a server that keeps failing. */
  connect(): Promise<void> {
    if (this.isReady) return Promise.resolve();
    if (this.#connecting) return this.#connecting;
    if (this.state === "draining" || this.state === "stopped") return Promise.reject(this.#down("is stopped"));
    const pause = this.#backoff.pause;
    if (pause > 0) return Promise.reject(this.#down("is not available", pause));
    clearTimeout(this.#retry);
    return this.#begin(this.#attempt());
  }

  #begin(attempt: Promise<void>): Promise<void> {
    const connecting = attempt.finally(() => {
      if (this.#connecting === connecting) this.#connecting = undefined;
    });
    this.#connecting = connecting;
    return connecting;
  }

  /**
   * Ends this life once its calls in flight are over, or after `drain` milliseconds, and begins another at once, whatever
   * became of earlier tries. Calls that come meanwhile wait for it. Rejects if it does not come up.
   */
  reconnect(drain: number): Promise<void> {
    this.#renewing ??= this.#begin(this.#renew(drain, this.#connecting)).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renew(drain: number, before: Promise<void> | undefined): Promise<void> {
    if (this.#peer && !this.isReady) await this.#end(this.#peer); // a try under way is given up
    await before?.catch(() => {});
    clearTimeout(this.#retry);
    this.#stopTimers();
    const peer = this.#peer;
    if (peer && !this.#stopping) {
      this.#set("draining");
      await quiet(() => peer.inFlight, drain);
      this.#peer = undefined;
      await this.#end(peer);
    }
    if (this.#stopping) throw this.#down("is stopped");
    this.#backoff.reset();
    await this.#attempt();
    await this.listings.done;
  }

  /** Resolves when the lists are known, connecting first if need be. Never rejects: `state` tells. */
  async known(): Promise<void> {
    if (this.listings.known) return this.listings.done; // what was read may still be on its way through discover
    try {
      await this.connect();
      await this.listings.done;
    } catch {
      // The state and its reason are kept and shown.
    }
  }

  async #attempt(): Promise<void> {
    const { key: upstream } = this.facts;
    this.#set("connecting", this.state === "idle" ? undefined : this.reason); // why the last try failed, until this one is through
    this.#served = false;
    this.#backoff.tries();
    const started = performance.now();
    this.connectingSince = started;
    const link = await this.#options.makeLink();
    if (this.state !== "connecting") throw this.#down("is stopped"); // meanwhile
    const peer = new Peer<HostExchange>(upstream, link, {
      request: (request, origin) => this.#events.request(this, request, origin),
      notification: (notification, origin) => this.#events.notification(this, notification, origin),
      closed: (error) => this.#lost(peer, error),
    });
    this.#peer = peer;
    try {
      const { clientInfo, capabilities } = this.#options;
      this.server = await shakeHands(upstream, peer, { clientInfo, capabilities }, this.config.startTimeout);
    } catch (error) {
      this.#failedToConnect(peer, error);
      if (isRefusal(error)) throw error; // a plugin's words about credentials
      throw this.#authFailed
        ? new HostError("upstream_auth", `upstream "${upstream}" refuses the host's credentials`, { upstream })
        : this.#down("is not available");
    }
    this.latency = performance.now() - started;
    this.#backoff.succeeded();
    this.#authFailed = false;
    this.#lastUse = performance.now();
    this.#set("ready");
    this.restored.renew(peer, this.server);
    void this.listings.read(peer, listedBy(this.server.capabilities));
    this.#upkeep = new Upkeep(this.config, {
      ping: (timeout) => peer.request("ping", undefined, { timeout }).result,
      lastUse: () => this.#lastUse,
      inFlight: () => peer.inFlight,
      needed: () => peer.inFlight > 0 || this.restored.any,
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
    this.listings.stop();
  }

  #failedToConnect(peer: Peer<HostExchange>, error: unknown): void {
    this.#authFailed = (error instanceof HostError || isRefusal(error)) && error.type === "upstream_auth";
    const reason = briefReason(error);
    if (this.#peer === peer) this.#peer = undefined;
    void this.#end(peer);
    if (this.state !== "connecting") return; // stopped meanwhile
    this.#options.log.warn("an upstream could not be connected", { upstream: this.facts.key, connection: this.key, reason });
    this.#backOff(reason, "failed");
  }

  /** The link of a live connection broke. */
  #lost(peer: Peer<HostExchange>, error: HostError): void {
    if (this.#peer !== peer || !this.isReady) return;
    this.#peer = undefined;
    this.#stopTimers();
    void this.#end(peer);
    this.#options.log.warn("an upstream was lost", { upstream: this.facts.key, connection: this.key, reason: error.message });
    this.restarts++;
    // A server that ends sessions which it served is not failing: the next use begins another one at once.
    if (peer.link.sessionEnded && this.#served) this.#backoff.reset();
    this.#backOff(error.message, "idle");
  }

  #end(peer: Peer<HostExchange>): Promise<void> {
    this.#epitaph = peer.link.describe?.();
    return this.#closing.end(peer);
  }

  /** @param rest the state of one that nobody needs before its next use */
  #backOff(reason: string, rest: "idle" | "failed"): void {
    const wait = this.#backoff.failed();
    const waiting = this.#wanted && !this.#authFailed;
    this.#set(this.#authFailed || this.#backoff.isHopeless ? "failed" : waiting ? "backing off" : rest, reason);
    if (!waiting) return;
    this.#retry = setTimeout(() => void this.connect().catch(() => {}), Math.max(wait, this.#backoff.pause));
    this.#retry.unref();
  }

  /** Whether the connection should be up without anybody calling. */
  get #wanted(): boolean {
    return this.config.start === "eager" || this.restored.subscriptions.size > 0;
  }

  /** Sends a request of the host's own. */
  request(method: string, params: Json | undefined, timeout = this.config.timeout): Promise<Json> {
    if (!this.#peer) return Promise.reject(this.#down("is not available"));
    return this.#peer.request(method, params, { timeout }).result;
  }

  /** Sends a client's request; the exchange owns the deadline. `params` are as the upstream wants them. */
  call(exchange: HostExchange, params: Json, progress: ((params: Json) => void) | undefined): Promise<Json> {
    if (exchange.stopped) return Promise.reject(exchange.stopped); // nothing is started for somebody who has gone
    return this.isReady
      ? this.#send(exchange, params, progress)
      : unlessStopped(exchange, this.connect()).then(() => this.#send(exchange, params, progress));
  }

  #send(exchange: HostExchange, params: Json, progress: ((params: Json) => void) | undefined): Promise<Json> {
    const peer = this.#peer;
    if (!peer) return Promise.reject(this.#down("is not available"));
    if (peer.inFlight >= this.#options.limits.inFlightPerUpstream) {
      const reason = `upstream "${this.facts.key}" has ${peer.inFlight} requests in flight already`;
      return Promise.reject(new HostError("overloaded", reason, { upstream: this.facts.key }));
    }
    if (exchange.stopped) return Promise.reject(exchange.stopped);
    return callPeer(peer, exchange, params, progress, this.#used);
  }

  /** A call has ended. */
  readonly #used = (answered: boolean): void => {
    this.#lastUse = performance.now();
    if (answered) this.#served = true;
  };

  notify(method: string, params?: Json): void {
    // Before the server is initialized it may be told nothing.
    if (this.isReady) this.#peer?.notify(method, params);
  }

  respond(request: Request, outcome: { result: Json } | { error: { code: number; message: string; data?: unknown } }): void {
    this.#peer?.respond(request.id, outcome, request.id);
  }

  /** Sets the log level of the server, now and after every reconnect. */
  setLevel(level: string): void {
    if (level === this.restored.level) return;
    this.restored.level = level;
    if (this.#peer && this.isReady && this.server) this.restored.tellLevel(this.#peer, this.server);
  }

  async #listed(): Promise<void> {
    this.#served = true;
    for (const [kind, problem] of this.listings.problems)
      this.#options.log.warn("a list is incomplete", { upstream: this.facts.key, kind, problem });
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
    this.#stopping = true;
    clearTimeout(this.#retry);
    this.#stopTimers();
    if (this.state !== "draining") this.#set("draining");
    await quiet(() => this.inFlight, drain);
    const peer = this.#peer;
    this.#set("stopped");
    if (peer) void this.#end(peer);
    this.#peer = undefined;
    await this.#connecting?.catch(() => {});
    await this.#closing.over();
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

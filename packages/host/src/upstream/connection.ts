import type { AnyUpstreamConfig } from "../config/offered.ts";
import { HostError } from "../errors.ts";
import type { Caller } from "../exchange/caller.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { unlessStopped } from "../exchange/unless-stopped.ts";
import type { ConnectionState, UpstreamFacts } from "../exchange/upstream-facts.ts";
import { counted } from "../wire/counted.ts";
import type { Limits } from "../wire/limits.ts";
import { isObject, type Json, type Notification, type Request } from "../wire/message.ts";
import type { PeerCounters } from "../wire/peer.ts";
import { unavailable } from "./failure.ts";
import type { ServerFacts } from "./handshake.ts";
import type { CallOptions, Life } from "./life.ts";
import { Lifecycle, type LifecycleOptions } from "./lifecycle.ts";
import { Listings, listedBy } from "./lists.ts";
import { RestoredState } from "./restored-state.ts";
import type { Selection } from "./selection.ts";

export interface ConnectionOptions extends LifecycleOptions {
  readonly limits: Limits;
  /** The only caller that uses this connection, where there is exactly one by design. */
  readonly owner: Caller | undefined;
  /** Id of the only principal that it is for; undefined where it is shared. */
  readonly principal: string | undefined;
  /** What a server of the modern era is told with each request that its caller can be asked. */
  readonly asks: (caller: Caller) => Json;
  /** What the config takes of what the server lists; undefined: all. */
  readonly selection: Selection | undefined;
}

/** What a connection tells the host. */
export interface ConnectionEvents {
  request(connection: Connection, request: Request, origin: HostExchange | undefined): void;
  notification(connection: Connection, notification: Notification, origin: HostExchange | undefined): void;
  /** The lists were read, again or for the first time. */
  listed(connection: Connection): Promise<void>;
  state(connection: Connection): void;
}

/** One connection to an upstream: what goes over it, and what it keeps through all its lives (lists, subscriptions, log level). */
export class Connection {
  readonly facts: UpstreamFacts;
  readonly config: AnyUpstreamConfig;
  readonly owner: Caller | undefined;
  readonly capabilities: Json;
  /** Sessions that use this connection. */
  readonly users = new Set<string>();
  readonly restored: RestoredState;
  /** What the server lists. */
  readonly listings: Listings;
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #lifecycle: Lifecycle;
  /** What the log knows already of incomplete lists: one that is read again and again is told of once. */
  #told: ReadonlyMap<string, string> = new Map();

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.facts = options.facts;
    this.config = options.config;
    this.owner = options.owner;
    this.capabilities = options.capabilities;
    this.restored = new RestoredState(options.facts.key, options.config.timeout, options.log);
    this.#lifecycle = new Lifecycle(options, {
      request: (request, origin) => events.request(this, request, origin),
      notification: (notification, origin) => events.notification(this, notification, origin),
      state: () => events.state(this),
      began: (life, server) => this.#began(life, server),
      ending: () => this.listings.stop(),
      needed: () => this.restored.any,
      wanted: () => this.config.start === "eager" || this.restored.subscriptions.size > 0,
    });
    this.listings = new Listings(
      options.limits,
      () => (this.isReady ? this.#lifecycle.life?.peer : undefined),
      () => this.#listed(),
      options.selection,
    );
  }

  /** The isolation key within the upstream. */
  get key(): string {
    return this.#options.key;
  }

  set key(key: string) {
    this.#options.key = key;
  }

  // --- its lives ---

  get state(): ConnectionState {
    return this.#lifecycle.state;
  }

  /** Id of the only principal that it is for; undefined where it is shared. */
  get principal(): string | undefined {
    return this.#options.principal;
  }

  /** Why it is in this state, where there is more to say. */
  get reason(): string | undefined {
    return this.#lifecycle.reason;
  }

  get isReady(): boolean {
    return this.#lifecycle.isReady;
  }

  /** What the server said of itself, the last time it was asked. */
  get server(): ServerFacts | undefined {
    return this.#lifecycle.server;
  }

  /** What the server was told that a caller can be asked: of all on the connection alike or, in the modern era, of each for itself. */
  declaredFor(caller: Caller): Json {
    return this.server?.era === "modern" ? this.#options.asks(caller) : this.capabilities;
  }

  /** Whether its server tells of changes of a list now. */
  hears(list: string): boolean {
    const { life, server, isReady } = this.#lifecycle;
    const capability = server?.capabilities[list];
    return isReady && (life?.peer.link.hears?.(list) ?? (isObject(capability) && capability.listChanged === true));
  }

  /** Milliseconds of the last answered ping or initialize. */
  get latency(): number | undefined {
    return this.#lifecycle.latency;
  }

  /** How often a live connection was lost. */
  get restarts(): number {
    return this.#lifecycle.restarts;
  }

  /** When the last try to connect began, on the monotonic clock. */
  get connectingSince(): number | undefined {
    return this.#lifecycle.connectingSince;
  }

  get inFlight(): number {
    return this.#lifecycle.life?.peer.inFlight ?? 0;
  }

  /** What is in flight over it for a call of a client: what a plugin sent in its place is another exchange. */
  sentFor<T>(call: HostExchange | T): HostExchange | T {
    const isFor = (sent: HostExchange | undefined): boolean => sent !== undefined && (sent === call || isFor(sent.parent));
    const sent = this.#lifecycle.life?.peer.origins().filter(isFor) ?? [];
    return sent.length === 1 && sent[0] ? sent[0] : call;
  }

  get counters(): PeerCounters {
    return this.#lifecycle.life?.peer.counters ?? { garbage: 0, unexpected: 0 };
  }

  /** The process, and the first and last lines of its stderr: of the last life while there is no other. */
  describe(): { pid?: number; stderr?: string } {
    return this.#lifecycle.describe();
  }

  /** Resolves when requests can be sent. Reconnects on use, though not at every use of a server that keeps failing. */
  connect(): Promise<void> {
    return this.#lifecycle.connect();
  }

  /**
   * Ends the present life after its calls in flight, or `drain` milliseconds, and begins another at once, whatever became of
   * earlier tries. Calls that come meanwhile wait for it. Resolves when what it lists is known; rejects if it does not come up.
   */
  async reconnect(drain: number): Promise<void> {
    await this.#lifecycle.reconnect(drain);
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

  /** Ends the connection for good, after the calls in flight or `drain` milliseconds. */
  stop(drain: number): Promise<void> {
    return this.#lifecycle.stop(drain);
  }

  /** Its server says something else of itself than it did. What it lists now is read. */
  described(now: Omit<ServerFacts, "protocolVersion" | "era">): void {
    const { life, server } = this.#lifecycle;
    if (!life || !server) return;
    this.#lifecycle.server = { ...server, ...now };
    const kinds = new Set([...listedBy(server.capabilities), ...listedBy(now.capabilities)]);
    void this.listings.read(life.peer, [...kinds]);
  }

  #began({ peer }: Life, server: ServerFacts): void {
    this.restored.renew(peer, server);
    void this.listings.read(peer, listedBy(server.capabilities));
  }

  async #listed(): Promise<void> {
    const { life } = this.#lifecycle;
    const { failed, problems } = this.listings;
    if (life && failed.size === 0) life.hasServed = true;
    for (const [kind, problem] of problems)
      if (this.#told.get(kind) !== problem) this.#options.log.warn("a list is incomplete", { upstream: this.facts.key, kind, problem });
    this.#told = new Map(problems);
    if (problems.size === 0)
      for (const { place, glob } of this.#options.selection?.unsettled() ?? [])
        this.#options.log.warn("a glob fits nothing that the server lists", { upstream: this.facts.key, place, glob });
    this.#lifecycle.ails("lists", failed.size === 0 ? undefined : [...failed].map((kind) => problems.get(kind)).join("; "));
    await this.#events.listed(this);
  }

  // --- what goes over it ---

  /** Sends a request of the host's own. */
  request(method: string, params: Json | undefined, timeout = this.config.timeout): Promise<Json> {
    const { life } = this.#lifecycle;
    return life ? life.peer.request(method, params, { timeout }).result : Promise.reject(unavailable(this.facts.key));
  }

  /** Sends a client's request; the exchange owns the deadline. `params` are as the upstream wants them. */
  call(exchange: HostExchange, params: Json, options: CallOptions): Promise<Json> {
    if (exchange.stopped) return Promise.reject(exchange.stopped); // nothing is started for somebody who has gone
    return this.isReady
      ? this.#send(exchange, params, options)
      : unlessStopped(exchange, this.connect()).then(() => this.#send(exchange, params, options));
  }

  #send(exchange: HostExchange, params: Json, options: CallOptions): Promise<Json> {
    const { life } = this.#lifecycle;
    if (!life) return Promise.reject(unavailable(this.facts.key));
    const { inFlight } = life.peer;
    if (inFlight >= this.#options.limits.inFlightPerUpstream) {
      const reason = `upstream "${this.facts.key}" has ${counted(inFlight, "request")} in flight already`;
      return Promise.reject(new HostError("overloaded", reason, { upstream: this.facts.key }));
    }
    if (exchange.stopped) return Promise.reject(exchange.stopped);
    return life.call(exchange, params, options);
  }

  notify(method: string, params?: Json): void {
    // Before the server is initialized it may be told nothing.
    if (this.isReady) this.#lifecycle.life?.peer.notify(method, params);
  }

  respond(request: Request, outcome: { result: Json } | { error: { code: number; message: string; data?: unknown } }): void {
    this.#lifecycle.life?.peer.respond(request.id, outcome, request.id);
  }

  /** Has the server tell of a task, now and after every reconnect. Gives whether it will. */
  watchTask(native: string): Promise<boolean> {
    const link = this.#lifecycle.life?.peer.link;
    this.restored.watchedTasks.add(native);
    return new Promise((resolve) => {
      if (link?.watchTask) link.watchTask(native, resolve);
      else resolve(false);
    });
  }

  unwatchTask(native: string): void {
    if (this.restored.watchedTasks.delete(native)) this.#lifecycle.life?.peer.link.unwatchTask?.(native);
  }

  /** Sets the log level of the server, now and after every reconnect. */
  setLevel(level: string): void {
    if (level === this.restored.level) return;
    this.restored.level = level;
    const { life, server, isReady } = this.#lifecycle;
    if (life && isReady && server) this.restored.tellLevel(life.peer, server);
  }
}

import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { AnyUpstreamConfig } from "../config/offered.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import { type Caller, type Principal, scopeOf } from "../exchange/caller.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import { isRoundOfClient } from "../exchange/round.ts";
import type { Credentials, CredentialsRequest, UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Logger } from "../log.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link } from "../wire/link.ts";
import type { Json } from "../wire/message.ts";
import { isModern } from "../wire/versions.ts";
import type { Authorization } from "./authorization.ts";
import { CallStats } from "./call-stats.ts";
import { askedCapabilities, capabilitySet, mirroredCapabilities, withoutTasks } from "./capabilities.ts";
import { Connection, type ConnectionEvents } from "./connection.ts";
import { KnownEra } from "./era.ts";
import { unavailable } from "./failure.ts";
import type { ServerFacts } from "./handshake.ts";
import { isOpenToSse, makeLink, wireOf } from "./links.ts";
import type { Said } from "./rounds.ts";
import { Selection } from "./selection.ts";
import { Turns } from "./turns.ts";
import type { UrlWire } from "./url.ts";

export interface UpstreamOptions {
  readonly key: string;
  readonly config: AnyUpstreamConfig;
  /** How far clients share it: the config's, or stricter. */
  readonly isolation: UpstreamFacts["isolation"];
  /** The folder that a stdio server starts in. */
  readonly folder: string;
  readonly limits: Limits;
  readonly log: Logger;
  /** The host's own name and version, for servers that are shared. */
  readonly hostInfo: Json;
  /** Where plugins give credentials, if any do. */
  readonly credentials: () => ((credentials: Credentials, request: CredentialsRequest) => Promise<Credentials>) | undefined;
  /** Makes a transport that a plugin or code brought, for a connection of this principal's or of everybody's. */
  readonly openTransport: (principal: Principal | undefined) => Awaitable<Transport>;
}

/** What is known of an upstream before it was connected. */
export function factsOf(key: string, config: AnyUpstreamConfig, isolation = config.isolation): UpstreamFacts {
  return { key, wire: wireOf(config), ...("options" in config && { type: config.type }), isolation };
}

/** How far clients may share a server, of what its config says and what plugins want: never further than either. */
export function strictest(configured: UpstreamFacts["isolation"], wanted: "principal" | "session" | undefined): UpstreamFacts["isolation"] {
  return wanted !== undefined && (configured === "shared" || wanted === "session") ? wanted : configured;
}

/** One configured server with its connections: one for everybody, or one per caller or principal. */
export class Upstream {
  readonly key: string;
  readonly config: AnyUpstreamConfig;
  readonly facts: { -readonly [K in keyof UpstreamFacts]: UpstreamFacts[K] };
  readonly connections = new Map<string, Connection>();
  /** Of the calls that went there. */
  readonly callStats = new CallStats();
  /** Where the config says how many calls it is given at once: over all its connections. */
  readonly turns: Turns | undefined;
  /** Where the config leaves something of it out. */
  readonly selection: Selection | undefined;
  /** Of connections that are gone. */
  #restarts = 0;
  /** What any connection learned last; it outlives the connection. */
  server: ServerFacts | undefined;
  readonly #options: UpstreamOptions;
  readonly #events: ConnectionEvents;
  /** Sessions that have ended: what still runs for them must not open anything. */
  readonly #released = new WeakSet<Caller>();
  /** What connectionFor found, so that a call does not compute keys. */
  #byCaller = new WeakMap<Caller, Connection>();
  readonly #era = new KnownEra();
  /** What each caller can be asked, for servers of the modern era. */
  readonly #asked = new WeakMap<Caller, Json>();
  /** Ends of connections that are not in {@link connections} any more. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: UpstreamOptions, events: ConnectionEvents) {
    this.key = options.key;
    this.config = options.config;
    this.#options = options;
    const { concurrency } = options.config;
    this.turns = concurrency === undefined ? undefined : new Turns(options.key, concurrency, options.limits.waitingPerUpstream);
    this.selection = Selection.of(options.key, options.config);
    this.facts = factsOf(options.key, options.config, options.isolation);
    this.#events = {
      ...events,
      listed: (connection) => {
        // Who shares a connection depends on the era.
        if (this.server && this.server.era !== connection.server?.era) this.#byCaller = new WeakMap();
        this.server = connection.server;
        return events.listed(connection);
      },
    };
  }

  /** The connection that serves a caller, made (not yet connected) on first use. */
  connectionFor(caller: Caller): Connection {
    const known = this.#byCaller.get(caller);
    if (known) return known;
    const key = this.#keyFor(caller);
    let connection = this.connections.get(key);
    if (!connection) {
      connection = this.#make(key, caller);
      if (this.#released.has(caller)) void connection.stop(0);
      else this.connections.set(key, connection);
    }
    if (this.#released.has(caller)) return connection;
    connection.users.add(caller.id);
    this.#byCaller.set(caller, connection);
    return connection;
  }

  /** The connection that a host opens before any client came, where it would be of use to all. */
  base(): Connection | undefined {
    if (this.facts.isolation !== "shared") return undefined;
    const key = this.#sharedKey({});
    let connection = this.connections.get(key);
    if (!connection) this.connections.set(key, (connection = this.#make(key, undefined)));
    return connection;
  }

  /** How often a live connection was lost, those that are gone included: it never falls. */
  get restarts(): number {
    return [...this.connections.values()].reduce((sum, connection) => sum + connection.restarts, this.#restarts);
  }

  /** What its config lacks, so that it is never tried. */
  get lacks(): string | undefined {
    return "unconfigured" in this.config ? this.config.unconfigured.reason : undefined;
  }

  /** Whether it cannot be used now. One that rests, or that waits for its first client, can. */
  get isDown(): boolean {
    if (this.lacks !== undefined) return true;
    const states = [...this.connections.values()].map(({ state }) => state);
    if (states.length === 0) return this.config.start === "eager" && this.facts.isolation === "shared";
    return !states.some((state) => state === "ready" || state === "degraded" || state === "idle");
  }

  /** Whether it was tried and cannot be reached; not while it connects for the first time, nor while it rests. */
  get isUnreachable(): boolean {
    if (this.lacks !== undefined) return true;
    const all = [...this.connections.values()];
    const isFailing = ({ state, reason }: Connection): boolean =>
      state === "failed" || state === "backing off" || (state === "connecting" && reason !== undefined);
    return all.length > 0 && all.every(isFailing);
  }

  /** A caller is gone: what was only its own is closed, unless live tasks need it. Gives the connections that others still use. */
  release(caller: Caller): Connection[] {
    const shared: Connection[] = [];
    this.#released.add(caller);
    this.#byCaller.delete(caller);
    for (const [key, connection] of this.connections) {
      if (!connection.users.delete(caller.id)) continue;
      for (const [uri, callers] of connection.restored.subscriptions) {
        if (!callers.delete(caller.id) || callers.size > 0) continue;
        connection.restored.subscriptions.delete(uri);
        if (connection.isReady) connection.request("resources/unsubscribe", { uri }).catch(() => {});
      }
      if (connection.users.size > 0) shared.push(connection);
      const lasting = key === "shared" || key === sharedKey({});
      if (lasting || connection.users.size > 0) continue;
      connection.restored.whenTasksEnd(() => {
        if (connection.users.size === 0 && this.connections.get(key) === connection) this.#drop(key, connection);
      });
    }
    return shared;
  }

  #drop(key: string, connection: Connection): void {
    this.connections.delete(key);
    this.#restarts += connection.restarts;
    const leaving = connection.stop(0).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Takes up for a caller what it wanted of the server that this one replaces: updates of resources. The connection is made and not yet opened. */
  inherit(old: Upstream, caller: Caller): Connection {
    const connection = this.connectionFor(caller);
    for (const { restored } of old.connections.values())
      for (const [uri, callers] of restored.subscriptions) {
        if (!callers.has(caller.id)) continue;
        const own = connection.restored.subscriptions;
        own.set(uri, (own.get(uri) ?? new Set()).add(caller.id));
      }
    return connection;
  }

  async stop(drain: number): Promise<void> {
    await Promise.all([...this.#leaving, ...[...this.connections.values()].map((connection) => connection.stop(drain))]);
  }

  #keyFor(caller: Caller): string {
    if (caller.sole || this.facts.isolation === "session") return `session ${caller.id}`;
    const set = this.#setOf(caller);
    if (this.facts.isolation === "principal") return `${scopeOf(caller)} ${JSON.stringify(set)}`;
    return this.#sharedKey(set);
  }

  /** What a connection declares for all who share it. In the modern era each request says for itself what can be asked. */
  #setOf({ capabilities }: Caller): Json {
    return this.facts.wire === "http" && this.server?.era !== "modern" ? capabilitySet(capabilities) : {};
  }

  /** A wire that cannot attribute a question to a call has one shared connection, which asks nothing. */
  #sharedKey(set: Json): string {
    if (this.facts.wire === "http") return sharedKey(set);
    return isOpenToSse(this.config) ? sharedKey({}) : "shared";
  }

  /** Resolves when what a session's connection lists is known, or why it is not. Never rejects. */
  async known(caller: Caller): Promise<void> {
    const connection = this.connectionFor(caller);
    await connection.known();
    const now = this.connectionFor(caller); // another, where the wire turned out to be another
    if (now !== connection) await now.known();
  }

  /** The server has told by what it answers to over which wire it is reached. */
  #found(wire: UrlWire): void {
    if (wire === this.facts.wire) return;
    this.facts.wire = wire;
    this.#options.log.info("an upstream without a type was found to have one", { upstream: this.key, type: wire });
    // Who shares a connection that asks nothing may stay; later callers get one of their kind.
    if (wire === "http") return;
    this.#byCaller = new WeakMap();
    const heir = this.base();
    for (const [key, connection] of this.connections) {
      if (connection.owner || Object.keys(connection.capabilities).length === 0) continue;
      if (heir) inherit(heir, connection);
      this.#drop(key, connection);
    }
  }

  #make(key: string, caller: Caller | undefined): Connection {
    const { config, facts } = this;
    const own = caller !== undefined && key === `session ${caller.id}`;
    const principal = own || facts.isolation === "principal" ? caller?.principal : undefined;
    return new Connection(
      {
        key,
        facts,
        config,
        limits: this.#options.limits,
        log: this.#options.log,
        makeLink: () => this.#link(principal, own ? caller : undefined),
        // A server of one client's own sees that client; a shared one sees the host.
        // Who has no session says who it is with each request, and a connection serves many of them.
        clientInfo: own && caller.client.info.name !== undefined ? (caller.client.info as Json) : this.#options.hostInfo,
        capabilities: own ? mirroredCapabilities(caller, facts.wire, config) : caller ? this.#setOf(caller) : {},
        owner: own ? caller : undefined,
        asks: (each) => this.#asks(each),
        selection: this.selection,
      },
      this.#events,
    );
  }

  async #link(principal: Principal | undefined, owner: Caller | undefined): Promise<Link> {
    const { key, config } = this;
    if ("open" in config) return config.open(owner);
    if ("unconfigured" in config) throw unavailable(key, "is not configured");
    const { limits, folder } = this.#options;
    const authorization = await this.#authorization(principal);
    const openTransport = () => this.#options.openTransport(principal);
    const known = this.facts.wire === "sse" ? "sse" : "http";
    return makeLink({
      key,
      config,
      folder,
      limits,
      authorization,
      openTransport,
      known,
      found: (wire) => this.#found(wire),
      era: this.#era,
      client: (origin) => (origin instanceof HostExchange ? this.#clientOf(origin) : undefined),
      warn: (message, fields) => this.#options.log.warn(message, fields),
    });
  }

  /** What a server of the modern era is told of the client that a request is sent for. */
  #clientOf(exchange: HostExchange): Omit<Said, "info"> {
    const { caller, client, brought, depth } = exchange;
    const asked = this.#asks(caller);
    const capabilities = depth > 0 ? withoutTasks(asked) : asked; // a plugin that calls waits for the result
    // Of the legacy era, a client that said nothing hears what it always did.
    const isNamed = isModern(client.version);
    const logLevel = client.logLevel ?? (isNamed ? undefined : "info");
    return { capabilities, logLevel, round: brought, isRoundOfClient: isRoundOfClient(exchange), isNamed };
  }

  #asks(caller: Caller): Json {
    let asked = this.#asked.get(caller);
    if (!asked) this.#asked.set(caller, (asked = askedCapabilities(caller, this.facts.wire, this.config)));
    return asked;
  }

  async #authorization(principal: Principal | undefined): Promise<Authorization | undefined> {
    const ask = this.#options.credentials();
    if (!ask) return undefined;
    const { Authorization, NO_CREDENTIALS } = await import("./authorization.ts");
    return new Authorization(this.key, (reason) => ask(NO_CREDENTIALS, { upstream: this.facts, principal, reason }));
  }
}

/** Makes one connection keep what the callers of another were promised. */
function inherit(heir: Connection, { users, restored }: Connection): void {
  for (const id of users) heir.users.add(id);
  if (restored.level !== undefined) heir.setLevel(restored.level);
  for (const uri of heir.restored.inherit(restored)) if (heir.isReady) heir.request("resources/subscribe", { uri }).catch(() => {});
}

function sharedKey(set: Json): string {
  return `shared ${JSON.stringify(set)}`;
}

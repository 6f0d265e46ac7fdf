import type { AnyUpstreamConfig } from "../config/offered.ts";
import type { Caller } from "../exchange/caller.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Json } from "../wire/message.ts";
import { isModern } from "../wire/versions.ts";
import { CallStats } from "./call-stats.ts";
import { capabilitySet, mirroredCapabilities } from "./capabilities.ts";
import { Connection, type ConnectionEvents } from "./connection.ts";
import { handOver, inherit, leave } from "./handing-over.ts";
import type { ServerFacts } from "./handshake.ts";
import { wireOf } from "./links.ts";
import { Selection } from "./selection.ts";
import { isLasting, isModernKey, Sharing, sharedKey } from "./sharing.ts";
import { Turns } from "./turns.ts";
import type { UrlWire } from "./url.ts";
import { KnownEra, type Verdict } from "./verdict.ts";
import { WayOut, type WayOutOptions } from "./way-out.ts";

export interface UpstreamOptions extends WayOutOptions {
  /** How far clients share it: the config's, or stricter. */
  readonly isolation: UpstreamFacts["isolation"];
  /** The host's own name and version, for servers that are shared. */
  readonly hostInfo: Json;
  /** The era of those who will come first, as far as the config says. */
  readonly prefers: Verdict["era"];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Where what is found out of servers is kept for the next host, if anywhere. */
  readonly verdicts: VerdictStore | undefined;
}

/** Keeps beyond the life of a host how servers are spoken to. Neither call throws. */
export interface VerdictStore {
  readVerdict(config: AnyUpstreamConfig): Promise<Verdict | undefined>;
  writeVerdict(config: AnyUpstreamConfig, verdict: Verdict | undefined): void;
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
  readonly #era: KnownEra;
  readonly #sharing: Sharing;
  readonly #out: WayOut;
  /** Whether the log knows that its isolation has less of an effect than it seems. */
  #isTold = false;
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
    this.#era = new KnownEra(options.now, (verdict) => {
      this.#byCaller = new WeakMap(); // who shares a connection depends on it
      if (this.facts.wire === "http") options.verdicts?.writeVerdict(options.config, verdict);
    });
    this.#out = new WayOut(options, this.facts, this.#era, (wire) => this.#found(wire));
    this.#sharing = new Sharing(this.facts, options.config, this.#era);
    this.#events = {
      ...events,
      listed: (connection) => {
        const { server } = connection;
        // Of one that speaks both, what it says in the later one counts.
        if (server?.era === "modern" || this.server?.era !== "modern" || this.#era.era !== "modern") this.server = server;
        return events.listed(connection);
      },
    };
  }

  /** Takes up what another host found out of the server. */
  async recall(): Promise<void> {
    const { verdicts, config } = this.#options;
    if (verdicts && config.protocol === "auto" && this.facts.wire === "http") this.#era.recall(await verdicts.readVerdict(config));
  }

  /** A server of the legacy era is asked for the modern one, too, when it is connected the next time. */
  askAgain(): void {
    if (this.#era.era === "legacy") this.#era.found(undefined);
  }

  /** The connection that serves a caller, made (not yet connected) on first use. */
  connectionFor(caller: Caller): Connection {
    const known = this.#byCaller.get(caller);
    if (known) return known;
    const key = this.#sharing.keyFor(caller);
    let connection = this.connections.get(key);
    if (!connection) {
      connection = this.#make(key, caller, isModern(caller.client.version) ? "modern" : "legacy");
      if (this.#released.has(caller)) void connection.stop(0);
      else this.connections.set(key, connection);
    }
    if (this.#released.has(caller)) return connection;
    connection.users.add(caller.id);
    for (const other of this.connections.values()) {
      if (other === connection || !other.users.has(caller.id)) continue;
      handOver(caller.id, other, connection);
      if (other.users.size === 0 && !isLasting(other.key)) this.#dropUnused(other, this.config.maxTimeout);
    }
    this.#byCaller.set(caller, connection);
    return connection;
  }

  /**
   * The connection that a host opens before any client came, where it would be of use to all. Of a server of both eras it is
   * the modern one, which has no session and is one for all, where clients may be of that era.
   */
  base(): Connection | undefined {
    if (this.facts.isolation !== "shared") return undefined;
    const { prefers } = this.#options;
    const key = this.#sharing.baseKey(prefers);
    let connection = this.connections.get(key);
    if (!connection) this.connections.set(key, (connection = this.#make(key, undefined, prefers)));
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

  /** A caller is gone: what was only its own is closed, unless live tasks need it. Gives the connections that others still use. */
  release(caller: Caller): Connection[] {
    const shared: Connection[] = [];
    this.#released.add(caller);
    this.#byCaller.delete(caller);
    for (const connection of this.connections.values()) {
      if (!leave(caller.id, connection)) continue;
      if (connection.users.size > 0) shared.push(connection);
      else if (!isLasting(connection.key)) this.#dropUnused(connection, 0);
    }
    return shared;
  }

  #dropUnused(connection: Connection, drain: number): void {
    connection.restored.whenTasksEnd(() => {
      if (connection.users.size === 0 && this.connections.get(connection.key) === connection) this.#drop(connection, drain);
    });
  }

  #drop(connection: Connection, drain = 0): void {
    this.connections.delete(connection.key);
    this.#restarts += connection.restarts;
    const leaving = connection.stop(drain).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Takes up for a caller what it wanted of the server that this one replaces: updates of resources. The connection is made and not yet opened. */
  inherit(old: Upstream, caller: Caller): Connection {
    const connection = this.connectionFor(caller);
    for (const { restored } of old.connections.values())
      for (const [uri, callers] of restored.subscriptions) {
        if (!callers.has(caller.id)) continue;
        connection.restored.add(uri, caller.id);
      }
    return connection;
  }

  async stop(drain: number): Promise<void> {
    await Promise.all([...this.#leaving, ...[...this.connections.values()].map((connection) => connection.stop(drain))]);
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
    for (const connection of this.connections.values()) {
      if (connection.owner || Object.keys(connection.capabilities).length === 0) continue;
      if (heir) inherit(heir, connection);
      this.#drop(connection);
    }
  }

  /** The server has told how it is spoken to over a connection, and so who shares that. Gives whether it is still wanted. */
  #settled(connection: Connection, caller: Caller | undefined, era: Verdict["era"]): boolean {
    if (era === "modern") this.#tellIsolation();
    if (this.facts.wire !== "http" || caller?.sole || (era === "modern") === isModernKey(connection.key)) return true;
    if (this.connections.get(connection.key) !== connection) return false; // it is being stopped
    this.#byCaller = new WeakMap();
    const key = era === "modern" ? this.#sharing.modernKey(caller) : sharedKey({});
    const heir = this.connections.get(key);
    if (!heir && !connection.owner && (era === "modern" || this.facts.isolation === "shared")) {
      this.connections.delete(connection.key);
      this.connections.set(key, connection);
      connection.key = key;
      return true;
    }
    if (heir && this.facts.isolation !== "session") inherit(heir, connection);
    else if (caller && !this.#released.has(caller)) this.connectionFor(caller);
    if (this.connections.get(connection.key) === connection) this.#drop(connection);
    return false;
  }

  /** Each request of the modern era is for itself, and so there is nothing to keep apart for a session. */
  #tellIsolation(): void {
    const { key, facts } = this;
    if (this.#isTold || facts.wire !== "http" || facts.isolation !== "session") return;
    this.#isTold = true;
    const words = `isolation "session" keeps apart nothing but the credentials of principals at a server of MCP 2026-07-28, which knows no sessions`;
    this.#options.log.warn(words, { upstream: key });
  }

  /** @param prefers the era of whom it is made for */
  #make(key: string, caller: Caller | undefined, prefers: Verdict["era"]): Connection {
    const { config, facts } = this;
    const own = caller !== undefined && key === `session ${caller.id}`;
    const principal = own || facts.isolation !== "shared" ? caller?.principal : undefined;
    const era = isModernKey(key) ? "modern" : prefers;
    const connection: Connection = new Connection(
      {
        key,
        facts,
        config,
        limits: this.#options.limits,
        log: this.#options.log,
        makeLink: () =>
          this.#out.link(principal, own ? caller : undefined, {
            prefers: era,
            settled: (spoken) => this.#settled(connection, caller, spoken),
            described: (server) => connection.described(server),
          }),
        // A server of one client's own sees that client; a shared one sees the host.
        // Who has no session says who it is with each request, and a connection serves many of them.
        clientInfo: own && caller.client.info.name !== undefined ? (caller.client.info as Json) : this.#options.hostInfo,
        capabilities: own ? mirroredCapabilities(caller, facts.wire, config) : caller ? this.#setOf(key, caller) : {},
        owner: own ? caller : undefined,
        principal: principal?.id,
        asks: (each) => this.#out.asks(each),
        selection: this.selection,
      },
      this.#events,
    );
    return connection;
  }

  /** What a connection declares for all who share it. In the modern era each request says for itself what can be asked. */
  #setOf(key: string, { capabilities }: Caller): Json {
    return this.facts.wire === "http" && !isModernKey(key) ? capabilitySet(capabilities) : {};
  }
}

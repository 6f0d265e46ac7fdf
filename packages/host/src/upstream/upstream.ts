import { resolve } from "node:path";
import type { UpstreamConfig } from "../config/schema.ts";
import type { Logger } from "../log.ts";
import type { Principal, SessionFacts } from "../pipeline/exchange.ts";
import { scopeOf } from "../pipeline/exchange.ts";
import type { SealedHooks } from "../pipeline/hook-set.ts";
import type { UpstreamFacts } from "../pipeline/hooks.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link } from "../wire/link.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { Authorization } from "./authorization.ts";
import { capabilitySet, mirroredCapabilities } from "./capabilities.ts";
import { Connection } from "./connection.ts";
import type { ConnectionEvents } from "./connection-options.ts";
import type { ServerFacts } from "./handshake.ts";
import { Tally } from "./tally.ts";

export interface UpstreamOptions {
  readonly key: string;
  readonly config: UpstreamConfig;
  /** The folder that a stdio server starts in. */
  readonly folder: string;
  readonly limits: Limits;
  readonly log: Logger;
  /** The host's own name and version, for servers that are shared. */
  readonly hostInfo: Json;
  /** Where plugins give credentials, if any do. */
  readonly credentials: () => SealedHooks["credentials"];
}

/** One configured server with its connections: one for everybody, or one per session or principal. */
export class Upstream {
  readonly key: string;
  readonly config: UpstreamConfig;
  readonly facts: Omit<UpstreamFacts, "isolation"> & { isolation: UpstreamFacts["isolation"] };
  readonly connections = new Map<string, Connection>();
  /** Of the calls that went there. */
  readonly tally = new Tally();
  /** Of connections that are gone. */
  #restarts = 0;
  /** What any connection learned last; it outlives the connection. */
  server: ServerFacts | undefined;
  readonly #options: UpstreamOptions;
  readonly #events: ConnectionEvents;
  /** Sessions that have ended: what still runs for them must not open anything. */
  readonly #released = new WeakSet<SessionFacts>();
  /** What connectionFor found, so that a call does not compute keys. */
  readonly #bySession = new WeakMap<SessionFacts, Connection>();
  /** Ends of connections that are not in {@link connections} any more. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: UpstreamOptions, events: ConnectionEvents) {
    this.key = options.key;
    this.config = options.config;
    this.#options = options;
    const wire = "command" in options.config ? "stdio" : "url" in options.config ? "http" : "transport";
    this.facts = { key: options.key, wire, isolation: options.config.isolation };
    this.#events = {
      ...events,
      listed: (connection) => {
        this.server = connection.server;
        return events.listed(connection);
      },
    };
  }

  /** Lets no more clients share a connection than this; for plugins, before there are any connections. */
  isolate(isolation: "principal" | "session"): void {
    if (this.facts.isolation === "shared" || isolation === "session") this.facts.isolation = isolation;
  }

  /** The connection that serves a session, made (not yet connected) on first use. */
  connectionFor(session: SessionFacts): Connection {
    const known = this.#bySession.get(session);
    if (known) return known;
    const key = this.#keyFor(session);
    let connection = this.connections.get(key);
    if (!connection) {
      connection = this.#make(key, session);
      if (this.#released.has(session)) void connection.stop(0);
      else this.connections.set(key, connection);
    }
    if (this.#released.has(session)) return connection;
    connection.users.add(session.id);
    this.#bySession.set(session, connection);
    return connection;
  }

  /** The connection that a host opens before any client came, where it would be of use to all. */
  base(): Connection | undefined {
    if (this.facts.isolation !== "shared") return undefined;
    const key = this.facts.wire === "http" ? sharedKey({}) : "shared";
    let connection = this.connections.get(key);
    if (!connection) this.connections.set(key, (connection = this.#make(key, undefined)));
    return connection;
  }

  /** How often a live connection was lost, those that are gone included: it never falls. */
  get restarts(): number {
    return [...this.connections.values()].reduce((sum, connection) => sum + connection.restarts, this.#restarts);
  }

  /** Whether it cannot be used now. One that rests, or that waits for its first client, can. */
  get isDown(): boolean {
    const states = [...this.connections.values()].map(({ state }) => state);
    if (states.length === 0) return this.config.start === "eager" && this.facts.isolation === "shared";
    return !states.some((state) => state === "ready" || state === "degraded" || state === "idle");
  }

  /** Whether it was tried and cannot be reached; not while it connects for the first time, nor while it rests. */
  get isUnreachable(): boolean {
    const all = [...this.connections.values()];
    const isFailing = ({ state, reason }: Connection): boolean =>
      state === "failed" || state === "backing off" || (state === "connecting" && reason !== undefined);
    return all.length > 0 && all.every(isFailing);
  }

  /** A session has ended: what was only its own is closed, unless live tasks need it. Gives the connections that others still use. */
  release(session: SessionFacts): Connection[] {
    const shared: Connection[] = [];
    this.#released.add(session);
    this.#bySession.delete(session);
    for (const [key, connection] of this.connections) {
      if (!connection.users.delete(session.id)) continue;
      for (const [uri, sessions] of connection.commitments.subscriptions) {
        if (!sessions.delete(session.id) || sessions.size > 0) continue;
        connection.commitments.subscriptions.delete(uri);
        if (connection.isReady) connection.request("resources/unsubscribe", { uri }).catch(() => {});
      }
      if (connection.users.size > 0) shared.push(connection);
      const lasting = key === "shared" || key === sharedKey({});
      if (lasting || connection.users.size > 0) continue;
      connection.commitments.whenTasksEnd(() => {
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

  async stop(drain: number): Promise<void> {
    await Promise.all([...this.#leaving, ...[...this.connections.values()].map((connection) => connection.stop(drain))]);
  }

  #keyFor(session: SessionFacts): string {
    if (session.sole || this.facts.isolation === "session") return `session ${session.id}`;
    const set = this.facts.wire === "http" ? capabilitySet(session.client.capabilities) : {};
    if (this.facts.isolation === "principal") return `${scopeOf(session)} ${JSON.stringify(set)}`;
    // A wire that cannot attribute a question to a call has one shared connection, which asks nothing.
    return this.facts.wire === "http" ? sharedKey(set) : "shared";
  }

  #make(key: string, session: SessionFacts | undefined): Connection {
    const { config, facts } = this;
    const own = session !== undefined && key === `session ${session.id}`;
    const principal = own || facts.isolation === "principal" ? session?.principal : undefined;
    const shared = facts.wire === "http" && session ? capabilitySet(session.client.capabilities) : {};
    return new Connection(
      {
        key,
        facts,
        config,
        limits: this.#options.limits,
        log: this.#options.log,
        makeLink: () => this.#link(principal),
        // A server of one client's own sees that client; a shared one sees the host.
        clientInfo: own && isObject(session.client.info) ? (session.client.info as Json) : this.#options.hostInfo,
        capabilities: own ? mirroredCapabilities(session, facts.wire, config) : shared,
        owner: own ? session : undefined,
      },
      this.#events,
    );
  }

  /** A wire to the server. Its code is loaded on first use: who has only stdio servers pays for no HTTP. */
  async #link(principal: Principal | undefined): Promise<Link> {
    const { key, config } = this;
    const { limits, folder } = this.#options;
    const authorization = await this.#authorization(principal);
    if ("command" in config) {
      const { args, env, cwd } = config;
      // A bare name is looked for on PATH; with a slash it is a file beside the config.
      const command = /[/\\]/.test(config.command) ? resolve(folder, config.command) : config.command;
      const { StdioLink } = await import("./stdio.ts");
      return new StdioLink(key, { command, args, env, cwd: resolve(folder, cwd ?? ".") }, limits, authorization);
    }
    if ("url" in config) {
      const { HttpLink } = await import("./http.ts");
      return new HttpLink(key, { url: new URL(config.url), headers: config.headers }, limits, authorization);
    }
    const { TransportLink } = await import("./transport.ts");
    return new TransportLink(key, config.transport);
  }

  async #authorization(principal: Principal | undefined): Promise<Authorization | undefined> {
    const ask = this.#options.credentials();
    if (!ask) return undefined;
    const { Authorization, NO_CREDENTIALS } = await import("./authorization.ts");
    return new Authorization(this.key, (reason) => ask(NO_CREDENTIALS, { upstream: this.facts, principal, reason }));
  }
}

function sharedKey(set: Json): string {
  return `shared ${JSON.stringify(set)}`;
}

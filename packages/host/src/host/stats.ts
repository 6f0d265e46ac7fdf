import type { EntryKind } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { ConnectionState } from "../exchange/upstream-facts.ts";
import type { Catalog } from "../pipeline/catalog.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { bestOf, standingOf } from "./best-connection.ts";

/** Figures of a host since it was made. Times in milliseconds. */
export interface HostStats {
  /** `single` with one server, whose capabilities, instructions and unknown methods pass as they are; else `multi`. */
  mode: "single" | "multi";
  uptime: number;
  sessions: number;
  /** Requests under way. */
  inFlight: number;
  /** Requests that have been answered, refused or cancelled, those of the protocol itself (`initialize`, lists) included. */
  requests: number;
  /** Requests that were answered with an error. A tool's own failure (`isError`) is a result. */
  errors: number;
  /** Upstreams that can be called without being started first. */
  activeUpstreams: number;
  /** What is offered, whoever it is for. */
  tools: number;
  resources: number;
  resourceTemplates: number;
  prompts: number;
  upstreams: UpstreamStats[];
}

export interface UpstreamStats {
  name: string;
  /** Of its best connection. */
  state: ConnectionState;
  inFlight: number;
  /** Calls that wait for their turn, where its `concurrency` bounds how many it is given at once. */
  waiting: number;
  /** Calls that were routed there, and those of them that failed. */
  calls: number;
  errors: number;
  /** How long the upstream itself took, over its last 256 answers; undefined before the first. */
  latency: { p50: number; p95: number } | undefined;
  /** How often a live connection was lost. */
  restarts: number;
}

/** Counts the requests of one host. */
export class Stats {
  readonly startedAt = Date.now();
  inFlight = 0;
  #requests = 0;
  #errors = 0;

  /** A client's request is over. What an upstream asks of a client is no request of a client. */
  count({ parent, outcome, route, timings: { sent, answered } }: HostExchange, upstreams: ReadonlyMap<string, Upstream>): void {
    if (parent) return;
    const failed = outcome !== undefined && "error" in outcome;
    this.#requests++;
    if (failed) this.#errors++;
    if (!route) return;
    const time = sent === undefined || answered === undefined ? undefined : answered - sent;
    upstreams.get(route.upstream)?.callStats.note(failed, time);
  }

  read(host: {
    upstreams: ReadonlyMap<string, Upstream>;
    sessions: number;
    /** Undefined while nothing can be offered. */
    catalog: Catalog | undefined;
  }): HostStats {
    const entries: Record<EntryKind, number> = { tool: 0, prompt: 0, resource: 0, template: 0, method: 0 };
    for (const { kind } of host.catalog?.entries() ?? []) entries[kind]++;
    const upstreams = [...host.upstreams.values()];
    return {
      mode: modeOf(upstreams.filter(({ facts }) => facts.wire !== "plugin").length),
      uptime: Date.now() - this.startedAt,
      sessions: host.sessions,
      inFlight: this.inFlight,
      requests: this.#requests,
      errors: this.#errors,
      activeUpstreams: upstreams.filter((upstream) => bestOf(upstream)?.isReady).length,
      tools: entries.tool,
      resources: entries.resource,
      resourceTemplates: entries.template,
      prompts: entries.prompt,
      upstreams: upstreams.map(statsOf),
    };
  }
}

/** How the number of upstreams changes what a host does. */
export function modeOf(upstreams: number): HostStats["mode"] {
  return upstreams === 1 ? "single" : "multi";
}

function statsOf(upstream: Upstream): UpstreamStats {
  const { key, callStats, restarts, connections, turns } = upstream;
  return {
    name: key,
    state: standingOf(upstream).state,
    inFlight: [...connections.values()].reduce((sum, connection) => sum + connection.inFlight, 0),
    waiting: turns?.waiting ?? 0,
    calls: callStats.calls,
    errors: callStats.errors,
    latency: callStats.latency(),
    restarts,
  };
}

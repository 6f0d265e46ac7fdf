import { HostError } from "../errors.ts";
import type { EntryKind } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { ConnectionState } from "../exchange/upstream-facts.ts";
import type { Catalog } from "../pipeline/catalog.ts";
import { redactText } from "../redact.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Json } from "../wire/message.ts";
import { bestOf } from "./status.ts";

/** Whether something can be used now: all of it, with restrictions, or not at all. */
export type Fitness = "ready" | "degraded" | "down";

/** How a host is, and why. */
export interface HostHealth {
  /** `down`: a `required` upstream is down, or all are. `degraded`: some are down or do not answer pings. */
  status: Fitness;
  upstreams: UpstreamHealth[];
}

export interface UpstreamHealth {
  name: string;
  /** One that rests, or waits for its first client, is `ready`: its next use starts it. */
  status: Fitness;
  required: boolean;
  /** Of its best connection. */
  state: ConnectionState;
  /** Why it is not ready, without secrets. */
  reason: string | undefined;
}

/** Figures of a host since it was made. Times in milliseconds. */
export interface HostStats {
  /** `single` with one upstream, whose capabilities, instructions and unknown methods pass as they are; else `multi`. */
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
  /** Share of calls that a cache answered, from 0 to 1; undefined where no plugin reports `hits` and `misses`, or none was asked yet. */
  cacheHitRatio: number | undefined;
  upstreams: UpstreamStats[];
}

export interface UpstreamStats {
  name: string;
  /** Of its best connection. */
  state: ConnectionState;
  inFlight: number;
  /** Calls that were routed there, and those of them that failed. */
  calls: number;
  errors: number;
  /** How long the upstream itself took, over its last 256 answers; undefined before the first. */
  latency: { p50: number; p95: number } | undefined;
  /** How often a live connection was lost. */
  restarts: number;
}

/** Counts the requests of one host. */
export class Vitals {
  readonly startedAt = Date.now();
  inFlight = 0;
  #requests = 0;
  #errors = 0;

  /** A client's request is over. What an upstream asks of a client is no request of a client. */
  settled({ parent, outcome, route, timings: { sent, answered } }: HostExchange, upstreams: ReadonlyMap<string, Upstream>): void {
    if (parent) return;
    const failed = outcome !== undefined && "error" in outcome;
    this.#requests++;
    if (failed) this.#errors++;
    if (!route) return;
    const time = sent === undefined || answered === undefined ? undefined : answered - sent;
    upstreams.get(route.upstream)?.callStats.note(failed, time);
  }

  stats(host: {
    upstreams: ReadonlyMap<string, Upstream>;
    sessions: number;
    /** Undefined while nothing can be offered. */
    catalog: Catalog | undefined;
    reports: Readonly<Record<string, Readonly<Json>>>;
  }): HostStats {
    const entries: Record<EntryKind, number> = { tool: 0, prompt: 0, resource: 0, template: 0, method: 0 };
    for (const { kind } of host.catalog?.entries() ?? []) entries[kind]++;
    const upstreams = [...host.upstreams.values()];
    return {
      mode: modeOf(upstreams.length),
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
      cacheHitRatio: cacheHitRatio(host.reports),
      upstreams: upstreams.map(statsOf),
    };
  }
}

/** How the number of upstreams changes what a host does. */
export function modeOf(upstreams: number): HostStats["mode"] {
  return upstreams === 1 ? "single" : "multi";
}

function statsOf(upstream: Upstream): UpstreamStats {
  const { key, callStats, restarts, connections } = upstream;
  return {
    name: key,
    state: bestOf(upstream)?.state ?? "idle",
    inFlight: [...connections.values()].reduce((sum, connection) => sum + connection.inFlight, 0),
    calls: callStats.calls,
    errors: callStats.errors,
    latency: callStats.latency(),
    restarts,
  };
}

/** Over all plugins that count hits and misses, whatever they are called. */
function cacheHitRatio(reports: Readonly<Record<string, Readonly<Json>>>): number | undefined {
  let hits = 0;
  let asked = 0;
  for (const report of Object.values(reports)) {
    if (typeof report.hits !== "number" || typeof report.misses !== "number") continue;
    const answered = report.hits + (typeof report.joined === "number" ? report.joined : 0);
    hits += answered;
    asked += answered + report.misses;
  }
  return asked === 0 ? undefined : hits / asked;
}

export function healthOf(upstreams: Iterable<Upstream>): HostHealth {
  const all = Array.from(upstreams, (upstream): UpstreamHealth => {
    const best = bestOf(upstream);
    return {
      name: upstream.key,
      status: best === undefined || !upstream.isDown ? (best?.state === "degraded" ? "degraded" : "ready") : "down",
      required: upstream.config.required,
      state: best?.state ?? "idle",
      reason: best?.reason && redactText(best.reason),
    };
  });
  const down = all.filter(({ status }) => status === "down");
  if (down.some(({ required }) => required) || (down.length > 0 && down.length === all.length)) return { status: "down", upstreams: all };
  return { status: all.every(({ status }) => status === "ready") ? "ready" : "degraded", upstreams: all };
}

/** Gives every connection of an upstream another life. @throws HostError with the reason of the first that did not come up */
export async function reconnect(upstream: Upstream, drain: number): Promise<void> {
  upstream.base(); // one that everybody shares is connected even if nobody came yet
  const connections = [...upstream.connections.values()];
  const ended = await Promise.allSettled(connections.map((connection) => connection.reconnect(drain)));
  for (const [index, end] of ended.entries()) {
    if (end.status === "fulfilled") continue;
    const { reason } = connections[index] as (typeof connections)[number]; // they came from there
    const { type } = end.reason instanceof HostError ? end.reason : { type: "upstream_down" as const };
    const why = reason === undefined ? "it is being stopped" : redactText(reason);
    throw new HostError(type, `upstream "${upstream.key}" could not be connected: ${why}`, { upstream: upstream.key, cause: end.reason });
  }
}

import type { Catalog } from "../pipeline/catalog.ts";
import type { ConnectionState } from "../plugin/hooks.ts";
import { redactText } from "../redact.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Json } from "../wire/message.ts";

/** A running host as `mcp-host status` shows it. Times in milliseconds. */
export interface HostStatus {
  version: string;
  pid: number;
  uptime: number;
  url: string | undefined;
  ready: boolean;
  /** `required` upstreams that are down. */
  down: readonly string[];
  sessions: number;
  inFlight: number;
  upstreams: UpstreamStatus[];
  /** Who owns which exposed name. */
  tools: { name: string; upstream: string; native: string }[];
  withheld: { kind: string; name: string; upstream: string; reason: string }[];
  /** How things stand with each plugin that says so, by its id. */
  reports: Readonly<Record<string, Readonly<Json>>>;
}

export interface UpstreamStatus {
  name: string;
  /** What it is reached over; of a transport that a plugin or code brings, its type. */
  wire: string;
  isolation: string;
  required: boolean;
  /** Whether what it asks of clients can be relayed, and what to do if not. */
  relays: string;
  /** Of its best connection. */
  state: ConnectionState;
  reason: string | undefined;
  entries: { tools: number; prompts: number; resources: number; templates: number };
  /** Messages that could not be tied to a client and went nowhere. */
  dropped: number;
  /** How often a live connection was lost, those of sessions that ended included. */
  restarts: number;
  connections: ConnectionStatus[];
}

export interface ConnectionStatus {
  key: string;
  state: ConnectionState;
  reason: string | undefined;
  sessions: number;
  inFlight: number;
  latency: number | undefined;
  restarts: number;
  garbage: number;
  unexpected: number;
  /** Whether its lists have been read, in this life or an earlier one. */
  listed: boolean;
  problems: readonly string[];
  pid?: number;
  /** The last lines of a stdio server's stderr; those of its last life while it is down. */
  stderr?: string;
}

/** Better states first. */
const STATES: readonly ConnectionState[] = ["ready", "degraded", "connecting", "backing off", "idle", "draining", "failed", "stopped"];

export function describeStatus(host: {
  version: string;
  startedAt: number;
  url: string | undefined;
  sessions: number;
  inFlight: number;
  upstreams: readonly Upstream[];
  catalog: Catalog;
  dropped: ReadonlyMap<string, number>;
  readiness: { ready: boolean; down: readonly string[] };
  reports: HostStatus["reports"];
}): HostStatus {
  return {
    version: host.version,
    pid: process.pid,
    uptime: Date.now() - host.startedAt,
    url: host.url,
    ready: host.readiness.ready,
    down: host.readiness.down,
    sessions: host.sessions,
    inFlight: host.inFlight,
    upstreams: host.upstreams.map((upstream) => describeUpstream(upstream, host.dropped.get(upstream.key) ?? 0)),
    tools: host.catalog
      .entries()
      .filter(({ kind }) => kind === "tool")
      .map(({ name, upstream, native }) => ({ name, upstream, native })),
    withheld: host.catalog
      .withheld()
      .map(({ entry, reason }) => ({ kind: entry.kind, name: entry.name, upstream: entry.upstream, reason })),
    reports: host.reports,
  };
}

/** The connection that stands for the upstream: the one in the best state. */
export function bestOf(upstream: Upstream): Connection | undefined {
  return [...upstream.connections.values()].sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state))[0];
}

function describeUpstream(upstream: Upstream, dropped: number): UpstreamStatus {
  const connections = [...upstream.connections.values()];
  const best = bestOf(upstream);
  const lists = connections.find(({ listings }) => listings.known !== undefined)?.listings.known;
  return {
    name: upstream.key,
    wire: upstream.facts.type ?? upstream.facts.wire,
    isolation: upstream.facts.isolation,
    required: upstream.config.required,
    relays: relays(upstream),
    state: best?.state ?? "idle",
    reason: best?.reason && redactText(best.reason),
    entries: {
      tools: lists?.tool.length ?? 0,
      prompts: lists?.prompt.length ?? 0,
      resources: lists?.resource.length ?? 0,
      templates: lists?.template.length ?? 0,
    },
    dropped,
    restarts: upstream.restarts,
    connections: connections.map(describeConnection),
  };
}

function relays({ facts, config }: Upstream): string {
  // A stdio server is not told the roots of network clients unless the config says so.
  if (facts.wire === "stdio" && facts.isolation === "session" && !config.relayRoots)
    return 'sampling, elicitation and logs; roots of an only client, and those of HTTP clients not (set "relayRoots": true to relay them)';
  if (facts.wire === "http" || facts.isolation === "session") return "sampling, elicitation, roots and logs";
  return 'to an only client everything; to several no sampling, elicitation, roots or logs, since nothing says whose they are (set "isolation": "session" to relay them)';
}

function describeConnection(connection: Connection): ConnectionStatus {
  const { pid, stderr } = connection.describe();
  return {
    key: connection.key,
    state: connection.state,
    reason: connection.reason && redactText(connection.reason),
    sessions: connection.users.size,
    inFlight: connection.inFlight,
    latency: connection.latency === undefined ? undefined : Math.round(connection.latency * 100) / 100,
    restarts: connection.restarts,
    ...connection.counters,
    listed: connection.listings.known !== undefined,
    problems: [...connection.listings.problems.values()].map(redactText),
    ...(pid !== undefined && { pid }),
    ...(stderr && { stderr: redactText(stderr) }),
  };
}

import type { ConnectionState } from "../exchange/upstream-facts.ts";
import type { Catalog } from "../pipeline/catalog.ts";
import type { ConnectionStatus, HostStatus, UpstreamStatus } from "../plugin/host-status.ts";
import { redactText } from "../redact.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Upstream } from "../upstream/upstream.ts";

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

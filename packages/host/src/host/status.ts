import { LISTS } from "../exchange/entry.ts";
import type { TapRecord } from "../plugin/hook-set.ts";
import type { ConnectionStatus, HostStatus, UpstreamStatus } from "../plugin/host-status.ts";
import { isDisabled, nameOf } from "../plugin/load.ts";
import type { PluginDefinition } from "../plugin/plugin.ts";
import type { AppliedPlugin, PluginSet } from "../plugin/plugin-set.ts";
import type { TapOwner } from "../plugin/tap-guard.ts";
import { redactText } from "../redact.ts";
import type { Requesters } from "../session/requesters.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { VERSION } from "../version.ts";
import type { Assembly } from "./assembly.ts";
import { standingOf } from "./best-connection.ts";
import { readinessOf } from "./health.ts";

export function describeStatus(
  { upstreams, directory: { catalog }, plugins }: Assembly,
  host: {
    startedAt: number;
    url: string | undefined;
    requesters: Requesters;
    inFlight: number;
    dropped: ReadonlyMap<string, number>;
    reports: HostStatus["reports"];
    draining: boolean;
  },
): HostStatus {
  const { ready, down, draining } = readinessOf(upstreams.values(), host.draining);
  const { sessions, callers } = host.requesters;
  return {
    version: VERSION,
    pid: process.pid,
    uptime: Date.now() - host.startedAt,
    url: host.url,
    ready,
    down,
    draining,
    sessions: sessions.size,
    callers: callers.size,
    inFlight: host.inFlight,
    parked: callers.parked,
    upstreams: Array.from(upstreams.values(), (upstream) => describeUpstream(upstream, host.dropped.get(upstream.key) ?? 0)),
    tools: catalog
      .entries()
      .filter(({ kind }) => kind === "tool")
      .map(({ name, upstream, native }) => ({ name, upstream, native })),
    withheld: catalog.withheld().map(({ entry, reason }) => ({ kind: entry.kind, name: entry.name, upstream: entry.upstream, reason })),
    endpoints: endpointsOf(plugins),
    authenticates: plugins.hooks.taps.some(({ hook }) => hook === "authenticate"),
    reports: host.reports,
  };
}

/** A plugin that was applied, and what decides when its taps run. */
export interface PipelinePlugin extends Pick<PluginDefinition, "enforce" | "needs" | "before" | "after">, Pick<TapOwner, "when"> {
  readonly id: string;
  readonly version: string;
  readonly source: string;
  readonly onError: string;
  /** Whether it does nothing. */
  readonly idle: boolean;
}

/** What a host's requests pass: its plugins, and every tap in config order. */
export interface HostPipeline {
  /** In the order in which they tap. */
  readonly plugins: readonly PipelinePlugin[];
  /** Entries of the config with `enabled: false`. */
  readonly disabled: readonly string[];
  readonly taps: readonly TapRecord[];
  /** Endpoints beside the unnamed one, each with the plugin that opened it. */
  readonly endpoints: HostStatus["endpoints"];
}

/** Whether a plugin does nothing: it taps no hook, hears nothing, offers no entries, brings no transport, opens no endpoint and serves nobody else. */
export function isIdle(plugin: AppliedPlugin, set: PluginSet): boolean {
  if (servesOthers(plugin, set)) return false;
  const { id, taps, offers } = plugin;
  return taps.length === 0 && offers.size === 0 && !set.transports.isFrom(id) && !set.edge.isOpenedBy(id) && !set.isListening(plugin);
}

/** Whether a plugin is there for other plugins, for operators or for configs: services, operations, values, isolation. Commands alone run in processes of their own. */
function servesOthers({ id, provided, isolated, loaded }: AppliedPlugin, { operations }: PluginSet): boolean {
  return provided.size > 0 || isolated.length > 0 || operations.isFrom(id) || loaded.definition.variables !== undefined;
}

function endpointsOf({ edge }: PluginSet): HostStatus["endpoints"] {
  return Array.from(edge.endpoints, ([name, plugin]) => ({ name, plugin }));
}

export function describePipeline(set: PluginSet): HostPipeline {
  const { plugins, hooks, config } = set;
  return {
    endpoints: endpointsOf(set),
    plugins: plugins.map((plugin) => {
      const { owner, source, definition } = plugin.loaded;
      const { enforce, needs, before, after } = definition;
      const { id, version, onError, when } = owner;
      const told = Object.entries({ enforce, needs, before, after, when }).filter(([, value]) => value !== undefined);
      return { id, version, source, onError, idle: isIdle(plugin, set), ...Object.fromEntries(told) };
    }),
    disabled: config.plugins.filter(isDisabled).map(nameOf),
    taps: hooks.taps.map(({ hook, method, plugin, version }) => ({ hook, ...(method !== undefined && { method }), plugin, version })),
  };
}

function describeUpstream(upstream: Upstream, dropped: number): UpstreamStatus {
  const connections = [...upstream.connections.values()];
  const listings = connections.find(({ listings }) => listings.known !== undefined)?.listings;
  const lists = listings?.known;
  const problems = [...(listings?.problems ?? [])];
  const server = upstream.facts.wire === "plugin" ? undefined : upstream.server;
  return {
    name: upstream.key,
    wire: upstream.facts.type ?? upstream.facts.wire,
    protocolVersion: server?.protocolVersion,
    era: server?.era,
    isolation: upstream.facts.isolation,
    required: upstream.config.required,
    relays: relays(upstream),
    ...standingOf(upstream),
    entries: {
      tools: lists?.tool.length ?? 0,
      prompts: lists?.prompt.length ?? 0,
      resources: lists?.resource.length ?? 0,
      templates: lists?.template.length ?? 0,
    },
    incomplete: Object.fromEntries(problems.map(([kind, problem]) => [LISTS[kind].method, redactText(problem)])),
    waiting: upstream.turns?.waiting ?? 0,
    dropped,
    restarts: upstream.restarts,
    connections: connections.map(describeConnection),
  };
}

function relays({ facts, config, server }: Upstream): string {
  if (facts.wire === "plugin") return "logs, and what its plugin asks";
  // A stdio server is not told the roots of network clients unless the config says so.
  if (facts.wire === "stdio" && facts.isolation === "session" && !config.relayRoots)
    return 'sampling, elicitation and logs; roots of an only client, and those of HTTP clients not (set "relayRoots": true to relay them)';
  if (facts.wire === "http" || facts.isolation === "session") return "sampling, elicitation, roots and logs";
  // What it asks comes with the answer to a call, which says whose it is.
  if (server?.era === "modern")
    return 'sampling, elicitation and roots (those of HTTP clients to a stdio server only with "relayRoots": true); logs to an only client';
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

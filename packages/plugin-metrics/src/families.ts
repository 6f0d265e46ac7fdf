import type { HostStatus, UpstreamStatus } from "mcp-host";
import type { Distribution } from "./distribution.ts";
import type { Exposition, Labels } from "./exposition.ts";
import type { EndingFigures, Requests, TargetFigures } from "./requests.ts";
import type { Lag, Runtime } from "./runtime.ts";
import type { Sessions } from "./sessions.ts";
import type { Upstreams } from "./upstreams.ts";

/** Where the host's own families are read from. */
export interface Figures {
  readonly requests: Requests;
  readonly sessions: Sessions;
  readonly upstreams: Upstreams;
  readonly runtime: Runtime;
  /** How things stood when somebody began to read. */
  readonly now: () => Moment;
}

export interface Moment {
  readonly status: HostStatus;
  readonly lag: Lag;
}

const TARGET = ["mcp_method_name", "upstream", "gen_ai_tool_name", "gen_ai_prompt_name"];
const ENDING = ["error_type", "rpc_response_status_code"];

/** What the host itself tells: names of the OpenTelemetry conventions for MCP where there are any, else `mcp_host_`. */
export function publishHost(exposition: Exposition, figures: Figures): void {
  publishRequests(exposition, figures.requests);
  publishClients(exposition, figures);
  publishUpstreams(exposition, figures);
  publishProcess(exposition, figures);
}

function publishRequests(exposition: Exposition, requests: Requests): void {
  const endings = (take: (figures: EndingFigures) => Distribution) =>
    function* (): Iterable<readonly [Labels, Distribution]> {
      for (const { labels, endings } of requests.targets())
        for (const figures of endings.values()) {
          const { type, code } = figures.ending;
          if (take(figures).count > 0) yield [present({ ...labels, error_type: type, rpc_response_status_code: code }), take(figures)];
        }
    };
  const targets = (take: (figures: TargetFigures) => Distribution) =>
    function* (): Iterable<readonly [Labels, Distribution]> {
      for (const figures of requests.targets()) if (take(figures).count > 0) yield [present({ ...figures.labels }), take(figures)];
    };
  exposition.histogram({
    name: "mcp_server_operation_duration_seconds",
    help: "Requests from their arrival at the host to their answer; error_type is empty where they ended well.",
    labels: [...TARGET, ...ENDING],
    read: endings(({ duration }) => duration),
  });
  exposition.histogram({
    name: "mcp_client_operation_duration_seconds",
    help: "Requests to upstreams from the last send to the answer.",
    labels: [...TARGET, ...ENDING],
    read: endings(({ upstream }) => upstream),
  });
  exposition.histogram({
    name: "mcp_host_overhead_seconds",
    help: "What of a request's time was not its upstream's: the host, its plugins, and their waits.",
    labels: ["mcp_method_name"],
    *read() {
      for (const [method, overhead] of requests.overhead) yield [{ mcp_method_name: method }, overhead];
    },
  });
  exposition.histogram({
    name: "mcp_host_request_size_bytes",
    help: "Sizes of requests as they came over the network or stdio.",
    labels: TARGET,
    read: targets(({ request }) => request),
  });
  exposition.histogram({
    name: "mcp_host_response_size_bytes",
    help: "Sizes of answers as they went out over the network or stdio.",
    labels: TARGET,
    read: targets(({ answer }) => answer),
  });
  exposition.counter({
    name: "mcp_host_requests_total",
    help: "Requests by the era of MCP that their clients speak, and the kind of their results; kind is empty where there is none.",
    labels: ["mcp_method_name", "era", "kind"],
    *read() {
      for (const { count, ...labels } of requests.kinds()) yield [present(labels), count];
    },
  });
  exposition.counter({
    name: "mcp_host_principal_requests_total",
    help: "Requests by principal, where the option principals says so.",
    labels: ["principal", "outcome"],
    *read() {
      for (const [principal, counts] of requests.principals)
        for (const [outcome, count] of Object.entries(counts)) yield [{ principal, outcome: outcome === "well" ? "ok" : outcome }, count];
    },
  });
}

/** To Prometheus an empty label is none; leaving it out halves what is scraped. */
function present(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
}

function publishClients(exposition: Exposition, { sessions, now }: Figures): void {
  const one = (value: number): [readonly [Labels, number]] => [[{}, value]];
  exposition.gauge({
    name: "mcp_host_requests_in_flight",
    help: "Requests of clients that wait for their answer.",
    labels: [],
    read: () => one(now().status.inFlight),
  });
  exposition.gauge({
    name: "mcp_host_requests_parked",
    help: "Requests of those that wait for answers of a client that was asked and has not come back.",
    labels: [],
    read: () => one(now().status.parked),
  });
  exposition.gauge({
    name: "mcp_host_ready",
    help: "1 while every required upstream is up, as /readyz has it.",
    labels: [],
    read: () => one(now().status.ready ? 1 : 0),
  });
  exposition.gauge({
    name: "mcp_host_build_info",
    help: "Always 1; the label is the version of the host.",
    labels: ["version"],
    read: () => [[{ version: now().status.version }, 1]],
  });
  exposition.gauge({
    name: "mcp_host_sessions",
    help: "Sessions of clients that are open.",
    labels: ["network_transport"],
    read: () => sessions.open().map(([transport, count]) => [{ network_transport: transport }, count] as const),
  });
  exposition.gauge({
    name: "mcp_host_callers",
    help: "Callers of MCP 2026-07-28, which knows no sessions, for whom anything is kept.",
    labels: [],
    read: () => one(now().status.callers),
  });
  exposition.counter({
    name: "mcp_host_sessions_opened_total",
    help: "Sessions of clients since the start.",
    labels: ["network_transport"],
    read: () => sessions.opened().map(([transport, count]) => [{ network_transport: transport }, count] as const),
  });
  exposition.histogram({
    name: "mcp_server_session_duration_seconds",
    help: "How long the sessions lasted that have ended.",
    labels: ["network_transport", "mcp_protocol_version"],
    *read() {
      for (const { labels, duration } of sessions.durations()) yield [present({ ...labels }), duration];
    },
  });
}

function publishUpstreams(exposition: Exposition, { upstreams, now }: Figures): void {
  const each = (take: (upstream: UpstreamStatus) => number | undefined) =>
    function* (): Iterable<readonly [Labels, number]> {
      for (const upstream of now().status.upstreams) {
        const value = take(upstream);
        if (value !== undefined) yield [{ upstream: upstream.name }, value];
      }
    };
  const labels = ["upstream"];
  exposition.gauge({
    name: "mcp_host_upstream_up",
    help: "1 where an upstream can be called now, or would be at its first use.",
    labels,
    read: each(({ state }) => (state === "ready" || state === "degraded" || state === "idle" ? 1 : 0)),
  });
  exposition.gauge({
    name: "mcp_host_upstream_state",
    help: "1 for the state of an upstream's best connection, 0 for every other state.",
    labels: ["upstream", "state"],
    *read() {
      for (const { name, state } of now().status.upstreams)
        for (const each of upstreams.states) yield [{ upstream: name, state: each }, each === state ? 1 : 0];
    },
  });
  exposition.gauge({
    name: "mcp_host_upstream_info",
    help: "Always 1; the labels are what an upstream speaks, once that is known.",
    labels: ["upstream", "era", "mcp_protocol_version"],
    *read() {
      for (const { name, era, protocolVersion } of now().status.upstreams)
        if (era !== undefined) yield [{ upstream: name, era, mcp_protocol_version: protocolVersion ?? "" }, 1];
    },
  });
  exposition.counter({
    name: "mcp_host_upstream_state_changes_total",
    help: "How often a connection to an upstream came into a state.",
    labels: ["upstream", "state"],
    *read() {
      for (const [upstream, changes] of upstreams.changes) for (const [state, count] of changes) yield [{ upstream, state }, count];
    },
  });
  exposition.counter({
    name: "mcp_host_upstream_restarts_total",
    help: "How often a live connection to an upstream was lost.",
    labels,
    read: each(({ restarts }) => restarts),
  });
  exposition.gauge({
    name: "mcp_host_upstream_connections",
    help: "Connections to an upstream, whatever their state.",
    labels,
    read: each(({ connections }) => connections.length),
  });
  exposition.gauge({
    name: "mcp_host_upstream_requests_in_flight",
    help: "Requests that wait for an upstream.",
    labels,
    read: each(({ connections }) => connections.reduce((sum, { inFlight }) => sum + inFlight, 0)),
  });
  exposition.gauge({
    name: "mcp_host_upstream_latency_seconds",
    help: "How long an upstream took for the last ping or initialize; of several connections the slowest.",
    labels,
    read: each(({ connections }) => {
      const latencies = connections.flatMap(({ latency }) => (latency === undefined ? [] : [latency / 1000]));
      return latencies.length === 0 ? undefined : Math.max(...latencies);
    }),
  });
  exposition.gauge({
    name: "mcp_host_upstream_entries",
    help: "What an upstream lists.",
    labels: ["upstream", "kind"],
    *read() {
      for (const { name, entries } of now().status.upstreams)
        for (const [kind, count] of Object.entries(entries)) yield [{ upstream: name, kind }, count];
    },
  });
  exposition.counter({
    name: "mcp_host_upstream_dropped_messages_total",
    help: "Messages of an upstream that could not be tied to a client.",
    labels,
    read: each(({ dropped }) => dropped),
  });
}

/** By the names that Prometheus' client libraries have for them. */
function publishProcess(exposition: Exposition, { runtime, now }: Figures): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    exposition.gauge({ name, help, labels: [], read: () => [[{}, read()]] });
  gauge("nodejs_eventloop_lag_mean_seconds", "Mean lag of the event loop since the last scrape.", () => now().lag.mean);
  gauge("nodejs_eventloop_lag_p50_seconds", "Median lag of the event loop since the last scrape.", () => now().lag.p50);
  gauge("nodejs_eventloop_lag_p99_seconds", "99th percentile of the event loop's lag since the last scrape.", () => now().lag.p99);
  gauge("nodejs_eventloop_lag_max_seconds", "Longest lag of the event loop since the last scrape.", () => now().lag.max);
  gauge("process_resident_memory_bytes", "Memory that the process takes of the machine.", () => runtime.memory().rss);
  gauge("nodejs_heap_size_total_bytes", "Size of the JavaScript heap.", () => runtime.memory().heapTotal);
  gauge("nodejs_heap_size_used_bytes", "What of the JavaScript heap is used.", () => runtime.memory().heapUsed);
  gauge("nodejs_external_memory_bytes", "Memory of buffers outside the heap.", () => runtime.memory().external);
  gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", () => runtime.startedAt);
  exposition.counter({
    name: "process_cpu_seconds_total",
    help: "Processor time that the process has taken.",
    labels: [],
    read: () => [[{}, runtime.cpu()]],
  });
}

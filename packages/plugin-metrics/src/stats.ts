import type { HostStatus, Instrument, Json } from "mcp-host";
import type { Figures } from "./families.ts";
import type { KindFigures, TargetFigures } from "./requests.ts";

/** The figures as JSON, for people and scripts without Prometheus. Times in milliseconds, as in `mcp-host status`; sizes in bytes. */
export function statsOf({ requests, sessions, runtime, now }: Figures, instruments: readonly Instrument[]): Json {
  const { status, lag } = now();
  const targets = [...requests.targets()];
  const { rss, heapUsed, heapTotal, external } = runtime.memory();
  return {
    version: status.version,
    uptime: status.uptime,
    ready: status.ready,
    down: status.down,
    inFlight: status.inFlight,
    parked: status.parked,
    callers: status.callers,
    sessions: { open: Object.fromEntries(sessions.open()), opened: Object.fromEntries(sessions.opened()) },
    requests: { ...totals(targets), kinds: [...requests.kinds()].map(kind), of: targets.map(target) },
    ...(requests.principals.size > 0 && { principals: Object.fromEntries(requests.principals) }),
    upstreams: status.upstreams.map(upstream),
    instruments: instruments.map(instrument),
    reports: status.reports,
    process: {
      memory: { rss, heapUsed, heapTotal, external },
      eventLoopLag: Object.fromEntries(Object.entries(lag).map(([key, seconds]) => [key, milliseconds(seconds)])),
    },
  };
}

function totals(targets: readonly TargetFigures[]): Json {
  const errors: Record<string, number> = {};
  let total = 0;
  for (const { endings } of targets)
    for (const { ending, duration } of endings.values()) {
      total += duration.count;
      if (ending.type !== "") errors[ending.type] = (errors[ending.type] ?? 0) + duration.count;
    }
  return { total, errors };
}

function kind({ mcp_method_name: method, era, kind, count }: KindFigures): Json {
  return { method, era, ...(kind !== "" && { kind }), count };
}

function target({ labels, request, answer, endings }: TargetFigures): Json {
  const all = [...endings.values()];
  const [count, time, sent, upstreamTime] = [
    sum(all.map(({ duration }) => duration.count)),
    sum(all.map(({ duration }) => duration.sum)),
    sum(all.map(({ upstream }) => upstream.count)),
    sum(all.map(({ upstream }) => upstream.sum)),
  ];
  return {
    method: labels.mcp_method_name,
    ...(labels.upstream !== "" && { upstream: labels.upstream }),
    ...(labels.gen_ai_tool_name !== "" && { tool: labels.gen_ai_tool_name }),
    ...(labels.gen_ai_prompt_name !== "" && { prompt: labels.gen_ai_prompt_name }),
    count,
    meanTime: milliseconds(time / count),
    ...(sent > 0 && { meanUpstreamTime: milliseconds(upstreamTime / sent) }),
    ...(request.count > 0 && { requestBytes: request.sum }),
    ...(answer.count > 0 && { answerBytes: answer.sum }),
    errors: Object.fromEntries(all.flatMap(({ ending, duration }) => (ending.type === "" ? [] : [[ending.type, duration.count]]))),
  };
}

/** Not what the server wrote to its stderr, nor process ids: those are for who may use the control socket. */
function upstream({
  name,
  wire,
  protocolVersion,
  era,
  isolation,
  required,
  state,
  reason,
  restarts,
  dropped,
  entries,
  connections,
}: HostStatus["upstreams"][number]): Json {
  return {
    name,
    wire,
    protocolVersion,
    era,
    isolation,
    required,
    state,
    reason,
    restarts,
    dropped,
    entries,
    connections: connections.length,
    inFlight: sum(connections.map(({ inFlight }) => inFlight)),
  };
}

function instrument({ name, plugin, kind, unit, labels, readings }: Instrument): Json {
  return {
    name,
    plugin,
    kind,
    unit,
    ...valuesOf(labels, readings),
  };
}

/** A plugin's gauge that cannot be read must not keep the rest from being told. */
function valuesOf(labels: readonly string[], readings: Instrument["readings"]): Json {
  try {
    const values = readings().map((reading) => ({
      ...(labels.length > 0 && { labels: Object.fromEntries(labels.map((label, index) => [label, reading.labels[index]])) }),
      value: reading.value,
    }));
    return { readings: values };
  } catch {
    return { failed: true }; // a scrape logs why
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Seconds in milliseconds, to a thousandth. */
function milliseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1000;
}

import type { Exchange, HostStatus, Instrument, SessionEvent, UpstreamFacts } from "mcp-host";
import { type Failure, failureOf, listedName, seriesAttributes } from "./conventions.ts";
import { Durations } from "./durations.ts";
import type { Exemplar, MetricFigures, NumberPoint } from "./metric-figures.ts";
import type { MetricSettings } from "./options.ts";
import type { Attributes } from "./span.ts";

/** What no name holds, so that two sets never look the same. */
const BETWEEN = "\u0000";

/** Metrics at one moment, and what says that the collector took them. */
export interface Taking {
  readonly metrics: readonly MetricFigures[];
  taken(): void;
}

/** What the host and its plugins count, as it is sent. */
export class Figures {
  readonly #settings: MetricSettings;
  readonly #served: Durations;
  readonly #called: Durations;
  readonly #sessions: Durations;
  readonly #opened = new Map<SessionEvent["session"], number>();
  /** What of counters was told before, by metric and attributes; for deltas. */
  readonly #told = new Map<string, number>();
  #from = Date.now();
  readonly #start = this.#from;

  constructor(settings: MetricSettings) {
    const { maxSeries } = settings;
    this.#settings = settings;
    this.#served = new Durations("mcp.server.operation.duration", "Requests from their arrival to their answer.", maxSeries);
    this.#called = new Durations("mcp.client.operation.duration", "Attempts to get an answer from a server.", maxSeries);
    this.#sessions = new Durations("mcp.server.session.duration", "How long sessions lasted that have ended.", maxSeries);
  }

  get series(): number {
    return this.#served.series + this.#called.series + this.#sessions.series;
  }

  /** @param exemplar of its trace, where that is told */
  settled(exchange: Exchange, exemplar: ((value: number) => Exemplar) | undefined): void {
    const { timings, outcome } = exchange;
    if (!outcome) return;
    const { start, end = performance.now() } = timings;
    this.#add(this.#served, exchange, listedName(exchange), exchange.route?.upstream, failureOf(outcome), end - start, exemplar);
  }

  attempted(
    exchange: Exchange,
    name: string | undefined,
    { key }: UpstreamFacts,
    failure: Failure | undefined,
    took: number,
    exemplar: ((value: number) => Exemplar) | undefined,
  ): void {
    this.#add(this.#called, exchange, name, key, failure, took, exemplar);
  }

  #add(
    durations: Durations,
    exchange: Exchange,
    name: string | undefined,
    upstream: string | undefined,
    failure: Failure | undefined,
    took: number,
    exemplar?: (value: number) => Exemplar,
  ): void {
    const seconds = took / 1_000;
    const key = [exchange.method, name ?? "", upstream ?? "", failure?.type ?? ""].join(BETWEEN);
    const give = exemplar && this.#settings.exemplars ? () => exemplar(seconds) : undefined;
    durations.add(seconds, key, () => seriesAttributes(exchange, name, upstream, failure), give);
  }

  session({ event, session }: SessionEvent): void {
    if (event === "opened") {
      this.#opened.set(session, performance.now());
      return;
    }
    const since = this.#opened.get(session);
    if (since === undefined) return;
    this.#opened.delete(session);
    const { version } = session.client;
    const transport = session.network ? "tcp" : "pipe";
    const attributes = (): Attributes => ({ "network.transport": transport, ...(version !== "" && { "mcp.protocol.version": version }) });
    this.#sessions.add((performance.now() - since) / 1_000, `${transport} ${version}`, attributes);
  }

  /** What there is to tell now. */
  take(instruments: readonly Instrument[], status: HostStatus): Taking {
    const isDelta = this.#settings.temporality === "delta";
    const until = Date.now();
    const span = { from: isDelta ? this.#from : this.#start, until };
    const after: (() => void)[] = [];
    const metrics: MetricFigures[] = [];
    for (const durations of [this.#served, this.#called, this.#sessions]) {
      const { points, taken } = durations.points(isDelta);
      if (points.length > 0) metrics.push({ ...durationFacts(durations), ...span, kind: "histogram", isDelta, points });
      after.push(taken);
    }
    for (const [name, of] of byName(instruments)) {
      const [{ kind, description, unit }] = of as [Instrument]; // none is empty
      const points = of.flatMap(pointsOf);
      const facts = { name: `mcp_host.${name}`, description, unit, ...span };
      if (kind === "gauge") metrics.push({ ...facts, kind, points });
      else metrics.push({ ...facts, kind, isDelta, points: isDelta ? this.#deltas(name, points, after) : points });
    }
    metrics.push(...gaugesOf(status, span));
    return {
      metrics: metrics.filter(({ points }) => points.length > 0),
      taken: () => {
        for (const each of after) each();
        this.#from = until;
      },
    };
  }

  #deltas(name: string, points: readonly NumberPoint[], after: (() => void)[]): NumberPoint[] {
    return points.map(({ attributes, value }) => {
      const key = `${name} ${JSON.stringify(attributes)}`;
      after.push(() => this.#told.set(key, value));
      const before = this.#told.get(key) ?? 0;
      // A plugin that a reload applied anew counts from 0.
      return { attributes, value: value >= before ? value - before : value };
    });
  }
}

function durationFacts({ name, description, bounds }: Durations) {
  return { name, description, unit: "s", bounds };
}

/** Instruments of several copies of a plugin have one name, and are one metric. */
function byName(instruments: readonly Instrument[]): Map<string, Instrument[]> {
  const names = new Map<string, Instrument[]>();
  for (const each of instruments) names.set(each.name, [...(names.get(each.name) ?? []), each]);
  return names;
}

/** A plugin's gauge that cannot be read must not keep the rest from being told. */
function pointsOf({ plugin, labels, readings }: Instrument): NumberPoint[] {
  try {
    return readings().map(({ labels: values, value }) => ({
      attributes: { "mcp_host.plugin": plugin, ...Object.fromEntries(labels.map((label, index) => [label, values[index] ?? ""])) },
      value,
    }));
  } catch {
    return [];
  }
}

function gaugesOf({ inFlight, sessions, upstreams }: HostStatus, span: { readonly from: number; readonly until: number }): MetricFigures[] {
  const gauge = (name: string, description: string, unit: string, points: readonly NumberPoint[]): MetricFigures => ({
    kind: "gauge",
    name,
    description,
    unit,
    points,
    ...span,
  });
  const plain = (value: number): readonly NumberPoint[] => [{ attributes: {}, value }];
  return [
    gauge("mcp_host.requests.in_flight", "Requests that wait for their answer.", "{request}", plain(inFlight)),
    gauge("mcp_host.sessions", "Open sessions.", "{session}", plain(sessions)),
    gauge(
      "mcp_host.upstream.up",
      "1 where the server can be called now or at its first use.",
      "1",
      upstreams.map(({ name, state }) => ({ attributes: { "mcp_host.upstream": name }, value: UP.has(state) ? 1 : 0 })),
    ),
    gauge("process.memory.usage", "Memory of the process.", "By", plain(process.memoryUsage.rss())),
  ];
}

const UP: ReadonlySet<string> = new Set(["idle", "ready", "degraded"]);

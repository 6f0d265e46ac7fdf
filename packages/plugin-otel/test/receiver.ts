import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { type OtelOptions, otel } from "@host/plugin-otel";
import type { Config, Json } from "mcp-host";
import { createTestHost, type FakeUpstream, fakeUpstream, type TestHost, type TestHostOptions } from "mcp-host/testing";
import protobuf from "protobufjs";
import { vi } from "vitest";

const { root } = protobuf.parse(readFileSync(new URL("otlp.proto", import.meta.url), "utf8"), { keepCase: false });
const REQUESTS = {
  "/v1/traces": root.lookupType("otlp.TracesRequest"),
  "/v1/metrics": root.lookupType("otlp.MetricsRequest"),
  "/v1/logs": root.lookupType("otlp.LogsRequest"),
} as const;
const ANSWER = root.lookupType("otlp.Answer");

type Value = string | number | boolean | undefined | Value[];
export type Attributes = Record<string, Value>;

/** A span as it came. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentId: string;
  readonly state: string;
  readonly name: string;
  readonly kind: "INTERNAL" | "SERVER" | "CLIENT";
  /** In milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 2 is an error. */
  readonly status: number;
  readonly message: string;
  readonly flags: number;
}

export interface ReceivedPoint {
  readonly attributes: Attributes;
  readonly from: number;
  readonly until: number;
  /** Of a counter or gauge. */
  readonly value: number;
  /** Of a histogram. */
  readonly count: number;
  readonly sum: number;
  readonly counts: readonly number[];
  readonly bounds: readonly number[];
  readonly exemplars: readonly { readonly value: number; readonly traceId: string; readonly spanId: string; readonly at: number }[];
}

export interface ReceivedMetric {
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram";
  /** 1: delta, 2: cumulative. */
  readonly temporality: number | undefined;
  readonly isMonotonic: boolean | undefined;
  readonly points: readonly ReceivedPoint[];
}

export interface ReceivedLine {
  readonly at: number;
  readonly severity: number;
  readonly level: string;
  readonly message: Value;
  readonly attributes: Attributes;
  readonly traceId: string;
}

/** Somebody who takes OTLP over HTTP, and answers as told. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly items: number }[];
  readonly spans: ReceivedSpan[];
  readonly lines: ReceivedLine[];
  /** Those of each request for metrics. */
  readonly metrics: ReceivedMetric[][];
  readonly resources: Attributes[];
  /** Answers in another way than "taken"; what is not taken is not kept. `false` leaves a request without an answer. */
  refuse: ((path: string, response: ServerResponse) => boolean) | undefined;
  /** What it says of what it takes. */
  partial: { rejected: number; errorMessage: string } | undefined;
  metric(name: string): ReceivedMetric | undefined;
  /** No more connections, and those that there are end. */
  gone(): Promise<void>;
}

export async function receiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = (request.url ?? "") as keyof typeof REQUESTS;
      const body = Buffer.concat(chunks);
      const type = REQUESTS[path];
      if (!type || request.method !== "POST" || request.headers["content-type"] !== "application/x-protobuf")
        return response.writeHead(400).end();
      if (made.refuse && !made.refuse(path, response)) return undefined;
      const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      const message = type.toObject(type.decode(plain), { longs: String, arrays: true, defaults: true, bytes: Buffer }) as Json;
      made.requests.push({ path, headers: request.headers, items: take(made, path, message) });
      const said = made.partial ? ANSWER.encode(ANSWER.fromObject({ partialSuccess: made.partial })).finish() : "";
      return response.writeHead(200, { "content-type": "application/x-protobuf" }).end(said);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const gone = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  const made: Receiver = {
    url: `http://127.0.0.1:${port}`,
    requests: [],
    spans: [],
    lines: [],
    metrics: [],
    resources: [],
    refuse: undefined,
    partial: undefined,
    metric: (name) => made.metrics.at(-1)?.find((each) => each.name === name),
    gone,
    [Symbol.asyncDispose]: gone,
  };
  return made;
}

// biome-ignore lint/suspicious/noExplicitAny: what a library decoded, by a schema that has no types
type Decoded = any;

/** Keeps what a request holds. Gives how much that is. */
function take(made: Receiver, path: keyof typeof REQUESTS, message: Decoded): number {
  const key = { "/v1/traces": "resourceSpans", "/v1/metrics": "resourceMetrics", "/v1/logs": "resourceLogs" }[path];
  let count = 0;
  for (const each of message[key]) {
    made.resources.push(attributesOf(each.resource.attributes));
    if (path === "/v1/metrics") {
      const metrics = each.scopeMetrics.flatMap(({ metrics }: Decoded) => metrics.map(metricOf));
      made.metrics.push(metrics);
      count += metrics.length;
    } else if (path === "/v1/traces")
      for (const { spans } of each.scopeSpans) count += made.spans.push(...spans.map(spanOf)) && spans.length;
    else for (const { logRecords } of each.scopeLogs) count += made.lines.push(...logRecords.map(lineOf)) && logRecords.length;
  }
  return count;
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
const milliseconds = (nanoseconds: string): number => Number(BigInt(nanoseconds) / 1_000n) / 1_000;

function attributesOf(list: Decoded[]): Attributes {
  return Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]));
}

function plain(value: Decoded): Value {
  const kind = Object.keys(value ?? {}).find((key) => key !== "value");
  if (kind === "intValue" || kind === "doubleValue") return Number(value[kind]);
  return kind === "arrayValue" ? value.arrayValue.values.map(plain) : kind && value[kind];
}

function spanOf(span: Decoded): ReceivedSpan {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentId: hex(span.parentSpanId),
    state: span.traceState,
    name: span.name,
    kind: (["", "INTERNAL", "SERVER", "CLIENT"] as const)[span.kind as 1 | 2 | 3] as ReceivedSpan["kind"],
    start: milliseconds(span.startTimeUnixNano),
    end: milliseconds(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes),
    events: span.events.map((event: Decoded) => ({ name: event.name, attributes: attributesOf(event.attributes) })),
    links: span.links.map((link: Decoded) => ({ traceId: hex(link.traceId), spanId: hex(link.spanId) })),
    status: span.status.code,
    message: span.status.message,
    flags: span.flags,
  };
}

function metricOf({ name, unit, ...rest }: Decoded): ReceivedMetric {
  const kind = (["gauge", "sum", "histogram"] as const).find((each) => rest[each]) ?? "gauge";
  const of = rest[kind];
  const points = of.dataPoints.map((point: Decoded) => ({
    attributes: attributesOf(point.attributes),
    from: milliseconds(point.startTimeUnixNano),
    until: milliseconds(point.timeUnixNano),
    value: point.asDouble,
    count: Number(point.count),
    sum: point.sum,
    counts: point.bucketCounts?.map(Number),
    bounds: point.explicitBounds,
    exemplars: point.exemplars?.map((each: Decoded) => ({
      value: each.asDouble,
      traceId: hex(each.traceId),
      spanId: hex(each.spanId),
      at: milliseconds(each.timeUnixNano),
    })),
  }));
  return { name, unit, kind, temporality: of.aggregationTemporality, isMonotonic: of.isMonotonic, points };
}

function lineOf(line: Decoded): ReceivedLine {
  return {
    at: milliseconds(line.timeUnixNano),
    severity: line.severityNumber,
    level: line.severityText,
    message: plain(line.body),
    attributes: attributesOf(line.attributes),
    traceId: hex(line.traceId),
  };
}

export interface Told extends AsyncDisposable {
  readonly host: TestHost;
  readonly up: FakeUpstream;
  readonly client: TestHost["client"];
  readonly to: Receiver;
  /** What the plugin says of itself in `mcp-host status`. */
  report(): Json;
  /** Ends the host, which sends what is left. */
  end(): Promise<void>;
}

/** A host that tells a receiver everything, in front of one server, `up`. */
export async function told(
  options: OtelOptions & object,
  more: Partial<TestHostOptions> & { up?: FakeUpstream; to?: Receiver; before?: Config["plugins"] } = {},
): Promise<Told> {
  const to = more.to ?? (await receiver());
  const up =
    more.up ?? fakeUpstream({ tools: { add: ({ a, b }) => String(Number(a) + Number(b)), fails: () => ({ content: [], isError: true }) } });
  const { before = [], up: _, to: __, ...rest } = more;
  const plugin = otel({ endpoint: to.url, compression: "none", metrics: false, logs: false, ...options });
  const host = await createTestHost({ ...rest, plugins: [...before, plugin], upstreams: { up, ...rest.upstreams } });
  return {
    host,
    up,
    client: host.client,
    to,
    report: () => host.host.reports().otel as Json,
    end: () => host.close(),
    async [Symbol.asyncDispose]() {
      await host.close();
      if (!more.to) await to[Symbol.asyncDispose]();
    },
  };
}

/** The spans of a trace as a tree, a line each: kind, name, and what there is to say of its end. */
export function drawn(spans: readonly ReceivedSpan[], traceId?: string): string[] {
  const all = spans.filter((span) => traceId === undefined || span.traceId === traceId).sort((a, b) => a.start - b.start);
  const ids = new Set(all.map(({ spanId }) => spanId));
  const below = (parentId: string, indent: string): string[] =>
    all
      .filter((span) => (parentId === "" ? !ids.has(span.parentId) : span.parentId === parentId))
      .flatMap((span) => {
        const { kind, name, attributes, status, events } = span;
        const words = [
          kind,
          name,
          attributes["error.type"] && `! ${attributes["error.type"]}`,
          status === 2 && "ERROR",
          ...events.map((event) => `(${event.name})`),
        ];
        return [`${indent}${words.filter(Boolean).join(" ")}`, ...below(span.spanId, `${indent}  `)];
      });
  return below("", "");
}

/** Waits until something is so. */
export const until = (look: () => void | Promise<void>): Promise<void> => vi.waitFor(look, { timeout: 15_000 });

import { ProtobufMetricsSerializer } from "@opentelemetry/otlp-transformer";
import { definePlugin, type PluginHost } from "mcp-host";
import { FakeClock, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { metricsMessage } from "../dist/metrics-message.js";
import { type ReceivedMetric, type ReceivedPoint, told, until } from "./receiver.ts";

const counting = definePlugin({
  name: "counting",
  host: "^1.0.0",
  apply(host: PluginHost) {
    const counter = host.meter.counter({ name: "counting.calls", description: "Calls.", unit: "{call}", labels: ["tool"] });
    host.meter.gauge({ name: "counting.level", description: "A level.", unit: "%" }, () => [{ labels: [], value: 7 }]);
    host.meter.gauge({ name: "counting.broken", description: "Not to be read." }, () => {
      throw new Error("broken");
    });
    host.hooks.settled.tap("counting", ({ method, entry }) => void (method === "tools/call" && counter.add(1, entry?.name ?? "none")));
  },
});

const point = (metric: ReceivedMetric | undefined, attributes: Record<string, unknown>): ReceivedPoint | undefined =>
  metric?.points.find((each) => Object.entries(attributes).every(([key, value]) => each.attributes[key] === value));

test("durations have the conventions' names, bounds and attributes, and exemplars of traces that are told", async () => {
  await using it = await told({ traces: { ratio: 1 }, metrics: {} });
  for (let i = 0; i < 3; i++) await it.client.callTool("add", { a: 1, b: 2 });
  await it.client.callTool("fails");
  await it.client.callTool("nobody").catch(() => undefined);
  await it.end();
  const served = it.to.metric("mcp.server.operation.duration");
  expect(served).toMatchObject({ unit: "s", kind: "histogram", temporality: 2 });
  const add = point(served, { "gen_ai.tool.name": "add" });
  expect(add?.attributes).toEqual({
    "mcp.method.name": "tools/call",
    "gen_ai.tool.name": "add",
    "gen_ai.operation.name": "execute_tool",
    "mcp_host.upstream": "up",
  });
  expect(add?.bounds).toEqual([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]);
  expect(add?.count).toBe(3);
  expect(add?.counts.reduce((all, each) => all + each, 0)).toBe(3);
  const ids = it.to.spans.filter(({ kind }) => kind === "SERVER").map(({ traceId, spanId }) => `${traceId} ${spanId}`);
  expect(add?.exemplars.length).toBeGreaterThan(0);
  for (const { traceId, spanId, value } of add?.exemplars ?? []) {
    expect(ids).toContain(`${traceId} ${spanId}`);
    expect(value).toBeGreaterThan(0);
  }
  expect(point(served, { "error.type": "tool_error" })?.count).toBe(1);
  expect(point(served, { "error.type": "invalid_params" })?.attributes).toEqual({
    "mcp.method.name": "tools/call",
    "error.type": "invalid_params",
    "rpc.response.status_code": "-32602",
  });
  expect(point(it.to.metric("mcp.client.operation.duration"), { "gen_ai.tool.name": "add" })).toMatchObject({ count: 3 });
  expect(it.to.metric("mcp.server.session.duration")?.points[0]).toMatchObject({ count: 1, attributes: { "network.transport": "pipe" } });
});

test("what plugins count with the host's meter is told, each with its plugin", async () => {
  await using it = await told({ traces: false, metrics: {} }, { before: [counting()] });
  await it.client.callTool("add", { a: 1, b: 2 });
  await it.client.callTool("add", { a: 1, b: 2 });
  await it.end();
  expect(it.to.spans).toEqual([]);
  expect(it.to.metric("mcp_host.counting.calls")).toMatchObject({ kind: "sum", isMonotonic: true, temporality: 2, unit: "{call}" });
  expect(it.to.metric("mcp_host.counting.calls")?.points).toMatchObject([
    { attributes: { "mcp_host.plugin": "counting", tool: "add" }, value: 2 },
  ]);
  expect(it.to.metric("mcp_host.counting.level")?.points).toMatchObject([{ value: 7 }]);
  expect(it.to.metric("mcp_host.counting.broken")).toBeUndefined();
  expect(it.to.metric("mcp_host.upstream.up")?.points).toMatchObject([{ attributes: { "mcp_host.upstream": "up" }, value: 1 }]);
  expect(it.to.metric("process.memory.usage")?.points[0]?.value).toBeGreaterThan(1e6);
});

test("deltas tell what has come since the collector last took any, and lose nothing while it takes none", async () => {
  const clock = new FakeClock();
  await using it = await told({ traces: false, metrics: { interval: "1s", temporality: "delta" } }, { before: [counting()], clock });
  const call = () => it.client.callTool("add", { a: 1, b: 2 });
  const next = async (): Promise<void> => {
    const before = it.to.metrics.length;
    await until(async () => {
      await clock.advance(1_000);
      expect(it.to.metrics.length).toBeGreaterThan(before);
    });
  };
  const counts = () => [
    point(it.to.metric("mcp.client.operation.duration"), {})?.count,
    point(it.to.metric("mcp_host.counting.calls"), { tool: "add" })?.value,
  ];
  await call();
  await call();
  await next();
  expect(counts()).toEqual([2, 2]);
  expect(it.to.metric("mcp_host.counting.calls")).toMatchObject({ temporality: 1 });
  let refused = 0;
  it.to.refuse = (_, response) => {
    refused++;
    response.writeHead(400).end();
    return false;
  };
  await call();
  await until(async () => {
    await clock.advance(1_000);
    expect(refused).toBeGreaterThan(0);
  });
  it.to.refuse = undefined;
  await call();
  await next();
  const seen = it.to.metrics.slice(1).flatMap((metrics) => metrics.filter(({ name }) => name === "mcp_host.counting.calls"));
  expect(seen.reduce((sum, { points }) => sum + (points[0]?.value ?? 0), 0)).toBe(2);
});

test("series are bounded: what is beyond is one", async () => {
  const tools = Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`t${i}`, () => "ok"]));
  await using it = await told({ traces: false, metrics: { maxSeries: 10 } }, { up: fakeUpstream({ tools }) });
  for (const name of Object.keys(tools)) await it.client.callTool(name);
  await it.end();
  const points = it.to.metric("mcp.client.operation.duration")?.points ?? [];
  expect(points).toHaveLength(11);
  expect(point(it.to.metric("mcp.client.operation.duration"), { "otel.metric.overflow": true })?.count).toBe(5);
});

test("without exemplars a message is what OpenTelemetry's own encoder writes", async () => {
  const attributes = { a: "b", c: true, d: 2.5 };
  const scope = { name: "scope", version: "1" };
  const times = { from: 1_700_000_000_000.25, until: 1_700_000_060_000 };
  const ours = await metricsMessage({ resource: attributes, scope });
  const facts = { description: "What.", unit: "s", ...times };
  const written = ours.encode([
    {
      ...facts,
      kind: "histogram",
      name: "h",
      isDelta: true,
      bounds: [1, 2],
      points: [{ attributes, counts: [1, 2, 2 ** 33], count: 2 ** 33 + 3, sum: 9.5, exemplars: [] }],
    },
    { ...facts, kind: "counter", name: "c", isDelta: false, points: [{ attributes, value: 3 }] },
    { ...facts, kind: "gauge", name: "g", points: [{ attributes: {}, value: -1.5 }] },
  ]);
  const [startTime, endTime] = [[1_700_000_000, 250_000] as [number, number], [1_700_000_060, 0] as [number, number]];
  const descriptor = (name: string) => ({ name, description: "What.", unit: "s", valueType: 1 });
  const theirs = ProtobufMetricsSerializer.serializeRequest({
    resource: { attributes } as never,
    scopeMetrics: [
      {
        scope,
        metrics: [
          {
            descriptor: descriptor("h"),
            aggregationTemporality: 0,
            dataPointType: 0,
            dataPoints: [
              {
                startTime,
                endTime,
                attributes,
                value: { buckets: { boundaries: [1, 2], counts: [1, 2, 2 ** 33] }, count: 2 ** 33 + 3, sum: 9.5 },
              },
            ],
          },
          {
            descriptor: descriptor("c"),
            aggregationTemporality: 1,
            dataPointType: 3,
            isMonotonic: true,
            dataPoints: [{ startTime, endTime, attributes, value: 3 }],
          },
          {
            descriptor: descriptor("g"),
            aggregationTemporality: 1,
            dataPointType: 2,
            dataPoints: [{ startTime, endTime, attributes: {}, value: -1.5 }],
          },
        ],
      },
    ],
  });
  expect(Buffer.from(written).toString("hex")).toBe(Buffer.from(theirs ?? []).toString("hex"));
});

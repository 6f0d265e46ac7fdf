import { otel } from "@host/plugin-otel";
import { createHost, definePlugin } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { receiver, told } from "./receiver.ts";

const talking = definePlugin({
  name: "talking",
  host: "^1.0.0",
  apply(host) {
    host.hooks.settled.tap("talking", ({ id, method }) => {
      host.log.debug("a detail", { requestId: id });
      if (method === "tools/call")
        host.log.warn("called", { requestId: id, count: 2, nested: { a: [1] }, token: "a secret of this test", nothing: undefined });
    });
  },
});

test("lines of the log come with their level, their fields, and the trace of the request that they are about", async () => {
  await using it = await told({ traces: { ratio: 1, stages: false }, logs: { level: "info" } }, { before: [talking()] });
  await it.client.callTool("add", { a: 1, b: 2 });
  await it.end();
  const line = it.to.lines.find(({ message }) => message === "called");
  const span = it.to.spans.find(({ name, kind }) => name === "tools/call add" && kind === "SERVER");
  expect(line).toMatchObject({ level: "WARN", severity: 13, traceId: span?.traceId });
  expect(line?.attributes).toMatchObject({
    "mcp_host.plugin": "talking",
    "mcp_host.count": 2,
    "mcp_host.nested": '{"a":[1]}',
    "mcp_host.token": "[redacted]",
  });
  expect(Math.abs((line?.at ?? 0) - Date.now())).toBeLessThan(60_000);
  expect(it.to.lines.map(({ message }) => message)).not.toContain("a detail");
});

test("of a request whose trace has another id, a line has that of the trace", async () => {
  await using it = await told({ traces: { ratio: 1, stages: false }, context: { in: "ignore" }, logs: {} }, { before: [talking()] });
  await it.client.request("tools/call", {
    name: "add",
    arguments: {},
    _meta: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` },
  });
  await it.end();
  const span = it.to.spans.find(({ name, kind }) => name === "tools/call add" && kind === "SERVER");
  expect(it.to.lines.find(({ message }) => message === "called")?.traceId).toBe(span?.traceId);
  expect(span?.traceId).not.toBe("a".repeat(32));
});

test("without an endpoint it is off: no tap but one of the start, no listener, and the report says so", async () => {
  for (const options of [{}, { endpoint: "" }, { endpoint: "http://127.0.0.1:9", traces: false, metrics: false, logs: false }] as const) {
    await using host = createHost({ mcpServers: { up: { transport: fakeUpstream().transport } }, plugins: [otel(options)] });
    await host.prepare();
    expect(host.pipeline().taps.map(({ hook }) => hook)).toEqual(["ready"]);
    expect(host.reports().otel).toEqual({ off: "no endpoint" });
  }
});

test("signals go where each is to, and one that is off goes nowhere", async () => {
  await using other = await receiver();
  await using it = await told({ endpoint: "", traces: { url: `${other.url}/v1/traces`, ratio: 1 }, logs: false });
  await it.client.callTool("add", { a: 1, b: 2 });
  await it.end();
  expect(it.to.requests).toEqual([]);
  expect(other.spans.length).toBeGreaterThan(0);
});

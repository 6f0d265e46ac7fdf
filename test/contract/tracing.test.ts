import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { trace } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { definePlugin } from "mcp-host";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { beforeEach, expect, test } from "vitest";
import tracing from "./tracing.ts";

testPlugin(tracing, {
  test,
  module: new URL("./tracing.ts", import.meta.url),
  options: { tracer: "contract" },
  badOptions: [{ options: { tracer: "" }, place: "plugins[0].options.tracer", hint: ">=1" }],
});

const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
beforeEach(() => exporter.reset());

/** Names of all spans as a tree, by what they are a part of. */
function tree(root?: string): Record<string, unknown> {
  const children = exporter.getFinishedSpans().filter(({ parentSpanContext }) => parentSpanContext?.spanId === root);
  return Object.fromEntries(children.map((span) => [span.name, tree(span.spanContext().spanId)]));
}

const upper = definePlugin({
  name: "upper",
  host: "^1.0.0",
  apply(host) {
    host.hooks.transform.for("tools/call").tap("upper", (params) => ({ ...params, arguments: { text: "X" } }));
  },
});
const again = definePlugin({
  name: "again",
  host: "^1.0.0",
  apply(host) {
    host.hooks.call.for("tools/call").tap("again", (next) => async (exchange) => {
      try {
        return await next(exchange);
      } catch {
        exchange.retry("upstream_error");
        return next(exchange);
      }
    });
  },
});

test("the stages and taps of a call, below what the client says", async () => {
  const server = fakeUpstream({ tools: { echo: (args) => args } });
  await using host = await createTestHost({ plugins: [tracing(), upper()], upstreams: { server } });
  exporter.reset();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await host.client.request("tools/call", { name: "echo", _meta: { traceparent } });
  expect(tree("b7ad6b7169203331")).toEqual({
    "tools/call echo": { transform: { "transform upper": {} }, call: { "call tracing": { send: {} } } },
  });
  const send = exporter.getFinishedSpans().find(({ name }) => name === "send")!;
  expect([send.attributes, send.spanContext().traceId]).toEqual([{ "mcp.upstream": "server" }, traceparent.split("-")[1]]);
  await host.client.callTool("none").catch(() => undefined);
  expect(exporter.getFinishedSpans().at(-1)).toMatchObject({ name: "tools/call", status: { code: 2, message: "invalid_params" } });
});

test("each attempt tells the server its own traceparent", async () => {
  const seen: (string | undefined)[] = [];
  const http = createServer(async (request, response) => {
    const body: Buffer[] = [];
    for await (const part of request) body.push(part);
    const message = JSON.parse(Buffer.concat(body).toString() || "{}");
    if (message.method === "tools/call") {
      seen.push(request.headers.traceparent as string);
      if (seen.length === 1) return void response.writeHead(500).end();
    }
    const server = new McpServer({ name: "http", version: "1.0.0" });
    server.registerTool("echo", {}, () => ({ content: [] }));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await server.connect(transport);
    await transport.handleRequest(request, response, message);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
    await using host = await createTestHost({
      plugins: [{ use: tracing(), id: "tracer" }, again()],
      upstreams: { server: { url, idempotent: ["echo"] } },
    });
    await host.client.callTool("echo");
    const attempts = exporter.getFinishedSpans().filter(({ name }) => name === "call tracer");
    expect(seen).toEqual(attempts.map((span) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`));
    expect(seen).toHaveLength(2);
  } finally {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  }
});

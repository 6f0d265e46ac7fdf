import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { definePlugin, type Exchange, isObject, type TraceSpan } from "mcp-host";
import { z } from "zod";

const w3c = new W3CTraceContextPropagator();
const carrier = {
  get: (from: Record<string, unknown>, key: string) => (typeof from[key] === "string" ? from[key] : undefined),
  keys: Object.keys,
};
const header = { set: (to: Record<string, string>, key: string, value: string) => void (to[key] = value) };

/** A span of OpenTelemetry for each part of an exchange; servers over HTTP learn by `traceparent` which attempt they answer. */
export default definePlugin({
  name: "tracing",
  version: "1.0.0",
  host: "^1.0.0",
  enforce: "post", // the innermost of `call`, so that each attempt of a plugin that retries has a span
  options: z.strictObject({ tracer: z.string().min(1).default("mcp-host") }),
  apply(host, { tracer: name }) {
    host.keepHeaders("traceparent", "tracestate");
    const tracer = trace.getTracer(name);
    const spans = new WeakMap<TraceSpan, Span>();
    const attempts = new WeakMap<Exchange, Span>();
    const epoch = (moment: number) => performance.timeOrigin + moment;

    /** Where a span of the host belongs: below its parent, or below what the client says that it is a part of. */
    function parentOf({ parent, exchange }: TraceSpan): Context {
      const span = parent && spans.get(parent);
      if (span) return trace.setSpan(ROOT_CONTEXT, span);
      const meta = exchange.original._meta;
      return w3c.extract(ROOT_CONTEXT, isObject(meta) && "traceparent" in meta ? meta : { ...exchange.http?.headers }, carrier);
    }

    host.trace((span, phase) => {
      const { exchange, plugin, route } = span;
      const isWhole = span.name === exchange.method;
      if (phase === "begin") {
        const title = isWhole
          ? exchange.entry
            ? `${span.name} ${exchange.entry.name}`
            : span.name
          : plugin
            ? `${span.name} ${plugin}`
            : span.name;
        const kind = isWhole ? SpanKind.SERVER : span.name === "send" ? SpanKind.CLIENT : SpanKind.INTERNAL;
        const attributes = isWhole
          ? { "rpc.system": "jsonrpc", "rpc.method": exchange.method, "mcp.request.id": exchange.id, "enduser.id": exchange.principal.id }
          : undefined;
        const begun = tracer.startSpan(title, { kind, startTime: epoch(span.start), attributes }, parentOf(span));
        spans.set(span, begun);
        if (plugin === host.id && span.name === "call") attempts.set(exchange, begun);
        return;
      }
      const begun = spans.get(span);
      if (!begun) return;
      if (isWhole && exchange.entry) begun.updateName(`${span.name} ${exchange.entry.name}`);
      if (route) begun.setAttribute("mcp.upstream", route.upstream);
      if (span.did) begun.setAttribute("mcp.did", span.did);
      if (span.error) begun.setStatus({ code: SpanStatusCode.ERROR, message: span.error });
      begun.end(epoch(span.end ?? span.start));
    });

    host.hooks.call.for("*").tap("tracing", (next) => (exchange) => {
      const headers: Record<string, string> = {};
      const span = attempts.get(exchange);
      if (span) w3c.inject(trace.setSpan(ROOT_CONTEXT, span), headers, header);
      return span ? exchange.withHeaders(headers, next) : next(exchange);
    });
  },
});

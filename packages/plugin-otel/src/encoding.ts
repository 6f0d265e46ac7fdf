import type { ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer/build/src/logs/protobuf/logs.js";
import type { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer/build/src/trace/protobuf/trace.js";
import { type Encoder, type Source, timeOf } from "./encoder.ts";
import type { Line } from "./log-lines.ts";
import type { MetricFigures } from "./metric-figures.ts";
import { metricsMessage } from "./metrics-message.ts";
import type { FinishedSpan } from "./span.ts";
import type { TraceContext } from "./trace-context.ts";

type WrittenSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number];
type WrittenLine = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number];
type SpanContext = ReturnType<WrittenSpan["spanContext"]>;

export interface Encoders {
  readonly spans: Encoder<FinishedSpan>;
  readonly lines: Encoder<Line>;
  readonly metrics: Encoder<MetricFigures>;
}

/**
 * The OTLP encoders of OpenTelemetry's SDK, loaded when they are first needed. Its index would load the whole SDK with them, six times as
 * long and twice the memory, so their own modules are named; the version is exact.
 */
export async function encodersOf({ resource: attributes, scope }: Source): Promise<Encoders> {
  const [{ ProtobufTraceSerializer: traces }, { ProtobufLogsSerializer: logs }, metrics] = await Promise.all([
    import("@opentelemetry/otlp-transformer/build/src/trace/protobuf/trace.js"),
    import("@opentelemetry/otlp-transformer/build/src/logs/protobuf/logs.js"),
    metricsMessage({ resource: attributes, scope }),
  ]);
  const resource = { attributes } as unknown as WrittenSpan["resource"]; // the encoder reads nothing else of it
  return {
    spans: {
      encode: (spans) => traces.serializeRequest(spans.map((span) => writtenSpan(span, resource, scope))) as Uint8Array, // undefined is for encoders of JSON
      rejected: (answer) => {
        const { partialSuccess } = traces.deserializeResponse(answer);
        return { count: partialSuccess?.rejectedSpans ?? 0, why: partialSuccess?.errorMessage ?? "" };
      },
    },
    lines: {
      encode: (lines) => logs.serializeRequest(lines.map((line) => writtenLine(line, resource, scope))) as Uint8Array, // as above
      rejected: (answer) => {
        const { partialSuccess } = logs.deserializeResponse(answer);
        return { count: partialSuccess?.rejectedLogRecords ?? 0, why: partialSuccess?.errorMessage ?? "" };
      },
    },
    metrics,
  };
}

function writtenSpan(span: FinishedSpan, resource: WrittenSpan["resource"], scope: Source["scope"]): WrittenSpan {
  const { context, parentId, isRemote, name, kind, start, end, attributes, failed, links, events } = span;
  const own = contextOf(context, false);
  return {
    name,
    kind,
    spanContext: () => own,
    ...(parentId !== undefined && { parentSpanContext: { ...own, spanId: parentId, isRemote } }),
    startTime: timeOf(start),
    endTime: timeOf(Math.max(start, end)),
    status: failed === false ? { code: 0 } : { code: 2, ...(typeof failed === "string" && { message: failed }) },
    attributes,
    links: links.map((link) => ({ context: contextOf(link, true) })),
    events: events.map((event) => ({ name: event.name, time: timeOf(event.at), attributes: event.attributes })),
    duration: timeOf(Math.max(0, end - start)),
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function contextOf({ traceId, spanId, isSampled, state }: TraceContext, isRemote: boolean): SpanContext {
  const traceState = state === undefined ? undefined : { serialize: () => state };
  return {
    traceId,
    spanId,
    traceFlags: isSampled ? 1 : 0,
    isRemote,
    ...(traceState && { traceState: traceState as NonNullable<SpanContext["traceState"]> }), // it is handed on as it came, so nothing else is asked of it
  };
}

function writtenLine(
  { at, level, severity, message, attributes, traceId }: Line,
  resource: WrittenSpan["resource"],
  scope: Source["scope"],
): WrittenLine {
  return {
    hrTime: timeOf(at),
    hrTimeObserved: timeOf(at),
    severityText: level,
    severityNumber: severity,
    body: message,
    ...(traceId !== undefined && { spanContext: { traceId, spanId: "", traceFlags: 0 } }),
    resource,
    instrumentationScope: scope,
    attributes,
    droppedAttributesCount: 0,
  };
}

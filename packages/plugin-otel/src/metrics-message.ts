import type { IProtobufWriter } from "@opentelemetry/otlp-transformer/build/src/common/protobuf/i-protobuf-writer.js";
import { type Encoder, type Source, timeOf } from "./encoder.ts";
import type { Exemplar, HistogramPoint, MetricFigures, NumberPoint } from "./metric-figures.ts";

/** Wire types of protobuf: a number of variable length, of eight bytes, and what has its length before it. */
const VARINT = 0;
const FIXED = 1;
const SIZED = 2;

/** `AggregationTemporality` of OTLP. */
const DELTA = 1;
const CUMULATIVE = 2;

/**
 * Writes metrics with the parts of OpenTelemetry's encoder: its own for metrics leaves out exemplars.
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/metrics/v1/metrics.proto
 */
export async function metricsMessage(source: Source): Promise<Encoder<MetricFigures>> {
  const folder = await Promise.all([
    import("@opentelemetry/otlp-transformer/build/src/common/protobuf/protobuf-writer.js"),
    import("@opentelemetry/otlp-transformer/build/src/common/protobuf/common-serializer.js"),
    import("@opentelemetry/otlp-transformer/build/src/common/hex-to-binary.js"),
    import("@opentelemetry/otlp-transformer/build/src/metrics/protobuf/response-deserializer.js"),
  ]);
  const [
    { ProtobufWriter },
    { writeAttributes, writeHrTimeAsFixed64, writeInstrumentationScope, writeResource },
    { hexToBinary },
    answers,
  ] = folder;

  const sized = (writer: IProtobufWriter, field: number, write: () => void): void => {
    writer.writeTag(field, SIZED);
    const start = writer.startLengthDelimited();
    const from = writer.pos;
    write();
    writer.finishLengthDelimited(start, writer.pos - from);
  };
  const text = (writer: IProtobufWriter, field: number, value: string): void => {
    writer.writeTag(field, SIZED);
    writer.writeString(value);
  };
  const double = (writer: IProtobufWriter, field: number, value: number): void => {
    writer.writeTag(field, FIXED);
    writer.writeDouble(value);
  };
  const time = (writer: IProtobufWriter, field: number, milliseconds: number): void => {
    writer.writeTag(field, FIXED);
    writeHrTimeAsFixed64(writer, timeOf(milliseconds));
  };
  const fixed = (writer: IProtobufWriter, value: number): void => writer.writeFixed64(value >>> 0, Math.floor(value / 2 ** 32) >>> 0);

  const exemplar = (writer: IProtobufWriter, { value, at, traceId, spanId }: Exemplar): void => {
    time(writer, 2, at);
    double(writer, 3, value);
    writer.writeTag(4, SIZED);
    writer.writeBytes(hexToBinary(spanId));
    writer.writeTag(5, SIZED);
    writer.writeBytes(hexToBinary(traceId));
  };
  const number = (writer: IProtobufWriter, { attributes, value }: NumberPoint, from: number, until: number): void => {
    time(writer, 2, from);
    time(writer, 3, until);
    double(writer, 4, value);
    writeAttributes(writer, attributes, 7);
  };
  const histogram = (writer: IProtobufWriter, point: HistogramPoint, bounds: readonly number[], from: number, until: number): void => {
    time(writer, 2, from);
    time(writer, 3, until);
    writer.writeTag(4, FIXED);
    fixed(writer, point.count);
    double(writer, 5, point.sum);
    sized(writer, 6, () => {
      for (const count of point.counts) fixed(writer, count);
    });
    sized(writer, 7, () => {
      for (const bound of bounds) writer.writeDouble(bound);
    });
    for (const each of point.exemplars) sized(writer, 8, () => exemplar(writer, each));
    writeAttributes(writer, point.attributes, 9);
  };
  const temporality = (writer: IProtobufWriter, isDelta: boolean): void => {
    writer.writeTag(2, VARINT);
    writer.writeVarint(isDelta ? DELTA : CUMULATIVE);
  };
  const metric = (writer: IProtobufWriter, figures: MetricFigures): void => {
    const { name, description, unit, from, until } = figures;
    text(writer, 1, name);
    text(writer, 2, description);
    text(writer, 3, unit);
    if (figures.kind === "gauge") {
      sized(writer, 5, () => {
        for (const point of figures.points) sized(writer, 1, () => number(writer, point, from, until));
      });
    } else if (figures.kind === "counter") {
      sized(writer, 7, () => {
        for (const point of figures.points) sized(writer, 1, () => number(writer, point, from, until));
        temporality(writer, figures.isDelta);
        writer.writeTag(3, VARINT);
        writer.writeVarint(1); // it only goes up
      });
    } else {
      sized(writer, 9, () => {
        for (const point of figures.points) sized(writer, 1, () => histogram(writer, point, figures.bounds, from, until));
        temporality(writer, figures.isDelta);
      });
    }
  };
  const resource = { attributes: source.resource } as unknown as Parameters<typeof writeResource>[1]; // the encoder reads nothing else of it

  return {
    encode(all) {
      const writer = new ProtobufWriter();
      sized(writer, 1, () => {
        writeResource(writer, resource, 1);
        sized(writer, 2, () => {
          writeInstrumentationScope(writer, source.scope, 1);
          for (const figures of all) sized(writer, 2, () => metric(writer, figures));
        });
      });
      return writer.finish();
    },
    rejected(answer) {
      const { partialSuccess } = answers.deserializeExportMetricsServiceResponse(answer);
      return { count: partialSuccess?.rejectedDataPoints ?? 0, why: partialSuccess?.errorMessage ?? "" };
    },
  };
}

import type { LogRecord } from "mcp-host";
import type { Attributes } from "./span.ts";

/** `SeverityNumber` of OTLP. */
const SEVERITIES: Readonly<Record<LogRecord["level"], number>> = { debug: 5, info: 9, warn: 13, error: 17 };
/** Characters of a field that is no plain value. */
const LONGEST = 4_096;

/** A line of the host's log, until it is written. */
export interface Line {
  /** In milliseconds since 1970. */
  readonly at: number;
  readonly level: string;
  readonly severity: number;
  readonly message: string;
  readonly attributes: Attributes;
  /** The trace of the request that it is about. */
  readonly traceId: string | undefined;
}

/** @param traceOf the trace of a request, where that has another id than the request */
export function lineOf(
  { time, level, message, ...fields }: LogRecord,
  traceOf: ((requestId: string) => string | undefined) | undefined,
): Line {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(fields)) {
    const told = plain(value);
    if (told !== undefined) attributes[`mcp_host.${name}`] = told;
  }
  const { requestId } = fields;
  const isId = typeof requestId === "string" && /^[0-9a-f]{32}$/.test(requestId);
  return {
    at: Date.parse(time),
    level: level.toUpperCase(),
    severity: SEVERITIES[level],
    message,
    attributes,
    traceId: isId ? (traceOf?.(requestId) ?? requestId) : undefined,
  };
}

function plain(value: unknown): string | number | boolean | undefined {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return value === undefined || value === null ? undefined : JSON.stringify(value)?.slice(0, LONGEST);
}

import { randomFillSync } from "node:crypto";
import { isObject, type Json } from "mcp-host";

/** Where a span stands, as W3C Trace Context says it to others. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
  /** As it came, which is handed on as it is. */
  readonly state: string | undefined;
}

/** Version, trace id, span id, flags: neither version `ff` nor ids of zeros. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
/** As long as a `tracestate` may be to be handed on. */
const LONGEST_STATE = 512;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** The context in `_meta`, or in headers; undefined where there is none that is well formed. */
export function contextOf(carrier: unknown): TraceContext | undefined {
  if (!isObject(carrier) || typeof carrier.traceparent !== "string") return undefined;
  const [, traceId, spanId, flags] = TRACEPARENT.exec(carrier.traceparent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const { tracestate } = carrier;
  const isState = typeof tracestate === "string" && tracestate !== "" && tracestate.length <= LONGEST_STATE && PRINTABLE.test(tracestate);
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1, state: isState ? tracestate : undefined };
}

/** The keys of `_meta` that tell a context. @param was what there is now: what of it is not so any more is taken out */
export function metaOf({ traceId, spanId, isSampled, state }: TraceContext, was: unknown): Json {
  const traceparent = `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
  return state !== undefined || (isObject(was) && was.tracestate !== undefined) ? { traceparent, tracestate: state } : { traceparent };
}

const pool = Buffer.alloc(4_096);
let used = pool.length;

/** So many random bytes in hexadecimal digits: 8 of a span, 16 of a trace. */
export function newId(bytes: 8 | 16): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString("hex", used, (used += bytes));
  return /[^0]/.test(id) ? id : newId(bytes);
}

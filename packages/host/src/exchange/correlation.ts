import { randomBytes, randomInt } from "node:crypto";
import { type Json, metaOf } from "../wire/message.ts";

/** Version, trace id, parent and flags, as W3C Trace Context has them: neither version `ff` nor ids of zeros. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/;

const PROCESS = randomBytes(8).toString("hex");
let count = randomInt(2 ** 32);

/**
 * The trace id of a W3C `traceparent`, so that the host's logs and the client's traces share one id; else one of our own. Its last
 * digits look random without being so: whoever samples traces by them, as W3C Trace Context level 2 has it, gets a fair share.
 */
export function correlationId(params: Json | undefined): string {
  const traceparent = metaOf(params)?.traceparent;
  const trace = typeof traceparent === "string" ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
  if (trace !== undefined) return trace;
  const low = mixed(++count % 2 ** 32);
  const high = mixed((low ^ Math.floor(count / 2 ** 32)) >>> 0);
  return PROCESS + hex(high) + hex(low);
}

/** Another number of 32 bits for each: no two have the same (the finalizer of MurmurHash3). */
function mixed(value: number): number {
  let bits = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Eight digits. By bytes, since a number writes its own in other bases than ten three times as slowly. */
function hex(value: number): string {
  return `${BYTES[value >>> 24]}${BYTES[(value >>> 16) & 255]}${BYTES[(value >>> 8) & 255]}${BYTES[value & 255]}`;
}

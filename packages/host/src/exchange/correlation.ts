import { randomBytes } from "node:crypto";
import { type Json, metaOf } from "../wire/message.ts";

const PROCESS = randomBytes(8).toString("hex");
let count = 0;

/** The trace id of a W3C `traceparent`, so that the host's logs and the client's traces share one id; else one of our own. */
export function correlationId(params: Json | undefined): string {
  const traceparent = metaOf(params)?.traceparent;
  const trace = typeof traceparent === "string" ? /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent)?.[1] : undefined;
  return trace ?? `${PROCESS}${(++count).toString(16).padStart(16, "0")}`;
}

import { createHash } from "node:crypto";
import { type Exchange, type Json, matcher, type UpstreamFacts } from "mcp-host";

/** Of `_meta`: who is told of progress and where a trace belongs, which no answer depends on. */
const NEVER = ["progressToken", "traceparent", "tracestate", "baggage"];

/** Longer keys are kept as their hash. */
const LONGEST_PLAIN = 256;

/**
 * Makes the key of a call: its method, upstream and native name, its params as they are sent, and for whom its result is.
 * @param ignored keys (globs) of `_meta` that do not change the answer
 * @param hashed whether every key is a hash, for a store that others read
 */
export function keys(
  ignored: readonly string[],
  hashed: boolean,
): (exchange: Exchange, upstream: string, native: string, whose: string) => string {
  const ignores = matcher(ignored.map((glob) => `meta:${glob}`));
  const counts = (key: string): boolean => !NEVER.includes(key) && !ignores({ name: "", upstream: "meta", native: key });
  return (exchange, upstream, native, whose) => {
    const key = `${JSON.stringify([whose, exchange.method, upstream, native])}${canonical(withoutNoise(exchange.params, counts))}`;
    return hashed || key.length > LONGEST_PLAIN ? createHash("sha256").update(key).digest("base64url") : key;
  };
}

/** The params without what does not change the answer. */
function withoutNoise(params: Readonly<Json>, counts: (key: string) => boolean): Readonly<Json> {
  const { _meta: meta, ...rest } = params;
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return meta === undefined ? params : rest;
  const kept = Object.entries(meta).filter(([key]) => counts(key));
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) };
}

/** JSON in which the order of keys does not matter. */
export function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  let text = "";
  const fields = value as Readonly<Json>; // an object that is no array
  for (const key of Object.keys(fields).sort())
    if (fields[key] !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonical(fields[key])}`;
  return `{${text}}`;
}

/** For whom the results of an upstream are kept: nobody else is given them. */
export function owners({ isolation, wire }: UpstreamFacts, scope: "principal" | "shared"): (exchange: Exchange) => string {
  // Sessions with other capabilities are served over other connections, and may be answered otherwise.
  const capabilities = new WeakMap<object, string>();
  const capable = ({ client }: Exchange): string => {
    if (wire !== "http") return "";
    let text = capabilities.get(client.capabilities);
    if (text === undefined) capabilities.set(client.capabilities, (text = ` ${canonical(client.capabilities)}`));
    return text;
  };
  // Who has a connection of his own may have an upstream of his own: its state is in its answers.
  if (isolation === "session") return (exchange) => `session:${exchange.session.id}`;
  if (isolation === "shared" && scope === "shared") return (exchange) => `shared${capable(exchange)}`;
  return (exchange) => `${exchange.scope}${capable(exchange)}`;
}

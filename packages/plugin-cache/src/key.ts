import { hash } from "node:crypto";
import { canonicalJson, type Exchange, type Json, matcher, type UpstreamFacts } from "mcp-host";

/** Of `_meta`: who is told of progress and where a trace belongs, which no answer depends on. */
const NEVER = ["progressToken", "traceparent", "tracestate", "baggage"];
/** Keys of `_meta` that are known to count or not: clients choose them, and most send the same few. */
const MOST_KNOWN = 1_000;

/** Longer keys are kept as their hash. */
const LONGEST_PLAIN = 256;

/**
 * Makes the key of a call: what it calls, its params as they are sent, and for whom its result is.
 * @param ignored keys (globs) of `_meta` that do not change the answer
 * @param hashed whether every key is a hash, for a store that others read
 */
export function keys(ignored: readonly string[], hashed: boolean): (params: Readonly<Json>, called: string, whose: string) => string {
  const ignores = matcher(ignored.map((glob) => `meta:${glob}`));
  const known = new Map<string, boolean>(NEVER.map((key) => [key, false]));
  const counts = (key: string): boolean => {
    let does = known.get(key);
    if (does === undefined) {
      does = !ignores({ name: "", upstream: "meta", native: key });
      if (known.size < MOST_KNOWN) known.set(key, does);
    }
    return does;
  };
  return (params, called, whose) => {
    // With its length before it, no owner can look like another one's with something behind.
    const key = `${called}${whose.length} ${whose}${canonicalJson(withoutNoise(params, counts))}`;
    return hashed || key.length > LONGEST_PLAIN ? hash("sha256", key, "base64url") : key;
  };
}

/** The params without what does not change the answer: no arguments and an empty object of them are the same. */
function withoutNoise(params: Readonly<Json>, counts: (key: string) => boolean): Readonly<Json> {
  const isBare = isEmpty(params.arguments);
  if (params._meta === undefined && !isBare) return params;
  const { _meta: meta, ...others } = params;
  const rest: Json = others;
  if (isBare) delete rest.arguments;
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return rest;
  const kept = Object.entries(meta).filter(([key]) => counts(key));
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) };
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

/** For whom the results of an upstream are kept: nobody else is given them. */
export interface Owners {
  of(exchange: Exchange): string;
  /** Of what its server says is for all; undefined where it cannot say so. */
  readonly ofAll: ((exchange: Exchange) => string) | undefined;
}

/** @param scope undefined where the server's word counts */
export function owners(upstream: UpstreamFacts, scope: "principal" | "shared" | undefined): Owners {
  // Callers with other capabilities are served over other connections, and may be answered otherwise.
  const capabilities = new WeakMap<object, string>();
  const capable = ({ caller }: Exchange): string => {
    if (upstream.wire !== "http") return ""; // asked every time: a URL without a type may change its wire
    let text = capabilities.get(caller.capabilities);
    if (text === undefined) capabilities.set(caller.capabilities, (text = ` ${canonicalJson(caller.capabilities)}`));
    return text;
  };
  const { isolation } = upstream;
  // Who has a connection of his own may have an upstream of his own: its state is in its answers.
  if (isolation === "session") return { of: (exchange) => `session:${exchange.caller.id}`, ofAll: undefined };
  const ofAll = isolation === "shared" && scope !== "principal" ? (exchange: Exchange): string => `shared${capable(exchange)}` : undefined;
  if (ofAll && scope === "shared") return { of: ofAll, ofAll: undefined };
  return { of: (exchange) => `${exchange.scope}${capable(exchange)}`, ofAll };
}

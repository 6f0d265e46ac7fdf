import type { UpstreamConfig } from "../config/schema.ts";
import type { SessionFacts } from "../pipeline/exchange.ts";
import { isObject, type Json } from "../wire/message.ts";

/** What a client may be asked: capabilities whose requests go from server to client, with the parts that the specification names. */
const REVERSE: Readonly<Record<string, readonly string[]>> = {
  sampling: ["context", "tools"],
  elicitation: ["form", "url"],
  // Not listChanged: whose roots changed could not be told on a connection of several clients.
  roots: [],
  tasks: ["list", "cancel", "requests"],
};

/**
 * The part of a client's capabilities that a connection shared by capability set declares: only what the specification
 * names, so that the number of sets stays small whatever clients send.
 */
export function capabilitySet(capabilities: Readonly<Json>): Json {
  const set: Json = {};
  for (const [name, parts] of Object.entries(REVERSE)) {
    const declared = capabilities[name];
    if (!isObject(declared)) continue;
    set[name] = Object.fromEntries(
      parts.filter((part) => declared[part] !== undefined && declared[part] !== false).map((part) => [part, declared[part]]),
    );
  }
  return set;
}

/** The capabilities that an exclusive connection declares: the client's own, as they came (roots by leave of the config). */
export function mirroredCapabilities(session: SessionFacts, wire: "stdio" | "http" | "transport", config: UpstreamConfig): Json {
  const { roots, ...rest } = session.client.capabilities;
  if (roots === undefined) return rest;
  // A stdio server may take its allowed folders from roots: a network client must not choose them (DESIGN section 4).
  return session.network && wire === "stdio" && !config.relayRoots ? rest : { ...rest, roots };
}

import { LISTS, type ListedKind } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Connection } from "../upstream/connection.ts";
import type { ServerFacts } from "../upstream/handshake.ts";
import type { CallOptions } from "../upstream/life.ts";
import { listedBy } from "../upstream/lists.ts";
import { leftOf, type Validity } from "../upstream/validity.ts";
import type { Freshness } from "../wire/modern.ts";
import type { Directory } from "./directory.ts";

const STALE: Freshness = Object.freeze({ ttlMs: 0, cacheScope: "private" });

/**
 * How long a client may keep a list, and for whom: no longer than the shortest of its servers' parts, and for everybody only
 * where nobody can be given anything else.
 * @param isWhole whether all is known that belongs to it
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching
 */
export function listedFreshness(directory: Directory, exchange: HostExchange, kind: ListedKind, isWhole: boolean): Freshness {
  const parts = directory.connections(exchange.caller).flatMap((connection) => {
    const server = directory.serverOf(connection);
    if (server && !listedBy(server.capabilities).includes(kind)) return [];
    return partOf(connection, server, [kind], connection.listings.validity.get(kind), directory.ttl);
  });
  return joined(directory, exchange, parts, isWhole);
}

/** The same of what the host says of itself, which is what its servers said of themselves. */
export function discoveredFreshness(directory: Directory, exchange: HostExchange, isWhole: boolean): Freshness {
  const parts = directory.connections(exchange.caller).map((connection) => {
    const server = directory.serverOf(connection);
    return partOf(connection, server, listedBy(server?.capabilities ?? {}), server?.validity, directory.ttl);
  });
  return joined(directory, exchange, parts, isWhole);
}

/** What one server's part of it is worth. */
function partOf(
  connection: Connection,
  server: ServerFacts | undefined,
  kinds: readonly ListedKind[],
  validity: Validity | undefined,
  ttl: number,
): Freshness {
  if (!server) return STALE;
  // Who shares a connection to a server that says nothing of it is given the same.
  const unsaid = server.era === "legacy" && connection.facts.isolation === "shared" ? "public" : "private";
  const said: Freshness = validity ? leftOf(validity) : { ttlMs: 0, cacheScope: unsaid };
  const isHeard = kinds.length > 0 && kinds.every((kind) => connection.hears(LISTS[kind].capability));
  return isHeard ? { ttlMs: ttl, cacheScope: said.cacheScope } : said;
}

function joined({ catalog, ttl }: Directory, { method }: HostExchange, parts: readonly Freshness[], isWhole: boolean): Freshness {
  const isPublic = parts.every(({ cacheScope }) => cacheScope === "public") && !catalog.isOwn(method);
  const shortest = parts.length === 0 ? ttl : Math.min(...parts.map(({ ttlMs }) => ttlMs));
  return { ttlMs: isWhole ? shortest : 0, cacheScope: isPublic ? "public" : "private" };
}

/** Takes what a server says of how long its answer holds. */
export function freshOf(exchange: HostExchange): CallOptions["fresh"] {
  if (exchange.method !== "resources/read") return undefined;
  exchange.freshness = undefined; // of an earlier attempt
  return (freshness) => {
    exchange.freshness = freshness;
  };
}

/** What a caller may be told of that, past the plugins around the call. */
export function givenFreshness(directory: Directory, { caller, method }: HostExchange, said: Freshness, upstream: string): Freshness {
  const isShared = directory.upstreams.get(upstream)?.facts.isolation === "shared" && !caller.sole;
  return said.cacheScope === "private" || (isShared && !directory.catalog.isOwn(method)) ? said : { ...said, cacheScope: "private" };
}

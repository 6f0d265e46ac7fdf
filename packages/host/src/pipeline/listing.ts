import { HostError } from "../errors.ts";
import { type Entry, LISTED_KINDS, LISTS, type ListedKind } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Json } from "../wire/message.ts";
import { withoutTaskSupport } from "../wire/tasks.ts";
import { isModern } from "../wire/versions.ts";
import { Offer } from "./catalog.ts";
import type { Directory } from "./directory.ts";
import { listedFreshness } from "./freshness.ts";
import { legacyTool } from "./legacy-looks.ts";

/**
 * The answer to one of the four lists: what the catalog has for this caller, and what is missing of it.
 * @param checkDeclared throws where there is no such method for the caller
 */
export async function list(exchange: HostExchange, directory: Directory, checkDeclared: () => void): Promise<Json> {
  const kind = LISTED_KINDS.find((each) => LISTS[each].method === exchange.method) as ListedKind; // only lists come here
  refuseCursor(exchange);
  const { caller } = exchange;
  const { catalog } = directory;
  const missing = await directory.awaitKnown(caller, { lazy: true });
  const offer = directory.offer(caller);
  const entries = catalog.shown(offer, kind, caller, exchange.client, exchange.trace);
  if (entries.length === 0) checkDeclared();
  const incomplete = offer.incomplete(kind, (entry) => catalog.permits(entry, caller));
  const partial = [...new Set([...missing.map(({ key }) => key), ...incomplete.keys()])];
  exchange.freshness = listedFreshness(directory, exchange, kind, partial.length === 0);
  for (const connection of directory.connections(caller)) connection.listings.used(kind);
  const isForModern = isModern(exchange.client.version);
  const isForLegacy = kind === "tool" && !isForModern;
  const shown = (entry: Entry): Json => {
    const listed = Offer.listed(entry);
    if (kind === "tool" && isForModern) return withoutTaskSupport(listed);
    return isForLegacy && directory.isModern(entry.upstream, caller) ? legacyTool(listed) : listed;
  };
  return {
    // Taps give something else instead of changing it: what they see is what others see.
    [LISTS[kind].field]: Object.freeze(entries.map((entry) => Object.freeze(shown(entry)))),
    ...(partial.length > 0 && {
      _meta: {
        "io.mcp-host/partial": partial,
        ...(incomplete.size > 0 && { "io.mcp-host/incomplete": Object.fromEntries(incomplete) }),
      },
    }),
  };
}

/** Every list is one page, so there is no cursor that the host gave. */
export function refuseCursor({ original }: HostExchange): void {
  if (original.cursor !== undefined) throw new HostError("invalid_params", "Unknown cursor: the host gives every list in one page");
}

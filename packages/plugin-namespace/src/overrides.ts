import type { Entry, Logger, UpstreamFacts } from "mcp-host";
import { entryKey } from "./claims.ts";

/** A `discover` tap that changes nothing and tells, once each, which keys of `names` fit nothing that their upstream lists. */
export function watchOverrides(
  names: ReadonlyMap<string, string>,
  log: Logger,
): (entries: readonly Entry[], upstream: UpstreamFacts) => readonly Entry[] {
  const unseen = new Set(names.keys());
  return (entries, upstream) => {
    const listed = new Set(entries.filter(({ kind }) => kind === "tool" || kind === "prompt").map(entryKey));
    for (const key of unseen) {
      if (!key.startsWith(`${upstream.key}:`)) continue;
      unseen.delete(key);
      if (!listed.has(key))
        log.warn("options.names has a key that fits no tool or prompt of its upstream; is it the native name?", { key });
    }
    return entries;
  };
}

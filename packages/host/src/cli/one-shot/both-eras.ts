import type { ResolvedConfig } from "../../config/schema.ts";
import { createLogger } from "../../log.ts";
import { createHost } from "../../operator/create-host.ts";
import { asOnlyClient } from "./local-client.ts";
import type { ServerStart } from "./startup.ts";

/** A server that does not know `server/discover` may be silent about it. */
const PATIENCE = 10_000;

/**
 * Which servers that were started over stdio speak 2026-07-28 besides the older version that the host speaks with them: over
 * pipes the host asks for the older one first. Each is started once more, for itself and without plugins, to find out.
 */
export async function bothEras(
  starts: readonly ServerStart[],
  { mcpServers }: Pick<ResolvedConfig, "mcpServers">,
  folder: string,
  rawArgs: readonly string[],
): Promise<ReadonlySet<string>> {
  const asked = starts.flatMap(({ ok, upstream: { name, era } }) => {
    const server = mcpServers[name];
    if (!ok || era !== "legacy" || !server || !("command" in server) || server.protocol !== "auto") return [];
    const startTimeout = Math.min(server.startTimeout, PATIENCE);
    return [[name, { ...server, protocol: "modern", start: "eager", required: false, startTimeout }] as const];
  });
  if (asked.length === 0) return new Set();
  const host = createHost({ mcpServers: Object.fromEntries(asked), drain: 0 }, { folder, log: createLogger({ level: "silent" }) });
  const start = (): Promise<void> => host.start();
  const found = await asOnlyClient(host, start, { rawArgs }, (client) => client.started());
  return new Set(found.filter(({ ok }) => ok).map(({ upstream }) => upstream.name));
}

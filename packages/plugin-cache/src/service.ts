import { defineService } from "mcp-host";
import type { CacheStats } from "./statistics.ts";

/** What other plugins and embedding code can do with the cache: `host.use(CACHE)`. */
export interface CacheService {
  /**
   * Drops results. When it resolves, nobody is given one of them any more.
   * @param pattern glob of exposed names and URIs, or of `<upstream>:<native name>`; default: everything
   * @returns how many of this host's there were
   */
  clear(pattern?: string): Promise<number>;
  /** @param upstream of this one only */
  stats(upstream?: string): CacheStats;
}

/** The key of the cache's service. Of several copies of the plugin the first in the config provides it. */
export const CACHE = defineService<CacheService>("cache");

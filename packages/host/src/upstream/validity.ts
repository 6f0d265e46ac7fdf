import type { Freshness } from "../wire/modern.ts";

/** How long something holds that a server said, and for whom. */
export interface Validity extends Freshness {
  /** When it was said, on the monotonic clock. */
  readonly since: number;
  readonly until: number;
}

/** What was said just now. @param before of pages that were read earlier: a list holds as long as all of them */
export function validity({ ttlMs, cacheScope }: Freshness, before?: Validity): Validity {
  const now = performance.now();
  const until = now + ttlMs;
  if (!before) return { ttlMs, cacheScope, since: now, until };
  const isShorter = until < before.until;
  return {
    ttlMs: Math.min(ttlMs, before.ttlMs),
    cacheScope: before.cacheScope === "public" ? cacheScope : "private",
    since: before.since,
    until: isShorter ? until : before.until,
  };
}

/** What is left of it. */
export function leftOf({ until, cacheScope }: Validity): Freshness {
  return { ttlMs: Math.max(0, Math.floor(until - performance.now())), cacheScope };
}

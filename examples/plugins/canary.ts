import { createHash } from "node:crypto";
import { definePlugin, matcher } from "mcp-host";
import { z } from "zod";

/** Sends a share of the callers to a new version of a server, and all back to the stable one while that fails. */
export default definePlugin({
  name: "canary",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({
    stable: z.string(),
    canary: z.string(),
    percent: z.number().min(0).max(100).default(10),
    tools: z.array(z.string()).default(["*"]),
    /** Errors in a row after which the canary gets nothing for `pause` milliseconds. */
    errors: z.int().positive().default(3),
    pause: z.int().positive().default(60_000),
  }),
  apply(host, { stable, canary, percent, tools, errors, pause }) {
    host.reload.expectUpstreams({ place: "options.stable", key: stable }, { place: "options.canary", key: canary });
    const isMeant = matcher(tools);
    const calls = host.meter.counter({ name: "canary.calls", description: "Calls by the server chosen.", labels: ["upstream"] });
    const share = (scope: string) => (createHash("sha256").update(scope).digest().readUInt32BE() / 2 ** 32) * 100;
    let has: ReadonlySet<string> = new Set();
    let failed = 0;
    let pausedUntil = 0;
    host.hooks.discover.tap("canary", (entries, { key }) => {
      if (key !== canary) return entries;
      const meant = entries.filter((entry) => entry.kind === "tool" && isMeant({ ...entry, upstream: stable }));
      has = new Set(meant.map(({ native }) => native));
      return entries.filter((entry) => !meant.includes(entry)); // clients know the stable one's
    });
    host.hooks.route.tap("canary", ({ entry, scope, caller, attempts }) => {
      if (entry?.kind !== "tool" || entry.upstream !== stable || !isMeant(entry)) return undefined;
      const fits =
        share(scope) < percent &&
        has.has(entry.native) &&
        host.clock.monotonic() >= pausedUntil &&
        !attempts.some(({ upstream }) => upstream === canary);
      const upstream = fits && host.permits({ ...entry, upstream: canary }, caller) ? canary : stable;
      if (attempts.some((attempt) => attempt.upstream === upstream)) return undefined;
      calls.add(1, upstream);
      return { upstream, native: entry.native };
    });
    host.hooks.settled.tap("canary", ({ attempts, outcome, called }) => {
      if (called?.upstream !== canary && !attempts.some(({ upstream }) => upstream === canary)) return;
      if (outcome && "cancelled" in outcome) return;
      const isWell = outcome && "result" in outcome && called?.upstream === canary;
      failed = isWell ? 0 : failed + 1;
      if (failed < errors) return;
      failed = 0;
      pausedUntil = host.clock.monotonic() + pause;
      host.log.warn("the canary fails: everybody gets the stable server for a while", { canary, pause });
    });
  },
});

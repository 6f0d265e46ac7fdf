import { readFileSync } from "node:fs";
import { definePlugin, type TimeLimits, type UpstreamFacts } from "mcp-host";
import { makeInstruments } from "./instruments.ts";
import { checkOptions, namedUpstreams, options, settled, toolRules } from "./options.ts";
import { Protection } from "./protection.ts";
import { Waits } from "./waits.ts";

export { FALLBACK } from "./fallback.ts";
export type { ResilienceOptions } from "./options.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** The time limits of what a plugin offers, which no config says. */
const OFFERED: TimeLimits = { timeout: 60_000, maxTimeout: 600_000 };

/** Circuit breaker, timeout, retry, bulkhead and fallback around the calls to each upstream. */
export const resilience = definePlugin({
  name: "resilience",
  version,
  host: "^1.0.0",
  options,
  apply(host, given) {
    host.reload.expectUpstreams(...namedUpstreams(given));
    checkOptions(given);
    const waits = new Waits(host.clock);
    // By its facts: a reload may put another upstream under a key.
    const protections = new WeakMap<UpstreamFacts, Protection>();
    const protectionOf = (upstream: UpstreamFacts): Protection => {
      let protection = protections.get(upstream);
      if (protection) return protection;
      const { key } = upstream;
      const policies = settled(given, key);
      const patience = host.config.mcpServers[key] ?? OFFERED;
      protection = new Protection(key, { policies, rules: toolRules(given, policies), patience, waits, instruments, host });
      protections.set(upstream, protection);
      return protection;
    };
    const all = (): [string, Protection][] => host.upstreams.map((upstream) => [upstream.key, protectionOf(upstream)]);
    const instruments = makeInstruments(host.meter, all);
    // All methods of an upstream share its state.
    host.hooks.call.for("*").tap("resilience", (next, upstream) => protectionOf(upstream).around(next));
    host.hooks.upstream.tap("resilience", ({ key, state }) => {
      const upstream = state === "ready" && host.upstreams.find((each) => each.key === key);
      if (upstream) protectionOf(upstream).breaker?.ready();
    });
    host.hooks.close.tap("resilience", () => waits.close());
    host.operator.report(() => Object.fromEntries(all().map(([key, protection]) => [key, protection.report()])));
  },
});

export default resilience;

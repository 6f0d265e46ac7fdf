import { readFileSync } from "node:fs";
import { definePlugin } from "mcp-host";
import { makeInstruments } from "./instruments.ts";
import { checkOptions, options, settled, toolRules } from "./options.ts";
import { Protection } from "./protection.ts";
import { Waits } from "./waits.ts";

export { FALLBACK } from "./fallback.ts";
export type { ResilienceOptions } from "./options.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** Circuit breaker, timeout, retry, bulkhead and fallback around the calls to each upstream. */
export const resilience = definePlugin({
  name: "resilience",
  version,
  host: "^1.0.0",
  options,
  apply(host, given) {
    checkOptions(
      given,
      host.upstreams.map(({ key }) => key),
    );
    const waits = new Waits();
    const upstreams = new Map<string, Protection>();
    const instruments = makeInstruments(host.meter, upstreams);
    for (const [key, patience] of Object.entries(host.config.mcpServers)) {
      const policies = settled(given, key);
      upstreams.set(key, new Protection(key, { policies, rules: toolRules(given, policies), patience, waits, instruments, host }));
    }
    // All methods of an upstream share its state.
    host.hooks.call.for("*").tap("resilience", (next, { key }) => upstreams.get(key)?.around(next) ?? next);
    host.hooks.close.tap("resilience", () => waits.close());
    host.report(() => Object.fromEntries([...upstreams].map(([key, upstream]) => [key, upstream.report()])));
  },
});

export default resilience;

import { definePlugin } from "mcp-host";

/** Logs how long each server was away, when it is back. */
export default definePlugin({
  name: "outages",
  host: "^1.0.0",
  apply(host) {
    const since = new Map<string, number>();
    const counter = host.meter.counter({ name: "outages", description: "Servers that were lost.", labels: ["upstream"] });
    host.hooks.upstream.tap("outages", ({ key, state, reason }) => {
      if (state === "failed" || state === "backing off") {
        if (since.has(key)) return;
        since.set(key, host.clock.monotonic());
        counter.add(1, key);
        host.log.warn("a server is away", { upstream: key, reason });
      } else if (state === "ready" || state === "removed") {
        const began = since.get(key);
        since.delete(key);
        if (began !== undefined && state === "ready")
          host.log.info("a server is back", { upstream: key, seconds: Math.round((host.clock.monotonic() - began) / 1_000) });
      }
    });
  },
});

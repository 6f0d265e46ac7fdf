import { definePlugin } from "mcp-host";

/** Counts what is turned away at the edge, and keeps the last ten for `mcp-host status`. */
export default definePlugin({
  name: "turned-away",
  host: "^1.0.0",
  apply(host) {
    const last: { type: string; path: string | undefined; address: string | undefined; by: string }[] = [];
    const counter = host.meter.counter({ name: "refused", description: "What was turned away.", labels: ["type", "by"] });
    host.hooks.refused.tap("turned-away", ({ request, decision, type }) => {
      const by = decision?.plugin ?? "host";
      counter.add(1, type, by);
      last.push({ type, path: request?.path.slice(0, 200), address: request?.address, by });
      if (last.length > 10) last.shift();
    });
    host.operator.report(() => ({ last }));
  },
});

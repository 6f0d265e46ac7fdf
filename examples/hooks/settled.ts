import { definePlugin } from "mcp-host";

/** How often each tool was called, how often that went wrong, and how long it took: for metrics and for `mcp-host status`. */
export default definePlugin({
  name: "tool-figures",
  host: "^1.0.0",
  apply(host) {
    const labels = ["upstream", "tool"];
    const calls = host.meter.counter({ name: "tool.calls", description: "Calls of tools.", labels: [...labels, "outcome"] });
    const time = host.meter.counter({ name: "tool.time", description: "How long they took.", unit: "s", labels });
    host.hooks.settled.tap("tool-figures", ({ method, called, outcome, timings: { start, end } }) => {
      if (method !== "tools/call" || !called) return; // an unknown name is the client's invention
      const isWell = outcome !== undefined && "result" in outcome && outcome.result.isError !== true;
      calls.add(1, called.upstream, called.native, isWell ? "ok" : "failed");
      time.add(Math.max(0, (end ?? start) - start) / 1_000, called.upstream, called.native);
    });
  },
});

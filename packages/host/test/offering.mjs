import { definePlugin } from "mcp-host";

/** A plugin that only offers something, for the contract suite. */
export default definePlugin({
  name: "own",
  host: "^1.0.0",
  apply: (host) => void host.offer({ tools: { mine: { call: () => "" } } }),
});

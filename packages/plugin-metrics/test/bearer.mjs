// Stands for any plugin that authenticates.
import { definePlugin } from "mcp-host";

export default definePlugin({
  name: "bearer",
  host: "^1.0.0",
  apply: (host) => host.hooks.authenticate.tap("bearer", () => undefined),
});

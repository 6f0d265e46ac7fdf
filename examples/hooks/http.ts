import { definePlugin } from "mcp-host";

/** `GET /tools`: the names of all tools, by server, for whoever may use the MCP endpoint; `GET /version`: for everybody. */
export default definePlugin({
  name: "tool-page",
  version: "1.0.0",
  host: "^1.0.0",
  apply(host) {
    host.hooks.http.tap("tool-page", (app, publicApp) => {
      app.get("/tools", (context) => {
        const tools: Record<string, string[]> = {};
        for (const { kind, name, upstream } of host.catalog.entries()) if (kind === "tool") (tools[upstream] ??= []).push(name);
        return context.json({ for: host.principal(context)?.id, tools });
      });
      publicApp.get("/version", (context) => context.json({ version: "1.0.0" }));
    });
  },
});

// The host that every example mounts.
import { fileURLToPath } from "node:url";
import { createHost } from "mcp-host";

export const host = createHost({
  mcpServers: { greeter: { command: process.execPath, args: [fileURLToPath(new URL("server.mjs", import.meta.url))] } },
});

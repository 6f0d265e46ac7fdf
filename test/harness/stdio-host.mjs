/**
 * A host over stdio for what a config file cannot say: servers in its own process. The only argument is a config as JSON,
 * where `{ "inProcess": {…} }` (options of the scripted upstream) stands for a transport.
 */

import { createHost, createLogger } from "mcp-host";
import { claimStdout } from "../../packages/host/dist/cli/terminal/stdout.js";
import { createWorld, inProcessTransport } from "../fixtures/upstream.mjs";

const config = JSON.parse(process.argv[2]);
for (const [key, { inProcess, ...settings }] of Object.entries(config.mcpServers)) {
  if (!inProcess) continue;
  const world = createWorld(inProcess);
  config.mcpServers[key] = { ...settings, transport: () => inProcessTransport(inProcess, world) };
}

const output = claimStdout();
const host = createHost(config, { log: createLogger({ level: "warn", format: "json", stream: process.stderr }) });
await host.serveStdio({ input: process.stdin, output });
await host.close();

// `npm start`: the quick start's servers, or those of another config: `npm start -- --config FILE`.
import { join } from "node:path";

const given = process.argv.slice(2);
const quickstart = ["--config", join(import.meta.dirname, "../examples/quickstart/mcp-host.config.json")];
const own = given.some((arg) => arg === "--config" || arg.startsWith("--config=")) ? [] : quickstart;
process.argv.splice(2, given.length, "start", ...own, ...given);
await import("../packages/host/bin/mcp-host.js");

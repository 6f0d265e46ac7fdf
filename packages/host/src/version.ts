import { readFileSync } from "node:fs";

/** The host package's version. */
export const VERSION: string = (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string })
  .version;

/** The version of the plugin API: hooks, their arguments, `PluginHost`. A number of its own; plugins name a range of it. */
export const API_VERSION = "1.0.0";

/** What the host calls itself, to servers and to clients. */
export const HOST_INFO = Object.freeze({ name: "mcp-host", version: VERSION });

import type { ArgsDef } from "citty";
import { EXTENSIONS } from "../../config/locate.ts";
import { UsageError } from "../../operator/usage-error.ts";

/** Where the config comes from. */
export const configArgs = {
  config: {
    type: "string",
    valueHint: "file",
    description: `The config file. Default: mcp-host.config.json here, or one that ends in ${EXTENSIONS.slice(1).join(", ")}`,
  },
  set: {
    type: "string",
    valueHint: "key=value",
    description: "A value for ${KEY}; a key of the config, or one with a dot, is a place of it (listen.port=8080). Repeatable",
  },
  "env-file": {
    type: "string",
    valueHint: "file",
    description: "A file of variables, NAME=value a line; the environment wins over it, and a later file over an earlier one. Repeatable",
  },
} as const satisfies ArgsDef;

/** Which host a command asks. Default: the one that runs with this config, else one of its own. */
export const askArgs = {
  fresh: { type: "boolean", description: "Start the servers for this command, although a host of this config runs" },
  url: { type: "string", valueHint: "url", description: "Ask the host (or another MCP server) at this address" },
  header: {
    type: "string",
    valueHint: "name: value",
    description: "With --url, a header of each request, such as 'Authorization: Bearer ${TOKEN}' with a variable's name. Repeatable",
  },
} as const satisfies ArgsDef;

/** By which endpoint the client comes that a command is. */
export const endpointArgs = {
  endpoint: { type: "string", valueHint: "name", description: "Come in by an endpoint that a plugin opens, as /mcp/p/<name> is over HTTP" },
} as const satisfies ArgsDef;

/** What is written to stderr. */
export const logArgs = {
  "log-level": {
    type: "enum",
    options: ["silent", "error", "warn", "info", "debug"],
    description: "What is logged to stderr. Default: warn; info for `start` and `dev`",
  },
  "log-format": { type: "enum", options: ["json", "pretty"], description: "How it is logged. Default: pretty" },
  verbose: { type: "boolean", description: "The same as --log-level debug" },
  debug: { type: "boolean", description: "As --verbose, a failure shows its stack, and a plugin that changes messages in place fails" },
} as const satisfies ArgsDef;

/** How a daemon runs. */
export const daemonArgs = {
  daemon: { type: "boolean", description: "Serve in the background: return when the host listens, and log to a file" },
  "pid-file": { type: "string", valueHint: "file", description: "The daemon's process id. Default: in ~/.local/state/mcp-host" },
  "log-file": { type: "string", valueHint: "file", description: "The daemon's log. Default: in ~/.local/state/mcp-host" },
  "log-size": { type: "string", valueHint: "size", description: "How long the log file may grow before it is put aside. Default: 10mb" },
  "log-files": { type: "string", valueHint: "number", description: "How many log files that were put aside are kept. Default: 5" },
} as const satisfies ArgsDef;

/** How long `stop` and `restart` wait. */
export const timeoutArgs = {
  timeout: { type: "string", valueHint: "duration", description: "How long to wait until the host is gone. Default: its drain and 20 s" },
} as const satisfies ArgsDef;

/** @throws UsageError for what is no port */
export function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new UsageError(`--port: "${text}" is not a port; give a number from 0 to 65535`);
  return port;
}

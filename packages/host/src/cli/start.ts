import { defineCommand } from "citty";
import { UsageError } from "../operator/usage-error.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs, daemonArgs, endpointArgs, logArgs } from "./command-line/options.ts";
import type { Detached, StartFlags } from "./hosting/serve.ts";
import { claimStdout } from "./terminal/stdout.ts";

export default defineCommand({
  meta: { name: "start", description: "Serve the configured MCP servers as one, over HTTP, stdio or both" },
  args: {
    mode: {
      type: "positional",
      required: false,
      valueHint: "stdio|http|both|server",
      description: "How clients come in; server is the same as http. Default: http",
    },
    port: { type: "string", valueHint: "number", description: "The port to listen on; 0 for any free one. Default: 3000" },
    host: { type: "string", valueHint: "address", description: "The address to listen on. Default: 127.0.0.1" },
    path: { type: "string", valueHint: "path", description: "The path of the MCP endpoint. Default: /mcp" },
    ...endpointArgs,
    watch: {
      type: "boolean",
      description:
        "Read the config again whenever it, a file that its values come from, or a plugin that is a file (or what it imports) changes",
    },
    "insecure-no-auth": {
      type: "boolean",
      description: "Listen beyond this machine without an auth plugin: whoever reaches the port uses every server",
    },
    ...daemonArgs,
    ...configArgs,
    ...logArgs,
  },
  async run({ args, rawArgs, data }): Promise<ExitCode> {
    checkFlags(args);
    if (args.daemon && !data) {
      const { describeDaemon, startDaemon } = await import("./daemon/daemon.ts");
      describeDaemon(await startDaemon(args, rawArgs));
      return EXIT.ok.code;
    }
    const { serveBoth, serveHttp, serveStdio } = await import("./hosting/serve.ts");
    if (args.mode === "stdio") return serveStdio(args, rawArgs, claimStdout());
    if (args.mode === "both") return serveBoth(args, rawArgs, claimStdout());
    return serveHttp(args, rawArgs, data as Detached | undefined); // nobody but the detached process itself gives any
  },
});

/** Flags that say where to listen, with their places in the config. */
const LISTEN = ["port", "host", "path"] as const;

/** Refuses flags that belong to another way of serving. */
function checkFlags(flags: StartFlags): void {
  if (flags.daemon && (flags.mode === "stdio" || flags.mode === "both"))
    throw new UsageError(`--daemon is for \`start http\`; \`start ${flags.mode}\` serves the client that started it`);
  for (const flag of ["pid-file", "log-file", "log-size", "log-files"] as const)
    if (flags[flag] !== undefined && !flags.daemon)
      throw new UsageError(`--${flag} is for --daemon; without it the log goes to standard error`);
  if (flags.endpoint !== undefined && flags.mode !== "stdio" && flags.mode !== "both")
    throw new UsageError("--endpoint is for `start stdio` and `start both`; clients over HTTP choose with their URL, /mcp/p/<name>");
  for (const flag of LISTEN)
    if (flags.mode === "stdio" && flags[flag] !== undefined)
      throw new UsageError(`--${flag} is for \`start http\`; \`start stdio\` listens on no port`);
}

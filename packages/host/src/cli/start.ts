import { setTimeout as pause } from "node:timers/promises";
import { defineCommand } from "citty";
import { claimStdout } from "../front/stdio.ts";
import { printBanner } from "./banner.ts";
import { serveControl } from "./control.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { Life } from "./life.ts";
import { LogRing } from "./log-ring.ts";
import { openHost, startHost } from "./open.ts";
import { configArgs, formatOf, keptLevelOf, type LogFlags, logArgs, loggerOf } from "./options.ts";
import { UsageError } from "./usage.ts";

/** Flags that say where to listen, with their places in the config. */
const LISTEN = ["port", "host", "path"] as const;

export default defineCommand({
  meta: { name: "start", description: "Serve the configured MCP servers as one, over HTTP or stdio" },
  args: {
    mode: {
      type: "positional",
      required: false,
      valueHint: "stdio|http|server",
      description: "How clients come in; server is the same as http. Default: http",
    },
    port: { type: "string", valueHint: "number", description: "The port to listen on; 0 for any free one. Default: 3000" },
    host: { type: "string", valueHint: "address", description: "The address to listen on. Default: 127.0.0.1" },
    path: { type: "string", valueHint: "path", description: "The path of the MCP endpoint. Default: /mcp" },
    "insecure-no-auth": {
      type: "boolean",
      description: "Listen beyond this machine without an auth plugin: whoever reaches the port uses every server",
    },
    ...configArgs,
    ...logArgs,
  },
  run: ({ args, rawArgs }): Promise<ExitCode> => (args.mode === "stdio" ? overStdio(args, rawArgs) : overHttp(args, rawArgs)),
});

/** How long the last frames may take to a client that reads slowly. */
const LAST_WORDS = 2_000;
const LOOK = 10;

interface Flags extends LogFlags {
  config?: string | undefined;
  port?: string | undefined;
  host?: string | undefined;
  path?: string | undefined;
  "insecure-no-auth"?: boolean | undefined;
}

async function overHttp(flags: Flags, rawArgs: string[]): Promise<ExitCode> {
  const ring = new LogRing(keptLevelOf(flags));
  const log = loggerOf(flags, "info", ring);
  const life = new Life(log);
  const opened = await openHost({
    config: flags.config,
    raw: rawArgs,
    log,
    insecureNoAuth: flags["insecure-no-auth"] === true,
    change: (config) => ({
      ...config,
      listen: {
        ...config.listen,
        ...(flags.port !== undefined && { port: portOf(flags.port) }),
        ...(flags.host !== undefined && { host: flags.host }),
        ...(flags.path !== undefined && { path: flags.path }),
      },
    }),
  });
  const { host, loaded } = opened;
  life.of(host);
  await startHost(opened);
  life.atEnd(await serveControl(host, { config: loaded.path, mode: "http" }, log, ring));
  log.info("the host listens", { url: host.url, config: loaded.path });
  if (formatOf(flags) === "pretty") void printBanner(host);
  return life.ended;
}

async function overStdio(flags: Flags, rawArgs: string[]): Promise<ExitCode> {
  for (const flag of LISTEN)
    if (flags[flag] !== undefined) throw new UsageError(`--${flag} is for \`start http\`; \`start stdio\` listens on no port`);
  const output = claimStdout();
  const ring = new LogRing(keptLevelOf(flags));
  const log = loggerOf(flags, "info", ring);
  const life = new Life(log);
  const opened = await openHost({ config: flags.config, raw: rawArgs, log, change: ({ listen: _, ...config }) => config });
  const { host, loaded } = opened;
  life.of(host);
  await startHost(opened);
  life.atEnd(await serveControl(host, { config: loaded.path, mode: "stdio" }, log, ring));
  log.info("the host serves standard input and output", { config: loaded.path });
  void host.serveStdio({ input: process.stdin, output }).then(() => life.end(EXIT.ok.code));
  const code = await life.ended;
  const patience = performance.now() + LAST_WORDS;
  while (output.writableLength > 0 && performance.now() < patience) await pause(LOOK);
  return code;
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new UsageError(`--port: "${text}" is not a port; give a number from 0 to 65535`);
  return port;
}

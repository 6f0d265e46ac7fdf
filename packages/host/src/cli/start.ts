import { setTimeout as pause } from "node:timers/promises";
import { defineCommand } from "citty";
import { claimStdout } from "../front/stdio.ts";
import type { LogFormat, Logger } from "../log.ts";
import { type ControlFacts, type ControlPart, serveControl } from "../operator/control.ts";
import { LogRing } from "../operator/log-ring.ts";
import type { FrameOutput } from "../wire/frame-writer.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs, daemonArgs, formatOf, keptLevelOf, type LogFlags, logArgs, loggerOf, portOf } from "./command-line/options.ts";
import { UsageError } from "./command-line/usage.ts";
import type { DaemonFlags, Detached } from "./daemon/daemon.ts";
import { printBanner } from "./hosting/banner.ts";
import { type Opened, openHost, startHost } from "./hosting/open-host.ts";
import { Life } from "./hosting/process-life.ts";
import { Reloads } from "./hosting/reloads.ts";

/** Flags that say where to listen, with their places in the config. */
const LISTEN = ["port", "host", "path"] as const;

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
    watch: {
      type: "boolean",
      description: "Read the config again whenever it, a file that its values come from, or a plugin that is a file changes",
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
    checkDaemonFlags(args);
    if (args.mode === "stdio") return overStdio(args, rawArgs);
    if (args.mode === "both") return overBoth(args, rawArgs, claimStdout());
    if (args.daemon && !data) {
      const { describeDaemon, startDaemon } = await import("./daemon/daemon.ts");
      describeDaemon(await startDaemon(args, rawArgs));
      return EXIT.ok.code;
    }
    return overHttp(args, rawArgs, data as Detached | undefined); // nobody but the detached process itself gives any
  },
});

/** How long the last frames may take to a client that reads slowly. */
const LAST_WORDS = 2_000;
const LOOK = 10;

export interface Flags extends LogFlags, DaemonFlags {
  mode?: string | undefined;
  port?: string | undefined;
  host?: string | undefined;
  path?: string | undefined;
  watch?: boolean | undefined;
  "insecure-no-auth"?: boolean | undefined;
}

async function overHttp(flags: Flags, rawArgs: string[], detached?: Detached): Promise<ExitCode> {
  const { log, ring } = logOf(flags, detached && "json");
  const life = new Life(log);
  const daemon = await detached?.begin(flags, life, log);
  const opened = await openForHttp(flags, rawArgs, log);
  const { host, loaded } = opened;
  life.of(host);
  detached?.confirm();
  await startHost(opened);
  await serveOperators(opened, { config: loaded.path, mode: "http", ...(daemon && { daemon }) }, { flags, rawArgs, life, log, ring });
  log.info("the host listens", { url: host.url, config: loaded.path });
  if (detached) detached.listening(host.url ?? "", loaded.warnings);
  else if (formatOf(flags) === "pretty") void printBanner(host);
  return life.ended;
}

/** @param output standard output, whose client is one among those over HTTP: its end is not the host's */
async function overBoth(flags: Flags, rawArgs: string[], output: FrameOutput): Promise<ExitCode> {
  const { log, ring } = logOf(flags);
  const life = new Life(log);
  const opened = await openForHttp(flags, rawArgs, log);
  const { host, loaded } = opened;
  life.of(host);
  await startHost(opened);
  await serveOperators(opened, { config: loaded.path, mode: "both" }, { flags, rawArgs, life, log, ring });
  log.info("the host listens", { url: host.url, config: loaded.path });
  if (formatOf(flags) === "pretty") void printBanner(host);
  void host.serveStdio({ input: process.stdin, output }).then(() => log.info("the client over standard input and output is gone"));
  return written(output, await life.ended);
}

/** The host that `start http` with these flags starts. @throws ConfigFileError with every problem */
export function openForHttp(flags: Flags, rawArgs: readonly string[], log: Logger): Promise<Opened> {
  return openHost({
    config: flags.config,
    raw: rawArgs,
    log,
    insecureNoAuth: flags["insecure-no-auth"] === true,
    stdio: flags.mode === "both",
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
}

function checkDaemonFlags(flags: Flags): void {
  if (flags.daemon && (flags.mode === "stdio" || flags.mode === "both"))
    throw new UsageError(`--daemon is for \`start http\`; \`start ${flags.mode}\` serves the client that started it`);
  for (const flag of ["pid-file", "log-file", "log-size", "log-files"] as const)
    if (flags[flag] !== undefined && !flags.daemon)
      throw new UsageError(`--${flag} is for --daemon; without it the log goes to standard error`);
}

async function overStdio(flags: Flags, rawArgs: string[]): Promise<ExitCode> {
  for (const flag of LISTEN)
    if (flags[flag] !== undefined) throw new UsageError(`--${flag} is for \`start http\`; \`start stdio\` listens on no port`);
  const output = claimStdout();
  const { log, ring } = logOf(flags);
  const life = new Life(log);
  const opened = await openHost({ config: flags.config, raw: rawArgs, log, stdio: true, change: ({ listen: _, ...config }) => config });
  const { host, loaded } = opened;
  life.of(host);
  await startHost(opened);
  await serveOperators(opened, { config: loaded.path, mode: "stdio" }, { flags, rawArgs, life, log, ring });
  log.info("the host serves standard input and output", { config: loaded.path });
  void host.serveStdio({ input: process.stdin, output }).then(() => life.end(EXIT.ok.code));
  return written(output, await life.ended);
}

/** Waits until the last frames have gone, and gives the exit code. */
async function written(output: FrameOutput, code: ExitCode): Promise<ExitCode> {
  const patience = performance.now() + LAST_WORDS;
  while (output.writableLength > 0 && performance.now() < patience) await pause(LOOK);
  return code;
}

/** The log of a host that runs, and the lines of it that `logs` shows. */
function logOf(flags: Flags, format?: LogFormat): { log: Logger; ring: LogRing } {
  const ring = new LogRing(keptLevelOf(flags));
  return { ring, log: loggerOf(flags, "info", { ...(format && { format }), reader: ring }) };
}

/** The control socket, the hangup signal and the eye on the config. */
async function serveOperators(
  opened: Opened,
  facts: ControlFacts,
  { flags, rawArgs, life, log, ring }: { flags: Flags; rawArgs: readonly string[]; life: Life; log: Logger; ring: LogRing },
): Promise<void> {
  const reloads = new Reloads(opened, log);
  const part: ControlPart = {
    origin: { args: rawArgs, cwd: process.cwd() },
    stop: () => life.stop("mcp-host stop"),
    reload: () => reloads.reload(),
    ring,
  };
  life.atEnd(await serveControl(opened.host, facts, part, log));
  life.atHangup(() => void reloads.reload().catch(() => {})); // the log has it
  if (flags.watch) life.atEnd(reloads.watch());
}

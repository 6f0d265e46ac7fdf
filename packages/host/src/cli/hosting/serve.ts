import { setTimeout as pause } from "node:timers/promises";
import type { ListenConfig } from "../../config/schema.ts";
import { ERAS } from "../../host/fronts.ts";
import { localOptionsOf } from "../../host/host.ts";
import type { LogFormat, Logger } from "../../log.ts";
import { ConfigDesk } from "../../operator/config-desk.ts";
import type { ControlFacts } from "../../operator/control-protocol.ts";
import { serveControl } from "../../operator/control-server.ts";
import { deskOf } from "../../operator/create-host.ts";
import type { ServedControls } from "../../operator/host-operation.ts";
import { LogRing } from "../../operator/log-ring.ts";
import { OperatorStreams } from "../../operator/operator-streams.ts";
import type { FrameOutput } from "../../wire/frame-writer.ts";
import { EXIT, type ExitCode } from "../command-line/exit.ts";
import { formatOf, keptLevelOf, type LogFlags, loggerOf } from "../command-line/logger.ts";
import { portOf } from "../command-line/options.ts";
import { printBanner } from "./banner.ts";
import { type Opened, openHost, startAt, startHost, withoutServer } from "./open-host.ts";
import { ProcessLife } from "./process-life.ts";
import { Reloads, type ReloadTold } from "./reloads.ts";
import { roleless } from "./roleless.ts";

/** How long the last frames may take to a client that reads slowly. */
const LAST_WORDS = 2_000;
const LOOK = 10;

/** The flags of `start`. */
export interface StartFlags extends LogFlags {
  config?: string | undefined;
  mode?: string | undefined;
  port?: string | undefined;
  host?: string | undefined;
  path?: string | undefined;
  endpoint?: string | undefined;
  watch?: boolean | undefined;
  "insecure-no-auth"?: boolean | undefined;
  daemon?: boolean | undefined;
  "pid-file"?: string | undefined;
  "log-file"?: string | undefined;
  "log-size"?: string | undefined;
  "log-files"?: string | undefined;
}

/** What makes `start` a daemon, in the process that is detached already. */
export interface Detached {
  /** Logs to the file, and takes the pid file. @throws Error when another daemon has it, or when a file cannot be written */
  begin(flags: StartFlags, life: ProcessLife, log: Logger): Promise<NonNullable<ControlFacts["daemon"]>>;
  /** Before anything starts: it is the only daemon of its config still. */
  confirm(): void;
  /** Whoever started it may go. @param warnings what they should read before */
  listening(url: string, warnings: readonly string[]): void;
}

/** @param detached of a daemon */
export async function serveHttp(flags: StartFlags, rawArgs: string[], detached?: Detached): Promise<ExitCode> {
  const { log, ring } = logOf(flags, detached && "json");
  const life = new ProcessLife(log);
  const daemon = await detached?.begin(flags, life, log);
  const opened = await openForHttp(flags, rawArgs, log);
  const { host, loaded } = opened;
  const reloads = equip(opened, { config: loaded.path, mode: "http", ...(daemon && { daemon }) }, { rawArgs, life, ring });
  detached?.confirm();
  await startHost(opened);
  await serveOperators(opened, reloads, { flags, life, ring });
  host.log.info("the host listens", { url: host.url, config: loaded.path });
  if (detached) detached.listening(host.url ?? "", [...loaded.warnings, ...loaded.unset.map(withoutServer)]);
  else if (formatOf(flags) === "pretty") void printBanner(host);
  return life.ended;
}

/** @param output standard output, whose client is one among those over HTTP: its end is not the host's */
export async function serveBoth(flags: StartFlags, rawArgs: string[], output: FrameOutput): Promise<ExitCode> {
  const { log, ring } = logOf(flags);
  const life = new ProcessLife(log);
  const opened = await openForHttp(flags, rawArgs, log);
  const { host, loaded } = opened;
  const reloads = equip(opened, { config: loaded.path, mode: "both" }, { rawArgs, life, ring });
  await startAt(opened, flags.endpoint);
  await serveOperators(opened, reloads, { flags, life, ring });
  host.log.info("the host listens", { url: host.url, config: loaded.path });
  if (formatOf(flags) === "pretty") void printBanner(host);
  const { endpoint } = flags;
  void host
    .serveStdio({ input: process.stdin, output, endpoint })
    .then(() => host.log.info("the client over standard input and output is gone"));
  return written(output, await life.ended);
}

/** The host that `start http` with these flags starts. @throws ConfigFileError with every problem */
export function openForHttp(flags: StartFlags, rawArgs: readonly string[], log: Logger): Promise<Opened> {
  return openHost({
    config: flags.config,
    raw: rawArgs,
    log,
    insecureNoAuth: flags["insecure-no-auth"] === true,
    serves: true,
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

/** @param output standard output, whose client is the only one: its end is the host's */
export async function serveStdio(flags: StartFlags, rawArgs: string[], output: FrameOutput): Promise<ExitCode> {
  const { log, ring } = logOf(flags);
  const life = new ProcessLife(log);
  let protocols: ListenConfig["protocols"] | undefined;
  const opened = await openHost({
    config: flags.config,
    raw: rawArgs,
    log,
    stdio: true,
    serves: true,
    change: ({ listen, ...config }) => {
      protocols ??= listen?.protocols;
      return config;
    },
  });
  const { host, loaded } = opened;
  const reloads = equip(opened, { config: loaded.path, mode: "stdio" }, { rawArgs, life, ring });
  await startAt(opened, flags.endpoint);
  await serveOperators(opened, reloads, { flags, life, ring });
  host.log.info("the host serves standard input and output", { config: loaded.path });
  const { endpoint } = flags;
  void host.serveStdio({ input: process.stdin, output, endpoint, protocols }).then(() => life.end(EXIT.ok.code));
  return written(output, await life.ended);
}

/** Waits until the last frames have gone, and gives the exit code. */
async function written(output: FrameOutput, code: ExitCode): Promise<ExitCode> {
  const patience = performance.now() + LAST_WORDS;
  while (output.writableLength > 0 && performance.now() < patience) await pause(LOOK);
  return code;
}

/** The log of a host that runs, and the lines of it that `logs` shows. */
export function logOf(flags: LogFlags, format?: LogFormat): { log: Logger; ring: LogRing } {
  const ring = new LogRing(keptLevelOf(flags));
  return { ring, log: loggerOf(flags, "info", { ...(format && { format }), reader: ring }) };
}

/**
 * Has operators' operations do here what they do in a program that only serves, before anybody can ask for one.
 * @param told what becomes of reloads; default: the log
 */
export function equip(
  opened: Opened,
  facts: ControlFacts,
  { rawArgs, life, ring, told }: { rawArgs: readonly string[]; life: ProcessLife; ring: LogRing; told?: ReloadTold },
): Reloads {
  const desk = deskOf(opened.host);
  const reloads = new Reloads(opened, desk, told);
  let stop = (): void => {};
  const stopping = new Promise<void>((resolve) => {
    stop = () => {
      resolve();
      life.stop("mcp-host stop");
    };
  });
  const { daemon } = facts;
  const controls: ServedControls = {
    facts,
    stop,
    invocation: { args: rawArgs, cwd: process.cwd() },
    reload: () => reloads.reload(),
    check: (file) => opened.check(file),
    ...(daemon && { restart: () => import("../daemon/daemon.ts").then(({ restartItself }) => restartItself(daemon, stopping)) }),
  };
  const streams = new OperatorStreams(desk.host, ring);
  desk.equip(controls, new ConfigDesk(controls), streams);
  life.of(opened.host);
  return reloads;
}

/** The control socket, the hangup signal and the eye on the config. */
export async function serveOperators(
  { host }: Opened,
  reloads: Reloads,
  { flags, life, ring }: { flags: Pick<StartFlags, "watch">; life: ProcessLife; ring: LogRing },
): Promise<void> {
  const desk = deskOf(host);
  const { feed } = await desk.streams();
  const door = {
    note: () => roleless(host),
    checkEndpoint: (name: string) => localOptionsOf(host).checkEndpoint(name),
    // Operators' commands are no clients whom `listen` lets in or not.
    serve: (streams: Parameters<typeof host.serveStdio>[0]) => host.serveStdio({ ...streams, protocols: ERAS }),
  };
  life.atEnd(await serveControl({ desk, ring, feed, door }, host.log));
  life.atHangup(() => void desk.runFor("signal", "reload").catch(() => {})); // the log has it
  if (flags.watch) life.atEnd(reloads.watch());
}

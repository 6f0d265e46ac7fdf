import { relative } from "node:path";
import type { Host } from "../../host/host.ts";
import { escapeControls, type Logger } from "../../log.ts";
import { deskOf } from "../../operator/create-host.ts";
import type { LogRing } from "../../operator/log-ring.ts";
import { TraceFilter } from "../../operator/trace-query.ts";
import type { FrameOutput } from "../../wire/frame-writer.ts";
import type { ExitCode } from "../command-line/exit.ts";
import { formatOf, type LogFlags } from "../command-line/logger.ts";
import { portOf } from "../command-line/options.ts";
import { typedCommand } from "../command-line/typed-command.ts";
import { type Opened, openHost, startHost } from "../hosting/open-host.ts";
import { ProcessLife } from "../hosting/process-life.ts";
import { describeChanges, problemsOf, type Reloads, type ReloadTold } from "../hosting/reloads.ts";
import { equip, logOf, serveOperators } from "../hosting/serve.ts";
import { isAsking } from "../terminal/dialogue.ts";
import { traceTree } from "../terminal/trace-tree.ts";
import { DevCalls } from "./dev-calls.ts";
import { DevConfig, type DevPlugin } from "./dev-config.ts";
import type { DevCall } from "./dev-flags.ts";
import { followKeys } from "./dev-keys.ts";

/** How long the first calls wait for servers that are starting. */
const PATIENCE = 10_000;
/** Bytes that wait for a reader of the trace who does not read; what comes then is left out. */
const QUEUE_BYTES = 2 * 1024 * 1024;

/** What the command line says. */
export interface Development {
  readonly flags: LogFlags & { readonly config?: string | undefined; readonly port?: string | undefined };
  readonly rawArgs: readonly string[];
  readonly plugins: readonly DevPlugin[];
  readonly calls: readonly DevCall[];
  /** Standard output: the trace, and what came of calls. */
  readonly output: FrameOutput;
}

/** Serves the plugins under development until it is ended. */
export async function serveDev(development: Development): Promise<ExitCode> {
  const { flags, plugins, output } = development;
  const { log, ring } = logOf(flags);
  const life = new ProcessLife(log);
  let calls: DevCalls | undefined;
  const write = writer(output, log);
  const config = new DevConfig(plugins, flags.config);
  const told = tellingOf(development, config, log, () => void calls?.make());
  const { opened, reloads, problems } = await begin(development, { config, life, log, ring, told });
  const { host } = opened;
  calls = new DevCalls(host, development.calls, write);
  const desk = deskOf(host);
  const stop = host.trace(calls.listener);
  const { feed } = await desk.streams();
  const unfollow = feed.follow({ filter: new TraceFilter({}), read: (record) => write(traceTree(record, process.stdout)), end() {} });
  await serveOperators(opened, reloads, { flags: { watch: true }, life, ring });
  const files = plugins.map(({ file }) => shownPath(file));
  host.log.info("the host listens", { url: host.url, ...(problems ? { without: files } : { plugins: files }) });
  if (formatOf(flags) === "pretty") process.stderr.write(banner(host, development, problems !== undefined));
  if (problems) told.refused(problems); // last, where somebody looks
  // They need not be waited for, whatever the config says of those of clients.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => calls?.end());
  const reload = (): void => void desk.runFor("program", "reload").catch(() => {}); // it was told
  const quit = (): void => {
    calls?.end();
    life.stop("the key q");
  };
  const again = (): void => void (config.isIn ? calls?.again() : process.stderr.write(`mcp-host: nothing is called: ${notIn(plugins)}\n`));
  const unkeyed = followKeys({ r: reload, c: again, q: quit }, quit);
  for (const end of [() => calls?.end(), unkeyed, unfollow, stop]) life.atEnd(end);
  // Without the plugin they would show nothing of it; the save that mends it makes them.
  if (development.calls.length > 0 && config.isIn) void host.known(PATIENCE).then(() => calls?.make());
  return life.ended;
}

interface Around {
  readonly config: DevConfig;
  readonly life: ProcessLife;
  readonly log: Logger;
  readonly ring: LogRing;
  readonly told: ReloadTold;
}

/**
 * Starts the host. Where its plugins cannot be used it starts without them: they come with the save that mends them.
 * @returns with the problems that they have @throws what it cannot start for without them either
 */
async function begin(
  development: Development,
  { config, life, log, ring, told }: Around,
): Promise<{ opened: Opened; reloads: Reloads; problems: readonly string[] | undefined }> {
  const { flags, rawArgs } = development;
  const port = flags.port === undefined ? 0 : portOf(flags.port);
  const start = async (): Promise<{ opened: Opened; reloads: Reloads }> => {
    const opened = await openHost({
      config: flags.config,
      raw: rawArgs,
      log,
      serves: true,
      isDevelopment: true,
      read: (_path, options) => config.read(options),
      change: (read) => ({ ...read, listen: { ...read.listen, host: "127.0.0.1", port } }),
    });
    const reloads = equip(opened, { config: opened.loaded.path, mode: "http" }, { rawArgs, life, ring, told });
    await startHost(opened);
    return { opened, reloads };
  };
  try {
    return { ...(await start()), problems: undefined };
  } catch (error) {
    config.isWhole = false;
    const problems = problemsOf(error).map((problem) => config.problem(problem));
    const started = await start(); // what is wrong without the plugins, too, is none of theirs
    config.isWhole = true;
    config.isIn = false;
    return { ...started, problems };
  }
}

/** Tells what became of a reload. @param done what follows one */
function tellingOf(development: Development, config: DevConfig, log: Logger, done: () => void): ReloadTold {
  return {
    done({ plugins, upstreams }) {
      config.isIn = true;
      const isSame = [plugins, upstreams].every(
        ({ added, changed, removed, renewed = [] }) => [added, changed, removed, renewed].flat().length === 0,
      );
      if (isSame) log.info("nothing changed");
      else log.info("loaded anew", { plugins: describeChanges(plugins), upstreams: describeChanges(upstreams) });
      done();
    },
    refused(problems) {
      for (const problem of problems) log.error(config.problem(problem));
      log.warn(config.isIn ? "the host goes on with what worked last; the next save tries again" : notIn(development.plugins));
    },
  };
}

/** What is said while the host runs without the plugins. */
function notIn(plugins: readonly DevPlugin[]): string {
  const files = plugins.map(({ file }) => shownPath(file)).join(", ");
  return plugins.length === 1
    ? `${files} did not load, and the host runs without it; the next save tries again`
    : `the plugins (${files}) did not load together, and the host runs without them; the next save tries again`;
}

/** Writes to standard output, as long as somebody reads there. */
function writer(output: FrameOutput, log: Logger): (text: string) => void {
  let missed = 0;
  return (text) => {
    if (!output.writable || output.writableLength > QUEUE_BYTES) {
      if (missed++ === 0) log.warn("standard output is not read, so some of the trace is left out");
      return;
    }
    missed = 0;
    output.write(text);
  };
}

/** How to call it, and which keys there are. */
function banner(host: Host, { flags, plugins }: Development, isWithout: boolean): string {
  const what = plugins.map(({ file }) => shownPath(file)).join(", ");
  const behind = flags.config === undefined ? "a server of its own" : flags.config;
  const call = flags.config === undefined ? `call echo --args '{"text":"hello"}'` : "list";
  return `${escapeControls(
    [
      "",
      isWithout
        ? `mcp-host dev could not load ${what}; it waits for the next save. The host without it is at ${host.url}`
        : `mcp-host dev serves ${what} with ${behind} at ${host.url}`,
      `${isWithout ? "Then try it" : "Try it"}:  ${typedCommand()} ${call} --url ${host.url}`,
      `Save a file to load it anew. ${isAsking() ? "Keys: r reload, c call again, q quit." : "Stop with Ctrl-C."}`,
    ].join("\n"),
  )}\n\n`;
}

/** A path as short as it is from here. */
function shownPath(file: string): string {
  const near = relative(process.cwd(), file);
  return near.startsWith("..") ? file : near;
}

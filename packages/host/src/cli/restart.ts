import { type ArgsDef, defineCommand, parseArgs } from "citty";
import { escapeControls } from "../log.ts";
import type { HostChoice } from "../operator/control-client.ts";
import type { ControlStatus, Invocation } from "../operator/control-protocol.ts";
import { choiceArgs, choiceOf, jsonArgs } from "../operator/host-choice.ts";
import { durationOf } from "./command-line/durations.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { loggerOf } from "./command-line/logger.ts";
import { timeoutArgs } from "./command-line/options.ts";
import type { Daemon } from "./daemon/daemon.ts";
import type { StartFlags } from "./hosting/serve.ts";
import start from "./start.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "restart", description: "Stop a daemon and start it again as it was started, once its config has been checked" },
  args: { ...choiceArgs, ...timeoutArgs, ...jsonArgs },
  async run({ args }): Promise<ExitCode> {
    const { askInvocation } = await import("../operator/control-client.ts");
    const { stopHost } = await import("../operator/stop-host.ts");
    const { describeDaemon, startDaemon } = await import("./daemon/daemon.ts");
    const { prepare } = await import("./hosting/open-host.ts");
    const { openForHttp } = await import("./hosting/serve.ts");
    const timeout = await durationOf("--timeout", args.timeout);
    const daemon = await theDaemon(choiceOf(args));
    const invocation = await askInvocation(daemon.pid);
    enter(invocation);
    const rawArgs = [...invocation.args];
    const flags = parseArgs(rawArgs, start.args as ArgsDef) as StartFlags; // no command makes its arguments lazily, and these were checked when it was started
    try {
      const opened = await openForHttp(flags, rawArgs, loggerOf(flags, "error"));
      try {
        await prepare(opened);
      } finally {
        await opened.host.close();
      }
    } catch (error) {
      process.stderr.write(`mcp-host: nothing was stopped: the host with pid ${daemon.pid} goes on\n`);
      throw error;
    }
    const { stopped, reason } = await stopHost(daemon, timeout);
    if (!stopped) throw new Error(reason);
    const { pid, url, config } = daemon;
    if (!args.json) process.stdout.write(escapeControls(`stopped ${url ?? config}, pid ${pid}\n`));
    let started: Daemon | undefined;
    try {
      started = await startDaemon(flags, rawArgs);
    } finally {
      // That it was stopped matters most where it does not come back.
      if (args.json) process.stdout.write(jsonText({ config, stopped: { pid, url }, started: started ?? null }));
    }
    if (!args.json) describeDaemon(started);
    return EXIT.ok.code;
  },
});

/** The daemon that is meant. A host that was started otherwise belongs to whoever started it. */
async function theDaemon(choice: HostChoice): Promise<ControlStatus> {
  const { chooseHost, findHosts } = await import("../operator/control-client.ts");
  const host = chooseHost(await findHosts(choice), choice);
  if (host.daemon) return host;
  throw new Error(
    `the host with pid ${host.pid} was not started with --daemon; restart it where it was started (a service: with its manager)`,
  );
}

/** Relative paths mean what they meant. */
function enter({ cwd }: Invocation): void {
  try {
    process.chdir(cwd);
  } catch (error) {
    throw new Error(`the folder ${cwd}, in which the host was started, cannot be entered (${(error as NodeJS.ErrnoException).code})`);
  }
}

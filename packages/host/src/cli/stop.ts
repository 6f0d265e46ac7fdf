import { resolve } from "node:path";
import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { choiceArgs, choiceOf, jsonArgs } from "../operator/host-choice.ts";
import { UsageError } from "../operator/usage-error.ts";
import { durationOf } from "./command-line/durations.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { timeoutArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "stop", description: "Stop a running host: calls in flight finish, then it ends with its servers" },
  args: {
    ...choiceArgs,
    "pid-file": { type: "string", valueHint: "file", description: "The daemon whose process id is in this file" },
    all: { type: "boolean", description: "Stop every running host of this user" },
    ...timeoutArgs,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { chooseHost, findHosts, NoHostError } = await import("../operator/control-client.ts");
    const { stopHost, terminateHost } = await import("../operator/stop-host.ts");
    const { muteDaemon } = await import("./daemon/pid-file.ts");
    const choice = choiceOf(args);
    const pidFile = args["pid-file"];
    if (args.all && [args.pid, args.config, pidFile].some((chosen) => chosen !== undefined))
      throw new UsageError("--all chooses every host; give no --pid, --config or --pid-file");
    if (pidFile !== undefined && (args.pid !== undefined || args.config !== undefined))
      throw new UsageError("--pid-file chooses a host; give no --pid or --config besides");
    const timeout = await durationOf("--timeout", args.timeout);
    const all = await findHosts(choice);
    const found = pidFile === undefined ? all : all.filter(({ daemon }) => daemon?.pidFile === resolve(pidFile));
    const mute = found.length === 0 && choice.pid === undefined ? await muteDaemon(args) : undefined;
    if (mute?.doubt !== undefined)
      throw new NoHostError(
        `no host of this user answers. ${mute.pidFile} names pid ${mute.pid}, but it was sent no signal: ${mute.doubt}; ` +
          `remove the file if that is no daemon, or end it with \`kill ${mute.pid}\` if you know that it is`,
      );
    if (pidFile !== undefined && found.length === 0 && !mute)
      throw new NoHostError(`no daemon of this user has the pid file ${resolve(pidFile)}`);
    const isNamed = args.all || pidFile !== undefined; // whichever config is here
    const hosts = isNamed && found.length > 0 ? found : mute ? [] : [chooseHost(found, choice, ", or stop all with --all")];
    const ends = await Promise.all([...hosts.map((host) => stopHost(host, timeout)), ...(mute ? [terminateHost(mute.pid, timeout)] : [])]);
    if (args.json) process.stdout.write(jsonText({ hosts: ends }));
    else
      for (const { stopped, pid, what, reason } of ends)
        (stopped ? process.stdout : process.stderr).write(
          `${escapeControls(stopped ? `stopped ${what}, pid ${pid}` : `mcp-host: ${reason}`)}\n`,
        );
    return ends.every(({ stopped }) => stopped) ? EXIT.ok.code : EXIT.failure.code;
  },
});

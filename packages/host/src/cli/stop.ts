import { defineCommand } from "citty";
import { duration } from "../config/units.ts";
import { escapeControls } from "../log.ts";
import type { ControlStatus } from "../operator/control.ts";
import { askAll, askToStop, onlyOne } from "../operator/control-client.ts";
import { goesWithin } from "../operator/processes.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";
import { choiceArgs, choiceOf, jsonArgs } from "./options.ts";
import { daemonBehind } from "./pid-file.ts";
import { placesOf } from "./places.ts";
import { UsageError } from "./usage.ts";

/** What a host needs beyond `drain`: sessions end, and servers have 5 s until they are killed. */
const GRACE = 20_000;

export const timeoutArgs = {
  timeout: { type: "string", valueHint: "duration", description: "How long to wait until the host is gone. Default: its drain and 20 s" },
} as const;

export default defineCommand({
  meta: { name: "stop", description: "Stop a running host: calls in flight finish, then it ends with its servers" },
  args: {
    ...choiceArgs,
    all: { type: "boolean", description: "Stop every running host of this user" },
    ...timeoutArgs,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const choice = choiceOf(args);
    if (args.all && (args.pid !== undefined || args.config !== undefined))
      throw new UsageError("--all chooses every host; give no --pid or --config");
    const timeout = timeoutOf(args.timeout);
    const found = await askAll(choice);
    const mute = found.length === 0 && choice.pid === undefined ? await muteDaemon(args.config) : undefined;
    const hosts = args.all && found.length > 0 ? found : mute ? [] : [onlyOne(found, choice, ", or stop all with --all")];
    const ends = await Promise.all([...hosts.map((host) => stopHost(host, timeout)), ...(mute ? [stopMute(mute, timeout)] : [])]);
    if (args.json) process.stdout.write(jsonText({ hosts: ends }));
    else
      for (const { stopped, pid, what, reason } of ends)
        (stopped ? process.stdout : process.stderr).write(
          `${escapeControls(stopped ? `stopped ${what}, pid ${pid}` : `mcp-host: ${reason}`)}\n`,
        );
    return ends.every(({ stopped }) => stopped) ? EXIT.ok.code : EXIT.failure.code;
  },
});

/** What became of a host that was asked to stop. */
export interface End {
  readonly pid: number;
  readonly what: string;
  readonly stopped: boolean;
  readonly reason?: string;
}

/** The value of `--timeout` in milliseconds. @throws UsageError */
export function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const { data, error } = duration.safeParse(text);
  if (error) throw new UsageError(`--timeout: ${error.issues[0]?.message}`);
  return data;
}

/** A daemon that cannot be asked, because its socket is lost (as XDG_RUNTIME_DIR is at a logout), and that has its pid file still. */
async function muteDaemon(config: string | undefined): Promise<number | undefined> {
  try {
    return await daemonBehind((await placesOf({ config })).pidFile);
  } catch {
    return undefined; // no config here, or no pid file of ours: then there is none
  }
}

/** It does not tell its `drain`, so it is waited for as long as that lasts by default. */
async function stopMute(pid: number, timeout = 10_000 + GRACE): Promise<End> {
  process.kill(pid, "SIGTERM");
  const stopped = await goesWithin(pid, timeout);
  return { pid, what: "a daemon whose control socket is gone", stopped, ...(!stopped && { reason: runsStill(pid, timeout) }) };
}

function runsStill(pid: number, timeout: number): string {
  return `the host with pid ${pid} runs still after ${timeout} ms; it goes on stopping, and \`kill -KILL ${pid}\` ends it at once`;
}

/** Has a host stop, and waits until its process is gone. Never rejects. */
export async function stopHost({ pid, url, mode }: ControlStatus, timeout: number | undefined): Promise<End> {
  const what = url ?? `a host over ${mode}`;
  try {
    const drain = await askToStop(pid);
    const patience = timeout ?? drain + GRACE;
    if (await goesWithin(pid, patience)) return { pid, what, stopped: true };
    return { pid, what, stopped: false, reason: runsStill(pid, patience) };
  } catch (error) {
    return { pid, what, stopped: false, reason: (error as Error).message }; // Errors with words for the operator
  }
}

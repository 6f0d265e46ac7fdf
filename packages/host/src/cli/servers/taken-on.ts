import { escapeControls } from "../../log.ts";
import { findHosts, type Reloaded, reloadRunningHosts } from "../../operator/control-client.ts";
import { redactText } from "../../redact.ts";
import { EXIT, type ExitCode } from "../command-line/exit.ts";
import { describeChanges, notThereYet } from "../hosting/reloads.ts";
import { jsonText } from "../terminal/json-text.ts";

/** What a command did to the file. */
export interface Done {
  readonly path: string;
  readonly server: string;
  /** In words. */
  readonly did: string;
  /** Nothing is written where it was so already. */
  readonly written: boolean;
  readonly backup: string | undefined;
  /** What else there is to know, a line each. */
  readonly notes?: readonly string[];
}

/** Tells what was done, once the hosts that run on the file have taken it on. */
export async function takenOn({ path, server, did, written, backup, notes = [] }: Done, json: boolean | undefined): Promise<ExitCode> {
  if (!json) print(process.stdout, did);
  const hosts = written ? await reloadRunningHosts(path) : [];
  const late = (await Promise.all(hosts.map(notThere))).flat();
  if (json) process.stdout.write(jsonText({ config: path, server, written, backup, hosts: hosts.map(plain), notes: [...notes, ...late] }));
  else for (const line of [...notes, ...hosts.map(told), ...late]) print(process.stderr, `mcp-host: ${line}`);
  return hosts.some(({ outcome }) => outcome instanceof Error) ? EXIT.failure.code : EXIT.ok.code;
}

/** What became of a host that was to read its file again, in words. */
export function told({ pid, outcome }: Reloaded): string {
  if (outcome instanceof Error) return `the file is written, but ${outcome.message}`;
  return `the host with pid ${pid} has taken it on: servers ${describeChanges(outcome.upstreams)}`;
}

export function plain({ pid, outcome }: Reloaded): object {
  return outcome instanceof Error ? { pid, error: outcome.message } : { pid, ...outcome };
}

/** None where what was taken out was all that the host served. */
async function notThere({ pid, outcome }: Reloaded): Promise<string[]> {
  if (outcome instanceof Error) return [];
  const [host] = await findHosts({ pid });
  return notThereYet(outcome.upstreams, host?.upstreams);
}

function print(stream: NodeJS.WriteStream, line: string): void {
  stream.write(`${escapeControls(redactText(line))}\n`);
}

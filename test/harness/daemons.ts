import { readFileSync } from "node:fs";
import { type Home, type Output, run } from "./cli.ts";

export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  readonly url: URL;
  readonly log: string;
  readonly output: Output;
  /** Every line of its log file, parsed. */
  lines(): Record<string, unknown>[];
}

/** `mcp-host start --daemon` on a free port, once it is back. Killed at the end of the test if it runs still. */
export async function startDaemon(at: Home, args: string[] = []): Promise<Daemon> {
  return daemonOf(await run(at, ["start", "--daemon", "--port", "0", ...args]));
}

/** The daemon that a command has told of. @throws Error with what it told instead */
export function daemonOf(output: Output): Daemon {
  const [, pid, url, log] = /^ {2}pid +(\d+)\n {2}url +(\S+)\n {2}log +(.+)$/m.exec(output.stdout) ?? [];
  if (output.code !== 0 || pid === undefined || url === undefined || log === undefined)
    throw new Error(`no daemon was started: ${JSON.stringify(output)}`);
  return {
    pid: Number(pid),
    url: new URL(url),
    log,
    output,
    lines: () => linesOf(log),
    async [Symbol.asyncDispose]() {
      if (lives(Number(pid))) process.kill(Number(pid), "SIGKILL");
      while (lives(Number(pid))) await new Promise((resolve) => setTimeout(resolve, 20));
    },
  };
}

/** The lines of a log file; one that is not JSON throws. */
export function linesOf(log: string): Record<string, unknown>[] {
  return readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Whether a process is there and runs; what nobody has reaped yet does not. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

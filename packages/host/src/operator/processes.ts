import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** How often it is looked whether a process has gone. */
const LOOK = 50;
/** Ticks of `/proc/<pid>/stat` in a second: the same on every Linux. */
const TICKS = 100;
/** How long `ps` may take, in milliseconds. */
const PS_DEADLINE = 5_000;

/** Whether a process runs; one that has ended and was not reaped yet (a container without an init reaps nobody) does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return statOf(pid)?.[0] !== "Z";
}

/** When a process was started, in milliseconds since 1970, to about a second. Only Linux tells; elsewhere undefined. */
export function startedAt(pid: number): number | undefined {
  const ticks = Number(statOf(pid)?.[19]);
  try {
    const [, boot] = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8")) ?? [];
    const started = Number(boot) * 1000 + (ticks / TICKS) * 1000;
    return Number.isFinite(started) ? started : undefined;
  } catch {
    return undefined;
  }
}

/** What tells a process from another that gets its number. */
export interface ProcessFacts {
  readonly uid: number;
  /** In milliseconds since 1970, to about a second. */
  readonly started: number;
  /** The command line as far as it is known, its words apart by a space. */
  readonly command: string;
}

/** What the system tells of a process; undefined where it does not, or where there is none. */
export function processFacts(pid: number): ProcessFacts | undefined {
  try {
    return process.platform === "linux" ? factsOnLinux(pid) : factsFromPs(pid);
  } catch {
    return undefined; // gone, hidden, or there is no ps (as on Windows)
  }
}

function factsOnLinux(pid: number): ProcessFacts | undefined {
  const started = startedAt(pid);
  const { uid } = statSync(`/proc/${pid}`);
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  return started === undefined ? undefined : { uid, started, command };
}

function factsFromPs(pid: number): ProcessFacts | undefined {
  const fields = ["-ww", "-o", "uid=", "-o", "lstart=", "-o", "command=", "-p", String(pid)];
  const env = { ...process.env, LC_ALL: "C" };
  const text = execFileSync("ps", fields, { encoding: "utf8", timeout: PS_DEADLINE, env, stdio: ["ignore", "pipe", "ignore"] }).trim();
  const [uid, ...words] = text.split(/ +/);
  const started = Date.parse(words.slice(0, 5).join(" ")); // such as "Sun Nov 29 02:13:35 2026"
  return Number.isNaN(started) ? undefined : { uid: Number(uid), started, command: words.slice(5).join(" ") };
}

/** Resolves with whether the process has ended within so many milliseconds. */
export async function exitsWithin(pid: number, milliseconds: number): Promise<boolean> {
  const until = performance.now() + milliseconds;
  while (isAlive(pid)) {
    if (performance.now() >= until) return false;
    await pause(LOOK);
  }
  return true;
}

/** The fields of `/proc/<pid>/stat` from the state on: what stands before them, a name in brackets, may hold anything. */
function statOf(pid: number): string[] | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined; // gone, or hidden
  }
}

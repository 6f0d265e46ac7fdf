import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** How often it is looked whether a process has gone. */
const LOOK = 50;
/** Ticks of `/proc/<pid>/stat` in a second: the same on every Linux. */
const TICKS = 100;

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

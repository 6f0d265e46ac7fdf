import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Every process that a test starts carries this variable; upstream children get it through `env` of their config. */
export const MARKER = "TEST_RUN_OF_MCP_HOST";

/** Sets the run's marker before any test, and fails the run when a process that carries it outlives the tests. */
export default function setup(): () => Promise<void> {
  const marker = randomUUID();
  process.env[MARKER] = marker;
  return async () => {
    // A child that was told to go may take a moment.
    for (let tries = 0; survivors(marker).length > 0 && tries < 50; tries++) await new Promise((resolve) => setTimeout(resolve, 100));
    const left = survivors(marker);
    for (const { pid } of left) process.kill(pid, "SIGKILL");
    if (left.length > 0)
      throw new Error(`processes outlived the tests:\n${left.map(({ pid, command }) => `  ${pid} ${command}`).join("\n")}`);
  };
}

/** A marker for the children of one test: the run's, with an end of its own, so that both the test and the run can count them. */
export function ownMarker(): string {
  return `${process.env[MARKER]}-${randomUUID()}`;
}

/** Processes of this run that are still there, vitest's own workers left out. Reads /proc, so only Linux counts. */
export function survivors(marker: string): { pid: number; command: string }[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(`${MARKER}=${marker}`)) return [];
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      // A zombie has no command line and no executable; vitest's workers end with the run.
      if (command === "" || /vitest|esbuild/.test(command)) return [];
      readlinkSync(`/proc/${pid}/exe`);
      return [{ pid, command }];
    } catch {
      return []; // gone meanwhile
    }
  });
}

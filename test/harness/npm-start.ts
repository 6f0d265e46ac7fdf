import { spawn } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { expect } from "vitest";
import { MARKED } from "./hosts.ts";

/** Processes that work in a folder or below. Reads /proc, so only Linux counts. */
export function workingIn(folder: string): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`).startsWith(folder);
    } catch {
      return false; // gone, or somebody else's
    }
  });
}

/** Until a build is done and a host started, in milliseconds. */
const BUILT = 240_000;

export interface Started {
  readonly url: URL;
  /** What it printed so far. */
  text(): string;
}

/**
 * Runs `npm start` with these arguments until `use` is done with it, then ends it as Ctrl-C does and waits until nothing of it is left.
 * @param copy of the repository (harness/copy.ts), because `npm start` builds, and what is built here is in use by other tests
 */
export async function npmStart(copy: string, args: readonly string[], use: (started: Started) => Promise<void>): Promise<void> {
  const { NODE_V8_COVERAGE: _, ...env } = process.env; // of files that are gone when it is counted
  // Detached: a process group of its own, as a terminal's job has.
  const started = spawn("npm", ["start", "--", ...args], {
    cwd: copy,
    env: { ...env, ...MARKED },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let text = "";
  for (const stream of [started.stdout, started.stderr]) stream.on("data", (chunk) => (text += chunk));
  const exited = new Promise<void>((gone) => started.once("exit", () => gone()));
  try {
    await expect.poll(() => text, { timeout: BUILT }).toContain("Stop with Ctrl-C.");
    const [, url = ""] = /^mcp-host serves \d+ servers at (\S+)$/m.exec(text) ?? [];
    await use({ url: new URL(url), text: () => text });
  } finally {
    process.kill(-(started.pid as number), "SIGINT"); // it was spawned; Ctrl-C reaches the whole group
    await exited;
  }
  await expect.poll(() => workingIn(copy)).toEqual([]);
}

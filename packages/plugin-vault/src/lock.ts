import { randomUUID } from "node:crypto";
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { codeOf, VaultProblem } from "./problem.ts";

/** Milliseconds that somebody waits for the lock. Whoever has it writes one file. */
const WAIT = 15_000;
/** Milliseconds after which nobody can have it any more, whatever is known of who took it. */
const LIFE = 60_000;
/** The same for one in which nothing is written yet: that takes microseconds. */
const EMPTY_LIFE = 5_000;
const PAUSE = 8;

/** Of locks that this process has, which another copy of this module may have taken. */
const HELD = Symbol.for("mcp-host.vault.held");
const held: Set<string> = ((globalThis as { [HELD]?: Set<string> })[HELD] ??= new Set());

interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  readonly boot: string;
}

/** What only one process has at a time. */
export interface Held {
  /** Whether it still is: a process that slept for long may have lost it. */
  isMine(): boolean;
  release(): void;
}

/**
 * Takes a lock that is a file. One whose process is gone is taken over: on this machine at once, elsewhere after a minute.
 * @throws VaultProblem when somebody has it for 15 s
 */
export async function takeLock(path: string): Promise<Held> {
  const own: Holder = { token: randomUUID(), pid: process.pid, host: hostname(), boot: bootId() };
  const deadline = performance.now() + WAIT;
  while (!create(path, own)) {
    const text = read(path);
    if (text !== undefined && isOver(path, text)) takeAway(path, text);
    else if (performance.now() > deadline)
      throw new VaultProblem(
        "busy",
        `${path} is held by ${holderIn(text)?.pid ?? "a process"} for more than ${WAIT / 1_000} s; if no mcp-host runs, remove it`,
      );
    else await pause(1 + Math.random() * PAUSE);
  }
  held.add(own.token);
  const isMine = (): boolean => holderIn(read(path))?.token === own.token;
  return {
    isMine,
    release() {
      if (held.delete(own.token) && isMine()) rmSync(path, { force: true });
    },
  };
}

function create(path: string, own: Holder): boolean {
  try {
    const file = openSync(path, "wx", 0o600);
    try {
      writeFileSync(file, JSON.stringify(own));
    } catch (error) {
      rmSync(path, { force: true }); // a full disk
      throw error;
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function holderIn(text: string | undefined): Holder | undefined {
  try {
    return JSON.parse(text ?? "") as Holder; // as it was written above, or nothing that is compared is in it
  } catch {
    return undefined;
  }
}

function isOver(path: string, text: string): boolean {
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  const holder = holderIn(text);
  if (!holder) return age > EMPTY_LIFE;
  if (age > LIFE) return true;
  if (holder.host !== hostname()) return false;
  if (holder.boot !== bootId()) return true;
  // In a container every first process has the same id.
  return holder.pid === process.pid ? !held.has(holder.token) : !isAlive(holder.pid);
}

/** Removes a lock that is over. Two may do so at once: whoever moved another's new lock away puts it back. */
function takeAway(path: string, text: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (read(aside) !== text) linkSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

let boot: string | undefined;

/** Which start of the machine this is, where the system tells. */
function bootId(): string {
  if (boot !== undefined) return boot;
  try {
    boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    boot = "";
  }
  return boot;
}

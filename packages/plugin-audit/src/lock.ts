import { linkSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";

/** Milliseconds after which a lock of another machine (or container) counts as left behind. Its owner gives a sign of life far more often. */
const LEFT_BEHIND = 60_000;
const SIGN_OF_LIFE = 10_000;

interface Owner {
  readonly pid: number;
  /** What tells the process from a later one with its number; undefined where the system does not say. */
  readonly started?: string;
  readonly machine: string;
}

/** Somebody else writes the file. */
export class Locked extends Error {}

/**
 * The right to write a file, of one process: two chains in one file would break each other. It is a file beside it that names its owner;
 * one whose owner is gone is taken over.
 */
export class Lock {
  readonly #path: string;
  readonly #text: string;
  readonly #alive: NodeJS.Timeout;

  /** @param file what is locked, absolute @throws Locked where somebody has it */
  constructor(file: string) {
    this.#path = `${file}.lock`;
    const started = startOf(process.pid);
    this.#text = JSON.stringify({ pid: process.pid, ...(started !== undefined && { started }), machine: hostname() } satisfies Owner);
    this.#take(file);
    this.#alive = setInterval(() => this.#touch(), SIGN_OF_LIFE).unref();
  }

  release(): void {
    clearInterval(this.#alive);
    if (textOf(this.#path) === this.#text) rmSync(this.#path, { force: true });
  }

  /** Made under another name and linked, so that nobody ever reads half a lock. */
  #take(file: string): void {
    const made = `${this.#path}.${process.pid}`;
    writeFileSync(made, this.#text, { mode: 0o600 });
    try {
      for (let tries = 0; tries < 3; tries++) {
        try {
          return linkSync(made, this.#path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // fs throws these
        }
        const text = textOf(this.#path);
        if (text === undefined) continue; // it has just gone
        const holder = holderOf(this.#path, text);
        if (holder !== undefined) throw new Locked(`${file} is being written by ${holder}; stop that one, or name another file`);
        this.#remove(text);
      }
      throw new Locked(`${file} is being taken by several processes at once; start one, or name other files`);
    } finally {
      unlinkSync(made);
    }
  }

  /** Takes a lock away that was left behind. Somebody may have done so and locked meanwhile: what was moved has to be what was read. */
  #remove(text: string): void {
    const moved = `${this.#path}.old.${process.pid}`;
    try {
      renameSync(this.#path, moved);
      if (textOf(moved) !== text) linkSync(moved, this.#path);
      unlinkSync(moved);
    } catch (error) {
      if (!["ENOENT", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error; // as above
    }
  }

  #touch(): void {
    try {
      const now = new Date();
      utimesSync(this.#path, now, now);
    } catch {
      // somebody removed it; nobody is kept from the file by that but who respects it
    }
  }
}

/** Who has the lock, in words; undefined where its owner is gone. */
function holderOf(path: string, text: string): string | undefined {
  let owner: Partial<Owner>;
  try {
    owner = JSON.parse(text) as Partial<Owner>; // looked at below
  } catch {
    return undefined;
  }
  const { pid, started, machine } = owner;
  if (typeof pid !== "number" || typeof machine !== "string") return undefined;
  if (machine === hostname()) {
    if (!isAlive(pid)) return undefined;
    return started !== undefined && started !== startOf(pid) ? undefined : `the process ${pid}`;
  }
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  if (age > LEFT_BEHIND) return undefined;
  return `the process ${pid} of ${machine}, which gave a sign of life ${Math.round(age / 1000)} s ago (its lock counts for ${LEFT_BEHIND / 1000} s)`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** When a process began, in ticks since the machine did, with which start of the machine that was; undefined where the system does not say. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // One that has ended and was not reaped is gone.
    return fields[0] === "Z" ? "gone" : `${fields[19]} ${boot}`;
  } catch {
    return undefined;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

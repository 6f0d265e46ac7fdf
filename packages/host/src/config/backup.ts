import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { extname, join, resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import type { Environment } from "./env-files.ts";
import { replaceFile } from "./replace.ts";

/** A file as it was before it was written. */
export interface Backup {
  /** The copy, which only its owner may read. */
  readonly path: string;
  /** When it was made. */
  readonly time: Date;
}

/** What a restore did. */
export interface Restored {
  readonly from: Backup;
  /** What the file held before, or undefined where there was none. */
  readonly before: string | undefined;
  readonly after: string;
  /** Where the text before is kept now. */
  readonly backup: string | undefined;
}

/** Backups of one file that are kept; older ones are removed. */
const KEPT = 20;

/** The folder for what the host writes about its own life: `$XDG_STATE_HOME/mcp-host`, else `~/.local/state/mcp-host`. */
export function stateFolder(env: Environment = process.env): string {
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local", "state"), "mcp-host");
}

/**
 * Copies a file to the state folder, as it must be done before each write to it. The 20 newest copies are kept.
 * @returns the copy, or undefined where there is no such file yet
 * @throws Error of `fs` where the copy cannot be written; then the file must not be written either
 */
export async function backUp(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  const folder = folderOf(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [newest] = await history(path);
  // A clock that goes back, or two writes within a millisecond, must not change the order.
  const time = new Date(Math.max(Date.now(), (newest?.time.getTime() ?? 0) + 1));
  const copy = join(folder, `${time.toISOString().replaceAll(":", "-")}${extname(path)}`);
  writeFileSync(copy, readFileSync(path), { mode: 0o600, flag: "wx" });
  for (const old of (await history(path)).slice(KEPT)) rmSync(old.path, { force: true });
  return copy;
}

/** The backups of a file, the newest first. */
export async function history(path: string): Promise<readonly Backup[]> {
  const folder = folderOf(path);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => {
      const [, day, hours, minutes, rest] = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3}Z)/.exec(name) ?? [];
      return day === undefined ? [] : [{ path: join(folder, name), time: new Date(`${day}T${hours}:${minutes}:${rest}`) }];
    })
    .sort((a, b) => b.time.getTime() - a.time.getTime());
}

/**
 * Writes a backup back in place of its file, which is itself backed up first.
 * @param which 1 is the newest backup
 * @param dry only tells what would be written
 * @throws ConfigError where there is no such backup
 */
export async function restore(path: string, which: number, dry = false): Promise<Restored> {
  const backups = await history(path);
  const from = backups[which - 1];
  if (!from) {
    const there = backups.length === 0 ? "it has none" : `it has ${backups.length}; \`mcp-host config history\` lists them`;
    throw new ConfigError([`there is no backup ${which} of ${path}: ${there}`]);
  }
  const after = readFileSync(from.path, "utf8");
  const before = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  if (dry) return { from, before, after, backup: undefined };
  const backup = await backUp(path);
  replaceFile(path, after);
  return { from, before, after, backup };
}

/** One folder for each file, named after its real path. */
function folderOf(path: string): string {
  const real = existsSync(path) ? realpathSync(path) : resolve(path);
  return join(stateFolder(), "backups", createHash("sha256").update(real).digest("hex").slice(0, 16));
}

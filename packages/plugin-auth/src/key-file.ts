import { chownSync, existsSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { readKeys } from "./keys.ts";
import type { ApiKey } from "./options.ts";

/** A key as a file holds it: what is left out has its default. */
export type WrittenKey = Pick<ApiKey, "id" | "digest"> & Partial<ApiKey>;

/** The keys of a file, as they are written there; none where there is no file yet. @throws ConfigError */
export function writtenKeys(file: string, folder: string): readonly WrittenKey[] {
  const path = resolve(folder, file);
  if (!existsSync(path)) return [];
  readKeys(file, folder); // says what is wrong with it
  return JSON.parse(readFileSync(path, "utf8")) as WrittenKey[]; // they have just been checked
}

/**
 * Changes a file of keys as a whole or not at all. It gets mode 0600 and keeps its owner; a link to it stays a link.
 * @throws Error where another command changes it, and whatever `change` throws
 */
export function changeKeys(file: string, folder: string, change: (keys: readonly WrittenKey[]) => readonly WrittenKey[]): void {
  const path = resolve(folder, file);
  const target = existsSync(path) ? realpathSync(path) : path;
  const next = `${target}.new`;
  try {
    // Held from before the file is read: of two commands at once the second would undo the first.
    writeFileSync(next, "", { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // fs throws these
    throw new Error(`${target} is being changed by another command; try again, or remove ${next} if there is none`);
  }
  try {
    const keys = change(writtenKeys(file, folder));
    writeFileSync(next, `${JSON.stringify(keys, undefined, 2)}\n`, { flush: true });
    const owner = statSync(target, { throwIfNoEntry: false });
    const made = statSync(next);
    // Root's command must not take the file away from the host's user.
    if (owner && (owner.uid !== made.uid || owner.gid !== made.gid)) chownSync(next, owner.uid, owner.gid);
    renameSync(next, target);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}

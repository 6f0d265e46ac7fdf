import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { unwritable } from "./unwritable.ts";

/** Replaces a file as a whole or not at all. Its mode stays, and a link to it stays a link; a new file gets mode 0600. @throws Error that says why it cannot be */
export function replaceFile(path: string, text: string): void {
  const target = existsSync(path) ? realpathSync(path) : resolve(path);
  const mode = existsSync(target) ? statSync(target).mode & 0o777 : 0o600;
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: "wx", flush: true });
    chmodSync(temporary, mode); // not cut by the umask
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw unwritable(target, error);
  }
}

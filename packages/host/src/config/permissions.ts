import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";

const STICKY = 0o1000;
const GROUP = 0o020;
const WORLD = 0o002;

/** Whether a file's mode lets its group write it. Windows has no such bits. */
export function isGroupWritable(mode: number): boolean {
  return process.platform !== "win32" && (mode & GROUP) !== 0;
}

/**
 * What lets everybody on this machine decide what a file holds: its own mode, or that of the folder that it is in, where another
 * file could be put in its place. A file that is reached by a link has two folders. Undefined where nothing does.
 */
export function writableByAll(file: string): string | undefined {
  const real = realpathSync(file);
  return [real, dirname(real), dirname(file)].find(isWritableByAll);
}

/** The same for a file that nobody else at all may write, its group included. */
export function writableByOthers(file: string): string | undefined {
  const real = realpathSync(file);
  return isGroupWritable(statSync(real).mode) ? real : writableByAll(file);
}

function isWritableByAll(path: string): boolean {
  const stat = statSync(path);
  if (process.platform === "win32" || (stat.mode & WORLD) === 0) return false;
  // Where the bit is set, as in /tmp, nobody replaces a file of another's.
  return stat.isFile() || ((stat.mode & STICKY) === 0 && !isReadOnly(path));
}

/** Whether nobody can write for another reason than the mode: volumes that containers are given are often 0777, and read-only. */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EROFS"; // fs throws nothing else
  }
}

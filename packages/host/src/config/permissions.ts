import { accessSync, constants, lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, isAbsolute, join, parse, sep } from "node:path";

const STICKY = 0o1000;
const GROUP = 0o020;
const WORLD = 0o002;
/** As many links as Linux follows on one way. */
const LINKS = 40;

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

/**
 * The first link on the way to a file that somebody else may have laid: it is another user's (the system's own are root's), or in a
 * folder where everybody may put one, sticky or not. Undefined where there is none.
 * @param path absolute
 */
export function strangersLink(path: string): string | undefined {
  if (process.platform === "win32") return undefined;
  const { uid } = userInfo();
  const { root } = parse(path);
  const ahead = path.split(sep);
  let at = root;
  for (let followed = 0; followed < LINKS; ) {
    const name = ahead.shift();
    if (name === undefined) return undefined;
    const next = join(at, name);
    const stat = lstatSync(next, { throwIfNoEntry: false });
    if (!stat) return undefined; // what is not there is made, and no link
    if (!stat.isSymbolicLink()) {
      at = next;
      continue;
    }
    if ((stat.uid !== uid && stat.uid !== 0) || isOpenFolder(at)) return next;
    const target = readlinkSync(next);
    if (isAbsolute(target)) at = root;
    ahead.unshift(...target.split(sep));
    followed++;
  }
  return path;
}

/** Whether everybody may put files into a folder, their own at least. */
export function isOpenFolder(folder: string): boolean {
  return process.platform !== "win32" && (statSync(folder).mode & WORLD) !== 0;
}

/** Whether a file is this user's alone: somebody else may own it, or know it by another name. */
export function isOwnAlone({ uid, nlink }: { uid: number; nlink: number }): boolean {
  return uid === userInfo().uid && nlink === 1;
}

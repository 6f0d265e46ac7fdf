import { dirname } from "node:path";

/** What keeps a user from writing, with what to do. */
const REASONS: Readonly<Record<string, (folder: string) => string>> = {
  EACCES: (folder) => `this user may not write in ${folder}; run it as the user who may, or name another place`,
  EPERM: (folder) => `this user may not write in ${folder}; run it as the user who may, or name another place`,
  EROFS: (folder) => `the file system of ${folder} is read-only; name another place`,
  ENOSPC: (folder) => `the disk of ${folder} is full; make room, or name another place`,
  ENOENT: (folder) => `there is no folder ${folder}; make it first`,
};

/** Why something could not be written, in words. @param error of the file system */
export function unwritable(path: string, error: unknown): Error {
  const { code = "", message } = error as NodeJS.ErrnoException; // fs throws nothing else
  const reason = Object.hasOwn(REASONS, code) ? REASONS[code]?.(dirname(path)) : undefined;
  return Object.assign(
    new Error(`${path} cannot be written: ${reason === undefined ? message : `${reason} (${code})`}`, { cause: error }),
    { code },
  );
}

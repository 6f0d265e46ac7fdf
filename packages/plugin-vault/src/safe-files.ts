import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, type Stats } from "node:fs";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf, VaultProblem } from "./problem.ts";

const OTHERS = 0o077;
/** Windows has neither modes nor owners in this sense; its home folders are their users' alone. */
const POSIX = process.platform !== "win32";

/** Makes a folder that only its owner may enter. @throws VaultProblem where there is one that others may, or that is a link */
export function ownFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const stat = lstatSync(path);
  if (!stat.isDirectory()) throw new VaultProblem("refused", `${path} is a link, or no folder; name the folder itself`);
  checkOwn(path, stat, "700");
}

/**
 * What is known of a file that only its owner may read; undefined where there is none.
 * @param mounted a secret that was mounted: it may be a link, root's, and readable for a group
 * @throws VaultProblem for one that others may read, that another user owns, or that is a link
 */
export function ownFile(path: string, mounted = false): Stats | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat || mounted) return stat;
  if (stat.isSymbolicLink()) throw new VaultProblem("refused", `${path} is a link, which somebody may have laid; name the file itself`);
  if (!stat.isFile()) throw new VaultProblem("refused", `${path} is not a file`);
  checkOwn(path, stat, "600");
  return stat;
}

function checkOwn(path: string, { uid, mode }: Stats, wanted: string): void {
  if (!POSIX) return;
  if (uid !== process.geteuid?.())
    throw new VaultProblem("refused", `${path} belongs to another user; have it belong to the user of the host`);
  if ((mode & OTHERS) !== 0) throw new VaultProblem("refused", `others may use ${path}; run \`chmod ${wanted} ${path}\``);
}

export interface WriteOptions {
  /** Whether it outlasts a power cut. */
  readonly lasting: boolean;
  /** Refuses where there is a file already. */
  readonly fresh?: boolean;
  /** Asked once the new file is written: whether it may take the place of the old one. */
  readonly mayReplace?: () => boolean;
}

/** The ending of a file that is being written. */
export const DRAFT = ".draft";

/** Writes a file that only its owner may read, wholly or not at all. */
export async function writeOwn(
  path: string,
  content: Buffer | string,
  { lasting, fresh = false, mayReplace }: WriteOptions,
): Promise<void> {
  const draft = `${path}.${process.pid}-${randomBytes(6).toString("hex")}${DRAFT}`;
  // The mode is given as it is made: whoever changed it later would leave a moment for others.
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(content);
    if (lasting) await file.sync();
    await file.close();
    if (mayReplace?.() === false)
      throw new VaultProblem("busy", `another process took the lock of ${path} over, while this one was held up; try again`);
    if (fresh) await linkNew(draft, path);
    else await rename(draft, path);
  } catch (error) {
    await file.close().catch(() => {}); // it may be closed already
    await rm(draft, { force: true });
    throw error;
  }
  if (lasting) await syncFolder(dirname(path));
}

/** As a rename, but to where nothing is. @throws Error with the code EEXIST */
async function linkNew(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
  } catch (error) {
    // A file system without links.
    if (!["EPERM", "ENOTSUP", "ENOSYS"].includes(codeOf(error) ?? "") || lstatSync(path, { throwIfNoEntry: false })) throw error;
    return rename(draft, path);
  }
  await rm(draft, { force: true });
}

/** Not every system can: there the rename is as lasting as it is. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    if (!["EISDIR", "EPERM", "EINVAL", "EACCES"].includes(codeOf(error) ?? "")) throw error;
  }
}

import {
  closeSync,
  constants,
  fchmodSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  write,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { rotated, rotatedName } from "./files.ts";
import { Lock } from "./lock.ts";
import { type Tail, tailOf } from "./tail.ts";

const sync = promisify(fdatasync);

/** Links are followed, so that a log can be kept elsewhere. */
const FLAGS = constants.O_RDWR | constants.O_CREAT;
const MODE = 0o600;

/** The file that a log is written to, locked for this process. It is written at places that are told, so that what was written halfway can be written again. */
export class LogFile {
  readonly path: string;
  readonly tail: Tail;
  readonly #lock: Lock;
  #fd: number;
  /** Bytes that are written for good. */
  #size: number;
  #first: number | undefined;
  #since: number;
  #isOpen = true;

  /** Opens it, and makes it where there is none. @param now milliseconds since 1970 @throws Error that says what is wrong */
  constructor(path: string, now: number) {
    this.path = path;
    this.#lock = new Lock(path);
    try {
      this.#fd = openSync(path, FLAGS, MODE);
      try {
        const stat = fstatSync(this.#fd);
        if (stat.isFile() && (stat.mode & 0o077) !== 0) fchmodSync(this.#fd, MODE);
        this.tail = tailOf(this.#fd, path);
        this.#size = stat.size;
        if (stat.size === 0) syncFolder(path);
      } catch (error) {
        closeSync(this.#fd);
        throw error;
      }
    } catch (error) {
      this.#lock.release();
      throw error;
    }
    this.#first = this.tail.first;
    this.#since = this.tail.since ?? now;
  }

  get size(): number {
    return this.#size;
  }

  /** When it was begun, in milliseconds since 1970. */
  get since(): number {
    return this.#since;
  }

  get first(): number | undefined {
    return this.#first;
  }

  /** The first line of the file has this number. */
  begins(n: number): void {
    this.#first ??= n;
  }

  /** Writes bytes behind what is there. @param done told an error where they, or some of them, are not written; the same ones are to be written next then */
  write(bytes: Uint8Array, done: (error: Error | undefined) => void): void {
    let offset = 0;
    const next = (): void => {
      if (!this.#isOpen) return done(new Error("it was closed"));
      write(this.#fd, bytes, offset, bytes.length - offset, this.#size + offset, (error, written) => {
        if (error) return done(error);
        offset += written;
        if (offset < bytes.length) return next();
        this.#size += bytes.length;
        done(undefined);
      });
    };
    next();
  }

  /** The same at once. @throws Error as fs does */
  writeNow(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.#fd, bytes, offset, bytes.length - offset, this.#size + offset);
    this.#size += bytes.length;
  }

  sync(): Promise<void> {
    return sync(this.#fd);
  }

  syncNow(): void {
    fsyncSync(this.#fd);
  }

  /** Whether the file was removed or put elsewhere meanwhile, and not by this process: what is written would be found by nobody. */
  get isGone(): boolean {
    const own = fstatSync(this.#fd);
    if (!own.isFile()) return false;
    const there = statSync(this.path, { throwIfNoEntry: false });
    return there?.ino !== own.ino || there.dev !== own.dev;
  }

  /** Begins another file in the place of one that is gone. @param now milliseconds since 1970 @throws Error as fs does, EEXIST where somebody has put a file in its place */
  again(now: number): void {
    this.#swap(openSync(this.path, FLAGS | constants.O_EXCL, MODE), now);
  }

  /** Puts the file aside, which was synced, under a name of its own, and begins another. @param now milliseconds since 1970 @throws Error as fs does; then the file goes on */
  rotate(now: number): void {
    if (this.#first === undefined) return;
    const aside = rotatedName(this.path, this.#first);
    renameSync(this.path, aside);
    let fd: number;
    try {
      fd = openSync(this.path, FLAGS | constants.O_EXCL, MODE);
    } catch (error) {
      renameSync(aside, this.path);
      throw error;
    }
    this.#swap(fd, now);
  }

  #swap(fd: number, now: number): void {
    closeSync(this.#fd);
    this.#fd = fd;
    this.#size = 0;
    this.#first = undefined;
    this.#since = now;
    syncFolder(this.path);
  }

  /** Removes the oldest of the files that were put aside. @returns those that went, and the number of the first line that is left in one */
  prune(keep: number): { readonly gone: readonly string[]; readonly first: number | undefined } {
    const all = rotated(this.path);
    const gone = all.splice(0, Math.max(0, all.length - keep));
    for (const { path } of gone) rmSync(path, { force: true });
    return { gone: gone.map(({ path }) => path), first: all[0]?.first };
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#fd);
    this.#lock.release();
  }
}

/** The entry of a new file is in its folder. */
function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } catch {
    // some file systems do not sync folders
  } finally {
    closeSync(folder);
  }
}

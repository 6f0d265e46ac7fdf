import { closeSync, constants, fstatSync, mkdirSync, openSync, renameSync, rmSync, type Stats, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { z } from "zod";
import { isOpenFolder, isOwnAlone, strangersLink } from "../../config/permissions.ts";
import { integer, size } from "../../config/units.ts";
import { UsageError } from "../../operator/usage-error.ts";

const MOST_FILES = 100;
/** A file has to hold some lines. */
const LEAST_SIZE = 1024;

export interface LogFileOptions {
  /** Bytes of a file before it is put aside; a line is never split. */
  readonly size: number;
  /** How many files that were put aside are kept: `<path>.1` is the latest. */
  readonly files: number;
  /** Lines could not be written (a full disk), and now they can be again. */
  readonly recovered: (lines: number, reason: string) => void;
}

/**
 * A log file that bounds itself, and that may be removed, moved or truncated from outside at any time. Lines are written at once
 * (as standard error into a file is): what was logged is in the file when the process dies the moment after. Once it is
 * open nothing of it throws, so that a full disk never ends a host.
 */
export class LogFile {
  readonly path: string;
  readonly #options: LogFileOptions;
  #descriptor: number;
  /** Bytes at which the file is put aside; more than `size` after that has failed. */
  #ceiling: number;
  #lineStart = true;
  #lost = 0;
  #reason = "";

  /** @throws Error that says which file and why */
  constructor(path: string, options: LogFileOptions) {
    this.path = path;
    this.#options = options;
    this.#ceiling = options.size;
    this.#descriptor = openLog(path);
  }

  /** @throws Error when the last line could not be written: a full disk is told at the start, later it is lived with */
  check(): void {
    if (this.#lost > 0) throw new Error(cannotWrite(this.path, this.#reason));
  }

  write(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    if (bytes.length === 0) return;
    const { size } = this.#follow();
    if (this.#lineStart && size > 0 && size + bytes.length > this.#ceiling) this.#rotate(size);
    let written = 0;
    try {
      // After a line of which only a part could be written.
      if (this.#lost > 0 && !this.#lineStart) {
        writeSync(this.#descriptor, "\n");
        this.#lineStart = true;
      }
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written);
    } catch (error) {
      this.#reason = reasonOf(error);
      this.#lost++;
    }
    if (written > 0) this.#lineStart = bytes[written - 1] === 0x0a;
    if (written === bytes.length) this.#tellOfLoss();
  }

  /** Goes on in the file that has the path now: somebody put the old one aside. */
  reopen(): void {
    try {
      const descriptor = openLog(this.path);
      closeSync(this.#descriptor);
      this.#descriptor = descriptor;
      this.#lineStart = true;
      this.#ceiling = this.#options.size;
    } catch {
      // The file that is open takes lines still; it is tried again with the next one.
    }
  }

  /** What is at the path now; a file that is not the open one is opened, and one that is missing is made. */
  #follow(): { size: number } {
    const open = statOf(this.#descriptor);
    const named = statOf(this.path);
    if (open && named && open.ino === named.ino && open.dev === named.dev) return open;
    this.reopen();
    return statOf(this.#descriptor) ?? { size: 0 };
  }

  #rotate(size: number): void {
    const { files } = this.#options;
    try {
      for (let index = files - 1; index >= 1; index--) renameIfThere(`${this.path}.${index}`, `${this.path}.${index + 1}`);
      if (files > 0) renameSync(this.path, `${this.path}.1`);
      else rmSync(this.path);
      this.reopen();
    } catch {
      this.#ceiling = size + this.#options.size; // a folder that takes no new names: better a long log than none
    }
  }

  #tellOfLoss(): void {
    const lines = this.#lost;
    if (lines === 0) return;
    this.#lost = 0;
    this.#options.recovered(lines, this.#reason);
  }
}

/** Opens a log file to append to it, made with its folder for this user only, and no file that somebody else has put in its place. @throws Error that says which file, why, and what to do */
export function openLog(path: string): number {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const link = strangersLink(path);
    if (link !== undefined) throw new Untrusted(`${link} is a link that another user laid or may lay`);
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
    if (!isOpenFolder(folder)) return openSync(path, O_APPEND | O_CREAT | O_WRONLY, 0o600);
    // Somebody may put another file there at any moment, so it is looked at once it is open.
    const descriptor = openSync(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
    if (isOwnAlone(fstatSync(descriptor))) return descriptor;
    closeSync(descriptor);
    throw new Untrusted(`everybody may write ${folder}, and the file there is not yours alone`);
  } catch (error) {
    throw new Error(cannotWrite(path, error instanceof Untrusted ? error.message : reasonOf(error)));
  }
}

/** Why what is at a path is not written to, though it could be. */
class Untrusted extends Error {}

function cannotWrite(path: string, reason: string): string {
  return `the log file ${path} cannot be written (${reason}); name another with --log-file`;
}

/** The bounds that the flags set. @throws UsageError */
export function logLimits(flags: { "log-size"?: string | undefined; "log-files"?: string | undefined }): { size: number; files: number } {
  return {
    size: parsed(
      size.refine((bytes) => bytes >= LEAST_SIZE, "must be at least 1kb"),
      "--log-size",
      flags["log-size"] ?? "10mb",
    ),
    files: parsed(integer(0, MOST_FILES), "--log-files", flags["log-files"] ?? "5"),
  };
}

function parsed(form: z.ZodType<number>, flag: string, text: string): number {
  const { data, error } = form.safeParse(text);
  if (error) throw new UsageError(`${flag}: ${error.issues[0]?.message}`);
  return data;
}

function statOf(file: number | string): Stats | undefined {
  try {
    return typeof file === "number" ? fstatSync(file) : statSync(file);
  } catch {
    return undefined;
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (reasonOf(error) !== "ENOENT") throw error;
  }
}

function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error); // the file system's errors have a code
}

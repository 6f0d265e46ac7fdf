import { basename } from "node:path";
import type { LogFile } from "./log-file.ts";

/** Milliseconds until a rotation that failed is tried again. */
const AGAIN = 60_000;

export interface RotationSettings {
  /** Of one file, in bytes and in milliseconds. */
  readonly maxSize: number;
  readonly maxAge: number;
  /** How many full files stay. */
  readonly keep: number;
}

/** Puts full files aside, and removes those that are too many. */
export class Rotation {
  #after = 0;

  /** @returns the record of what was removed, if anything was @throws Error where it failed: then the same file goes on, and it is tried again later */
  async look(file: LogFile, { maxSize, maxAge, keep }: RotationSettings, now: number): Promise<string | undefined> {
    if (file.first === undefined || now < this.#after || (file.size < maxSize && now - file.since < maxAge)) return undefined;
    this.#after = now + AGAIN;
    await file.sync();
    file.rotate(now);
    this.#after = 0;
    const { gone, first } = file.prune(keep);
    if (gone.length === 0) return undefined;
    return JSON.stringify({ type: "removed", at: new Date(now).toISOString(), files: gone.map((path) => basename(path)), first });
  }
}

/** Begins another file where somebody removed the one that is written, or put it elsewhere. @param next the number of the line that is written next @returns the record that says so, if it was @throws Error as fs does */
export function renewed(file: LogFile, next: number, now: number): string | undefined {
  if (!file.isGone) return undefined;
  file.again(now);
  return JSON.stringify({ type: "removed", at: new Date(now).toISOString(), files: [basename(file.path)], first: next });
}

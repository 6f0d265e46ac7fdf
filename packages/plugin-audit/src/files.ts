import { readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";

/** Digits of the number in a name, so that names stand in the order of the chain. */
const DIGITS = 12;

/** What a full file is called from then on: `audit.jsonl` that began with line 7 is `audit-000000000007.jsonl`. */
export function rotatedName(file: string, first: number): string {
  const [stem, extension] = parts(file);
  return join(dirname(file), `${stem}-${String(first).padStart(DIGITS, "0")}${extension}`);
}

/** The full files of a log, the oldest first, each with the number of its first line. */
export function rotated(file: string): { readonly path: string; readonly first: number }[] {
  const [stem, extension] = parts(file);
  const folder = dirname(file);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return []; // whoever opens the file says what is wrong with its folder
  }
  return names
    .filter((name) => name.startsWith(`${stem}-`) && name.endsWith(extension))
    .flatMap((name) => {
      const digits = name.slice(stem.length + 1, name.length - extension.length);
      return /^\d{12,16}$/.test(digits) ? [{ path: join(folder, name), first: Number(digits) }] : [];
    })
    .sort((one, other) => one.first - other.first);
}

/** All files of a log that are there, in the order of its lines. */
export function filesOf(file: string): string[] {
  const current = statSync(file, { throwIfNoEntry: false });
  return [...rotated(file).map(({ path }) => path), ...(current ? [file] : [])];
}

/** Those of a log's files that may have a line behind this one. */
export function filesAfter(files: readonly string[], n: number): string[] {
  const firsts = files.map((path) => Number(/-(\d{12,16})\.[^.]*$/.exec(path)?.[1] ?? Number.POSITIVE_INFINITY));
  return files.filter((_, index) => (firsts[index + 1] ?? Number.POSITIVE_INFINITY) > n + 1);
}

function parts(file: string): [stem: string, extension: string] {
  const extension = extname(file);
  return [basename(file, extension), extension];
}

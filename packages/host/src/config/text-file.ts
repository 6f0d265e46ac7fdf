import { readFileSync } from "node:fs";

/** What some editors put before a text. */
const MARK = /^\uFEFF/;

/** The text of a file, without the mark that some editors put before it. @throws Error that names a file that is no UTF-8 */
export function readText(path: string): string {
  return decode(readFileSync(path), path).replace(MARK, "");
}

/**
 * The text that these bytes of a file are, its mark included. A byte that is no text would become another character without a word.
 * @throws Error that names the file
 */
export function decode(bytes: Buffer, path: string): string {
  if (isUtf16(bytes)) throw new Error(`${path} is UTF-16, as PowerShell and Windows' "Unicode" write it; save it as UTF-8`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error(`${path} is not UTF-8; save it as UTF-8`);
  }
}

/** By its mark or, without one, by a first character that is ASCII and so has a byte 0. */
function isUtf16(bytes: Buffer): boolean {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return false;
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || (first === 0) !== (second === 0);
}

/** What is wrong with a path that begins with `~`, which only a shell replaces; "" for any other. */
export function tildeHint(path: string): string {
  return /^~[/\\]/.test(path) ? '; "~" is not replaced here, so write the whole path' : "";
}

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { hashOf, type Link, NOTHING } from "./chain.ts";
import { rotated } from "./files.ts";

/** What is behind the last whole line of a file: a line that was being written when the host was killed. */
export interface Torn {
  readonly bytes: number;
  readonly hash: string;
}

/** How a log ends. */
export interface Tail {
  readonly last: Link;
  /** Whether the log was closed; undefined where it has no line. */
  readonly isClosed: boolean | undefined;
  /** Of the current file: the number of its first line; undefined where it has none. */
  readonly first: number | undefined;
  readonly torn: Torn | undefined;
  /** Whether a line break has to come before the next line. */
  readonly isOpen: boolean;
  /** When the current file was begun, as its first line says, in milliseconds since 1970. */
  readonly since: number | undefined;
}

/** Bytes that are looked at first, and at most: no line is longer. */
const SPAN = 64 * 1024;
const MOST = 64 * 1024 ** 2;
const BREAK = 0x0a;

/** The file holds something else. */
export class NoLog extends Error {}

/** How the log ends that an open file is the last of. @throws NoLog */
export function tailOf(fd: number, file: string): Tail {
  const { size } = fstatSync(fd);
  const found = size > 0 ? lastLine(fd, size) : { torn: undefined };
  const isOpen = found.torn !== undefined || (size > 0 && part(fd, size - 1, 1)[0] !== BREAK);
  if (found.line) {
    const { first, since } = firstLine(fd, size);
    return { ...found.line, first, since, torn: found.torn, isOpen };
  }
  const before = rotated(file).at(-1);
  if (found.torn && !before && !beginsLikeOurs(fd)) throw new NoLog(`${file} is no audit log; name another file`);
  if (!before) return { last: NOTHING, isClosed: undefined, first: undefined, since: undefined, torn: found.torn, isOpen };
  const other = openSync(before.path, "r");
  try {
    const { size } = fstatSync(other);
    const { line } = size > 0 ? lastLine(other, size) : {};
    if (!line) throw new NoLog(`${before.path} is no audit log, and ${file} would go on from it; move it away`);
    return { ...line, first: undefined, since: undefined, torn: found.torn, isOpen };
  } finally {
    closeSync(other);
  }
}

/** A line as far as the chain needs it. */
export interface Line {
  readonly n: number;
  readonly prev: string;
  readonly type: string;
  readonly at: string;
  /** It stands behind what closed the log. */
  readonly end?: boolean;
  readonly [field: string]: unknown;
}

/** Undefined for what is none. */
export function parsedLine(text: string): Line | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { n, prev, type, at } = value as Record<string, unknown>; // looked at below
  const isLine = Number.isSafeInteger(n) && typeof prev === "string" && typeof type === "string" && typeof at === "string";
  return isLine ? (value as Line) : undefined; // just checked
}

function lastLine(fd: number, size: number): { line?: Pick<Tail, "last" | "isClosed">; torn: Torn | undefined } {
  for (let span = Math.min(SPAN, size); ; span = Math.min(size, span * 4)) {
    const bytes = part(fd, size - span, span);
    // From the end: what is behind the last line that is one was being written.
    for (let end = bytes.lastIndexOf(BREAK), stop = bytes.length; ; ) {
      const whole = bytes.subarray(end + 1, stop);
      const parsed = whole.length > 0 && (end >= 0 || span === size) ? parsedLine(whole.toString()) : undefined;
      if (parsed) {
        const rest = bytes.subarray(Math.min(stop + 1, bytes.length));
        const torn = rest.length > 0 ? { bytes: rest.length, hash: hashOf(rest) } : undefined;
        return { line: { last: { n: parsed.n, hash: hashOf(whole) }, isClosed: parsed.type === "stopped" || parsed.end === true }, torn };
      }
      if (end < 0) break;
      stop = end;
      end = end === 0 ? -1 : bytes.lastIndexOf(BREAK, end - 1);
    }
    if (span === size || span >= MOST) return { torn: { bytes: span, hash: hashOf(bytes) } };
  }
}

function firstLine(fd: number, size: number): { first: number | undefined; since: number | undefined } {
  const head = part(fd, 0, Math.min(size, SPAN)).toString();
  const [, n] = /^\{"n":(\d{1,16}),/.exec(head) ?? [];
  const [, at] = /"at":"([^"]{10,40})"/.exec(head) ?? [];
  return { first: n === undefined ? undefined : Number(n), since: at === undefined ? undefined : Date.parse(at) };
}

const beginsLikeOurs = (fd: number): boolean => '{"n":1,"prev":""'.startsWith(part(fd, 0, 16).toString());

function part(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const count = readSync(fd, bytes, read, length - read, from + read);
    if (count === 0) break;
    read += count;
  }
  return bytes.subarray(0, read);
}

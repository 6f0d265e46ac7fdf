import { closeSync, openSync, readSync } from "node:fs";
import { type Line, parsedLine } from "./tail.ts";

/** A line of a log's file as it stands there. */
export interface Read {
  readonly file: string;
  /** Counted from 1. */
  readonly row: number;
  readonly bytes: Buffer;
  /** Undefined where it is none of a log's. */
  readonly line: Line | undefined;
}

const CHUNK = 1024 ** 2;
/** A longer one is given in parts, none of which is a line of a log's. */
const LONGEST = 16 * 1024 ** 2;
const BREAK = 0x0a;

/** The lines of files, one after the other. Of each file no more than a line and a chunk are in memory. */
export function* linesOf(files: readonly string[]): Generator<Read> {
  for (const file of files) yield* ofFile(file);
}

function* ofFile(file: string): Generator<Read> {
  const fd = openSync(file, "r");
  try {
    let row = 0;
    let rest: Buffer[] = [];
    let length = 0;
    const read = (bytes: Buffer): Read => ({ file, row: ++row, bytes, line: parsedLine(bytes.toString()) });
    for (;;) {
      const chunk = Buffer.alloc(CHUNK);
      const count = readSync(fd, chunk);
      if (count === 0) break;
      let from = 0;
      for (let at = chunk.indexOf(BREAK); at !== -1 && at < count; at = chunk.indexOf(BREAK, from)) {
        yield read(Buffer.concat([...rest, chunk.subarray(from, at)]));
        rest = [];
        length = 0;
        from = at + 1;
      }
      if (from === count) continue;
      rest.push(chunk.subarray(from, count));
      length += count - from;
      if (length < LONGEST) continue;
      yield read(Buffer.concat(rest));
      rest = [];
      length = 0;
    }
    if (length > 0) yield read(Buffer.concat(rest));
  } finally {
    closeSync(fd);
  }
}

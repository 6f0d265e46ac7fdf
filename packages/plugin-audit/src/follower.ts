import { type FileHandle, open, stat } from "node:fs/promises";
import { rotated } from "./files.ts";
import { parsedLine } from "./tail.ts";

/** Lines of a log on their way to somewhere else. */
export interface Portion {
  readonly lines: readonly string[];
  /** The numbers of the first and the last. */
  readonly first: number;
  readonly last: number;
}

const CHUNK = 256 * 1024;
const BREAK = 0x0a;
/** How often a file is looked for while others are put aside. */
const TRIES = 20;

/**
 * Reads a log behind whoever writes it, from some line on and over all its files. So what is read is what is kept, nothing waits in memory,
 * and who falls behind or starts anew goes on where it was.
 */
export class Follower {
  readonly #file: string;
  #next: number;
  #handle: FileHandle | undefined;
  #offset = 0;
  #rest = Buffer.alloc(0);

  /** @param file absolute @param next the number of the first line that is wanted */
  constructor(file: string, next: number) {
    this.#file = file;
    this.#next = next;
  }

  /** The number of the line that comes next. */
  get next(): number {
    return this.#next;
  }

  /** Leaves out what is before a line. */
  async skipTo(next: number): Promise<void> {
    await this.close();
    this.#next = next;
  }

  /** The lines that come next, at most so many; undefined where there are none yet. */
  async read(most: number): Promise<Portion | undefined> {
    const lines: string[] = [];
    let first = 0;
    while (lines.length < most) {
      const line = await this.#line();
      if (line === undefined) break;
      const n = parsedLine(line)?.n;
      if (n === undefined || n < this.#next) continue;
      if (lines.length === 0) first = n;
      lines.push(line);
      this.#next = n + 1;
    }
    return lines.length > 0 ? { lines, first, last: this.#next - 1 } : undefined;
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    this.#rest = Buffer.alloc(0);
    await handle?.close();
  }

  async #line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf(BREAK);
      if (end !== -1) {
        const line = this.#rest.subarray(0, end).toString();
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      if (!(await this.#more())) return undefined;
    }
  }

  async #more(): Promise<boolean> {
    this.#handle ??= await this.#open();
    if (!this.#handle) return false;
    const chunk = Buffer.alloc(CHUNK);
    const { bytesRead } = await this.#handle.read(chunk, 0, CHUNK, this.#offset);
    if (bytesRead > 0) {
      this.#offset += bytesRead;
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(0, bytesRead)]);
      return true;
    }
    return this.#goOn();
  }

  /** At the end of a file that was put aside, the next one begins. */
  async #goOn(): Promise<boolean> {
    const [own, current] = [await this.#handle?.stat(), await stat(this.#file).catch(() => undefined)];
    if (!current || (own?.ino === current.ino && own.dev === current.dev)) return false;
    // What was written before it was put aside may have come since the last look.
    const chunk = Buffer.alloc(CHUNK);
    const { bytesRead } = (await this.#handle?.read(chunk, 0, CHUNK, this.#offset)) ?? { bytesRead: 0 };
    if (bytesRead > 0) {
      this.#offset += bytesRead;
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(0, bytesRead)]);
      return true;
    }
    await this.close();
    this.#handle = await this.#open();
    // It may have the same name: what was put aside was opened before.
    const next = await this.#handle?.stat();
    return next !== undefined && (next.ino !== own?.ino || next.dev !== own.dev);
  }

  /** The file that has the line that comes next. */
  async #open(): Promise<FileHandle | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      const aside = rotated(this.#file);
      const handle = await this.#openOneOf(aside);
      // While one was opened another may have been put aside, and with it the lines that come before those of its successor.
      if (rotated(this.#file).at(-1)?.first === aside.at(-1)?.first) return handle;
      await handle?.close();
    }
    return undefined;
  }

  /** Of files put aside the last one that does not begin behind the line that comes next, or what follows it. */
  async #openOneOf(aside: ReturnType<typeof rotated>): Promise<FileHandle | undefined> {
    const all = [...aside.map(({ path }) => path), this.#file];
    const found = aside.findLast(({ first }) => first <= this.#next);
    const isLast = found !== undefined && found === aside.at(-1);
    const candidates = isLast ? all.slice(all.indexOf(found.path)) : [found?.path ?? all[0]];
    for (const path of candidates) {
      if (path === undefined) continue;
      const handle = await open(path, "r").catch(() => undefined); // it was put aside, or removed, just now
      if (!handle) continue;
      this.#offset = 0;
      this.#rest = Buffer.alloc(0);
      if (path !== this.#file && (await lastOf(handle)) < this.#next) {
        await handle.close();
        continue;
      }
      return handle;
    }
    return undefined;
  }
}

/** The number of the last line of a file that was put aside. */
async function lastOf(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat();
  for (let span = Math.min(size, CHUNK); span > 0; span = Math.min(size, span * 4)) {
    const { buffer } = await handle.read(Buffer.alloc(span), 0, span, size - span);
    const lines = buffer.toString().split("\n");
    const last = lines.findLast((line, index) => (index > 0 || span === size) && parsedLine(line) !== undefined);
    if (last !== undefined) return parsedLine(last)?.n ?? 0;
    if (span === size) break;
  }
  return 0;
}

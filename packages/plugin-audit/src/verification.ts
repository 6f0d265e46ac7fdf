import { basename } from "node:path";
import { type Head, type HeadCheck, hashOf, type Link } from "./chain.ts";
import type { Read } from "./lines.ts";
import type { Line } from "./tail.ts";

/** Something that is wrong with a log. */
export interface Finding {
  /** `file:row`; undefined for what is not there. */
  readonly at?: string;
  /** The number of the line, or of the first one. */
  readonly line: number;
  readonly what: string;
}

export interface Verdict {
  readonly ok: boolean;
  readonly lines: number;
  /** The first line that is there. What was before it went with files that were removed. */
  readonly first: number | undefined;
  readonly head: string | undefined;
  readonly heads: number;
  /** The last line that a genuine head vouches for, and when; undefined without one, or without a key. */
  readonly vouched: { readonly line: number; readonly at: string } | undefined;
  /** Starts after the process had been killed. */
  readonly kills: number;
  /** Records that the log itself says are lost. */
  readonly lost: number;
  /** What was being written when the process was killed. */
  readonly torn: readonly string[];
  /** How many findings there are, of which the first are told. */
  readonly count: number;
  readonly findings: readonly Finding[];
}

/** So many findings are told, and so many hashes remembered for lines that stand elsewhere than they should. */
const MOST = 100;
const REMEMBERED = 10_000;
/** Bytes of what is no line that are kept to compare them with what a start says of them. */
const JUNK = 16 * 1024 ** 2;

interface Junk {
  readonly at: string;
  readonly parts: Buffer[];
  bytes: number;
}

/** Goes through the lines of a log, and finds what was removed, changed or moved. */
export class Verification {
  readonly #check: HeadCheck | undefined;
  readonly #hashes = new Map<number, string>();
  readonly #findings: Finding[] = [];
  readonly #missing = new Map<number, number>();
  readonly #torn: string[] = [];
  #count = 0;
  #lines = 0;
  #first: number | undefined;
  #last: Link | undefined;
  #heads = 0;
  #vouched: Verdict["vouched"];
  #kills = 0;
  #lost = 0;
  #junk: Junk | undefined;
  #expected: Link | undefined;

  /** @param expected a line that must be there, as `status` or a receiver remembers it */
  constructor(check: HeadCheck | undefined, expected?: Link) {
    this.#check = check;
    this.#expected = expected;
  }

  take({ file, row, bytes, line }: Read): void {
    const at = `${basename(file)}:${row}`;
    if (!line) return this.#noLine(at, bytes);
    this.#begin(line, at);
    const hash = hashOf(bytes);
    this.#lines++;
    this.#order(line, at);
    this.#remember(line, hash);
    if (this.#expected?.n === line.n) {
      if (this.#expected.hash !== hash) this.#find({ at, line: line.n, what: "is not the line that --head names" });
      this.#expected = undefined;
    }
    if (line.type === "head") this.#head(line, at);
    if (line.type === "gap" && typeof line.lost === "number") this.#lost += line.lost;
  }

  verdict(): Verdict {
    if (this.#junk)
      this.#torn.push(
        `${this.#junk.at}: ${this.#junk.bytes} bytes of a line that is not whole: the host is writing it, or was killed while it was`,
      );
    for (const [from, to] of this.#missing)
      this.#find({ line: from, what: from === to ? "is missing" : `and those up to ${to} are missing` });
    if (this.#expected) this.#find({ line: this.#expected.n, what: "which --head names, is missing: the end of the log was removed" });
    if (this.#check && this.#heads === 0 && this.#lines > 0)
      this.#find({ line: this.#first ?? 1, what: "and all others are vouched for by no signed head" });
    return {
      ok: this.#count === 0,
      lines: this.#lines,
      first: this.#first,
      head: this.#last && `${this.#last.n}:${this.#last.hash}`,
      heads: this.#heads,
      vouched: this.#vouched,
      kills: this.#kills,
      lost: this.#lost,
      torn: this.#torn,
      count: this.#count,
      findings: this.#findings,
    };
  }

  /** What is behind the last whole line when the process is killed; the next start says what it was. */
  #noLine(at: string, bytes: Buffer): void {
    this.#junk ??= { at, parts: [], bytes: 0 };
    const { parts } = this.#junk;
    if (parts.length > 0) {
      parts.push(Buffer.from("\n"));
      this.#junk.bytes++;
    }
    if (this.#junk.bytes < JUNK) parts.push(bytes);
    this.#junk.bytes += bytes.length;
  }

  /** What is no line counts as torn where the start behind it says the same of it. */
  #begin(line: Line, at: string): void {
    const junk = this.#junk;
    this.#junk = undefined;
    if (line.type === "started" && line.after === "kill") this.#kills++;
    const torn = line.type === "started" ? (line.torn as { bytes?: unknown; hash?: unknown } | undefined) : undefined; // looked at below
    if (junk) {
      if (torn?.bytes === junk.bytes && torn.hash === hashOf(Buffer.concat(junk.parts)))
        this.#torn.push(
          `${junk.at}: ${junk.bytes} bytes of a line that was being written when the host was killed, as line ${line.n} says`,
        );
      else this.#find({ at: junk.at, line: (this.#last?.n ?? 0) + 1, what: "is no line of a log: it was changed" });
    } else if (torn) this.#find({ at, line: line.n, what: "says that a torn line stands before it, which is not there" });
  }

  #order({ n, prev }: Line, at: string): void {
    const last = this.#last;
    if (!last) {
      this.#first = n;
      if (n === 1 && prev !== "") this.#find({ at, line: n, what: "is the first and says that another is before it: it was changed" });
      return;
    }
    if (n > last.n + 1) this.#missing.set(last.n + 1, n - 1);
    else if (n <= last.n) {
      const gap = [...this.#missing].find(([from, to]) => from <= n && n <= to);
      if (gap) {
        const [from, to] = gap;
        this.#missing.delete(from);
        if (from < n) this.#missing.set(from, n - 1);
        if (n < to) this.#missing.set(n + 1, to);
        this.#find({ at, line: n, what: `stands behind line ${last.n}: it was moved` });
      } else this.#find({ at, line: n, what: "is there twice" });
    }
    const before = this.#hashes.get(n - 1);
    if (before !== undefined && before !== prev) this.#find({ line: n - 1, what: `was changed: line ${n} (${at}) names another hash` });
  }

  #remember({ n }: Line, hash: string): void {
    this.#hashes.set(n, hash);
    if (this.#hashes.size > REMEMBERED) this.#hashes.delete(this.#hashes.keys().next().value as number); // it has some
    if (!this.#last || n > this.#last.n) this.#last = { n, hash };
  }

  #head(line: Line, at: string): void {
    if (!this.#check) {
      this.#heads++;
      return;
    }
    const { key, signature } = line;
    if (typeof key !== "string" || typeof signature !== "string")
      return this.#find({ at, line: line.n, what: "is a head without a signature" });
    const head: Head = { n: line.n, prev: line.prev, at: line.at, key, signature };
    if (key !== this.#check.id)
      return this.#find({ at, line: line.n, what: `is signed with the key ${key}, and not with ${this.#check.id}` });
    if (!this.#check.isGenuine(head))
      return this.#find({ at, line: line.n, what: "has a signature that is not genuine: it, or what is before it, was changed" });
    this.#heads++;
    this.#vouched = { line: line.n - 1, at: line.at };
  }

  #find(finding: Finding): void {
    this.#count++;
    if (this.#findings.length < MOST) this.#findings.push(finding);
  }
}

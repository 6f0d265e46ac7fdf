import { type PluginHost, withDeadline } from "mcp-host";
import { unwatch, watch } from "./at-exit.ts";
import { hashOf, type Link, NOTHING, nextLine, type Signer } from "./chain.ts";
import { LogFile } from "./log-file.ts";
import { Losses } from "./losses.ts";
import { Rotation, type RotationSettings, renewed } from "./rotation.ts";
import type { Tail } from "./tail.ts";

/** What may change with a reload while the log goes on. */
export interface TrailSettings extends RotationSettings {
  readonly fsync: "always" | "1s" | "never";
  /** How much may wait to be written, in UTF-16 units. */
  readonly buffer: number;
  readonly signer: Signer | undefined;
  /** Milliseconds between two heads. */
  readonly headEvery: number;
  readonly clock: Pick<PluginHost["clock"], "now">;
  /** Told of lines that are written, each with its line break, in order. */
  readonly written: (lines: readonly Buffer[]) => void;
  /** Told every `headEvery` of the last line, while there are new ones. */
  readonly headed: (last: Link) => void;
  /** Told when writing fails (with why), and when it works again. */
  readonly troubled: (reason: string | undefined) => void;
  /** Told of what failed and stops nothing. */
  readonly warn: (message: string, reason: string) => void;
}

type Waiter = (error: Error | undefined) => void;

/** Milliseconds that a record waits for others, so that one write takes all. */
const GATHER = 50;
/** So much is written at once without waiting for more. */
const URGENT = 64 * 1024;
const BATCH = 1024 ** 2;
/** Milliseconds between syncs with `1s`: less than a second with what gathering and syncing take. */
const SYNC = 900;
/** Milliseconds between tries to write what could not be written. */
const RETRY = 500;
/** Milliseconds that the end waits for what cannot be written: a tap of `close` may take 5 s, and receivers have theirs. */
const LAST_WAIT = 2_500;
/** The share of the buffer beyond which no new call may begin: the rest is for those that run. */
const FULL = 3 / 4;

/**
 * The log as it grows: records are gathered, chained and written in order. What is chained is written, however often that has to be tried;
 * what finds no room before it is chained is counted, and the count is a line of the log as soon as there is room again.
 */
export class Trail {
  readonly #file: LogFile | undefined;
  #settings: TrailSettings;
  #queue: string[] = [];
  #queued = 0;
  /** What is being written: its lines, and their bytes. */
  #lines: Buffer[] = [];
  #bytes: Uint8Array | undefined;
  #last: Link;
  #trouble: string | undefined;
  readonly #losses = new Losses();
  readonly #rotation = new Rotation();
  #running: Promise<void> | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #syncing: NodeJS.Timeout | undefined;
  #heading: NodeJS.Timeout | undefined;
  /** Lines since the last head. */
  #unsigned = 0;
  #headDue = false;
  /** Who waits for records of the queue to be on the disk, and for those that are being written. */
  #waiting: Waiter[] = [];
  #writing: Waiter[] = [];
  #wake: (() => void) | undefined;
  #isClosing = false;
  /** Nothing is tried any more. */
  #isOver = false;

  /** @param path absolute; undefined where there is no file, and the chain begins with the process @throws Error that says what is wrong with the file */
  constructor(path: string | undefined, settings: TrailSettings) {
    this.#settings = settings;
    this.#file = path === undefined ? undefined : new LogFile(path, settings.clock.now());
    this.#last = this.tail?.last ?? NOTHING;
    // A line that was being written is left as it is, and a line break ends it.
    if (this.tail?.isOpen) this.#bytes = Buffer.from("\n");
    if (this.#file) watch(this);
    // The first line vouches for all that was there before.
    this.#headDue = settings.signer !== undefined;
  }

  set settings(settings: TrailSettings) {
    const isNew = settings.signer !== undefined && settings.signer.id !== this.#settings.signer?.id;
    this.#settings = settings;
    if (!isNew) return;
    this.#headDue = true;
    this.#unsigned = this.#last.n; // by this key
    void this.#start();
  }

  /** How the file ended when it was opened. */
  get tail(): Tail | undefined {
    return this.#file?.tail;
  }

  get last(): Link {
    return this.#last;
  }

  /** Why no new call may begin; undefined while there is room. */
  get full(): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    return this.#queued > this.#settings.buffer * FULL ? "records come faster than they can be written" : undefined;
  }

  get state(): { buffered: number; lost: number; refused: number; trouble: string | undefined; bytes: number; unsigned: number } {
    const bytes = this.#file?.size ?? 0;
    const { lost, refused } = this.#losses;
    return { buffered: this.#queued, lost, refused, trouble: this.#trouble, bytes, unsigned: this.#unsigned };
  }

  /** Takes a record: a JSON object with type and time. @returns whether there was room; otherwise it is counted */
  push(record: string): boolean {
    const isRoom = !this.#isClosing && this.#queued + record.length <= this.#settings.buffer;
    if (isRoom) this.#add(record);
    else this.#losses.lose(this.#settings.clock.now(), this.full ?? "the buffer was full");
    return isRoom;
  }

  /** The same, for the first record of a call: resolves when it is on the disk. Rejects where it cannot be written. */
  pushed(record: string): Promise<void> {
    const { full } = this;
    if (full !== undefined) return Promise.reject(new Error(full));
    this.push(record);
    return new Promise((resolve, reject) => this.#waiting.push((error) => (error ? reject(error) : resolve())));
  }

  /** A call was refused, since there is no room for what would be said of it. */
  refuse(reason: string): void {
    this.#losses.refuse(this.#settings.clock.now(), reason);
  }

  /** Writes what waits and one last record, and gives the file back. @returns how many records were lost since they could not be written */
  async close(lastRecord: string | undefined): Promise<number> {
    if (lastRecord !== undefined) this.#add(lastRecord);
    this.#headDue = true;
    this.#isClosing = true;
    this.#wake?.();
    const drained = this.#drained().catch(() => {});
    await withDeadline(drained, LAST_WAIT, () => {});
    this.#isOver = true;
    for (const each of [this.#gathering, this.#syncing, this.#heading]) clearTimeout(each);
    unwatch(this);
    const left = this.#queue.length + this.#lines.length;
    if (this.#settings.fsync !== "never") await this.#file?.sync().catch(() => {}); // whatever could be written is
    this.#file?.close();
    return left;
  }

  async #drained(): Promise<void> {
    do await this.#start();
    while (!this.#isOver && (this.#queue.length > 0 || this.#bytes));
  }

  #add(record: string): void {
    this.#queue.push(record);
    this.#queued += record.length;
    if (this.#running) return;
    if (this.#queued > URGENT) void this.#start();
    else if (this.#settings.fsync === "always") this.#gathering ??= setTimeout(() => void this.#start(), 0).unref();
    else this.#gathering ??= setTimeout(() => void this.#start(), GATHER).unref();
  }

  #start(): Promise<void> {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0 && !this.#isClosing) void this.#start();
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 || this.#bytes || this.#headDue) {
      const gone = this.#lines.length === 0 ? this.#lookAfter() : undefined;
      if (this.#lines.length === 0 && !gone) this.#chain();
      const error = gone ?? (await this.#write());
      if (error) {
        this.#failed(error);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, RETRY).unref();
          this.#wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        this.#wake = undefined;
        if (this.#isOver) return;
        continue;
      }
      this.#done();
      await this.#rotate();
    }
  }

  /** Somebody may have removed the file: then another goes on where it ended, and says so. Gives why that cannot be. */
  #lookAfter(): Error | undefined {
    if (!this.#file) return undefined;
    try {
      const removed = renewed(this.#file, this.#last.n + 1, this.#settings.clock.now());
      if (removed === undefined) return undefined;
      this.#settings.warn("the file of the audit log was removed or put elsewhere while it was written: another is begun", this.#file.path);
      this.#add(removed);
      return undefined;
    } catch (error) {
      return error as Error; // fs throws these
    }
  }

  /** Gives what waits its place in the chain. */
  #chain(): void {
    let size = 0;
    let count = 0;
    for (const record of this.#queue) {
      if (count > 0 && size + record.length > BATCH) break;
      size += record.length;
      count++;
    }
    const records = count === this.#queue.length ? this.#queue : this.#queue.slice(0, count);
    this.#queue = count === this.#queue.length ? [] : this.#queue.slice(count);
    this.#queued -= size;
    // Of a queue that is not taken as a whole, whoever waits waits for the rest of it.
    if (this.#queue.length === 0) this.#writing.push(...this.#waiting.splice(0));
    for (const record of records) this.#append(record);
    const { signer, clock } = this.#settings;
    if (this.#headDue && this.#unsigned > 0) {
      if (signer) this.#append(signer.head(this.#last, new Date(clock.now()).toISOString(), this.#isClosing));
      this.#unsigned = 0;
      this.#settings.headed(this.#last);
    }
    this.#headDue = false;
    this.#bytes = Buffer.concat(this.#bytes ? [this.#bytes, ...this.#lines] : this.#lines);
  }

  #append(record: string): void {
    // Bytes at once: a text that was put together is copied anew for each that reads it.
    const line = Buffer.from(`${nextLine(this.#last, record)}\n`);
    this.#last = { n: this.#last.n + 1, hash: hashOf(line.subarray(0, -1)) };
    this.#file?.begins(this.#last.n);
    this.#lines.push(line);
    this.#unsigned++;
  }

  async #write(): Promise<Error | undefined> {
    const bytes = this.#bytes;
    const file = this.#file;
    if (!file || !bytes) return undefined;
    if (bytes.length > 0) {
      const error = await new Promise<Error | undefined>((done) => file.write(bytes, done));
      if (error) return error;
      this.#bytes = undefined; // it is in the system's hands
    }
    if (this.#settings.fsync !== "always") return undefined;
    return file.sync().then(
      () => undefined,
      (error: Error) => {
        this.#bytes = Buffer.alloc(0);
        return error;
      },
    );
  }

  #done(): void {
    this.#bytes = undefined;
    const lines = this.#lines;
    this.#lines = [];
    this.#recovered();
    for (const done of this.#writing.splice(0)) done(undefined);
    if (lines.length > 0) this.#settings.written(lines);
    const { fsync, headEvery } = this.#settings;
    if (fsync === "1s") this.#syncing ??= setTimeout(() => this.#sync(), SYNC).unref();
    if (this.#unsigned > 0 && !this.#isClosing) this.#heading ??= setTimeout(() => this.#head(), headEvery).unref();
    // What was lost is a line of the log once there is room again.
    const gap = this.full === undefined ? this.#losses.told(this.#settings.clock.now()) : undefined;
    if (gap !== undefined) this.#add(gap);
  }

  #head(): void {
    this.#heading = undefined;
    this.#headDue = true;
    void this.#start();
  }

  #sync(): void {
    this.#syncing = undefined;
    this.#file?.sync().then(
      () => {
        if (!this.#running) this.#recovered();
      },
      (error: Error) => {
        if (this.#isOver) return;
        this.#failed(error);
        this.#syncing ??= setTimeout(() => this.#sync(), SYNC).unref();
      },
    );
  }

  #failed(error: Error): void {
    const reason = `the audit log cannot be written (${codeOf(error)})`;
    if (this.#trouble !== reason) this.#settings.troubled(reason);
    this.#trouble = reason;
    for (const done of [...this.#writing.splice(0), ...this.#waiting.splice(0)]) done(new Error(reason));
  }

  #recovered(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#settings.troubled(undefined);
  }

  async #rotate(): Promise<void> {
    if (!this.#file) return;
    try {
      const removed = await this.#rotation.look(this.#file, this.#settings, this.#settings.clock.now());
      if (removed !== undefined) this.#add(removed);
    } catch (error) {
      this.#settings.warn("the audit log could not be rotated, and goes on in the same file", codeOf(error));
    }
  }

  /** The process ends without having closed the log. What is being written is written once more, at the same place. */
  flushNow(): void {
    try {
      for (let rounds = 0; rounds < 100 && (this.#bytes || this.#queue.length > 0); rounds++) {
        if (this.#lines.length === 0) this.#chain();
        if (this.#bytes) this.#file?.writeNow(this.#bytes);
        this.#bytes = undefined;
        this.#lines = [];
      }
      if (this.#settings.fsync !== "never") this.#file?.syncNow();
    } catch {
      // nobody is left who could be told
    }
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException; // fs throws these
  return code ?? message;
}

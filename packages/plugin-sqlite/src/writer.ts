import { Worker } from "node:worker_threads";
import {
  BUSY,
  type Operation,
  type Outcome,
  type Reply,
  type Request,
  type Result,
  type Results,
  STOP,
  type Task,
  weightOf,
} from "./operation.ts";

export interface WriterOptions {
  readonly file: string;
  readonly timeout: number;
  readonly maxSize: number;
  /** Values that had a time to live made room. */
  readonly evicted: (count: number) => void;
  /** Something failed that nobody waits for. */
  readonly trouble: (what: string) => void;
}

interface Waiting {
  readonly operation: Operation;
  readonly resolve: (value: Result) => void;
  readonly reject: (error: Error) => void;
  /** When it has waited for long enough. */
  readonly until: number;
  /** It was told so; what becomes of it is nobody's business any more. */
  isGivenUp: boolean;
}

/** So much may wait, in operations and in bytes; more is refused. */
const MAX_WAITING = 20_000;
const MAX_WAITING_BYTES = 64 * 1024 ** 2;
/** One value or message may have this share of the file. */
const MAX_SHARE = 1 / 8;
/** So much goes into one transaction, of a small file a share. */
const MAX_BATCH = 1_000;
const MAX_BATCH_BYTES = 4 * 1024 ** 2;
const BATCH_SHARE = 1 / 32;
/** Milliseconds that the thread may take beyond the wait for a lock. */
const GRACE = 10_000;
/** Milliseconds that the end of the process waits for a thread. */
const LAST_WAIT = 2_000;

/** What the threads of this process share with it. */
const threads = new Set<Int32Array>();

/** The end of the process waits until no thread is inside of SQLite: ending it there would crash. */
function lastWait(): void {
  for (const shared of threads) {
    Atomics.store(shared, STOP, 1);
    if (Atomics.load(shared, BUSY) === 1) Atomics.wait(shared, BUSY, 1, LAST_WAIT);
  }
}

function watch(shared: Int32Array): void {
  if (threads.size === 0) process.on("exit", lastWait);
  threads.add(shared);
}

function unwatch(shared: Int32Array): void {
  threads.delete(shared);
  if (threads.size === 0) process.off("exit", lastWait);
}

/**
 * The thread that writes, as the event loop sees it. What is asked for while a transaction runs goes into the next one, in the order in
 * which it was asked for. The thread is never terminated: that would crash the process where it is inside of SQLite.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #shared = new Int32Array(new SharedArrayBuffer(8));
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly opened: Promise<void>;
  #queue: Waiting[] = [];
  /** What the thread is at. */
  #sent: Waiting[] | undefined;
  #deadline: NodeJS.Timeout | undefined;
  /** Told when nothing waits any more. */
  #idle: (() => void)[] = [];
  #bytes = 0;
  /** How many writes of a key are on their way. */
  readonly #keys = new Map<string, number>();
  /** Why nothing is taken any more. */
  #ended: string | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    const { file, timeout, maxSize } = options;
    const task: Task = { file, timeout, maxSize, shared: this.#shared.buffer as SharedArrayBuffer }; // made above
    this.#worker = new Worker(new URL("./writer-thread.js", import.meta.url), { workerData: task, name: "sqlite" });
    this.#exited = new Promise((exited) => this.#worker.once("exit", () => exited()));
    watch(this.#shared);
    void this.#exited.then(() => {
      unwatch(this.#shared);
      this.#end(`the thread that writes ${file} has ended`);
    });
    this.opened = this.#open();
  }

  /** Whether it can be asked. */
  get isAlive(): boolean {
    return this.#ended === undefined;
  }

  /** Whether something is on its way that changes this key. */
  isChanging(key: string): boolean {
    return this.#keys.has(key);
  }

  /** @throws Error where it failed, was not done in time, or too much waits */
  ask<Name extends Operation["do"]>(operation: Extract<Operation, { do: Name }>): Promise<Results[Name]> {
    const weight = weightOf(operation);
    if (this.#ended !== undefined) return Promise.reject(new Error(this.#ended));
    const { file, maxSize, timeout } = this.#options;
    // To try would empty the file for nothing.
    if (weight > maxSize * MAX_SHARE)
      return Promise.reject(
        new Error(`${weight} bytes are too many for the store file ${file}, which may have ${maxSize}; raise "maxSize"`),
      );
    if (this.#queue.length >= MAX_WAITING || this.#bytes + weight > MAX_WAITING_BYTES)
      return Promise.reject(new Error(`too much waits to be written to ${file}: ${this.#queue.length} operations, ${this.#bytes} bytes`));
    this.#bytes += weight;
    if ("key" in operation) this.#keys.set(operation.key, (this.#keys.get(operation.key) ?? 0) + 1);
    if (!this.#oldest) this.#worker.ref();
    if (this.#queue.length === 0 && !this.#sent) queueMicrotask(() => this.#send());
    return new Promise((resolve, reject) => {
      this.#queue.push({
        operation,
        resolve: resolve as (value: Result) => void, // what the thread gives for this operation
        reject,
        until: performance.now() + timeout + GRACE,
        isGivenUp: false,
      });
      if (!this.#deadline) this.#watchTime();
    });
  }

  /** Lets what waits be done, and closes the file. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#ended = `the store file ${this.#options.file} was closed`;
    if (this.#oldest) await new Promise<void>((idle) => this.#idle.push(idle));
    this.#post({ close: true });
    this.#worker.ref();
    const { promise: late, timer } = after(GRACE);
    await Promise.race([this.#exited, late]);
    clearTimeout(timer);
    this.#worker.unref();
  }

  #open(): Promise<void> {
    const { file, timeout } = this.#options;
    return new Promise((opened, failed) => {
      const { promise: late, timer } = after(timeout + GRACE);
      const fail = (reason: string): void => {
        clearTimeout(timer);
        this.#ended ??= reason;
        this.#worker.unref();
        failed(new Error(reason));
      };
      void late.then(() => fail(`the store file ${file} could not be opened within ${timeout + GRACE} ms`));
      this.#worker.once("error", (error) => fail(`the thread that writes ${file} failed: ${error.message}`));
      void this.#exited.then(() => fail(`the thread that writes ${file} has ended`));
      this.#worker.on("message", (reply: Reply) => {
        if ("outcomes" in reply) this.#receive(reply.outcomes);
        else if ("evicted" in reply) this.#options.evicted(reply.evicted);
        else if ("trouble" in reply) this.#options.trouble(reply.trouble);
        else if ("cannotOpen" in reply) fail(reply.cannotOpen);
        else if (this.#ended !== undefined)
          this.#post({ close: true }); // too late
        else {
          clearTimeout(timer);
          this.#rest();
          opened();
        }
      });
    });
  }

  #post(request: Request): void {
    this.#worker.postMessage(request);
  }

  #send(): void {
    if (this.#sent || this.#queue.length === 0) return;
    const most = Math.min(MAX_BATCH_BYTES, this.#options.maxSize * BATCH_SHARE);
    let count = 0;
    let bytes = 0;
    for (const { operation } of this.#queue) {
      if (count > 0 && (count >= MAX_BATCH || bytes + weightOf(operation) > most)) break;
      bytes += weightOf(operation);
      count++;
    }
    this.#sent = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    this.#post({ operations: this.#sent.map(({ operation }) => operation) });
  }

  /** What has waited for longest. */
  get #oldest(): Waiting | undefined {
    return this.#sent?.find(({ isGivenUp }) => !isGivenUp) ?? this.#queue[0];
  }

  /** Whatever waits is answered in time. */
  #watchTime(): void {
    clearTimeout(this.#deadline);
    const oldest = this.#oldest;
    const { timeout, file } = this.#options;
    const late = (): void => {
      this.#giveUp(`the store file ${file} was not written within ${timeout + GRACE} ms; whether it will be is unknown`, performance.now());
      this.#watchTime();
    };
    this.#deadline = oldest && setTimeout(late, Math.max(1, oldest.until - performance.now())).unref();
  }

  #receive(outcomes: readonly Outcome[]): void {
    const done = this.#sent ?? [];
    this.#sent = undefined;
    // Before anybody goes on: who reads then has to see what is written.
    for (const { operation } of done) this.#forget(operation);
    for (const [index, { resolve, reject, isGivenUp }] of done.entries()) {
      const outcome = outcomes[index] as Outcome; // one for each
      if (isGivenUp) continue;
      if ("failure" in outcome) reject(new Error(outcome.failure));
      else resolve(outcome.value);
    }
    this.#send();
    this.#watchTime();
    this.#rest();
  }

  /** The thread keeps no process alive for which nobody waits. */
  #rest(): void {
    if (this.#oldest) return;
    this.#worker.unref();
    for (const idle of this.#idle.splice(0)) idle();
  }

  #forget(operation: Operation): void {
    this.#bytes -= weightOf(operation);
    if (!("key" in operation)) return;
    const count = (this.#keys.get(operation.key) ?? 1) - 1;
    if (count > 0) this.#keys.set(operation.key, count);
    else this.#keys.delete(operation.key);
  }

  /** Whoever waits since before then waits no longer. What the thread has been sent stays on its way, and nothing overtakes it. */
  #giveUp(reason: string, until: number): void {
    const isLate = (waiting: Waiting): boolean => !waiting.isGivenUp && waiting.until <= until;
    const sent = this.#sent?.filter(isLate) ?? [];
    const queued = this.#queue.filter(isLate);
    this.#queue = this.#queue.filter((waiting) => !isLate(waiting));
    for (const { operation } of queued) this.#forget(operation);
    for (const waiting of [...sent, ...queued]) {
      waiting.isGivenUp = true;
      waiting.reject(new Error(reason));
    }
    this.#rest();
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    this.#giveUp(this.#ended, Number.POSITIVE_INFINITY);
    this.#watchTime();
  }
}

function after(milliseconds: number): { promise: Promise<void>; timer: NodeJS.Timeout } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<void>((passed) => {
    timer = setTimeout(passed, milliseconds);
  });
  return { promise, timer: timer as unknown as NodeJS.Timeout }; // the executor ran
}

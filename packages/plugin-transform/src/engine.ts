import { Worker } from "node:worker_threads";
import { exceeds } from "./measure.ts";

/** What runs in the worker. */
export type Program =
  | { readonly kind: "jsonata"; readonly text: string }
  | { readonly kind: "schema"; readonly schema: Readonly<Record<string, unknown>> };

export interface WorkerLimits {
  /** Milliseconds that one run may take. */
  readonly time: number;
  /** Nesting of the input, and of calls in an expression. */
  readonly depth: number;
  /** Bytes of input and output. */
  readonly size: number;
}

export interface Task {
  readonly id: number;
  readonly index: number;
  readonly input?: unknown;
  readonly compileOnly?: true;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  /** Why it failed, without any value. */
  readonly error?: string;
}

/** Why a program gave nothing. Its message holds no value and may reach the client. */
export class ProgramError extends Error {
  readonly kind: "time" | "size" | "busy" | "failed" | "closed";
  constructor(kind: ProgramError["kind"], message: string) {
    super(message);
    this.name = "ProgramError";
    this.kind = kind;
  }
}

/** Compiling is the operator's own and happens once, but a schema can be written to take hours. */
const COMPILE_TIME = 5_000;
/** Starting a thread on a busy machine. */
const START_TIME = 10_000;
/** Runs that wait for the thread; each takes at most its time. */
const MAX_WAITING = 256;
/** Of them, runs of one principal or session: nobody's slow inputs keep everybody else out. */
const MAX_WAITING_OF_ONE = 16;
const MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16, stackSizeMb: 2 };

interface Thread {
  readonly worker: Worker;
  readonly compiled: Set<number>;
  isStarted: boolean;
}

/** Runs programs in one worker thread, one at a time and each with a time limit. The thread starts with the first and is replaced when it had to be ended. */
export class Engine {
  readonly #programs: readonly Program[];
  readonly #limits: WorkerLimits;
  #thread: Thread | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  readonly #waitingOf = new Map<string, number>();
  #count = 0;
  #isClosed = false;
  /** How often the thread was ended because of its time. */
  kills = 0;

  constructor(programs: readonly Program[], limits: WorkerLimits) {
    this.#programs = programs;
    this.#limits = limits;
  }

  /** Compiles every program. Gives what is wrong with which, by where it stands. */
  async mistakes<Path>(paths: readonly Path[]): Promise<{ path: Path; message: string }[]> {
    const found: { path: Path; message: string }[] = [];
    for (const [index, path] of paths.entries()) {
      try {
        await this.#inTurn("", () => this.#compile(this.#running(), index));
      } catch (error) {
        if (!(error instanceof ProgramError)) throw error;
        found.push({ path, message: error.message });
      }
    }
    return found;
  }

  /**
   * Runs a program. A schema gives what is wrong with the input, an expression its value.
   * @param scope on whose behalf
   * @throws ProgramError
   */
  async run(index: number, input: unknown, scope: string): Promise<unknown> {
    const over = exceeds(input, this.#limits);
    if (over)
      throw new ProgramError(
        "size",
        over === "size" ? `it has more than ${this.#limits.size} bytes` : `it is nested more than ${this.#limits.depth} deep`,
      );
    const value = await this.#inTurn(scope, async () => {
      const thread = this.#running();
      await this.#compile(thread, index);
      return this.#exchange(thread, { id: ++this.#count, index, input }, this.#limits.time);
    });
    return this.#programs[index]?.kind === "jsonata" ? (JSON.parse(value as string) as unknown) : value; // an expression's value comes as JSON text
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { worker } = this.#thread ?? {};
    this.#thread = undefined;
    if (!worker) return;
    const gone = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.postMessage("end");
    const timer = setTimeout(() => void worker.terminate(), this.#limits.time);
    await gone;
    clearTimeout(timer);
  }

  get isRunning(): boolean {
    return this.#thread !== undefined;
  }

  async #inTurn<T>(scope: string, work: () => Promise<T>): Promise<T> {
    const own = this.#waitingOf.get(scope) ?? 0;
    if (this.#waiting >= MAX_WAITING || (scope !== "" && own >= MAX_WAITING_OF_ONE)) throw new ProgramError("busy", "too many wait for it");
    this.#waiting++;
    this.#waitingOf.set(scope, own + 1);
    const turn = this.#tail.then(work).finally(() => {
      this.#waiting--;
      const left = (this.#waitingOf.get(scope) ?? 1) - 1;
      if (left > 0) this.#waitingOf.set(scope, left);
      else this.#waitingOf.delete(scope);
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  async #compile(thread: Thread, index: number): Promise<void> {
    if (thread.compiled.has(index)) return;
    await this.#exchange(thread, { id: ++this.#count, index, compileOnly: true }, COMPILE_TIME + (thread.isStarted ? 0 : START_TIME));
    thread.compiled.add(index);
  }

  #running(): Thread {
    if (this.#isClosed) throw new ProgramError("closed", "the host is closing");
    if (this.#thread) return this.#thread;
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      workerData: { programs: this.#programs, limits: this.#limits },
      resourceLimits: MEMORY,
      // What it may print must not get between the frames of a stdio host.
      stdout: true,
      stderr: true,
    });
    worker.unref();
    const thread: Thread = { worker, compiled: new Set(), isStarted: false };
    const lost = (): void => {
      if (this.#thread === thread) this.#thread = undefined;
    };
    worker.on("error", lost).on("exit", lost);
    this.#thread = thread;
    return thread;
  }

  #exchange(thread: Thread, task: Task, limit: number): Promise<unknown> {
    const { worker } = thread;
    return new Promise((resolve, reject) => {
      const done = (end: () => void): void => {
        clearTimeout(timer);
        worker.off("message", answered).off("error", failed).off("exit", exited);
        end();
      };
      const answered = (answer: Answer): void => {
        if (answer.id !== task.id) return;
        thread.isStarted = true;
        done(() => (answer.error === undefined ? resolve(answer.value) : reject(new ProgramError("failed", answer.error))));
      };
      const failed = (error: Error): void =>
        done(() =>
          reject(
            new ProgramError(
              "failed",
              "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "it took too much memory" : "its thread failed",
            ),
          ),
        );
      const exited = (): void => done(() => reject(new ProgramError("failed", "its thread ended")));
      // It keeps the process alive for as long as somebody waits; the thread does not.
      const timer = setTimeout(() => {
        this.kills++;
        if (this.#thread === thread) this.#thread = undefined;
        done(() => reject(new ProgramError("time", `it took longer than ${limit} ms`)));
        void worker.terminate();
      }, limit);
      worker.on("message", answered).on("error", failed).on("exit", exited);
      worker.postMessage(task);
    });
  }
}

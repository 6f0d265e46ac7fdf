import { Worker } from "node:worker_threads";
import { withDeadline } from "mcp-host";
import type { Receiver } from "./shipping.ts";
import type { Reply, Request, Task } from "./sqlite-task.ts";

/** Milliseconds that a lock of another process may last, and that one portion may take. */
const TIMEOUT = 5_000;
const DEADLINE = 30_000;

/** The lines of a log in an SQLite file, which a thread writes. The thread is never terminated: that would crash the process where it is inside of SQLite. */
export class SqliteReceiver implements Receiver {
  readonly #file: string;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #answer: ((reply: Reply) => void) | undefined;
  /** The last line that the file has. */
  readonly opened: Promise<number>;

  /** @param file absolute */
  constructor(file: string) {
    this.#file = file;
    const task: Task = { file, timeout: TIMEOUT };
    this.#worker = new Worker(new URL("./sqlite-thread.js", import.meta.url), { workerData: task, name: "audit" });
    this.#exited = new Promise((exited) => this.#worker.once("exit", () => exited()));
    this.#worker.on("message", (reply: Reply) => this.#reply(reply));
    this.#worker.on("error", (error) => this.#reply({ failed: error.message }));
    void this.#exited.then(() => this.#reply({ failed: "its thread has ended" }));
    this.opened = this.#asked().then((reply) => {
      if (!("opened" in reply)) throw this.#error(reply);
      return reply.opened;
    });
  }

  async take(lines: readonly string[]): Promise<void> {
    const answer = this.#asked();
    this.#post({ lines });
    const reply = await answer;
    if (!("done" in reply)) throw this.#error(reply);
  }

  taken(): void {}

  async close(): Promise<void> {
    this.#post({ close: true });
    await withDeadline(this.#exited, TIMEOUT, () => {});
    this.#worker.unref();
  }

  #asked(): Promise<Reply> {
    this.#worker.ref();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#reply({ failed: `its thread did not answer within ${DEADLINE} ms` }), DEADLINE).unref();
      this.#answer = (reply) => {
        clearTimeout(timer);
        this.#answer = undefined;
        // The thread keeps no process alive for which nobody waits.
        this.#worker.unref();
        resolve(reply);
      };
    });
  }

  #reply(reply: Reply): void {
    this.#answer?.(reply);
  }

  #post(request: Request): void {
    this.#worker.postMessage(request);
  }

  #error(reply: Reply): Error {
    return new Error(`${this.#file}: ${"failed" in reply ? reply.failed : "its thread said something else than it was asked"}`);
  }
}

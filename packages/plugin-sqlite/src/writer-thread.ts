/** The thread that writes: it opens the file, does what it is sent in transactions, and looks after the file meanwhile. */
import { parentPort, workerData } from "node:worker_threads";
import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { openStore, WrongFile } from "./database.ts";
import { explained, is } from "./failure.ts";
import { BUSY, type Operation, type Outcome, type Reply, type Request, STOP, type Task, weightOf } from "./operation.ts";
import { Operations } from "./operations.ts";
import { Room } from "./room.ts";

/** Milliseconds between two looks at what is over. */
const SWEEP_EVERY = 10_000;

const task = workerData as Task; // the writer starts it
const { file, timeout, maxSize } = task;
const shared = new Int32Array(task.shared);
const port = parentPort as NonNullable<typeof parentPort>; // it is a thread
const tell = (reply: Reply): void => port.postMessage(reply);

/**
 * Whoever ends the process while a native call runs in a thread crashes it. So the other side waits at its end until this is over, and
 * nothing is begun any more.
 */
function inside(work: () => void): void {
  Atomics.store(shared, BUSY, 1);
  try {
    if (Atomics.load(shared, STOP) === 0) work();
  } finally {
    Atomics.store(shared, BUSY, 0);
    Atomics.notify(shared, BUSY);
  }
}

class Thread {
  readonly #database: DatabaseSyncInstance;
  readonly #operations: Operations;
  readonly #room: Room;
  readonly #sweeping: NodeJS.Timeout;

  constructor(database: DatabaseSyncInstance) {
    this.#database = database;
    this.#operations = new Operations(database);
    this.#room = new Room(database, maxSize, timeout);
    this.#sweeping = setInterval(() => inside(() => this.#sweep()), SWEEP_EVERY);
  }

  receive(request: Request): void {
    if ("close" in request) this.#close();
    else tell({ outcomes: this.#outcomes(request.operations) });
  }

  #close(): void {
    clearInterval(this.#sweeping);
    this.#room.emptyLog();
    this.#database.close();
    port.close();
  }

  /** All in one transaction; where that fails for want of room, once more with room, then one by one, so that what is too large fails alone. */
  #outcomes(operations: readonly Operation[]): readonly Outcome[] {
    const bytes = operations.reduce((sum, operation) => sum + weightOf(operation), 0);
    try {
      try {
        return this.#transaction(operations);
      } catch (error) {
        if (!is(error, "full")) throw error;
        const evicted = this.#room.make(bytes);
        if (evicted > 0) tell({ evicted });
        return operations.length === 1 ? this.#transaction(operations) : operations.flatMap((operation) => this.#outcomes([operation]));
      } finally {
        this.#room.wrote(bytes);
      }
    } catch (error) {
      return failed(operations, error);
    }
  }

  #transaction(operations: readonly Operation[]): readonly Outcome[] {
    this.#database.exec("begin immediate");
    try {
      const outcomes = operations.map((operation): Outcome => {
        try {
          return { value: this.#operations.run(operation) };
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          return { failure: error.message }; // what was asked cannot be, and nothing was done
        }
      });
      this.#database.exec("commit");
      return outcomes;
    } catch (error) {
      // SQLite ended it already where it could not go on at all.
      if (this.#database.isTransaction) this.#database.exec("rollback");
      throw error;
    }
  }

  #sweep(): void {
    try {
      // What waits in the port comes between two portions.
      if (this.#room.sweep()) setImmediate(() => inside(() => this.#sweep()));
    } catch (error) {
      tell({ trouble: explained(error, file, { timeout, maxSize }) });
    }
  }
}

function failed(operations: readonly Operation[], error: unknown): Outcome[] {
  const failure = explained(error, file, { timeout, maxSize });
  return operations.map(() => ({ failure }));
}

inside(() => {
  try {
    const thread = new Thread(openStore({ file, timeout }));
    port.on("message", (request: Request) => inside(() => thread.receive(request)));
    tell({ opened: true });
  } catch (error) {
    tell({ cannotOpen: error instanceof WrongFile ? error.message : explained(error, file, { timeout, maxSize }) });
  }
});

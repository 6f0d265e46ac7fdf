import { randomUUID } from "node:crypto";
import { HostError } from "../errors.ts";
import type { Connection } from "../upstream/connection.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { Entry } from "./entry.ts";
import { type Exchange, type SessionFacts, scopeOf } from "./exchange.ts";

/** A task (2025-11-25, basic/utilities/tasks) that an upstream runs for a client. */
export interface Task {
  /** The id that the client knows: upstreams choose ids without knowing of each other. */
  readonly exposed: string;
  readonly native: string;
  readonly connection: Connection;
  readonly scope: string;
  readonly session: SessionFacts;
  readonly entry: Entry;
  /** The method of the request that became a task. */
  readonly method: string;
  expires: number;
}

const ENDED = new Set(["completed", "failed", "cancelled"]);
/** A task whose server promises no lifetime is forgotten after a day. */
const DAY = 24 * 3_600_000;

/** Who owns which task, and where it runs. A task is found only by its owner's scope. */
export class TaskTable {
  readonly #limit: number;
  readonly #tasks = new Map<string, Task>();
  readonly #byNative = new WeakMap<Connection, Map<string, Task>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Keeps the task that a result created and gives the result with the exposed id. */
  created(exchange: Exchange, connection: Connection, result: Json): Json {
    const { task } = result;
    if (!isObject(task) || typeof task.taskId !== "string" || !exchange.entry) return result;
    this.#sweep();
    if (this.#tasks.size >= this.#limit) throw new HostError("overloaded", `${this.#limit} tasks are alive already`, { sent: "yes" });
    const kept: Task = {
      exposed: randomUUID(),
      native: task.taskId,
      connection,
      scope: exchange.scope,
      session: exchange.session,
      entry: exchange.entry,
      method: exchange.method,
      expires: Date.now() + (typeof task.ttl === "number" ? task.ttl : DAY),
    };
    this.#tasks.set(kept.exposed, kept);
    let natives = this.#byNative.get(connection);
    if (!natives) this.#byNative.set(connection, (natives = new Map()));
    natives.set(kept.native, kept);
    connection.commitments.tasks.add(kept.native);
    exchange.resultKind = "task";
    return { ...result, task: { ...task, taskId: kept.exposed } };
  }

  find(exchange: Pick<Exchange, "session">, exposed: string): Task | undefined {
    const task = this.#tasks.get(exposed);
    return task && task.scope === scopeOf(exchange.session) ? task : undefined;
  }

  /** The task that an upstream speaks of. */
  byNative(connection: Connection, native: string): Task | undefined {
    return this.#byNative.get(connection)?.get(native);
  }

  /** Connections on which the caller has tasks. */
  connections(exchange: Exchange): Set<Connection> {
    return new Set([...this.#tasks.values()].filter((task) => task.scope === exchange.scope).map((task) => task.connection));
  }

  /** A task object of an upstream as its owner sees it; undefined when it is not the caller's. */
  exposed(exchange: Exchange, connection: Connection, task: unknown): Json | undefined {
    if (!isObject(task) || typeof task.taskId !== "string") return undefined;
    const known = this.byNative(connection, task.taskId);
    return known?.scope === exchange.scope ? { ...task, taskId: known.exposed } : undefined;
  }

  /** Notes the state that an upstream told; an ended task holds its connection no longer. */
  observe(connection: Connection, state: Readonly<Json>): void {
    const native = state.taskId;
    if (typeof native === "string" && ENDED.has(String(state.status))) connection.commitments.endTask(native);
  }

  #sweep(): void {
    const now = Date.now();
    for (const task of this.#tasks.values()) {
      if (task.expires > now) continue;
      this.#tasks.delete(task.exposed);
      this.#byNative.get(task.connection)?.delete(task.native);
      task.connection.commitments.endTask(task.native);
    }
  }
}

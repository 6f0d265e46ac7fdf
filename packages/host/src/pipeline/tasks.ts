import { randomUUID } from "node:crypto";
import { HostError } from "../errors.ts";
import { type Caller, scopeOf } from "../exchange/caller.ts";
import type { Entry } from "../exchange/entry.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import type { Connection } from "../upstream/connection.ts";
import { counted, countedAre } from "../wire/counted.ts";
import { isObject, type Json, relatedTask } from "../wire/message.ts";
import { isModern } from "../wire/versions.ts";

/** A task (2025-11-25, basic/utilities/tasks) that an upstream runs for a client. */
export interface Task {
  /** The id that the client knows: upstreams choose ids without knowing of each other. */
  readonly exposed: string;
  readonly native: string;
  readonly connection: Connection;
  readonly scope: string;
  readonly caller: Caller;
  readonly entry: Entry;
  /** The method of the request that became a task. */
  readonly method: string;
  /** Whether its client is of the modern era, which knows it by other methods. */
  readonly isModern: boolean;
  /** In milliseconds since 1970. */
  readonly began: number;
  expires: number;
  /** No more progress of it is passed on. */
  readonly endProgress: () => void;
  /** Whether the upstream told that it has ended; its result may still be asked for. */
  ended: boolean;
  /** What waits for its result at the server, or stands for that: whatever the server asks for the task belongs to it. */
  held: HostExchange | undefined;
  isHeld: boolean;
  /** Who wants to hear of its state, as the server tells it. */
  watchers: Set<(state: Json) => void> | undefined;
  /** Told once it is over for all: nobody can ask for it any more. */
  forgotten: (() => void) | undefined;
}

const ENDED = new Set(["completed", "failed", "cancelled"]);
/** A task is forgotten after a day at the latest: also one whose server promises no lifetime, or an endless one. */
const DAY = 24 * 3_600_000;
/** How often what has expired is looked for. */
const SWEEP = 10_000;
/** The part of the table that one scope may fill. */
const SHARE = 10;

/** Who owns which task, and where it runs. A task is found only by its owner's scope. */
export class TaskTable {
  readonly #limit: number;
  readonly #permits: (entry: Entry, caller: Caller) => boolean;
  readonly #tasks = new Map<string, Task>();
  readonly #byScope = new Map<string, Set<Task>>();
  readonly #byNative = new WeakMap<Connection, Map<string, Task>>();
  /** In the order in which they ended. */
  readonly #ended = new Set<Task>();
  #sweep: NodeJS.Timeout | undefined;

  /**
   * @param limit tasks in all, of which one scope may have a tenth; ended ones make room for new ones
   * @param permits whether somebody may use the entry that a task is of
   */
  constructor(limit: number, permits: (entry: Entry, caller: Caller) => boolean) {
    this.#limit = limit;
    this.#permits = permits;
  }

  /** Why a request that wants to become a task may not, when there is no room for one. */
  admit(exchange: Pick<HostExchange, "original" | "caller">): HostError | undefined {
    // In the modern era it is the server that makes it one, unasked.
    return exchange.original.task === undefined || isModern(exchange.caller.client.version)
      ? undefined
      : this.#full(ownerOf(exchange.caller));
  }

  #full(scope: string): HostError | undefined {
    const own = [...(this.#byScope.get(scope) ?? [])].filter((task) => !task.ended).length;
    if (own >= this.#share) return new HostError("overloaded", `this client has ${counted(own, "task")} alive already`);
    const alive = this.#tasks.size - this.#ended.size;
    return alive >= this.#limit ? new HostError("overloaded", `${countedAre(alive, "task")} alive already`) : undefined;
  }

  /** Keeps the task that a result created and gives the result with the exposed id. @throws HostError where there is no room; the task is cancelled */
  created(exchange: HostExchange, connection: Connection, result: Json, endProgress: () => void): Json {
    const { task } = result;
    if (!isObject(task) || typeof task.taskId !== "string" || !exchange.entry) {
      endProgress();
      return result;
    }
    this.#expire();
    const scope = ownerOf(exchange.caller);
    const full = this.#full(scope);
    if (full) {
      const cancel = new HostExchange({ method: "tasks/cancel", params: {}, caller: exchange.caller, sink: undefined, parent: exchange });
      connection.call(cancel, { taskId: task.taskId }, {}).catch(() => {}); // nobody could ever ask for it
      throw new HostError("overloaded", full.message, { sent: "yes" });
    }
    this.#makeRoom(scope);
    const kept: Task = {
      exposed: randomUUID(),
      native: task.taskId,
      connection,
      scope,
      caller: exchange.caller,
      entry: exchange.entry,
      method: exchange.method,
      isModern: isModern(exchange.caller.client.version),
      began: Date.now(),
      expires: Date.now() + lifetime(task.ttl),
      endProgress,
      ended: false,
      held: undefined,
      isHeld: false,
      watchers: undefined,
      forgotten: undefined,
    };
    this.#add(kept);
    exchange.resultKind = exchange.whole.resultKind = "task"; // whichever send it came of
    return { ...result, task: { ...task, taskId: kept.exposed } };
  }

  find(exchange: Pick<HostExchange, "caller">, exposed: string): Task | undefined {
    const task = this.#tasks.get(exposed);
    if (task?.scope !== ownerOf(exchange.caller) || task.isModern !== isModern(exchange.caller.client.version)) return undefined;
    if (task.expires > Date.now()) return task;
    this.#forget(task);
    return undefined;
  }

  /** The same, where the caller may use what it is of. */
  permitted(exchange: Pick<HostExchange, "caller">, exposed: string): Task | undefined {
    const task = this.find(exchange, exposed);
    return task && this.#permits(task.entry, exchange.caller) ? task : undefined;
  }

  /** The task that an upstream speaks of. */
  byNative(connection: Connection, native: string | undefined): Task | undefined {
    return native === undefined ? undefined : this.#byNative.get(connection)?.get(native);
  }

  /** Connections on which the caller has tasks that it may see. */
  connections(exchange: HostExchange): Set<Connection> {
    const own = [...(this.#byScope.get(exchange.scope) ?? [])].filter((task) => !task.isModern);
    return new Set(own.filter((task) => this.#permits(task.entry, exchange.caller)).map((task) => task.connection));
  }

  /** A task object of an upstream as its owner sees it; undefined when it is not the caller's, or is of an entry that the caller may not use. */
  exposed(exchange: HostExchange, connection: Connection, task: unknown): Json | undefined {
    if (!isObject(task) || typeof task.taskId !== "string") return undefined;
    const known = this.byNative(connection, task.taskId);
    if (known?.scope !== exchange.scope || known.isModern || !this.#permits(known.entry, exchange.caller)) return undefined;
    return { ...task, taskId: known.exposed };
  }

  /** Notes the state that an upstream told, or a task's result; an ended task holds its connection no longer. */
  observe(connection: Connection, state: Readonly<Json>): void {
    const told = typeof state.taskId === "string";
    if (told && state.ttl !== undefined) this.#extend(connection, state.taskId as string, state.ttl);
    // A result names its task in `_meta`, and is there once the task has ended.
    const native = told ? (state.taskId as string) : relatedTask(state);
    if (native === undefined || (told && !ENDED.has(String(state.status)))) return;
    const task = this.byNative(connection, native);
    // In the modern era a result may be asked for as long as the task lives.
    if (!task?.isModern) connection.restored.endTask(native);
    if (task === undefined || task.ended) return;
    task.ended = true;
    task.endProgress();
    this.#ended.add(task);
  }

  /** Nobody will ask for this one any more. */
  over(task: Task): void {
    this.#forget(task);
  }

  /** Nor for any. */
  clear(): void {
    for (const task of [...this.#tasks.values()]) this.#forget(task);
  }

  /** Its lifetime may change. */
  #extend(connection: Connection, native: string, ttl: unknown): void {
    const task = this.byNative(connection, native);
    if (task) task.expires = task.began + lifetime(ttl);
  }

  get #share(): number {
    return Math.ceil(this.#limit / SHARE);
  }

  /** Takes out tasks that ended longest ago: of this scope where its share is full, else of anybody where the table is. */
  #makeRoom(scope: string): void {
    const own = this.#byScope.get(scope);
    for (const task of this.#ended) {
      if ((own?.size ?? 0) < this.#share) break;
      if (task.scope === scope) this.#forget(task);
    }
    for (const task of this.#ended) {
      if (this.#tasks.size < this.#limit) break;
      this.#forget(task);
    }
  }

  #add(task: Task): void {
    this.#tasks.set(task.exposed, task);
    let own = this.#byScope.get(task.scope);
    if (!own) this.#byScope.set(task.scope, (own = new Set()));
    own.add(task);
    let natives = this.#byNative.get(task.connection);
    if (!natives) this.#byNative.set(task.connection, (natives = new Map()));
    natives.set(task.native, task);
    task.connection.restored.tasks.add(task.native);
    this.#sweep ??= setInterval(() => this.#expire(), SWEEP).unref();
  }

  #forget(task: Task): void {
    this.#tasks.delete(task.exposed);
    this.#ended.delete(task);
    const own = this.#byScope.get(task.scope);
    own?.delete(task);
    if (own?.size === 0) this.#byScope.delete(task.scope);
    const natives = this.#byNative.get(task.connection);
    // The upstream may have used the id again.
    if (natives?.get(task.native) === task) natives.delete(task.native);
    task.connection.restored.endTask(task.native);
    task.endProgress();
    task.forgotten?.();
    if (this.#tasks.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #expire(): void {
    const now = Date.now();
    for (const task of this.#tasks.values()) if (task.expires <= now) this.#forget(task);
  }
}

/**
 * Whose tasks a caller's are. In the modern era nobody can tell those apart who did not say who they are: to them an id is a
 * key, which nobody can guess.
 */
function ownerOf(caller: Caller): string {
  const { id } = caller.principal;
  const isNobody = id === "anonymous" || id === "local";
  return isNobody && isModern(caller.client.version) ? `${id} at ${caller.endpoint ?? ""}` : scopeOf(caller);
}

/** The lifetime that a server promises, in milliseconds from now. */
function lifetime(ttl: unknown): number {
  return typeof ttl === "number" && Number.isFinite(ttl) && ttl > 0 ? Math.min(ttl, DAY) : DAY;
}

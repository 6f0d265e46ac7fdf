import { randomUUID } from "node:crypto";
import type { Connection } from "../upstream/connection.ts";
import { BoundedMap } from "../wire/bounded-map.ts";
import { isObject, type Json, type Request, withRelatedTask } from "../wire/message.ts";

/** Those that are remembered. */
const MOST = 10_000;

/** A task that a client runs for an upstream (a task-augmented sampling or elicitation). */
interface ClientTask {
  readonly connection: Connection;
  readonly caller: string;
  /** The client's own id. */
  readonly native: string;
}

type Asked = Pick<Request, "method" | "params">;

/** Tasks of clients (2025-11-25), which upstreams know by ids of the host's minting: two clients may choose the same. */
export class ClientTasks {
  /** By the id that the upstream knows. */
  readonly #tasks = new BoundedMap<string, ClientTask>(MOST);

  #named(connection: Connection, { method, params }: Asked): ClientTask | undefined {
    const task = method.startsWith("tasks/") ? this.#tasks.get(String(params?.taskId)) : undefined;
    return task?.connection === connection ? task : undefined;
  }

  /** The caller that runs the task which an upstream asks about. */
  runnerOf(connection: Connection, request: Asked): string | undefined {
    return this.#named(connection, request)?.caller;
  }

  /** The params of an upstream's request as the client gets them. */
  shown(connection: Connection, request: Asked): Json {
    const task = this.#named(connection, request);
    const { params = {} } = request;
    return task ? { ...params, taskId: task.native } : params;
  }

  /** A client told the state of one. */
  told(caller: string, params: Readonly<Json>): void {
    for (const [exposed, task] of this.#tasks) {
      if (task.caller !== caller || task.native !== params.taskId) continue;
      task.connection.notify("notifications/tasks/status", { ...params, taskId: exposed });
    }
  }

  /** A client's answer as the upstream gets it. */
  answered(connection: Connection, { method, params }: Asked, caller: string, result: Json): Json {
    const rename = (native: unknown): string | undefined => {
      for (const [exposed, task] of this.#tasks)
        if (task.connection === connection && task.caller === caller && task.native === native) return exposed;
      return undefined;
    };
    if (isObject(result.task) && typeof result.task.taskId === "string" && params?.task !== undefined) {
      const exposed = randomUUID();
      this.#tasks.set(exposed, { connection, caller, native: result.task.taskId });
      return { ...result, task: { ...result.task, taskId: exposed } };
    }
    if (method === "tasks/list" && Array.isArray(result.tasks)) {
      const tasks = result.tasks.flatMap((task: unknown) => {
        const exposed = isObject(task) ? rename(task.taskId) : undefined;
        return exposed === undefined ? [] : [{ ...(task as Json), taskId: exposed }];
      });
      return { ...result, tasks };
    }
    const renamed = method.startsWith("tasks/") && typeof result.taskId === "string" ? { ...result, taskId: params?.taskId } : result;
    return withRelatedTask(renamed, (id) => rename(id) ?? id);
  }
}

import { randomUUID } from "node:crypto";
import type { Connection } from "../upstream/connection.ts";
import { BoundedMap } from "../wire/bounded-map.ts";
import { isObject, type Json, type Request, withRelatedTask } from "../wire/message.ts";

/** Tasks of clients that are remembered. */
const CLIENT_TASKS = 10_000;

/** A task that a client runs for an upstream (a task-augmented sampling or elicitation). */
interface ClientTask {
  readonly connection: Connection;
  readonly caller: string;
  /** The client's own id. */
  readonly native: string;
}

type Asked = Pick<Request, "method" | "params">;

/** The tasks that clients run for upstreams, by ids of the host's own: two clients may choose the same. */
export class ClientTasks {
  readonly #tasks = new BoundedMap<string, ClientTask>(CLIENT_TASKS);

  /** A client told the state of a task. */
  told(caller: string, params: Readonly<Json>): void {
    for (const [exposed, task] of this.#tasks) {
      if (task.caller !== caller || task.native !== params.taskId) continue;
      task.connection.notify("notifications/tasks/status", { ...params, taskId: exposed });
    }
  }

  /** Whose task a connection's request is about; undefined where it is about none. */
  callerOf(connection: Connection, request: Asked): string | undefined {
    return this.#find(connection, request)?.caller;
  }

  /** Params of a connection's request with the client's own id of the task. */
  clientParams(connection: Connection, request: Asked): Json {
    const params = request.params ?? {};
    const task = this.#find(connection, request);
    return task ? { ...params, taskId: task.native } : params;
  }

  #find(connection: Connection, { method, params }: Asked): ClientTask | undefined {
    const task = method.startsWith("tasks/") ? this.#tasks.get(String(params?.taskId)) : undefined;
    return task?.connection === connection ? task : undefined;
  }

  /** A client's answer with the ids of its tasks as the upstream knows them. */
  upstreamResult(connection: Connection, request: Asked, caller: string, result: Json): Json {
    const rename = (native: unknown): string | undefined => {
      for (const [exposed, task] of this.#tasks)
        if (task.connection === connection && task.caller === caller && task.native === native) return exposed;
      return undefined;
    };
    if (isObject(result.task) && typeof result.task.taskId === "string" && request.params?.task !== undefined) {
      const exposed = randomUUID();
      this.#tasks.set(exposed, { connection, caller, native: result.task.taskId });
      return { ...result, task: { ...result.task, taskId: exposed } };
    }
    if (request.method === "tasks/list" && Array.isArray(result.tasks)) {
      const tasks = result.tasks.flatMap((task: unknown) => {
        const exposed = isObject(task) ? rename(task.taskId) : undefined;
        return exposed === undefined ? [] : [{ ...(task as Json), taskId: exposed }];
      });
      return { ...result, tasks };
    }
    const renamed =
      request.method.startsWith("tasks/") && typeof result.taskId === "string" ? { ...result, taskId: request.params?.taskId } : result;
    return withRelatedTask(renamed, (id) => rename(id) ?? id);
  }
}

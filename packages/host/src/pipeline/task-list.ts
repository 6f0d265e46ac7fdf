import { HostError } from "../errors.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Json } from "../wire/message.ts";
import type { Exchange } from "./exchange.ts";
import type { Sender } from "./sender.ts";
import type { TaskTable } from "./tasks.ts";

const PAGES = 100;

/** `tasks/list`: the caller's own tasks, asked of every connection that runs one, under the ids that the caller knows. */
export async function listTasks(exchange: Exchange, tasks: TaskTable, sender: Sender): Promise<Json> {
  const listed: Json[] = [];
  for (const connection of tasks.connections(exchange)) {
    let cursor: string | undefined;
    for (let page = 0; page < PAGES; page++) {
      const result = await readPage(exchange, connection, sender, cursor);
      for (const task of Array.isArray(result.tasks) ? result.tasks : []) {
        const exposed = tasks.exposed(exchange, connection, task);
        if (exposed) listed.push(exposed);
      }
      if (typeof result.nextCursor !== "string" || result.nextCursor === cursor) break;
      cursor = result.nextCursor;
    }
  }
  return { tasks: listed };
}

async function readPage(exchange: Exchange, connection: Connection, sender: Sender, cursor: string | undefined): Promise<Json> {
  const { key } = connection.facts;
  const page = exchange.derive();
  page.params = cursor === undefined ? {} : { cursor };
  page.target = {
    entry: { kind: "method", name: exchange.method, upstream: key, native: exchange.method, definition: {} },
    connection,
    write: (params) => params as Json,
    unknown: () => new HostError("method_not_found", `Method not found: ${exchange.method}`),
  };
  page.route = { upstream: key };
  const forward = (error: HostError): void => page.cancel(error);
  exchange.onStop(forward);
  try {
    return await sender.handler(key, exchange.method)(page);
  } finally {
    exchange.offStop(forward);
    page.release();
  }
}

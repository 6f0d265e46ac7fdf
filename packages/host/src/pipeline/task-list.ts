import { HostError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Json } from "../wire/message.ts";
import type { Sender } from "./sender.ts";
import type { Target } from "./target.ts";
import type { TaskTable } from "./tasks.ts";

const PAGES = 100;
/** Milliseconds that the caller waits longer than for the slowest upstream. */
const GRACE = 1_000;

/**
 * `tasks/list`: the caller's own tasks, asked of every connection that runs one, under the ids that the caller knows.
 * Each upstream has its own time; one that cannot be asked is left out and named in `_meta`.
 */
export async function listTasks(exchange: HostExchange, tasks: TaskTable, sender: Sender): Promise<Json> {
  const connections = [...tasks.connections(exchange)];
  // The caller must not run out of time before the slowest upstream did.
  const timeout = Math.max(0, ...connections.map(({ config }) => config.timeout)) + GRACE;
  exchange.allow({ timeout, maxTimeout: timeout + GRACE });
  const missing = new Set<string>();
  const listed = await Promise.all(
    connections.map(async (connection) => {
      try {
        return await readTasks(exchange, connection, tasks, sender);
      } catch {
        missing.add(connection.facts.key);
        return [];
      }
    }),
  );
  if (exchange.stopped) throw exchange.stopped;
  return { tasks: listed.flat(), ...(missing.size > 0 && { _meta: { "io.mcp-host/partial": [...missing] } }) };
}

async function readTasks(exchange: HostExchange, connection: Connection, tasks: TaskTable, sender: Sender): Promise<Json[]> {
  const until = performance.now() + connection.config.timeout;
  const listed: Json[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const result = await readPage(exchange, connection, sender, cursor, until - performance.now());
    for (const task of Array.isArray(result.tasks) ? result.tasks : []) {
      const exposed = tasks.exposed(exchange, connection, task);
      if (exposed) listed.push(exposed);
    }
    if (typeof result.nextCursor !== "string" || result.nextCursor === cursor) break;
    cursor = result.nextCursor;
  }
  return listed;
}

async function readPage(
  exchange: HostExchange,
  connection: Connection,
  sender: Sender,
  cursor: string | undefined,
  timeout: number,
): Promise<Json> {
  const { key } = connection.facts;
  const page = exchange.derive();
  page.params = cursor === undefined ? {} : { cursor };
  const target: Target = {
    entry: { kind: "method", name: exchange.method, upstream: key, native: exchange.method, definition: {} },
    connection,
    write: (params) => params as Json,
    unknown: () => new HostError("method_not_found", `Method not found: ${exchange.method}`),
  };
  page.target = target;
  page.route = { upstream: key };
  page.timeLimits = { timeout, maxTimeout: timeout };
  const forward = (error: HostError): void => page.cancel(error);
  exchange.onStop(forward);
  page.start();
  try {
    return await sender.handler(key, exchange.method)(page);
  } finally {
    exchange.offStop(forward);
    page.release();
  }
}

/** The thread that writes the database: it takes lines in transactions. */
import { closeSync, openSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { DatabaseSync } from "@photostructure/sqlite";
import type { Reply, Request, Task } from "./sqlite-task.ts";

/** Says in the file's header whose it is: "mcpa". */
const APPLICATION = 0x6d637061;
const TABLES = `
  create table lines (n integer primary key, at text not null, type text not null, who text, name text, upstream text, method text, outcome text, line text not null) strict;
  create index lines_by_time on lines (at);
  create index lines_by_who on lines (who, at);
  create index lines_by_name on lines (name, at);
  pragma application_id = ${APPLICATION};
  pragma user_version = 1;
`;

const { file, timeout } = workerData as Task; // the receiver starts it
const port = parentPort as NonNullable<typeof parentPort>; // it is a thread
const tell = (reply: Reply): void => port.postMessage(reply);

function open(): InstanceType<typeof DatabaseSync> {
  try {
    // SQLite gives what it makes beside the file the same rights.
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // fs throws these
  }
  const database = new DatabaseSync(file, { timeout });
  const numberOf = (sql: string): number => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
  const application = numberOf("pragma application_id");
  if (application === 0 && numberOf("select count(*) from sqlite_master") === 0) {
    database.exec("pragma journal_mode = wal");
    database.exec(TABLES);
  } else if (application !== APPLICATION) throw new Error("it is a database of another program; name another file");
  database.exec("pragma synchronous = normal");
  tell({ opened: numberOf("select coalesce(max(n), 0) from lines") });
  return database;
}

function start(): void {
  const database = open();
  const insert = database.prepare("insert or replace into lines values (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const remove = database.prepare("delete from lines where n < ?");
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  port.on("message", (request: Request) => {
    if ("close" in request) {
      database.close();
      return port.close();
    }
    try {
      database.exec("begin immediate");
      try {
        for (const line of request.lines) {
          const { n, at, type, who, name, upstream, method, operation, outcome, first } = JSON.parse(line) as Record<string, unknown>; // a line of the log
          insert.run(
            Number(n),
            String(at),
            String(type),
            text(who),
            text(name),
            text(upstream),
            text(method ?? operation),
            text(outcome),
            line,
          );
          // What the log does not keep any longer is not kept here.
          if (type === "removed" && typeof first === "number") remove.run(first);
        }
        database.exec("commit");
      } catch (error) {
        if (database.isTransaction) database.exec("rollback");
        throw error;
      }
      tell({ done: true });
    } catch (error) {
      tell({ failed: error instanceof Error ? error.message : String(error) });
    }
  });
}

try {
  start();
} catch (error) {
  tell({ failed: error instanceof Error ? error.message : String(error) });
  port.close();
}

import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from "@photostructure/sqlite";
import { is } from "./failure.ts";

/** The form of the tables. A higher one is a later version's. */
const SCHEMA = 1;
/** Says in the file's header whose it is: "mcph". */
const APPLICATION = 0x6d637068;
/** Milliseconds between tries to get what SQLite does not wait for by itself. */
const PAUSE = 20;

const TABLES = `
  create table entries (key text primary key, value text not null, expires real) strict;
  create index entries_by_end on entries (expires) where expires is not null;
  create table leases (name text primary key, owner text not null, expires real not null) strict, without rowid;
  create table messages (id integer primary key autoincrement, topic text not null, body text not null, at real not null) strict;
  pragma application_id = ${APPLICATION};
  pragma user_version = ${SCHEMA};
`;

/** A file that must not be used as it is. The message says the remedy. */
export class WrongFile extends Error {}

export interface Opening {
  readonly file: string;
  /** Milliseconds that a lock of another process may last. */
  readonly timeout: number;
}

/**
 * Opens a store file, and makes it where there is none. Waits for others who do the same, so it is nothing for an event loop.
 * @throws WrongFile where it is another program's, or a later version's
 */
export function openStore({ file, timeout }: Opening): DatabaseSyncInstance {
  create(file);
  const database = connect({ file, timeout });
  try {
    patiently(timeout, () => prepare(database, file));
    // A commit is in the system's hands then, and survives the process; a power cut may take the last ones, never the file.
    database.exec("pragma synchronous = normal");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A connection to a store file that is there. @throws WrongFile as {@link openStore} does */
export function openExisting(opening: Opening): DatabaseSyncInstance {
  const database = connect(opening);
  try {
    if (!isOurs(database, opening.file)) throw new WrongFile(`the store file ${opening.file} is empty: no host has used it yet`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A statement whose rows are lists of columns. */
export function rowsOf(database: DatabaseSyncInstance, sql: string): StatementSyncInstance {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return statement;
}

/** The first column of a statement's first row. */
export function numberOf(database: DatabaseSyncInstance, sql: string): number {
  return Number((rowsOf(database, sql).get() as [unknown] | undefined)?.[0]); // one column
}

/** The log beside the file, which SQLite puts beside what a link leads to. */
export function logOf(database: DatabaseSyncInstance): string {
  const [, , file] = rowsOf(database, "pragma database_list").get() as [number, string, string]; // its columns
  return `${file}-wal`;
}

function connect({ file, timeout }: Opening): DatabaseSyncInstance {
  return new DatabaseSync(file, { timeout });
}

/**
 * Makes the file, so that SQLite gives what it makes beside it the same rights. A file that is there is not even opened: closing it
 * would take the locks from whoever has it open in this process.
 */
function create(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw Object.assign(new Error(String(error)), { errcode: 14 });
  }
}

function prepare(database: DatabaseSyncInstance, file: string): void {
  if (isOurs(database, file) && journal(database) === "wal") return;
  database.exec("pragma journal_mode = wal");
  database.exec("begin immediate");
  try {
    if (!isOurs(database, file)) database.exec(TABLES);
    database.exec("commit");
  } catch (error) {
    database.exec("rollback");
    throw error;
  }
}

const journal = (database: DatabaseSyncInstance): unknown => (rowsOf(database, "pragma journal_mode").get() as [unknown])[0]; // it always has one

/** False for a file that is empty. */
function isOurs(database: DatabaseSyncInstance, file: string): boolean {
  const application = numberOf(database, "pragma application_id");
  const schema = numberOf(database, "pragma user_version");
  if (application === 0 && schema === 0 && numberOf(database, "select count(*) from sqlite_master") === 0) return false;
  if (application !== APPLICATION) throw new WrongFile(`the store file ${file} is a database of another program; name another file`);
  if (schema > SCHEMA)
    throw new WrongFile(
      `the store file ${file} has form ${schema}, which a later version of @host/plugin-sqlite made, and this one knows forms up to ${SCHEMA}; update the plugin, or name another file`,
    );
  return true;
}

/** Tries again while somebody else makes the file: to change its journal, SQLite waits for nobody. */
function patiently(timeout: number, work: () => void): void {
  const deadline = performance.now() + timeout;
  for (;;)
    try {
      return work();
    } catch (error) {
      if (!is(error, "busy") || performance.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
}

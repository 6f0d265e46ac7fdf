import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { openExisting, WrongFile } from "./database.ts";
import { explained } from "./failure.ts";

/** Milliseconds that is waited for who writes: one against all, and in no hurry. */
const TIMEOUT = 60_000;

/** Works on a store file that is there, whether or not a host has it open. @throws Error that says what is wrong with it */
export function withStore<T>(file: string, work: (database: DatabaseSyncInstance) => T): T {
  let database: DatabaseSyncInstance | undefined;
  try {
    database = openExisting({ file, timeout: TIMEOUT });
    return work(database);
  } catch (error) {
    throw error instanceof WrongFile ? error : new Error(explained(error, file, { timeout: TIMEOUT }), { cause: error });
  } finally {
    database?.close();
  }
}

import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import type { PluginCommandData } from "mcp-host";
import { openExisting, WrongFile } from "../database.ts";
import { explained } from "../failure.ts";
import type { Options } from "../options.ts";

/** What a command of this plugin is given. */
export interface Context {
  readonly args: { readonly json?: boolean };
  /** The host gives it; the options are those of this plugin. */
  readonly data?: PluginCommandData;
}

/** Milliseconds that a command waits for who writes: it is one against all, and in no hurry. */
const TIMEOUT = 60_000;

/** Works on the file of the config, whether or not a host has it open. @throws Error that says what is wrong with it */
export function withFile<T>({ data }: Context, work: (database: DatabaseSyncInstance, file: string) => T): T {
  const { options, folder } = data as PluginCommandData; // a command of a plugin is always given them
  const file = resolve(folder, (options as Options).file); // parsed by the plugin's schema
  if (!existsSync(file)) throw new Error(`there is no store file ${file} yet; a host makes it when it starts`);
  let database: DatabaseSyncInstance | undefined;
  try {
    database = openExisting({ file, timeout: TIMEOUT });
    return work(database, file);
  } catch (error) {
    throw error instanceof WrongFile ? error : new Error(explained(error, file, { timeout: TIMEOUT }), { cause: error });
  } finally {
    database?.close();
  }
}

/** Bytes of a file, 0 where there is none. */
export function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import type { PluginCommandData } from "mcp-host";
import { withStore } from "../existing.ts";
import type { Options } from "../options.ts";

/** What a command of this plugin is given. */
export interface Context {
  readonly args: { readonly json?: boolean };
  /** The host gives it; the options are those of this plugin. */
  readonly data?: PluginCommandData;
}

/** Works on the file of the config, whether or not a host has it open. @throws Error that says what is wrong with it */
export function withFile<T>({ data }: Context, work: (database: DatabaseSyncInstance, file: string) => T): T {
  const { options, folder } = data as PluginCommandData; // a command of a plugin is always given them
  const file = resolve(folder, (options as Options).file); // parsed by the plugin's schema
  if (!existsSync(file)) throw new Error(`there is no store file ${file} yet; a host makes it when it starts`);
  return withStore(file, (database) => work(database, file));
}

/** Bytes of a file, 0 where there is none. */
export function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

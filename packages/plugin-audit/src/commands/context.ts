import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { PluginCommandData } from "mcp-host";
import { HeadCheck } from "../chain.ts";
import { filesOf } from "../files.ts";
import type { Options } from "../options.ts";

/** The flag that names another log than the config's. */
export const fileArg = { file: { type: "string", valueHint: "path", description: "The log; default: that of the config" } } as const;

/** What a command works on. */
export interface Log {
  /** Absolute. */
  readonly path: string;
  /** All files that there are of it, in the order of its lines. */
  readonly files: readonly string[];
  readonly options: Options;
  /** The config's. */
  readonly folder: string;
  /** Whether it is the log of the config. */
  readonly isOwn: boolean;
}

/** @throws Error where there is no log */
export function logOf(data: PluginCommandData | undefined, file: string | undefined): Log {
  const { options, folder } = data as PluginCommandData; // a command of a plugin is always given them
  const given = options as Options; // parsed by this plugin's schema
  if (file === undefined && given.file === false) throw new Error("the config says that no file is written; name one with --file");
  const path = file === undefined ? resolve(folder, given.file as string) : resolve(file); // just looked at
  const files = filesOf(path);
  if (files.length === 0) throw new Error(`there is no audit log ${path}; a host makes it when it starts`);
  return { path, files, options: given, folder, isOwn: file === undefined };
}

/** Tells genuine heads by a key in a file, or else by that of the config. @throws Error for what is no key */
export function checkOf({ signing }: Options, file: string | undefined): HeadCheck | undefined {
  if (file === undefined) return signing && new HeadCheck(signing.key);
  const path = resolve(file);
  if (!existsSync(path)) throw new Error(`--public-key: there is no file ${path}`);
  try {
    return new HeadCheck(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`--public-key: ${path} ${(error as Error).message}`); // it throws nothing else
  }
}

/** Writes to standard output as fast as its reader reads. @returns whether it still reads */
export async function print(text: string): Promise<boolean> {
  const { stdout } = process;
  if (stdout.destroyed) return false;
  if (!stdout.write(text))
    await new Promise<void>((resolve) => {
      const over = (): void => {
        stdout.off("drain", over);
        stdout.off("close", over);
        stdout.off("error", over);
        resolve();
      };
      stdout.on("drain", over).on("close", over).on("error", over);
    });
  return !stdout.destroyed;
}

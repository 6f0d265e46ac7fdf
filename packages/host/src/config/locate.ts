import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError, ConfigFileError } from "../errors.ts";

/** The extensions of configs in code. */
export const CODE_EXTENSIONS = ["ts", "mts", "cts", "js", "mjs", "cjs"] as const;
/** The extensions of every form that a config may have. */
export const EXTENSIONS = ["json", "jsonc", "yaml", "yml", "toml", ...CODE_EXTENSIONS] as const;

/** The file names that are looked for without a path given, as people write them. */
const FILE_NAMES = `mcp-host.config.{${EXTENSIONS.join(",")}}`;

/** The config files of a folder, of which there should be one. */
export function configsIn(folder: string): string[] {
  return EXTENSIONS.map((extension) => resolve(folder, `mcp-host.config.${extension}`)).filter((file) => existsSync(file));
}

/** The config file of a folder. @throws ConfigError where there is none, or more than one */
export function findConfig(folder: string): string {
  const found = configsIn(folder);
  const [file] = found;
  if (!file) throw new ConfigError([`there is no ${FILE_NAMES} in ${folder}; run \`mcp-host init\`, or name a file with --config`]);
  if (found.length > 1)
    throw new ConfigError([`there are several configs: ${found.join(", ")}; remove all but one or name one with --config`]);
  return file;
}

/** The config file that is meant, absolute, existing or not. @throws ConfigFileError where it is not named and not to be found */
export function locateConfig(path: string | undefined, cwd = process.cwd()): Promise<string> {
  return located(undefined, () => (path === undefined ? findConfig(cwd) : resolve(cwd, path)));
}

/** Tells of each ConfigError which file it is about. */
export async function located<T>(path: string | undefined, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigFileError(error.problems, path) : error;
  }
}

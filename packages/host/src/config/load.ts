import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import { expandConfig } from "./expand.ts";
import { impossibleNames } from "./impossible.ts";
import { parseConfig } from "./parse.ts";
import { loadPlugins } from "./plugins.ts";
import { FILE_NAMES, readConfigFile } from "./read.ts";
import type { Config, PluginConfig } from "./schema.ts";
import { secretsInArguments } from "./secrets.ts";
import { parseSettings, withPlace } from "./set.ts";
import { type Environment, Variables } from "./variables.ts";

export interface LoadOptions {
  /** `--set` in its order: `NAME=value` for a variable, `a.place=value` for a place of the config. */
  set?: readonly string[];
  /** Default: `process.env`. */
  env?: Environment;
  /** Where a config is looked for without a path. Default: the working directory. */
  cwd?: string;
}

export interface LoadedConfig {
  /** The config with every `${...}` replaced; checked, defaults not yet filled in. */
  readonly config: Config;
  /** The folder of the file, where relative paths begin. */
  readonly folder: string;
  readonly path: string;
  /** What is allowed and yet unwise. */
  readonly warnings: readonly string[];
}

/** A config file that cannot be used: every problem of it, and which file it is. */
export class ConfigFileError extends ConfigError {
  readonly path: string | undefined;
  constructor(problems: readonly string[], path: string | undefined) {
    super(problems);
    this.name = "ConfigFileError";
    this.path = path;
  }
}

/**
 * Reads a config file, expands and checks it.
 * @param path the file, or undefined to look for `mcp-host.config.{json,jsonc,yaml,yml}`
 * @throws ConfigFileError with every problem at once, those of plugins included
 */
export async function loadConfig(path: string | undefined, options: LoadOptions = {}): Promise<LoadedConfig> {
  const cwd = options.cwd ?? process.cwd();
  const file = findConfig(path, cwd);
  const folder = dirname(file);
  try {
    const { value, warnings } = await readConfigFile(file);
    if (value === null || value === undefined) throw new ConfigError(["the config: is empty; write at least mcpServers into it"]);
    const problems: string[] = [];
    const { variables, places } = parseSettings(options.set ?? [], problems);
    let written = value;
    for (const { place, value: text } of places) written = collect(problems, () => withPlace(written, place, text)) ?? written;
    const expanded = expandConfig(written, new Variables(variables, options.env ?? process.env, folder), problems);
    const config = expanded as Config; // parseConfig says whether it is one
    problems.push(...impossibleNames(config));
    await check(config, folder, problems);
    if (problems.length > 0) throw new ConfigError(problems);
    warnings.push(...secretsInArguments((written as Config).mcpServers, config.mcpServers));
    if (Object.keys(config.mcpServers ?? {}).length === 0)
      warnings.push("mcpServers is empty, so the host has nothing to serve; add a server to it");
    return { config, folder, path: file, warnings };
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigFileError(error.problems, file) : error;
  }
}

/** Adds the problems of the schema and of the plugins to those that were found before. */
async function check(config: Config, folder: string, problems: string[]): Promise<void> {
  // What is told of a place already is not told again of the value that is missing there.
  const told = problems.map(placeIn);
  const malformed = problemsOf(() => parseConfig(config));
  problems.push(...malformed.filter((problem) => !told.includes(placeIn(problem))));
  if (problems.length === 0) return; // the host loads the plugins and tells about them
  const plugins = Array.isArray(config?.plugins) ? config.plugins : [];
  const sound = (_: unknown, index: number): boolean => !malformed.some((problem) => problem.startsWith(`plugins[${index}]`));
  const options = told.map((place) => place.replace(/^(plugins\[\d+\])\[1\]/, "$1.options"));
  try {
    await loadPlugins(plugins as PluginConfig[], folder, sound); // the schema has nothing against those that are sound
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const related = (place: string): boolean => options.some((before) => before.startsWith(place) || place.startsWith(before));
    problems.push(...error.problems.filter((problem) => !related(placeIn(problem))));
  }
}

function problemsOf(work: () => void): readonly string[] {
  try {
    work();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** What a problem is about: it begins with its place. */
function placeIn(problem: string): string {
  return problem.slice(0, Math.max(0, problem.indexOf(": ")));
}

/** The file that is read: the given one, or the only one of the known names in the folder. @throws ConfigFileError when there is none or several */
export function findConfig(path: string | undefined, cwd: string): string {
  if (path !== undefined) return resolve(cwd, path);
  const found = FILE_NAMES.map((name) => resolve(cwd, name)).filter((file) => existsSync(file));
  const [file] = found;
  if (!file)
    throw new ConfigFileError(
      [`there is no mcp-host.config.{json,jsonc,yaml,yml} in ${cwd}; write one or name a file with --config`],
      undefined,
    );
  if (found.length > 1)
    throw new ConfigFileError([`there are several configs: ${found.join(", ")}; remove all but one or name one with --config`], undefined);
  return file;
}

/** What `make` gives, or undefined and its error among the problems. */
function collect<T>(problems: string[], make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    problems.push((error as Error).message); // it throws Errors with words for the operator
    return undefined;
  }
}

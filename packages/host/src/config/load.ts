import { resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import { bringValues } from "./bring.ts";
import { commandHints } from "./command-hints.ts";
import { readEnvFile } from "./env-files.ts";
import { expandConfig, type Use } from "./expand.ts";
import { impossibleNames } from "./impossible.ts";
import { located } from "./locate.ts";
import { parseConfig, placeOf } from "./parse.ts";
import { isPlainObject } from "./plain.ts";
import type { Config, PluginConfig } from "./schema.ts";
import { isSecret, rememberSecret, secretsInArguments } from "./secrets.ts";
import { dispensable, type Lack, withUnconfigured } from "./set-aside.ts";
import { locateReadable } from "./trust.ts";
import { collect, type LoadOptions, readWritten, type WrittenConfig } from "./written.ts";

export type { LoadOptions } from "./written.ts";

export interface LoadedConfig {
  /** The config with every `${...}` replaced; checked, defaults not yet filled in. */
  readonly config: Config;
  /** The folder of the file, where relative paths begin. */
  readonly folder: string;
  readonly path: string;
  /** The file itself, and every other one that its values come from: files of variables, credentials, `${file:...}`. */
  readonly files: readonly string[];
  /** What is allowed and yet unwise. */
  readonly warnings: readonly string[];
  /** What servers lack that are left unconfigured for it, a line each; the others can be used. */
  readonly unset: readonly string[];
}

/**
 * Reads a config file, expands and checks it. A server that refers to a value which is not there is left unconfigured, unless it is
 * `required`; anywhere else such a reference is a problem.
 * @param path the file, or undefined to look for `mcp-host.config.*`; one in code that was found needs to be trusted
 * @throws ConfigFileError with every problem at once, those of plugins included
 */
export async function loadConfig(path: string | undefined, options: LoadOptions = {}): Promise<LoadedConfig> {
  const { written, config, files, unset } = await loadExpanded(path, options);
  return { config, folder: written.folder, path: written.path, files, warnings: written.warnings, unset };
}

/** A config that can be used, with how the file writes it and which references it has. */
export interface ExpandedConfig extends Pick<LoadedConfig, "files" | "unset"> {
  readonly written: WrittenConfig;
  readonly config: Config;
  readonly uses: readonly Use[];
}

/** As {@link loadConfig}, with more of how the config came to be. */
export async function loadExpanded(path: string | undefined, options: LoadOptions = {}): Promise<ExpandedConfig> {
  const file = await locateReadable(path, options.cwd);
  return located(file, async () => expandWritten(await readWritten(file, options), options));
}

/** Expands and checks what was written, wherever. @throws ConfigError with every problem at once */
export async function expandWritten(written: WrittenConfig, options: LoadOptions = {}): Promise<ExpandedConfig> {
  const { problems, warnings } = written;
  await ask(written, options.ask);
  await bringValues(written, options.variableSources);
  const uses: Use[] = [];
  const expanded = expandConfig(written.value, written.variables, problems, uses);
  const lacks = uses.flatMap(({ path, missing }): Lack[] => (missing === undefined ? [] : [{ path, problem: missing }]));
  const whole = withEnvFileValues(expanded, written, lacks) as Config; // parseConfig says whether it is one
  problems.push(...lacks.map(({ problem }) => problem).filter((problem) => !problems.includes(problem)));
  problems.push(...impossibleNames(whole));
  await check(whole, written.folder, problems, options.pluginProblems);
  const lacking = dispensable(whole, lacks);
  const tolerable = new Set([...lacking.values()].flat().map(({ problem }) => problem));
  const told = (problem: string): string => asWritten(problem, written);
  if (problems.some((problem) => !tolerable.has(problem))) throw new ConfigError(problems.map(told));
  const config = withUnconfigured(whole, lacking, told);
  warnings.push(...secretsInArguments((written.value as Config).mcpServers, whole.mcpServers).map(told));
  warnings.push(...commandHints(config, written.folder).map(told));
  // A plugin may offer something of its own.
  if (Object.keys(config.mcpServers ?? {}).length === 0 && (config.plugins ?? []).length === 0)
    warnings.push("mcpServers is empty, so the host has nothing to serve; add a server to it");
  return { written, config, uses, files: filesOf(expanded, written, uses), unset: problems.map(told) };
}

/** Every file that a config is made of. The credentials file is one even before it is there: it may come. */
function filesOf(expanded: unknown, { path, folder, envFiles, variables }: WrittenConfig, uses: readonly Use[]): string[] {
  const servers = isPlainObject(expanded) && isPlainObject(expanded.mcpServers) ? Object.values(expanded.mcpServers) : [];
  const theirs = servers.flatMap((server) =>
    isPlainObject(server) && typeof server.envFile === "string" ? [resolve(folder, server.envFile)] : [],
  );
  const named = uses.map(({ kind, name }) => (kind === "file" ? resolve(folder, name) : variables.credentialsPath));
  return [...new Set([path, ...envFiles.map((file) => file.path), ...theirs, ...named])];
}

/** Asks for each input that the config uses and nobody has set. */
async function ask({ value, variables, inputs }: WrittenConfig, question: LoadOptions["ask"]): Promise<void> {
  if (!question) return;
  const uses: Use[] = [];
  expandConfig(value, variables, [], uses);
  for (const input of inputs) {
    const found = uses.find(({ kind, id }) => kind === "input" && id === input.id);
    if (!found || (found.source !== undefined && found.source !== "default") || input.type === "command") continue;
    const answer = await question(input);
    if (answer !== undefined) variables.answer(input.id, answer);
  }
}

/** What servers' `envFile`s hold, below what their `env` says. @param lacks gets the files that cannot be read */
function withEnvFileValues(config: unknown, { folder }: WrittenConfig, lacks: Lack[]): unknown {
  if (!isPlainObject(config) || !isPlainObject(config.mcpServers)) return config;
  const servers = Object.entries(config.mcpServers).map(([name, server]) => {
    if (!isPlainObject(server) || typeof server.envFile !== "string" || Object.hasOwn(server, "url")) return [name, server];
    const { envFile, env, ...rest } = server;
    const path = ["mcpServers", name, "env"];
    const place = ["mcpServers", name, "envFile"];
    const problems: string[] = [];
    // One whose own name is not known is told of already.
    const isKnown = !lacks.some(({ path }) => placeOf(path) === placeOf(place));
    const file = isKnown ? collect(problems, () => readEnvFile(envFile, folder), `${placeOf(place)}: `) : undefined;
    lacks.push(...problems.map((problem) => ({ path: place, problem })));
    const values = Object.entries(file?.values ?? {});
    for (const [key, value = ""] of values) if (isSecret([...path, key], key, value)) rememberSecret(value);
    return [name, { ...rest, env: isPlainObject(env) || env === undefined ? { ...Object.fromEntries(values), ...env } : env }];
  });
  return { ...config, mcpServers: Object.fromEntries(servers) };
}

/** A problem with its place as the file names it, and with the variable that brought the value. */
function asWritten(problem: string, { renamed, overrides }: WrittenConfig): string {
  const place = placeIn(problem);
  const [own] = overrides.filter(
    ({ path }) => place === placeOf(path) || place.startsWith(`${placeOf(path)}.`) || place.startsWith(`${placeOf(path)}[`),
  );
  const told = renamed && !own ? problem.replace(/^mcpServers(?=[.:])/, "servers") : problem;
  return own ? `${told} (it comes from the variable ${own.variable})` : told;
}

/** Adds the problems of the schema and of the plugins to those that were found before. */
async function check(config: Config, folder: string, problems: string[], pluginProblems: LoadOptions["pluginProblems"]): Promise<void> {
  // What is told of a place already is not told again of the value that is missing there.
  const told = problems.map(placeIn);
  const malformed = problemsOf(() => parseConfig(config));
  problems.push(...malformed.filter((problem) => !told.includes(placeIn(problem))));
  if (problems.length === 0 || !pluginProblems) return; // the host loads the plugins and tells about them
  const plugins = Array.isArray(config?.plugins) ? config.plugins : [];
  // Whatever else is wrong with an entry, the plugin that it names can be looked at.
  const sound = (_: unknown, index: number): boolean =>
    !malformed.some((problem) => [`plugins[${index}]`, `plugins[${index}].use`].includes(placeIn(problem)));
  const options = told.map((place) => place.replace(/^(plugins\[\d+\])\[1\]/, "$1.options"));
  const found = await pluginProblems(plugins as PluginConfig[], folder, sound); // the schema has nothing against those that are sound
  const related = (place: string): boolean => options.some((before) => before.startsWith(place) || place.startsWith(before));
  problems.push(...found.filter((problem) => !related(placeIn(problem))));
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

import { dirname } from "node:path";
import { ConfigError } from "../errors.ts";
import { type EnvFile, type Environment, readEnvFile, withEnvFiles } from "./env-files.ts";
import { type Override, overridesOf, withOverrides } from "./environment.ts";
import { expandValue, namesIn } from "./expand.ts";
import { isOff, ownForm } from "./foreign.ts";
import { type Input, parseInputs } from "./inputs.ts";
import { copyPlain, isPlainObject } from "./plain.ts";
import { readConfigFile } from "./read.ts";
import type { PluginConfig } from "./schema.ts";
import { parseSettings, withPlace } from "./set.ts";
import type { VariableSource } from "./variable-source.ts";
import { Variables } from "./variables.ts";

export interface LoadOptions {
  /** `--set` in its order: `NAME=value` for a variable, `a.place=value` for a place of the config. */
  set?: readonly string[];
  /** `--env-file` in its order: files of variables; the environment wins over them, and later ones over earlier ones. */
  envFiles?: readonly string[];
  /** Default: `process.env`. */
  env?: Environment;
  /** Where a config is looked for without a path. Default: the working directory. */
  cwd?: string;
  /** Asks a person for an input that nobody has set. Default: nobody is asked. */
  ask?: (input: Input) => Promise<string | undefined>;
  /**
   * Opens what plugins bring values from, by the words that references to them begin with. Asked only where a config has such references.
   * Default: nothing is opened, and each such reference is a problem: whoever takes a config from a network path says nothing here.
   * @param entries of `plugins`; undefined are those that cannot bring any
   */
  variableSources?: (
    entries: readonly (PluginConfig | undefined)[],
    folder: string,
    config: string,
  ) => Promise<ReadonlyMap<string, VariableSource>>;
  /**
   * Looks for what is wrong with plugins beyond what the schema sees, so that it is told together with the rest where
   * something else is wrong. Default: nobody looks; who makes a host of the config is told then.
   * @param sound says which entries the schema has nothing against
   */
  pluginProblems?: (
    plugins: readonly PluginConfig[],
    folder: string,
    sound: (config: PluginConfig, index: number) => boolean,
  ) => Promise<readonly string[]>;
}

/** A config as its file, the environment and the command line write it: nothing expanded, nothing checked yet. */
export interface WrittenConfig {
  readonly value: unknown;
  readonly path: string;
  readonly folder: string;
  readonly env: Environment;
  readonly envFiles: readonly EnvFile[];
  readonly inputs: readonly Input[];
  readonly variables: Variables;
  readonly overrides: readonly Override[];
  /** The file calls its servers `servers`. */
  readonly renamed: boolean;
  readonly warnings: string[];
  readonly problems: string[];
}

/** Reads a config file and puts over it what the environment and `--set` say. @throws ConfigError for a file that cannot be read */
export async function readWritten(path: string, options: LoadOptions): Promise<WrittenConfig> {
  const problems: string[] = [];
  const folder = dirname(path);
  const cwd = options.cwd ?? process.cwd();
  const envFiles = (options.envFiles ?? []).flatMap(
    (name) => collect(problems, () => readEnvFile(name, cwd), `--env-file ${name}: `) ?? [],
  );
  const own = options.env ?? process.env;
  const env = withEnvFiles(own, envFiles);
  const { value, warnings } = await readConfigFile(path, env);
  if (value === null || value === undefined) throw new ConfigError(["the config: is empty; write at least mcpServers into it"]);
  const { config, renamed, ...form } = ownForm(collect(problems, () => copyPlain(value)) ?? {});
  problems.push(...form.problems);
  const inputs = form.inputs === undefined ? [] : (collectAll(problems, () => parseInputs(form.inputs)) ?? []);

  const overrides = overridesOf(config, env, new Set(namesIn(config)), warnings);
  let written = withOverrides(config, overrides);
  const { variables: set, places } = parseSettings(options.set ?? [], problems);
  for (const { place, value: text } of places)
    written = collect(problems, () => withPlace(written, place.replace(/^servers(?=\.)/, "mcpServers"), text)) ?? written;

  const variables = new Variables(set, own, folder, { envFiles, inputs });
  return {
    value: withoutOff(written, variables),
    ...{ path, folder, env, envFiles, inputs, variables, overrides, renamed, warnings, problems },
  };
}

/** Servers that are switched off are as good as not there: their variables need not be set. */
function withoutOff(config: unknown, variables: Variables): unknown {
  if (!isPlainObject(config) || !isPlainObject(config.mcpServers)) return config;
  const servers = Object.entries(config.mcpServers).map(([name, server]) => {
    if (!isPlainObject(server)) return [name, server] as const;
    const switches = Object.entries(server).filter(([key]) => key === "disabled" || key === "enabled");
    const expanded = switches.map(([key, value]) => {
      const unset: string[] = [];
      const said = expandValue(value, ["mcpServers", name, key], { variables, problems: unset, uses: [] });
      return [key, unset.length > 0 ? value : said]; // what is missing is told with the rest of the entry
    });
    return [name, { ...server, ...Object.fromEntries(expanded) }] as const;
  });
  return { ...config, mcpServers: Object.fromEntries(servers.filter(([, server]) => !isOff(server))) };
}

/** What `make` gives, or undefined and its error among the problems. */
export function collect<T>(problems: string[], make: () => T, place = ""): T | undefined {
  try {
    return make();
  } catch (error) {
    problems.push(`${place}${(error as Error).message}`); // it throws Errors with words for the operator
    return undefined;
  }
}

function collectAll<T>(problems: string[], make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire, register } from "node:module";
import { pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
import satisfies from "semver/functions/satisfies.js";
import gtr from "semver/ranges/gtr.js";
import { moduleProblem } from "../config/code.ts";
import { optionProblems } from "../config/option-problems.ts";
import { writableByAll } from "../config/permissions.ts";
import { isPlugin, isPluginFactory, type PluginValue } from "../config/plugin-brand.ts";
import type { PluginCondition } from "../config/plugin-schema.ts";
import type { PluginConfig } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import { API_VERSION, VERSION } from "../version.ts";
import { withDeadline } from "../wire/deadline.ts";
import { COMMAND_NAMES } from "./command-names.ts";
import { withLocalImports } from "./local-imports.ts";
import { locatePlugin } from "./locate-plugin.ts";
import { inOrder } from "./order.ts";
import { definitionProblem, NO_OPTIONS, type PluginDefinition } from "./plugin.ts";
import type { TapOwner } from "./tap-guard.ts";

/** A plugin that can be applied: found, of a known API version, with valid options. */
export interface LoadedPlugin {
  readonly definition: PluginDefinition;
  /** What the config says. */
  readonly input: unknown;
  /** The same, parsed. */
  readonly options: unknown;
  readonly owner: TapOwner;
  /** Where it came from, for `inspect`. */
  readonly source: string;
}

const TAP_TIMEOUT = 5_000;
/** How long a plugin's file may take to be imported: whoever awaits something at its top must not hold up a reload for ever. */
const IMPORT_TIMEOUT = 20_000;

/**
 * Loads every plugin of a config, and tells all that is wrong with them at once.
 * @param sound says which entries to load, where the others have been refused already
 */
export async function loadPlugins(
  configs: readonly PluginConfig[],
  folder: string,
  sound: (config: PluginConfig, index: number) => boolean = () => true,
): Promise<LoadedPlugin[]> {
  const problems: string[] = [];
  const loaded: LoadedPlugin[] = [];
  const ids = new Map<string, string>();
  for (const [index, config] of configs.entries()) {
    if (!sound(config, index) || isDisabled(config)) continue;
    const place = `plugins[${index}]`;
    try {
      const form = normalized(config);
      const found = form.plugin
        ? { definition: form.plugin.definition as PluginDefinition, source: "code" }
        : await importPlugin(form.use, folder, place);
      const plugin = await check(form, found, place);
      const { id } = plugin.owner;
      const before = ids.get(id);
      if (before === undefined) ids.set(id, place);
      else problems.push(`${place}: plugin "${id}" is in the config already (${before}); give one of them an "id"`);
      problems.push(...plugin.problems);
      loaded.push(plugin);
    } catch (error) {
      problems.push(
        ...(error instanceof ConfigError ? error.problems : [`${place}: ${error instanceof Error ? error.message : String(error)}`]),
      );
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return inOrder(loaded);
}

/** What is wrong with the plugins of a config, in the words of {@link loadPlugins}. */
export async function pluginProblems(...plugins: Parameters<typeof loadPlugins>): Promise<readonly string[]> {
  try {
    await loadPlugins(...plugins);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** A plugin with what is wrong with its options. @throws ConfigError for a definition that cannot be used */
async function check(form: Form, { definition, source }: Found, place: string): Promise<LoadedPlugin & { problems: readonly string[] }> {
  const name = form.plugin ? definition.name : form.use;
  const wrong = definitionProblem(definition);
  if (wrong !== undefined) throw new ConfigError([`${place}: ${name ? `plugin "${name}"` : "a plugin made in code"} ${wrong}`]);
  const id = form.id ?? definition.name;
  if (COMMAND_NAMES.has(id))
    throw new ConfigError([
      `${place}: plugin "${id}" is called as a command of mcp-host is, so its own commands could not be reached; give its entry another "id"`,
    ]);
  if (!satisfies(API_VERSION, definition.host, { includePrerelease: true })) {
    throw new ConfigError([
      `${place}: plugin "${name}" needs plugin API ${definition.host}, this host has ${API_VERSION}, which is the version of the plugin API and not that of the package mcp-host (${VERSION}); ${otherApi(definition.host)}`,
    ]);
  }
  const parsed = await (definition.options ?? NO_OPTIONS).safeParseAsync(form.options ?? defaultInput(definition));
  return {
    definition,
    input: form.options,
    options: parsed.data,
    source,
    owner: {
      id,
      version: definition.version ?? "0.0.0",
      onError: form.onError ?? "fail",
      timeout: form.timeout ?? TAP_TIMEOUT,
      when: form.when,
    },
    problems: [
      ...(definition.security && form.onError === "skip"
        ? [`${place}.onError: plugin "${definition.name}" decides who may do what, so it cannot be skipped when it fails; remove "onError"`]
        : []),
      ...(parsed.success
        ? []
        : parsed.error.issues.flatMap((issue) => optionProblems(issue, place, definition.options, `plugin "${definition.name}"`))),
    ],
  };
}

/** What to do where a plugin is written for another version of the plugin API. */
function otherApi(range: string): string {
  // Whoever took the package's version for that of the API has the plugin's code at hand.
  if (satisfies(VERSION, range, { includePrerelease: true })) return `write \`host: "^${API_VERSION}"\` in its definition`;
  return `update the ${gtr(API_VERSION, range) ? "plugin" : "host"} with npm`;
}

/** Whether two are one plugin with the same settings. */
export function isLoadedAlike(before: LoadedPlugin, now: LoadedPlugin): boolean {
  return before.definition === now.definition && isDeepStrictEqual([before.input, before.owner], [now.input, now.owner]);
}

/** A plugin's definition and the file that it is in. */
export interface Found {
  readonly definition: PluginDefinition;
  readonly source: string;
}

export interface Form {
  plugin?: PluginValue;
  use: string;
  options?: unknown;
  id?: string;
  onError?: "fail" | "skip";
  timeout?: number;
  when?: PluginCondition;
}

/** What an entry names. */
export function nameOf(config: PluginConfig): string {
  return normalized(config).use;
}

/** Whether an entry says that it is as if it were not there. */
export function isDisabled(config: PluginConfig): boolean {
  const enabled = typeof config === "object" && !Array.isArray(config) && "enabled" in config ? (config.enabled as unknown) : true;
  return enabled === false || enabled === "false"; // a config that was not parsed yet may come from the environment
}

/** What an entry says, whichever form it has. */
export function normalized(config: PluginConfig): Form {
  if (typeof config === "string") return { use: config };
  if (Array.isArray(config)) return { use: config[0], options: config[1] };
  if (!("use" in config)) return { use: config.definition.name, plugin: config, options: config.input };
  const { use, ...rest } = config;
  const form = rest as Omit<Form, "use">; // the schema has checked these fields
  return typeof use === "string" ? { use, ...form } : { ...form, use: use.definition.name, plugin: use, options: use.input };
}

/** A plugin without options in the config gets `{}` if it takes an object, so that its defaults apply. */
export function defaultInput(definition: PluginDefinition): unknown {
  return definition.options?.safeParse(undefined).success ? undefined : {};
}

/** Finds a plugin by the name or the path that a config gives it. @throws ConfigError where it is not there, or is no plugin */
export async function importPlugin(use: string, folder: string, place: string): Promise<Found> {
  const file = locatePlugin(use, folder, place);
  const open = writableByAll(file);
  if (open !== undefined)
    throw new ConfigError([
      `${place}: everybody on this machine can write ${open}, and so decide what plugin "${use}" does; run \`chmod go-w ${open}\``,
    ]);
  let module: Record<string, unknown>;
  try {
    module = await withDeadline(importModule(file), IMPORT_TIMEOUT, () => {
      throw new Error(`it was not ready after ${IMPORT_TIMEOUT / 1_000} s; move what waits to the "ready" hook`);
    });
  } catch (error) {
    const problem = await moduleProblem(error, file, withLocalImports(file).slice(1));
    throw new ConfigError([`${place}: plugin "${use}" could not be loaded from ${file}: ${problem}`]);
  }
  const factory = module.default ?? Object.values(module).find(isPluginFactory);
  if (isPlugin(factory))
    throw new ConfigError([
      `${place}: "${use}" exports a plugin with options, which is what a plugin's function gives; export what definePlugin() gives without calling it, and leave the options to the config`,
    ]);
  if (!isPluginFactory(factory))
    throw new ConfigError([`${place}: "${use}" is no plugin: its default export must come from definePlugin()`]);
  return { definition: factory.definition as PluginDefinition, source: file }; // as definePlugin was given it; it is checked before use
}

/**
 * Imports a module, written in JavaScript or TypeScript. One that holds something else than when it was imported last, or imports
 * a file of its own that does, is imported anew with all of these, as a reload wants it.
 */
export async function importModule(file: string): Promise<Record<string, unknown>> {
  const url = pathToFileURL(file);
  const contents = withLocalImports(file).map((path) => [path, digest(readFileSync(path))] as const);
  url.search = `content=${digest(JSON.stringify(contents))}`;
  if (!/\.[cm]?tsx?$/.test(file)) {
    if (!isAsImported(contents)) importAnew(contents.map(([path]) => path));
    return import(url.href) as Promise<Record<string, unknown>>;
  }
  const known = compiled.get(url.href);
  if (known) return known;
  // Node 20 runs no TypeScript; jiti is loaded only for those who need it.
  const { createJiti } = await import("jiti");
  const module = createJiti(import.meta.url, { moduleCache: false }).import<Record<string, unknown>>(file);
  compiled.set(url.href, module);
  module.catch(() => compiled.delete(url.href)); // whoever asked is told
  return module;
}

/** TypeScript modules by file and content, as Node keeps those in JavaScript. */
const compiled = new Map<string, Promise<Record<string, unknown>>>();

/** What each file held when it was imported last. */
const imported = new Map<string, string>();

/** Whether these files hold what they did when they were imported, those that were; remembers what they hold now. */
function isAsImported(contents: readonly (readonly [path: string, content: string])[]): boolean {
  const isSame = contents.every(([path, content]) => (imported.get(path) ?? content) === content);
  for (const [path, content] of contents) imported.set(path, content);
  return isSame;
}

let isFollowing = false;

/** Has Node import these files as they are now: also what others import, and what it keeps by path (CommonJS). */
function importAnew(paths: readonly string[]): void {
  const { cache } = createRequire(import.meta.url);
  for (const path of paths) delete cache[path];
  if (isFollowing) return;
  isFollowing = true; // for good: the thread that it takes is started where something changed, and nowhere else
  register("./import-hooks.js", import.meta.url);
}

function digest(content: Buffer | string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 32);
}

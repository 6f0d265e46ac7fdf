import type { CommandDef } from "citty";
import { broughtIn, entriesAlone } from "../../config/bring.ts";
import type { Use } from "../../config/expand.ts";
import { type LoadOptions, loadExpanded } from "../../config/load.ts";
import { located } from "../../config/locate.ts";
import { nearest } from "../../config/nearest.ts";
import { parseConfig, placeOf } from "../../config/parse.ts";
import { locateReadable } from "../../config/trust.ts";
import { OWN_WORDS } from "../../config/variable-source.ts";
import { readWritten } from "../../config/written.ts";
import { ConfigError } from "../../errors.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { type Bringer, bringersOf } from "../../plugin/bringers.ts";
import { loadPlugins } from "../../plugin/load.ts";
import type { PluginCommandData, VariableReference } from "../../plugin/plugin.ts";
import { loadOptions } from "./load-options.ts";
import { everyValue } from "./usage.ts";

/** A command that was found, and what it is run with. */
export interface FoundCommand {
  readonly command: CommandDef;
  /** As it is typed, the plugin's name included. */
  readonly name: string;
  /** The words that are left for it. */
  readonly rest: string[];
  readonly data: PluginCommandData;
}

/**
 * A command that a configured plugin brings: `mcp-host <plugin> <command>`, or `mcp-host <command>` of a shortcut. Gives nothing where the config has no such plugin,
 * so that a misspelt command is told as one. @throws ConfigError where the config cannot be used, so that nobody knows what it brings
 */
export async function pluginCommand(plugin: string, words: readonly string[]): Promise<FoundCommand | undefined> {
  const [config] = everyValue(words, "config");
  const found = await configured(plugin, config, await loadOptions(words, false));
  if (!found) return undefined;
  const { commands } = found;
  const { operating } = await import("../one-shot/operating.ts");
  const data: PluginCommandData = { ...found.data, operate: operating(found.id, found.data.config, words) };
  // By a shortcut, the first word of the command is that of the line.
  const typed = found.isShort ? [plugin, ...words] : words;
  const before = found.isShort ? "" : `${plugin} `;
  const [first, second] = [...typed.keys()].filter((index) => !isHostFlag(typed, index));
  const word = first === undefined ? undefined : typed[first];
  const pair = second === undefined ? undefined : `${word} ${typed[second]}`;
  // As of the host's own, of a command with a blank in its name the first word is a group.
  const isPair = pair !== undefined && Object.hasOwn(commands, pair);
  const name = isPair ? pair : (word ?? "");
  const group = Object.keys(commands).filter((each) => each.startsWith(`${word} `));
  if (isHelp(word)) return help(plugin, commands, data);
  if (!isPair && group.length > 0 && second !== undefined && isHelp(typed[second]))
    return help(`${before}${word}`, Object.fromEntries(group.map((each) => [each, commands[each] as Load])), data); // they are its keys
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) {
    const known = Object.keys(commands);
    const meant = group.length > 0 && pair !== undefined ? pair : name;
    const those = group.length > 0 ? group : known;
    if (word === undefined || (group.length > 0 && second === undefined)) throw new UsageError(`name a command: ${those.join(", ")}`);
    throw new UsageError(`plugin "${found.id}" has no command "${meant}"${nearest(meant, those)}; it has ${those.join(", ")}`);
  }
  const command = definitionIn(await load());
  const own = Object.keys(command.args ?? {});
  const taken = isPair ? [first, second] : [first];
  const rest = typed.filter((_, index) => !taken.includes(index) && !isHostFlag(typed, index, own));
  return { command, name: `${before}${name}`, rest, data };
}

type Load = () => Promise<unknown>;

async function help(name: string, commands: Readonly<Record<string, Load>>, data: PluginCommandData): Promise<FoundCommand> {
  const subCommands: Record<string, CommandDef> = {};
  for (const [each, load] of Object.entries(commands)) subCommands[each] = definitionIn(await load());
  const [plugin = name] = name.split(" ");
  return { command: { meta: { name: plugin, description: `What plugin "${plugin}" brings` }, subCommands }, name, rest: ["--help"], data };
}

function isHelp(word: string | undefined): boolean {
  return word === "--help" || word === "-h";
}

/** A lazy import gives a module, whose default export is the definition. */
function definitionIn(loaded: unknown): CommandDef {
  const command = typeof loaded === "object" && loaded !== null && "default" in loaded ? loaded.default : loaded;
  return command as CommandDef; // what a plugin's `commands` are
}

/** A plugin whose command is meant, and how it was called. */
interface Configured {
  readonly id: string;
  readonly commands: Readonly<Record<string, Load>>;
  /** It was called by a shortcut and not by its name. */
  readonly isShort: boolean;
  readonly data: Omit<PluginCommandData, "operate">;
}

async function configured(word: string, config: string | undefined, options: LoadOptions): Promise<Configured | undefined> {
  try {
    const loaded = await loadExpanded(config, options);
    const { path, folder } = loaded.written;
    return await located(path, async () => {
      const plugins = await loadPlugins(parseConfig(loaded.config).plugins, folder);
      const candidates = plugins.map(({ owner, definition, options }) => ({ id: owner.id, definition, options }));
      return chosen(word, candidates, { folder, config: path, references: referencesOf(loaded.uses) });
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const found = await configuredAlone(word, config, options).catch(() => undefined); // what is wrong is told
    if (!found) throw error;
    return found;
  }
}

/** A plugin that brings values, in a config that cannot be used yet: perhaps because it has not been given them. */
async function configuredAlone(word: string, config: string | undefined, options: LoadOptions): Promise<Configured | undefined> {
  const written = await readWritten(await locateReadable(config, options.cwd), options);
  const { folder, path } = written;
  const references = referencesOf(broughtIn(written.value, written.variables));
  return chosen(word, await bringersOf(entriesAlone(written), folder), { folder, config: path, references });
}

function chosen(word: string, plugins: readonly Bringer[], data: Omit<Configured["data"], "options">): Configured | undefined {
  const named = plugins.find(({ id }) => id === word);
  const short = named ? [] : plugins.filter(({ definition }) => definition.shortcuts?.includes(word));
  if (short.length > 1) {
    const ways = short.map(({ id }) => `\`${id} ${word}\``).join(" or ");
    throw new UsageError(`several plugins have a command "${word}"; say ${ways}`);
  }
  const found = named ?? short[0];
  const commands = found?.definition.commands;
  return commands && { id: found.id, commands, isShort: !named, data: { ...data, options: found.options } };
}

function referencesOf(uses: readonly Use[]): VariableReference[] {
  return uses.filter(({ kind }) => !OWN_WORDS.includes(kind)).map(({ kind, name, path }) => ({ word: kind, name, place: placeOf(path) }));
}

/** Whether a token belongs to a flag that says which config is meant. It is the host's, and the command's too where that declares it. */
function isHostFlag(tokens: readonly string[], index: number, own: readonly string[] = []): boolean {
  return ["config", "set", "env-file"].some(
    (flag) =>
      !own.includes(flag) &&
      (tokens[index] === `--${flag}` || tokens[index]?.startsWith(`--${flag}=`) || (index > 0 && tokens[index - 1] === `--${flag}`)),
  );
}

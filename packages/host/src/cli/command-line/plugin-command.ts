import type { CommandDef } from "citty";
import { type LoadOptions, loadConfig } from "../../config/load.ts";
import { located } from "../../config/locate.ts";
import { nearest } from "../../config/nearest.ts";
import { parseConfig } from "../../config/parse.ts";
import { loadPlugins } from "../../plugin/load.ts";
import type { PluginCommandData } from "../../plugin/plugin.ts";
import { loadOptions } from "./load-options.ts";
import { everyValue, UsageError } from "./usage.ts";

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
  if (found.shortcut) {
    const command = definitionIn(await found.shortcut());
    const own = Object.keys(command.args ?? {});
    return { command, name: plugin, rest: words.filter((_, index) => !isHostFlag(words, index, own)), data };
  }
  const [first, second] = [...words.keys()].filter((index) => !isHostFlag(words, index));
  const word = first === undefined ? undefined : words[first];
  const pair = second === undefined ? undefined : `${word} ${words[second]}`;
  // As of the host's own, of a command with a blank in its name the first word is a group.
  const isPair = pair !== undefined && Object.hasOwn(commands, pair);
  const name = isPair ? pair : (word ?? "");
  const group = Object.keys(commands).filter((each) => each.startsWith(`${word} `));
  if (isHelp(word)) return help(plugin, commands, data);
  if (!isPair && group.length > 0 && second !== undefined && isHelp(words[second]))
    return help(`${plugin} ${word}`, Object.fromEntries(group.map((each) => [each, commands[each] as Load])), data); // they are its keys
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) {
    const known = Object.keys(commands);
    const meant = group.length > 0 && pair !== undefined ? pair : name;
    const those = group.length > 0 ? group : known;
    throw new UsageError(`plugin "${plugin}" has no command "${meant}"${nearest(meant, those)}; it has ${those.join(", ")}`);
  }
  const command = definitionIn(await load());
  const own = Object.keys(command.args ?? {});
  const taken = isPair ? [first, second] : [first];
  const rest = words.filter((_, index) => !taken.includes(index) && !isHostFlag(words, index, own));
  return { command, name: `${plugin} ${name}`, rest, data };
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

async function configured(
  plugin: string,
  config: string | undefined,
  options: LoadOptions,
): Promise<
  { commands: Readonly<Record<string, Load>>; shortcut: Load | undefined; id: string; data: Omit<PluginCommandData, "operate"> } | undefined
> {
  const loaded = await loadConfig(config, options);
  return located(loaded.path, async () => {
    const plugins = await loadPlugins(parseConfig(loaded.config).plugins, loaded.folder);
    const named = plugins.find(({ owner }) => owner.id === plugin);
    const short = named ? [] : plugins.filter(({ definition }) => definition.shortcuts?.includes(plugin));
    if (short.length > 1) {
      const ways = short.map(({ owner }) => `\`${owner.id} ${plugin}\``).join(" or ");
      throw new UsageError(`several plugins have a command "${plugin}"; say ${ways}`);
    }
    const found = named ?? short[0];
    const commands = found?.definition.commands;
    if (!commands) return undefined;
    const shortcut = named ? undefined : commands[plugin];
    return { commands, shortcut, id: found.owner.id, data: { options: found.options, folder: loaded.folder, config: loaded.path } };
  });
}

/** Whether a token belongs to a flag that says which config is meant. It is the host's, and the command's too where that declares it. */
function isHostFlag(tokens: readonly string[], index: number, own: readonly string[] = []): boolean {
  return ["config", "set", "env-file"].some(
    (flag) =>
      !own.includes(flag) &&
      (tokens[index] === `--${flag}` || tokens[index]?.startsWith(`--${flag}=`) || (index > 0 && tokens[index - 1] === `--${flag}`)),
  );
}

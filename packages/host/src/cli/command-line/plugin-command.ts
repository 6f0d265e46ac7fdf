import type { CommandDef } from "citty";
import { type LoadOptions, loadConfig } from "../../config/load.ts";
import { located } from "../../config/locate.ts";
import { nearest } from "../../config/nearest.ts";
import { parseConfig } from "../../config/parse.ts";
import { loadPlugins } from "../../plugin/load.ts";
import type { PluginCommandData, PluginDefinition } from "../../plugin/plugin.ts";
import { loadOptions } from "./load-options.ts";
import { everyValue, UsageError } from "./usage.ts";

/**
 * A command that a configured plugin brings: `mcp-host <plugin> <command>`. Gives nothing where the config has no such plugin,
 * so that a misspelt command is told as one. @throws ConfigError where the config cannot be used, so that nobody knows what it brings
 */
export async function pluginCommand(
  plugin: string,
  rest: readonly string[],
): Promise<{ command: CommandDef; rest: string[]; data: PluginCommandData } | undefined> {
  const [config] = everyValue(rest, "config");
  const found = await configured(plugin, config, await loadOptions(rest, false));
  if (!found) return undefined;
  const { commands, data } = found;
  const at = rest.findIndex((_, index) => !isHostFlag(rest, index));
  const name = rest[at];
  if (name === "--help" || name === "-h") {
    const subCommands: Record<string, CommandDef> = {};
    for (const [each, load] of Object.entries(commands)) subCommands[each] = definitionIn(await load());
    return { command: { meta: { name: plugin, description: `What plugin "${plugin}" brings` }, subCommands }, rest: [name], data };
  }
  const load = name === undefined ? undefined : commands[name];
  if (!load) {
    const known = Object.keys(commands);
    throw new UsageError(`plugin "${plugin}" has no command "${name ?? ""}"${nearest(name ?? "", known)}; it has ${known.join(", ")}`);
  }
  const definition = definitionIn(await load());
  const own = Object.keys(definition.args ?? {});
  return { command: definition, rest: rest.filter((_, index) => index !== at && !isHostFlag(rest, index, own)), data };
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
): Promise<{ commands: NonNullable<PluginDefinition["commands"]>; data: PluginCommandData } | undefined> {
  const loaded = await loadConfig(config, options);
  return located(loaded.path, async () => {
    const plugins = await loadPlugins(parseConfig(loaded.config).plugins, loaded.folder);
    const found = plugins.find(({ owner }) => owner.id === plugin);
    const commands = found?.definition.commands;
    return commands && { commands, data: { options: found.options, folder: loaded.folder } };
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

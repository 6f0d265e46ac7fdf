import type { CommandDef } from "citty";
import { loadConfig } from "../config/load.ts";
import { nearest } from "../config/nearest.ts";
import { parseConfig } from "../config/parse.ts";
import { loadPlugins } from "../config/plugins.ts";
import { everyValue, UsageError } from "./usage.ts";

/**
 * A command that a configured plugin brings: `mcp-host <plugin> <command>`. Gives nothing where the config cannot be read
 * or has no such plugin, so that a misspelt command is told as one.
 */
export async function pluginCommand(plugin: string, rest: readonly string[]): Promise<{ command: CommandDef; rest: string[] } | undefined> {
  const [config] = everyValue(rest, "config");
  const commands = await commandsOf(plugin, config, everyValue(rest, "set"));
  if (!commands) return undefined;
  const [name, ...raw] = withoutConfig(rest);
  const load = name === undefined ? undefined : commands[name];
  if (!load) {
    const known = Object.keys(commands);
    throw new UsageError(`plugin "${plugin}" has no command "${name ?? ""}"${nearest(name ?? "", known)}; it has ${known.join(", ")}`);
  }
  const loaded = await load();
  // A lazy import gives a module, whose default export is the definition.
  const command = typeof loaded === "object" && loaded !== null && "default" in loaded ? loaded.default : loaded;
  return { command: command as CommandDef, rest: raw };
}

async function commandsOf(
  plugin: string,
  config: string | undefined,
  set: string[],
): Promise<Record<string, () => Promise<unknown>> | undefined> {
  try {
    const loaded = await loadConfig(config, { set });
    const plugins = await loadPlugins(parseConfig(loaded.config).plugins, loaded.folder);
    return plugins.find(({ owner }) => owner.id === plugin)?.definition.commands;
  } catch {
    return undefined;
  }
}

/** The flags that say which config are the host's own, not the command's. */
function withoutConfig(rest: readonly string[]): string[] {
  return rest.filter((token, index) => {
    const before = rest[index - 1];
    return !/^--(config|set)(=|$)/.test(token) && before !== "--config" && before !== "--set";
  });
}

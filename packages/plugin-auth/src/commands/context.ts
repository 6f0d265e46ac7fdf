import { ConfigError, type PluginCommandData, reloadRunningHosts } from "mcp-host";
import type { Options } from "../options.ts";

type ApiKeysOptions = NonNullable<Options["apiKeys"]>;

/** What a command about keys works on. */
export interface Keys extends ApiKeysOptions {
  readonly folder: string;
  readonly config: string;
}

/** What the config says of API keys. @throws ConfigError where it says nothing */
export function keysOf(data: PluginCommandData | undefined): Keys {
  const { options, folder, config } = data as PluginCommandData; // a command of a plugin is always given them
  const { apiKeys } = options as Options; // parsed by this plugin's schema
  if (!apiKeys) throw new ConfigError(['plugin "auth": options.apiKeys.pepper: is not configured; new keys are made with it']);
  return { ...apiKeys, folder, config };
}

/** The same, with the file that keys are kept in. @throws ConfigError where there is none */
export function fileOf(data: PluginCommandData | undefined): Keys & { readonly file: string } {
  const keys = keysOf(data);
  const { file } = keys;
  if (file === undefined)
    throw new ConfigError(['plugin "auth": options.apiKeys.file: is not configured; say where keys are kept, such as "keys.json"']);
  return { ...keys, file };
}

/** Has the hosts that run on the config take the file on, and tells what became of that on standard error. Gives the exit code. */
export async function takenOn(config: string): Promise<0 | 1> {
  const hosts = await reloadRunningHosts(config);
  for (const { pid, outcome } of hosts)
    process.stderr.write(
      outcome instanceof Error
        ? `mcp-host: the file is written, but ${outcome.message}\n`
        : `mcp-host: the host with pid ${pid} has taken it on\n`,
    );
  return hosts.some(({ outcome }) => outcome instanceof Error) ? 1 : 0;
}

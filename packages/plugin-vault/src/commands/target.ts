import type { PluginCommandData, VariableReference } from "mcp-host";
import { type OpenedVault, vaultOf } from "../opened-vaults.ts";
import type { Options } from "../options.ts";
import { STORE_KEY } from "../sealed-store.ts";

/** What a command of this plugin is given; citty has the arguments, the host the rest. */
export interface Context<Args> {
  readonly args: Args;
  readonly data?: PluginCommandData;
}

export interface Target extends OpenedVault {
  readonly options: Options;
  readonly folder: string;
  /** Where the config refers to secrets. */
  readonly references: readonly VariableReference[];
}

/** The vault of the config, whether or not a host runs on it. */
export function targetOf({ data }: Context<unknown>): Target {
  const { options, folder, references } = data as PluginCommandData; // a command of a plugin is always given them
  const given = options as Options; // parsed by the plugin's schema
  const opened = vaultOf(given, folder);
  opened.vault.warn = (message, details) => process.stderr.write(`mcp-host: ${message}: ${JSON.stringify(details)}\n`);
  return { ...opened, options: given, folder, references: references.filter(({ word }) => word === "secret") };
}

/** Places of the config that refer to a secret, or need it. */
export function placesOf(name: string, { references, options }: Target): string[] {
  if (name === STORE_KEY && options.over === "store") return ['"over" of the vault'];
  return [...new Set(references.filter((each) => each.name === name).map(({ place }) => place))];
}

/** Said of a change that running hosts see for themselves. */
export function takenOn({ options }: Target): string {
  return `running hosts that use it renew those servers within ${options.poll} ms; calls under way end on the old one`;
}

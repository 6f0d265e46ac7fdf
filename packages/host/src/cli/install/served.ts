import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expandConfig } from "../../config/expand.ts";
import { type LoadOptions, loadExpanded } from "../../config/load.ts";
import { unconfigured } from "../../config/unconfigured.ts";
import { isObject, type Json } from "../../wire/message.ts";
import { clientOf } from "../clients/clients.ts";
import type { Machine } from "../clients/machine.ts";
import { type Entry, isHost, type Source } from "../init/importing.ts";
import { translate } from "../init/translate.ts";

/** What of a client's file the host has as well. */
export interface Shared {
  readonly served: readonly Entry[];
  /** What has to stay in the client, each with the reason. */
  readonly stays: readonly { readonly name: string; readonly reason: string }[];
}

/** Looks for the servers of clients in one config. */
export type Lookup = (source: Source) => Shared;

/**
 * A server of a client is one of the host's where both start the same program, or reach the same address, with the same values. One that
 * the host has and lacks a value for stays where it works.
 * @throws ConfigFileError for a config that cannot be used: its host would serve nothing
 */
export async function servedBy(config: string, options: LoadOptions, machine: Machine): Promise<Lookup> {
  const { written, config: usable } = await loadExpanded(config, options);
  const expanded = (server: unknown): unknown => expandConfig({ mcpServers: { server } }, written.variables, []);
  const core = (server: Json): Json => {
    const { mcpServers } = expanded(server) as { mcpServers: { server: Json } }; // an object keeps its keys
    return coreOf(mcpServers.server, written.folder);
  };
  const servers = isObject(written.value) && isObject(written.value.mcpServers) ? written.value.mcpServers : {};
  const known = Object.entries(servers).flatMap(([name, server]) => (isObject(server) ? [{ name, core: core(server) }] : []));
  return ({ id, path, scope, entries, rules }) => {
    const client = clientOf(id);
    const served: Entry[] = [];
    const stays: { name: string; reason: string }[] = [];
    for (const entry of entries) {
      const { name, value } = entry;
      const translated = translate(value, { client, machine, path, rule: rules(name, scope === "project") });
      if ("refused" in translated || isHost(translated.server, () => false)) continue;
      const own = core(translated.server);
      const same = known.find((each) => isDeepStrictEqual(each.core, own));
      const lacks = same && unconfigured(usable.mcpServers?.[same.name]);
      if (!same) stays.push({ name, reason: "the host's config has no such server" });
      else if (lacks) stays.push({ name, reason: `the host has it as ${same.name} and cannot use it: ${lacks.reason}` });
      else served.push(entry);
    }
    return { served, stays };
  };
}

/** What makes a server the one that it is: its times, its tools and its name do not. */
function coreOf({ command, args = [], env = {}, cwd = ".", envFile, url, headers = {} }: Json, folder: string): Json {
  if (url !== undefined) return { url, headers };
  const place = (path: unknown): string | undefined => (typeof path === "string" ? resolve(folder, path) : undefined);
  return { command, args, env, cwd: place(cwd), envFile: place(envFile) };
}

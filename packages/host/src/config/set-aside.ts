import type { Use } from "./expand.ts";
import { placeOf } from "./parse.ts";
import { isPlainObject } from "./plain.ts";
import type { Config } from "./schema.ts";
import { settingsSchema } from "./server-schema.ts";
import { Unconfigured } from "./unconfigured.ts";

/** A value of the config that is not there, and what was told of it. */
export interface Lack {
  readonly path: Use["path"];
  readonly problem: string;
}

/** What servers lack that the host can do without, by their names: all but what belongs to a server that is `required`. */
export function dispensable(config: unknown, lacks: readonly Lack[]): ReadonlyMap<string, readonly Lack[]> {
  const servers = isPlainObject(config) && isPlainObject(config.mcpServers) ? config.mcpServers : {};
  const found = new Map<string, Lack[]>();
  for (const lack of lacks) {
    const [part, name, key] = lack.path;
    if (part !== "mcpServers" || key === undefined) continue;
    found.set(String(name), [...(found.get(String(name)) ?? []), lack]);
  }
  for (const [name, own] of found) {
    const server = servers[name];
    // Nobody knows whether one is required whose `required` is what is missing.
    const isRequired = isPlainObject(server) && String(server.required) === "true";
    if (isRequired || own.some(({ path }) => path[2] === "required")) found.delete(name);
  }
  return found;
}

/**
 * A config in which these servers are unconfigured. Each keeps its place, and its settings as far as they are known.
 * @param asWritten how the file names a place, and what else is to be told of a problem
 */
export function withUnconfigured(
  config: Config,
  lacking: ReadonlyMap<string, readonly Lack[]>,
  asWritten: (problem: string) => string,
): Config {
  if (lacking.size === 0) return config;
  const servers = Object.entries(config.mcpServers ?? {}).map(([name, server]) => {
    const lacks = lacking.get(name);
    if (!lacks || !isPlainObject(server)) return [name, server];
    const known = Object.keys(settingsSchema.shape).filter(
      (key) => Object.hasOwn(server, key) && !lacks.some(({ path }) => path[2] === key),
    );
    const wire = Object.hasOwn(server, "command") ? "stdio" : Object.hasOwn(server, "url") ? "http" : "transport";
    const problems = lacks.map(({ problem }) => asWritten(problem));
    const unconfigured = new Unconfigured(asWritten(placeOf(["mcpServers", name])), problems, wire);
    return [name, { ...Object.fromEntries(known.map((key) => [key, server[key]])), unconfigured }];
  });
  return { ...config, mcpServers: Object.fromEntries(servers) };
}

import type { Environment } from "./env-files.ts";
import { nearest } from "./nearest.ts";
import { placeOf } from "./parse.ts";
import { copyPlain, isPlainObject } from "./plain.ts";
import { configSchema } from "./schema.ts";
import { SERVER_SCHEMAS } from "./server-schema.ts";
import { isServiceLink } from "./service-links.ts";
import { literal } from "./set.ts";

const PREFIX = "MCP_HOST_";
/** Not keys of the config: the answers to `${input:id}`. */
const INPUT = "MCP_HOST_INPUT_";
/** Nor are the registry that `search` and `add` ask, and the patience of `mcp-host/testing`. */
const OTHERS: ReadonlySet<string> = new Set(["MCP_HOST_REGISTRY", "MCP_HOST_TEST_WAIT"]);
const SERVER = `${PREFIX}MCP_SERVERS__`;

/** A key of the config and the variable that overrides it. */
export interface KeyVariable {
  readonly variable: string;
  readonly path: readonly string[];
}

/** A variable that is set, and the place that it fills. */
export interface Override extends KeyVariable {
  readonly value: string;
}

/** `requestBytes` is `REQUEST_BYTES`. */
function words(key: string): string {
  return key.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
}

/** The variable of every key that is not a server's: `listen.port` is `MCP_HOST_LISTEN_PORT`. */
export function keyVariables(): KeyVariable[] {
  const { $schema: _, version: __, listen, limits, catalog, ...rest } = configSchema.shape;
  const groups = { listen: listen.unwrap().shape, limits: limits.unwrap().shape, catalog: catalog.unwrap().shape };
  const paths = [
    ...Object.entries(groups).flatMap(([group, shape]) => Object.keys(shape).map((key) => [group, key])),
    ...Object.keys(rest).map((key) => [key]),
  ];
  return paths.map((path) => ({ variable: PREFIX + path.map(words).join("_"), path }));
}

/** The variable of every key of a server: `timeout` of the server `files` is `MCP_HOST_MCP_SERVERS__FILES__TIMEOUT`. */
export function serverKeyVariables(name: string): KeyVariable[] {
  const keys = new Set(Object.values(SERVER_SCHEMAS).flatMap(({ shape }) => Object.keys(shape)));
  return [...keys].map((key) => ({ variable: `${SERVER}${serverName(name)}__${words(key)}`, path: ["mcpServers", name, key] }));
}

function serverName(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

/**
 * The variables that override keys of a config. Each that begins with `MCP_HOST_` and is none of them gets a warning,
 * unless it is there for a service of that name.
 * @param referred the names of variables that the config refers to: they may have any name
 */
export function overridesOf(config: unknown, env: Environment, referred: ReadonlySet<string>, warnings: string[]): Override[] {
  const servers = isPlainObject(config) && isPlainObject(config.mcpServers) ? config.mcpServers : {};
  const known = [...keyVariables(), ...Object.keys(servers).flatMap(serverKeyVariables)];
  return Object.entries(env).flatMap(([variable, value]) => {
    if (value === undefined || !variable.startsWith(PREFIX) || variable.startsWith(INPUT) || OTHERS.has(variable)) return [];
    // One of a server's variables may well be the address of a service; it is written for the server.
    if (!variable.startsWith(SERVER) && isServiceLink(variable, value)) return [];
    const paths = known.filter((key) => key.variable === variable).map(({ path }) => path);
    const path = paths[0] ?? pairPath(variable, servers);
    if (path && paths.length < 2) return { variable, path, value };
    if (path)
      warnings.push(`the variable ${variable} stands for ${paths.map(placeOf).join(" and ")}, so it is ignored; rename one of the servers`);
    else if (!referred.has(variable)) {
      const hint = nearest(
        variable,
        known.map((key) => key.variable),
      );
      warnings.push(`the variable ${variable} stands for no key of the config${hint}; correct its name or unset it`);
    }
    return [];
  });
}

/** A single variable or header of a server: `MCP_HOST_MCP_SERVERS__FILES__ENV__API_KEY`. A header's name has `-` where that has `_`. */
function pairPath(variable: string, servers: Readonly<Record<string, unknown>>): string[] | undefined {
  for (const [name, server] of Object.entries(servers))
    for (const field of ["env", "headers"] as const) {
      const prefix = `${SERVER}${serverName(name)}__${words(field)}__`;
      const rest = variable.slice(prefix.length);
      if (!variable.startsWith(prefix) || rest === "") continue;
      return ["mcpServers", name, field, field === "env" ? rest : headerName(rest, isPlainObject(server) ? server.headers : undefined)];
    }
  return undefined;
}

/** As the config writes it, if it has the header already: names of headers have no case. */
function headerName(name: string, headers: unknown): string {
  const written = name.toLowerCase().replaceAll("_", "-");
  return (isPlainObject(headers) ? Object.keys(headers) : []).find((header) => header.toLowerCase() === written) ?? written;
}

/** A copy of a config with these values in their places. */
export function withOverrides(config: unknown, overrides: readonly Override[]): unknown {
  if (overrides.length === 0 || !isPlainObject(config)) return config;
  const copy = copyPlain(config) as Record<string, unknown>; // a copy of an object is one
  // Whole objects first, so that their single keys win over them.
  for (const { path, value } of [...overrides].sort((a, b) => a.path.length - b.path.length)) put(copy, path, value);
  return copy;
}

function put(config: Record<string, unknown>, path: readonly string[], text: string): void {
  let at = config;
  for (const key of path.slice(0, -1)) {
    const next = (at[key] ??= {});
    if (!isPlainObject(next)) return; // the check of the config tells of it
    at = next;
  }
  at[path.at(-1) ?? ""] = literal(path, text);
}

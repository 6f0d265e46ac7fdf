import { dirname, extname } from "node:path";
import { ConfigError } from "../errors.ts";
import { bringValues } from "./bring.ts";
import type { Environment } from "./env-files.ts";
import { expandWritten } from "./load.ts";
import { nearest } from "./nearest.ts";
import { isPlainObject } from "./plain.ts";
import { readConfigFile } from "./read.ts";
import { Variables } from "./variables.ts";
import { type Edit, editConfig, type Written, whyNotWritten } from "./write.ts";
import type { LoadOptions, WrittenConfig } from "./written.ts";

/** The servers of a config as its file writes them. */
export interface ServersInFile {
  readonly path: string;
  /** What the file calls them. */
  readonly key: "mcpServers" | "servers";
  readonly servers: Readonly<Record<string, unknown>>;
  /** What it says of plugins, which may bring values. */
  readonly plugins: unknown;
}

/**
 * The servers of a file that is to be changed.
 * @param remedy what to do by hand with a file of a form that cannot be written back
 * @throws ConfigError
 */
export async function serversIn(path: string, remedy = "change it by hand"): Promise<ServersInFile> {
  const why = whyNotWritten(extname(path));
  if (why !== undefined) throw new ConfigError([`${why}; ${remedy}`]);
  const { value } = await readConfigFile(path, {});
  const key = isPlainObject(value) && Object.hasOwn(value, "servers") && !Object.hasOwn(value, "mcpServers") ? "servers" : "mcpServers";
  const servers = isPlainObject(value) ? value[key] : undefined;
  if (servers !== undefined && servers !== null && !isPlainObject(servers)) throw new ConfigError([`${key}: must be an object of servers`]);
  return { path, key, servers: servers ?? {}, plugins: isPlainObject(value) ? value.plugins : undefined };
}

/** One server of a file. @throws Error that names those that are there */
export function serverIn({ path, servers }: ServersInFile, name: string): unknown {
  if (Object.hasOwn(servers, name)) return servers[name];
  throw new Error(noServerIn({ path, servers }, name));
}

/** That a file has no server of this name, and which it has. */
export function noServerIn({ path, servers }: Pick<ServersInFile, "path" | "servers">, name: string): string {
  const names = Object.keys(servers);
  return `there is no server "${name}" in ${path}${nearest(name, names)}; ${names.length === 0 ? "it has none" : `it has ${names.join(", ")}`}`;
}

/** Changes places of one server; the rest of the file stays. @throws ConfigError as {@link editConfig} does */
export function editServer({ path, key, servers }: ServersInFile, name: string, edits: readonly Edit[]): Promise<Written> {
  // Something that stands there and is no object, such as null, holds no server.
  const empty: Edit[] = Object.keys(servers).length === 0 ? [{ path: [key], value: {} }] : [];
  return editConfig(path, [...empty, ...edits.map((edit) => ({ ...edit, path: [key, name, ...edit.path] }))]);
}

/**
 * Looks at a server that is to be written into a file.
 * @returns what is unwise about it, and what it refers to that is not there
 * @throws ConfigError where the file could not be used with it
 */
export async function checkServer(
  { path, key, plugins }: ServersInFile,
  name: string,
  server: unknown,
  variableSources?: LoadOptions["variableSources"],
  env: Environment = process.env,
): Promise<{ warnings: readonly string[]; unset: readonly string[] }> {
  const folder = dirname(path);
  const alone: WrittenConfig = {
    value: { mcpServers: { [name]: server } },
    ...{ path, folder, env, envFiles: [], inputs: [], overrides: [], warnings: [], problems: [] },
    variables: new Variables(new Map(), env, folder),
    renamed: key === "servers",
  };
  await bringValues({ ...alone, value: { mcpServers: { [name]: server }, plugins } }, variableSources);
  const { written, unset } = await expandWritten(alone);
  return { warnings: written.warnings, unset };
}

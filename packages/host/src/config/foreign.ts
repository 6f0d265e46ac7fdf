import { isPlainObject } from "./plain.ts";

/** Keys that the files of other hosts have, and what to do about each here. Those with a meaning here are keys of the schema. */
const TOP: Readonly<Record<string, string>> = {
  servers: 'in code it is "mcpServers"',
  inputs: "in code there is nobody to ask; read the value where the config is made",
  mcp: "it is a part of VS Code's settings; what is in it stands at the top here",
  mcp_servers: 'here it is "mcpServers"',
  context_servers: 'here it is "mcpServers"',
  "amp.mcpServers": 'here it is "mcpServers"',
};

const APPROVAL = "approval is the client's business; remove it";
const ADDRESS = 'here it is "url"';
const TAKEN = 'here it is "tools": { "include": [...] }';
const LEFT_OUT = 'here it is "tools": { "exclude": [...] }';
const CLIENT_NOTE = "the client's own note; remove it";

const SERVER: Readonly<Record<string, string>> = {
  envFile: 'a server with a "command" may have it in a file; in code, read the file and give its values in "env"',
  alwaysAllow: APPROVAL,
  autoApprove: APPROVAL,
  trust: APPROVAL,
  serverUrl: ADDRESS,
  httpUrl: ADDRESS,
  http_headers: 'here it is "headers"',
  bearer_token_env_var: 'write "headers": { "Authorization": "Bearer ${NAME}" } with the name of the variable',
  startup_timeout_sec: 'here it is "startTimeout", such as "20s"',
  tool_timeout_sec: 'here it is "timeout", such as "60s"',
  enabled_tools: TAKEN,
  disabled_tools: LEFT_OUT,
  disabledTools: LEFT_OUT,
  includeTools: TAKEN,
  excludeTools: LEFT_OUT,
  dev: "it is for developing a server in VS Code; remove it",
  gallery: CLIENT_NOTE,
  version: CLIENT_NOTE,
  description: CLIENT_NOTE,
};

/** What was a key of a server once, and how it is said now. */
const MOVED: Readonly<Record<string, (server: string) => string>> = {
  fallback: (server) =>
    `it is a backup in a group now: remove it, and add to "plugins" ["@host/plugin-routing", { "groups": { "<name>": { "members": ["<server>", { "server": "${server}", "priority": 2 }] } } }]`,
};

/** What to write instead of a key that only other hosts know, or this one before. */
export function foreignKey(path: readonly PropertyKey[], key: string): string | undefined {
  if (path[0] === "mcpServers" && path.length === 2 && Object.hasOwn(MOVED, key)) return MOVED[key]?.(String(path[1]));
  const keys = path.length === 0 ? TOP : path[0] === "mcpServers" && path.length === 2 ? SERVER : {};
  return Object.hasOwn(keys, key) ? keys[key] : undefined;
}

/** Whether an entry of `mcpServers` is switched off: `"disabled": true` or `"enabled": false`. */
export function isOff(server: unknown): boolean {
  if (!isPlainObject(server)) return false;
  const is = (key: string, text: string): boolean => String(server[key]) === text;
  return is("disabled", "true") || is("enabled", "false");
}

/**
 * What switches an entry of `mcpServers` on or off, below its place: whichever of the two keys it has, and both where it has both, so
 * that each stays where it is, with its comment. None where it is as it should be.
 */
export function switchEdits(server: unknown, on: boolean): { readonly path: readonly string[]; readonly value: boolean }[] {
  if (isOff(server) !== on) return [];
  const keys = ["enabled", "disabled"].filter((key) => isPlainObject(server) && Object.hasOwn(server, key));
  return (keys.length > 0 ? keys : ["disabled"]).map((key) => ({ path: [key], value: (key === "enabled") === on }));
}

/** Whether a key at the top is the file's own business, such as what its anchors are made at: nothing reads it. */
function isExtension(key: string): boolean {
  return key.startsWith("x-");
}

/** What other hosts' files say otherwise, made ours: a map of servers by VS Code's name. `renamed` tells that problems are to name it so. */
export function ownForm(value: unknown): { config: unknown; inputs: unknown; renamed: boolean; problems: string[] } {
  if (!isPlainObject(value)) return { config: value, inputs: undefined, renamed: false, problems: [] };
  const { inputs, servers, ...others } = value;
  const rest = Object.fromEntries(Object.entries(others).filter(([key]) => !isExtension(key)));
  const renamed = Object.hasOwn(value, "servers");
  const both = renamed && Object.hasOwn(value, "mcpServers");
  const problems = both ? ['servers: is another name for "mcpServers", and both are there; put all servers into one of the two'] : [];
  return { config: both || !renamed ? rest : { mcpServers: servers, ...rest }, inputs, renamed: renamed && !both, problems };
}

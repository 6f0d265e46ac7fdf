/** Keys that the files of other hosts have, and what to do about each here. */
const TOP: Readonly<Record<string, string>> = {
  servers: 'other hosts call it so, here it is "mcpServers"',
  inputs: "there is nobody to ask here, so remove it; ${input:id} reads the variable MCP_HOST_INPUT_<ID>",
};

const OFF = "a server cannot be switched off in the config; remove the server or comment it out";
const APPROVAL = "approval is the client's business; remove it";
const ADDRESS = 'here it is "url"';

const SERVER: Readonly<Record<string, string>> = {
  disabled: OFF,
  enabled: OFF,
  envFile: 'name each variable in "env", as in "KEY": "${KEY}"',
  alwaysAllow: APPROVAL,
  autoApprove: APPROVAL,
  serverUrl: ADDRESS,
  httpUrl: ADDRESS,
};

/** What to write instead of a key that only other hosts know. */
export function foreignKey(path: readonly PropertyKey[], key: string): string | undefined {
  const keys = path.length === 0 ? TOP : path[0] === "mcpServers" && path.length === 2 ? SERVER : {};
  return Object.hasOwn(keys, key) ? keys[key] : undefined;
}

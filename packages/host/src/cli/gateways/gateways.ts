import { existsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { UsageError } from "../../operator/usage-error.ts";
import { isObject, type Json } from "../../wire/message.ts";
import type { Machine } from "../clients/machine.ts";

/** One gateway, and how its file is told from others. */
interface Gateway {
  readonly title: string;
  /** Where its config is, the place that counts first; those of the folder are where it is started from. */
  readonly files: (machine: Machine) => readonly string[];
  /** Keys at the top that only its file has. */
  readonly top: readonly string[];
  /** Keys of a server that only its file has. */
  readonly server: readonly string[];
}

export const GATEWAYS = {
  "1mcp": {
    title: "1MCP",
    files: ({ platform, home, env }) => [
      ...(env.ONE_MCP_CONFIG ? [env.ONE_MCP_CONFIG] : []),
      ...(env.ONE_MCP_CONFIG_DIR ? [join(env.ONE_MCP_CONFIG_DIR, "mcp.json")] : []),
      platform === "win32" ? join(home, "AppData", "Roaming", "1mcp", "mcp.json") : join(home, ".config", "1mcp", "mcp.json"),
    ],
    top: ["serverDefaults", "mcpTemplates", "templateSettings", "instructionTemplates", "publishedInstructionTemplates"],
    server: [
      ...["tags", "disabledTools", "toolDescriptionOverrides", "instructionOverride", "connectionTimeout", "requestTimeout"],
      ...["inheritParentEnv", "envFilter", "restartOnExit", "maxRestarts", "restartDelay"],
    ],
  },
  mcphub: {
    title: "MCPHub",
    files: ({ folder, env }) => {
      const path = env.MCPHUB_SETTING_PATH;
      const said = path && (isFolder(path) ? join(path, "mcp_settings.json") : path);
      return [...(said ? [said] : []), join(folder, "mcp_settings.json")];
    },
    top: ["users", "groups", "systemConfig", "userConfigs", "bearerKeys", "oauthClients", "oauthTokens"],
    server: [
      "owner",
      "visibility",
      "enableKeepAlive",
      "keepAliveInterval",
      "perSessionClient",
      "startOnDemand",
      "passthroughHeaders",
      "openapi",
    ],
  },
  "mcp-hub": {
    title: "mcp-hub",
    files: ({ home, folder }) => [
      join(folder, ".mcphub", "servers.json"),
      join(folder, ".mcphub", "project.json"),
      join(home, ".config", "mcphub", "servers.json"),
      join(home, ".config", "mcphub", "global.json"),
    ],
    top: ["nativeMCPServers"],
    server: [
      "dev",
      "disabled_tools",
      "disabled_prompts",
      "disabled_resources",
      "disabled_resourceTemplates",
      "custom_instructions",
      "config_source",
    ],
  },
  mcpproxy: {
    title: "mcpproxy",
    files: ({ home, folder, env }) => [
      join(folder, "mcp_config.json"),
      ...(env.MCPPROXY_DATA ? [join(env.MCPPROXY_DATA, "mcp_config.json")] : []),
      join(home, ".mcpproxy", "mcp_config.json"),
    ],
    top: ["data_dir", "tools_limit", "docker_isolation", "enable_socket", "call_tool_timeout", "routing_mode", "quarantine_enabled"],
    server: ["quarantined", "working_dir", "trust_mode", "skip_quarantine", "reconnect_on_use"],
  },
} as const satisfies Record<string, Gateway>;

export type GatewayName = keyof typeof GATEWAYS;

export const GATEWAY_NAMES = Object.keys(GATEWAYS) as GatewayName[]; // `keys` forgets which

export function gatewayOf(name: GatewayName): Gateway {
  return GATEWAYS[name];
}

/** The one file of another gateway that is there. @throws UsageError where there is none, or several */
export function findFile(from: GatewayName | undefined, machine: Machine): { readonly path: string; readonly from: GatewayName } {
  const names = from === undefined ? GATEWAY_NAMES : [from];
  const looked = names.flatMap((name) =>
    gatewayOf(name)
      .files(machine)
      .map((path) => ({ path, from: name })),
  );
  const found = names.flatMap((name) => {
    const path = gatewayOf(name)
      .files(machine)
      .find((each) => existsSync(each));
    return path === undefined ? [] : [{ path, from: name }];
  });
  const [only, ...others] = found;
  if (!only)
    throw new UsageError(`there is no config of another gateway; name its file. Looked for ${looked.map(({ path }) => path).join(", ")}`);
  if (others.length > 0) throw new UsageError(`there are several configs; name one of ${found.map(({ path }) => path).join(", ")}`);
  return only;
}

/** Whose file this is, by its form and then by where it is. @throws UsageError where that does not say it */
export function recognize(value: Json, path: string, machine: Machine): GatewayName {
  const byForm = Array.isArray(value.mcpServers) ? (["mcpproxy"] as const) : GATEWAY_NAMES.filter((name) => fits(value, gatewayOf(name)));
  const byPlace = GATEWAY_NAMES.filter((name) =>
    gatewayOf(name)
      .files(machine)
      .some((file) => file === path),
  );
  const byName = GATEWAY_NAMES.filter((name) =>
    gatewayOf(name)
      .files(machine)
      .some((file) => basename(file) === basename(path)),
  );
  for (const names of [byForm, byPlace, byName]) {
    const [only, ...others] = names;
    if (only !== undefined && others.length === 0) return only;
  }
  const own = ["plugins", "listen", "limits"].some((key) => Object.hasOwn(value, key) && !Array.isArray(value.mcpServers));
  if (own)
    throw new UsageError(
      `${path} looks like a config of mcp-host itself; \`mcp-host config migrate\` writes one in the form of this version`,
    );
  throw new UsageError(
    `${path} does not say which gateway it is of; say it with --from ${GATEWAY_NAMES.join("|")}. Servers of clients such as Cursor come in with \`mcp-host init\``,
  );
}

function fits(value: Json, { top, server }: Gateway): boolean {
  const servers = Object.values(isObject(value.mcpServers) ? value.mcpServers : isObject(value.servers) ? value.servers : {});
  return (
    top.some((key) => Object.hasOwn(value, key)) || servers.some((each) => isObject(each) && server.some((key) => Object.hasOwn(each, key)))
  );
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

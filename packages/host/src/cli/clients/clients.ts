import { existsSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../operator/usage-error.ts";
import type { Json } from "../../wire/message.ts";
import type { Machine } from "./machine.ts";

/** Whose file: the user's, for every project, or that of the project in the working directory. */
export type Scope = "user" | "project";

/** The host's entry among the servers of a client, before it is rendered in the client's own form. */
export type ServerEntry =
  | {
      readonly kind: "stdio";
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      /** The host's config, which is among the arguments. */
      readonly config: string;
    }
  | {
      readonly kind: "http";
      readonly url: string;
      /** The host asks for a key, so the client has to send one. */
      readonly key: boolean;
      /** The host's config, where it is known. */
      readonly config?: string | undefined;
      /** Nobody answers there; without a config nothing is known of keys then. */
      readonly silent?: boolean;
    };

/**
 * What stands for a value of the environment in a client's file: nothing, `${VAR}`, `${env:VAR}` and an editor's own variables,
 * `$VAR` as well, or `{env:VAR}` and `{file:path}`.
 */
export type Expansion = "none" | "shell" | "editor" | "dollar" | "braces";

/** What a client calls the host's settings of a server: times, each with its unit in milliseconds, and lists of tools. */
export interface Words {
  readonly startTimeout?: readonly [key: string, unit: number];
  readonly timeout?: readonly [key: string, unit: number];
  /** The only tools that are used. */
  readonly include?: string;
  /** Tools that are not. */
  readonly exclude?: string;
}

/** One program that uses MCP servers, and the documented form of its file. */
export interface Client {
  /** As it is called, for people. */
  readonly title: string;
  readonly format: "json" | "toml";
  /** The key that holds the servers by name. */
  readonly key: string;
  readonly expansion: Expansion;
  /** It starts without the PATH of a shell, so what it starts needs one. */
  readonly desktop: boolean;
  readonly transports: readonly ServerEntry["kind"][];
  /** Where its files are; a scope that it does not have is missing. */
  readonly files: (machine: Machine) => { readonly [S in Scope]?: string };
  /** Other files of its own that say which servers and tools it uses. */
  readonly settings?: (machine: Machine) => readonly string[];
  readonly words?: Words;
  /** The path at http://localhost where browsers come back to from apps that its entries name with `oauth`. */
  readonly appCallback?: string;
  /** An entry in its own form. */
  readonly render: (entry: ServerEntry) => Json;
  /** What else the file needs beside the entry. */
  readonly beside?: (entry: ServerEntry) => Json;
  /** What makes it read the file again, as a sentence. */
  readonly reload: string;
}

/** A client cannot do what is asked, which others can. */
export class ClientError extends UsageError {}

/** The variable that holds the key which a client shows to a host with an auth plugin. */
export const KEY_VARIABLE = "MCP_API_KEY";
/** How VS Code calls the question for it. */
const KEY_INPUT = "mcp-api-key";

const VSCODE_KEY = { type: "promptString", id: KEY_INPUT, description: "Key for mcp-host", password: true };

/** Every client that is known, by the name that commands take. */
export const CLIENTS = {
  "claude-desktop": {
    title: "Claude Desktop",
    format: "json",
    key: "mcpServers",
    expansion: "none",
    desktop: true,
    transports: ["stdio"],
    files: (machine) => ({ user: join(configFolder(machine), "Claude", "claude_desktop_config.json") }),
    render: (entry) => (entry.kind === "stdio" ? stdio(entry) : http(entry)),
    reload: "Quit Claude Desktop and start it again.",
  },
  "claude-code": {
    title: "Claude Code",
    format: "json",
    key: "mcpServers",
    expansion: "shell",
    desktop: false,
    transports: ["stdio", "http"],
    files: ({ home, env, folder }) => ({
      user: join(env.CLAUDE_CONFIG_DIR || home, ".claude.json"),
      project: join(folder, ".mcp.json"),
    }),
    settings: ({ home, env, folder }) => [
      join(env.CLAUDE_CONFIG_DIR || join(home, ".claude"), "settings.json"),
      join(folder, ".claude", "settings.json"),
      join(folder, ".claude", "settings.local.json"),
    ],
    appCallback: "/callback",
    render: (entry) =>
      entry.kind === "stdio" ? { type: "stdio", ...stdio(entry) } : { type: "http", ...http(entry, `Bearer \${${KEY_VARIABLE}}`) },
    reload: "Start a new session of Claude Code; /mcp shows the server.",
  },
  cursor: {
    title: "Cursor",
    format: "json",
    key: "mcpServers",
    expansion: "editor",
    desktop: true,
    transports: ["stdio", "http"],
    files: ({ home, folder }) => ({ user: join(home, ".cursor", "mcp.json"), project: join(folder, ".cursor", "mcp.json") }),
    render: (entry) => (entry.kind === "stdio" ? stdio(entry) : http(entry, `Bearer \${env:${KEY_VARIABLE}}`)),
    reload: "Cursor reads the file again by itself; its settings show the server under MCP.",
  },
  vscode: {
    title: "VS Code",
    format: "json",
    key: "servers",
    expansion: "editor",
    desktop: true,
    transports: ["stdio", "http"],
    files: (machine) => ({
      user: join(configFolder(machine), "Code", "User", "mcp.json"),
      project: join(machine.folder, ".vscode", "mcp.json"),
    }),
    render: (entry) =>
      entry.kind === "stdio" ? { type: "stdio", ...stdio(entry) } : { type: "http", ...http(entry, `Bearer \${input:${KEY_INPUT}}`) },
    beside: (entry) => (entry.kind === "http" && entry.key ? { inputs: [VSCODE_KEY] } : {}),
    reload: "Run `MCP: List Servers` in VS Code and start the server.",
  },
  windsurf: {
    title: "Windsurf",
    format: "json",
    key: "mcpServers",
    expansion: "editor",
    desktop: true,
    transports: ["stdio", "http"],
    files: ({ home }) => ({ user: join(home, ".codeium", "windsurf", "mcp_config.json") }),
    render: (entry) => {
      if (entry.kind === "stdio") return stdio(entry);
      const { url, ...rest } = http(entry, `Bearer \${env:${KEY_VARIABLE}}`);
      return { serverUrl: url, ...rest };
    },
    words: { exclude: "disabledTools" },
    reload: "Press Refresh among the MCP servers of Cascade.",
  },
  codex: {
    title: "Codex",
    format: "toml",
    key: "mcp_servers",
    expansion: "none",
    desktop: false,
    transports: ["stdio", "http"],
    files: ({ home, env, folder }) => ({
      user: join(env.CODEX_HOME || join(home, ".codex"), "config.toml"),
      project: join(folder, ".codex", "config.toml"),
    }),
    render: (entry) =>
      entry.kind === "stdio" ? stdio(entry) : { url: entry.url, ...(entry.key && { bearer_token_env_var: KEY_VARIABLE }) },
    words: {
      startTimeout: ["startup_timeout_sec", 1000],
      timeout: ["tool_timeout_sec", 1000],
      include: "enabled_tools",
      exclude: "disabled_tools",
    },
    reload: "Start a new session of Codex; /mcp shows the server.",
  },
  zed: {
    title: "Zed",
    format: "json",
    key: "context_servers",
    expansion: "none",
    desktop: true,
    transports: ["stdio", "http"],
    files: (machine) => ({
      user: join(machine.platform === "win32" ? configFolder(machine) : dotConfig(machine), zedFolder(machine), "settings.json"),
      project: join(machine.folder, ".zed", "settings.json"),
    }),
    render: (entry) => (entry.kind === "stdio" ? { ...stdio(entry), env: entry.env } : http(entry)),
    reload: "Zed reads the file again by itself; the settings of its agent panel show the server.",
  },
  "gemini-cli": {
    title: "Gemini CLI",
    format: "json",
    key: "mcpServers",
    expansion: "dollar",
    desktop: false,
    transports: ["stdio", "http"],
    files: ({ home, folder }) => ({ user: join(home, ".gemini", "settings.json"), project: join(folder, ".gemini", "settings.json") }),
    render: (entry) => {
      if (entry.kind === "stdio") return stdio(entry);
      const { url, ...rest } = http(entry, `Bearer $${KEY_VARIABLE}`);
      return { httpUrl: url, ...rest };
    },
    words: { timeout: ["timeout", 1], include: "includeTools", exclude: "excludeTools" },
    reload: "Start Gemini CLI again; /mcp shows the server.",
  },
  cline: {
    title: "Cline",
    format: "json",
    key: "mcpServers",
    expansion: "editor",
    desktop: true,
    transports: ["stdio", "http"],
    files: (machine) => ({
      user: join(configFolder(machine), "Code", "User", "globalStorage", "saoudrizwan.claude-dev", "settings", "cline_mcp_settings.json"),
    }),
    render: (entry) =>
      entry.kind === "stdio" ? { ...stdio(entry), disabled: false } : { type: "streamableHttp", ...http(entry), disabled: false },
    words: { timeout: ["timeout", 1000], exclude: "disabledTools" },
    reload: "Cline reads the file again by itself; its MCP servers show it.",
  },
  opencode: {
    title: "opencode",
    format: "json",
    key: "mcp",
    expansion: "braces",
    desktop: false,
    transports: ["stdio", "http"],
    files: ({ home, env, folder }) => ({
      user: opencodeFile(join(env.XDG_CONFIG_HOME || join(home, ".config"), "opencode")),
      project: opencodeFile(folder),
    }),
    words: { startTimeout: ["timeout", 1] },
    render: (entry) => {
      if (entry.kind === "http") return { type: "remote", ...http(entry, `Bearer {env:${KEY_VARIABLE}}`), enabled: true };
      const { command, args, env } = entry;
      return { type: "local", command: [command, ...args], ...(Object.keys(env).length > 0 && { environment: env }), enabled: true };
    },
    reload: "Start opencode again.",
  },
} as const satisfies Record<string, Client>;

export type ClientName = keyof typeof CLIENTS;

export const CLIENT_NAMES = Object.keys(CLIENTS) as ClientName[]; // `keys` forgets which

export function clientOf(name: ClientName): Client {
  return CLIENTS[name];
}

function stdio({ command, args, env }: Extract<ServerEntry, { kind: "stdio" }>): Json {
  return { command, args, ...(Object.keys(env).length > 0 && { env }) };
}

/** @param authorization what the client writes for a key that is kept elsewhere; without it, people fill it in */
function http({ url, key }: Extract<ServerEntry, { kind: "http" }>, authorization = "Bearer YOUR_API_KEY"): Json {
  return { url, ...(key && { headers: { Authorization: authorization } }) };
}

/** Where programs with windows keep their settings. */
function configFolder(machine: Machine): string {
  const { platform, home, env } = machine;
  if (platform === "win32") return env.APPDATA || join(home, "AppData", "Roaming");
  return platform === "darwin" ? join(home, "Library", "Application Support") : dotConfig(machine);
}

function dotConfig({ platform, home, env }: Machine): string {
  return (platform === "linux" && env.XDG_CONFIG_HOME) || join(home, ".config");
}

function zedFolder({ platform }: Machine): string {
  return platform === "win32" ? "Zed" : "zed";
}

/** It reads both forms, and where both are there the one with comments counts. */
function opencodeFile(folder: string): string {
  const commented = join(folder, "opencode.jsonc");
  return existsSync(commented) ? commented : join(folder, "opencode.json");
}

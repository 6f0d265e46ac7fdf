import { isObject, type Json } from "../../wire/message.ts";
import type { ClientName } from "../clients/clients.ts";
import type { Machine } from "../clients/machine.ts";

/** What a client's settings say of one of its servers, beside the server's entry. */
export interface Rule {
  /** Why the client does not use it. */
  readonly off?: string | undefined;
  /** The only tools that it uses. */
  readonly include?: readonly string[];
  /** Tools that it does not use. */
  readonly exclude?: readonly string[];
}

/** @param shared the server's entry is in the project's file */
export type Rules = (name: string, shared: boolean) => Rule;

const OFF = "it is switched off there";

/** The rules that a client's files hold together. @param contents the user's first, then the project's, then its further settings */
export function rulesOf(client: ClientName, contents: readonly Json[], machine: Machine): Rules {
  switch (client) {
    case "claude-code":
      return claudeCode(contents, machine);
    case "gemini-cli":
      return gemini(contents);
    case "opencode":
      return opencode(contents);
    default:
      return () => ({});
  }
}

/** Servers of the project's file need an approval, any server may be switched off, and permissions name tools. */
function claudeCode(contents: readonly Json[], { folder }: Machine): Rules {
  const projects = contents.map((value) => record(record(value.projects)[folder]));
  const all = [...contents, ...projects];
  const named = (key: string): string[] => all.flatMap((value) => texts(value[key]));
  const enabled = named("enabledMcpjsonServers");
  const asks = enabled.length > 0 && !all.some((value) => value.enableAllProjectMcpServers === true);
  const denied = all.flatMap(({ permissions }) => texts(record(permissions).deny));
  const off = named("disabledMcpServers");
  const offShared = named("disabledMcpjsonServers");
  return (name, shared) => {
    if (off.includes(name) || (shared && offShared.includes(name))) return { off: OFF };
    if (shared && asks && !enabled.includes(name)) return { off: 'it is not among the "enabledMcpjsonServers" there' };
    const own = `mcp__${name.replace(/[^A-Za-z0-9_-]/g, "_")}`;
    if (denied.includes(own) || denied.includes(`${own}__*`)) return { off: "its permissions deny it there" };
    // A rule with parentheses is about some calls.
    const exclude = denied.filter((rule) => rule.startsWith(`${own}__`) && !rule.includes("("));
    return { exclude: exclude.map((rule) => rule.slice(own.length + 2)) };
  };
}

function gemini(contents: readonly Json[]): Rules {
  const excluded = contents.flatMap(({ mcp, excludeMCPServers }) => [...texts(record(mcp).excluded), ...texts(excludeMCPServers)]);
  const allowed = contents.map(({ mcp, allowMCPServers }) => record(mcp).allowed ?? allowMCPServers).findLast(Array.isArray);
  return (name) => ({ off: excluded.includes(name) || (allowed && !allowed.includes(name)) ? OFF : undefined });
}

/** Globs over `<server>_<tool>`, of which a later one counts for more. */
function opencode(contents: readonly Json[]): Rules {
  const globs = Object.entries(Object.assign({}, ...contents.map(({ tools }) => record(tools))) as Json); // a merge of objects is one
  return (name) => {
    const own = `${name.replace(/[^A-Za-z0-9_-]/g, "_")}_`;
    const all = (glob: string): boolean => glob.endsWith("*") && own.startsWith(glob.slice(0, -1));
    const tools = (used: boolean): string[] =>
      globs.flatMap(([glob, value]) => (value === used && glob.startsWith(own) && !all(glob) ? [glob.slice(own.length)] : []));
    const last = globs.findLast(([glob]) => all(glob));
    if (last?.[1] !== false) return { exclude: tools(false) };
    const include = tools(true);
    return include.length === 0 ? { off: "its tools are switched off there" } : { include };
  };
}

function record(value: unknown): Json {
  return isObject(value) ? value : {};
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

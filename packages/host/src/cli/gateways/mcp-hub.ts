import { homedir } from "node:os";
import { basename, sep } from "node:path";
import type { Json } from "../../wire/message.ts";
import type { Draft } from "./draft.ts";
import type { Part } from "./part.ts";
import { isVariable, withReferences } from "./references.ts";
import { exactly, type Own, selection, wireOf } from "./server.ts";

const WHOSE = "mcp-hub";

export function readMcpHub(top: Part, draft: Draft): void {
  const key = top.has("servers") ? "servers" : "mcpServers";
  if (top.has("servers")) {
    top.report.changed(top.at("servers"), "is mcpServers here");
    top.leave("mcpServers", "is not read there where there are servers, too");
  }
  for (const { key: name, part } of top.parts(key)) server(name, draft.nameFor(name), part, draft);
  if (Object.values(draft.servers).some(({ command }) => command !== undefined))
    top.report.left(
      top.at(key),
      "are given what MCP_HUB_ENV holds, which is not read here",
      "Set its values as variables of their own, and name in `env` of a server which it needs.",
    );
  top.leave("inputs", "is not read there: values come from MCP_HUB_ENV", "Set the variable MCP_HOST_INPUT_<ID> of each.");
  top.leave("nativeMCPServers", "are servers within Neovim, which only that can start");
  top.pass(["$schema"], `is about the form of ${WHOSE}'s file`);
  top.rest(WHOSE);
}

function server(original: string, name: string, part: Part, draft: Draft): void {
  const to = `mcpServers.${name}`;
  const own = ownOf(part, draft);
  const wire = wireOf(part, to, { own });
  const env: Json = { ...(wire?.env as Json | undefined) }; // texts, as `wireOf` makes it
  for (const [variable, value] of Object.entries(part.get("env", "object") ?? {}))
    if (value === null || value === "") {
      part.report.changed([...part.at("env"), variable], `is the variable of that name: \${${variable}}`);
      env[variable] = `\${${variable}}`;
    }
  const disabled = part.carry("disabled", "flag", `${to}.disabled`);
  const off = (key: string, kind: string): string[] => part.carry(key, "texts", `${to}.${kind}.exclude`) ?? [];
  const tools = selection({ exclude: off("disabled_tools", "tools") });
  const prompts = selection({ exclude: off("disabled_prompts", "prompts") });
  const templates = off("disabled_resourceTemplates", "resources");
  const uris = exactly(off("disabled_resources", "resources"));
  // `{id}` in a glob stands for any text, so that a template goes with all that comes from it.
  const resources = [...uris, ...templates];
  part.pass(["autoApprove"], "is about whether people are asked, which is the client's business");
  part.leave("custom_instructions", "are instructions for models", "A profile of @host/plugin-profiles has `instructions`.");
  part.leave("dev", "starts the server again when its files change", `\`mcp-host reconnect ${name}\` does that when it is run.`);
  part.pass(["name", "description"], "is how the server is shown to people");
  part.pass(["type", "config_source"], "is written by mcp-hub itself, and follows from the rest");
  const entry: Json | undefined = wire && {
    ...wire,
    ...(Object.keys(env).length > 0 && { env }),
    ...(tools && { tools }),
    ...(prompts && { prompts }),
    ...(resources.length > 0 && { resources: { exclude: resources } }),
    ...(disabled !== undefined && { disabled }),
  };
  part.rest(WHOSE);
  if (entry) draft.add(part.path, original, name, entry);
  else draft.leave(part.path, "has neither a command nor a url, so there is nothing to start or to reach");
}

/** Beside its `env`, a server may refer to what is in there. */
function ownOf(part: Part, draft: Draft): Own {
  const variables = typeof part.value.env === "object" && part.value.env !== null ? (part.value.env as Json) : {};
  const own: Own = (text, at) => {
    const isEnv = at[part.path.length] === "env";
    const braced = (body: string): string | undefined => {
      const name = body.startsWith("env:") ? body.slice(4) : body;
      const said = isEnv ? undefined : variables[name];
      if (typeof said === "string" && said !== "") return own(said, [...part.at("env"), name]);
      if (body.startsWith("cmd:")) return command(body, at, part, draft);
      if (body.startsWith("input:")) return /^input:[\w.-]+$/.test(body) ? `\${${body}}` : undefined;
      return place(body, at, part) ?? (isVariable(name) ? `\${${name}}` : undefined);
    };
    const isOldArgument = at[part.path.length] === "args" && /^\$[A-Za-z_]\w*$/.test(text);
    return isOldArgument ? (braced(text.slice(1)) ?? text) : withReferences(text, { braced });
  };
  return own;
}

/** What a program writes: the plugin for secrets has that, for programs that its options name. */
function command(body: string, at: readonly (string | number)[], part: Part, draft: Draft): string | undefined {
  const line = body.slice(4).trim();
  const [program] = line.split(/\s+/);
  const shell = /[|&;<>$`*?~(){}\\\n]/.test(line);
  if (program === undefined || program === "" || shell) {
    part.report.left(
      at,
      "is what a shell makes of a line, and no shell is run here",
      "Put the line into a script, and write ${cmd:<script>}.",
    );
    return undefined;
  }
  part.report.changed(at, `is what ${program} writes, which @host/plugin-vault has for it`);
  draft.commands.add(program);
  return `\${cmd:${line}}`;
}

function place(body: string, at: readonly (string | number)[], part: Part): string | undefined {
  if (body === "userHome") return homedir();
  if (body === "pathSeparator" || body === "/") return sep;
  if (body !== "workspaceFolder" && body !== "cwd" && body !== "workspaceFolderBasename") return undefined;
  const folder = process.cwd();
  part.report.changed(at, `is ${folder} here: the folder where you migrate, as it was there the one where mcp-hub was started`);
  return body === "workspaceFolderBasename" ? basename(folder) : folder;
}

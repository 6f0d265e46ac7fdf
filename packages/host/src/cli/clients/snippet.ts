import { stringify } from "smol-toml";
import { docsPage } from "../../config/documentation.ts";
import type { LoadOptions } from "../../config/load.ts";
import type { Json } from "../../wire/message.ts";
import { shellWord } from "../command-line/shell-word.ts";
import { typedCommand } from "../command-line/typed-command.ts";
import { jsonText } from "../terminal/json-text.ts";
import type { EntryFlags, Target } from "./client-options.ts";
import { type Client, KEY_VARIABLE, type ServerEntry } from "./clients.ts";
import { shellVariables } from "./references.ts";

/** What belongs into a client's file, alone. */
export function contentOf({ client, name }: Target, entry: ServerEntry): Json {
  return { [client.key]: { [name]: client.render(entry) }, ...client.beside?.(entry) };
}

/** The same in the form of the file. */
export function snippet(target: Target, entry: ServerEntry): string {
  const whole = contentOf(target, entry);
  return target.client.format === "toml" ? `${stringify(whole).trimEnd()}\n` : jsonText(whole);
}

/** What people have to know besides, a line each; what makes the client read its file comes last. @throws ConfigError where the config cannot be read */
export async function advice({ client, scope }: Target, entry: ServerEntry, options: LoadOptions): Promise<string[]> {
  const lines: string[] = [];
  const variables = entry.kind === "stdio" ? await shellVariables(entry.config, options) : [];
  if (variables.length > 0)
    lines.push(
      `The config takes ${variables.join(", ")} from the environment, which a program that starts the host may not have; the credentials file (${docsPage("config.md")}) is always there.`,
    );
  if (entry.kind === "http" && entry.key) lines.push(`The host asks for a key: ${keyAdvice(client, entry)}.`);
  if (entry.kind === "http" && entry.silent === true)
    lines.push(
      entry.config === undefined
        ? `Nobody answers at ${entry.url}, so whether the host there wants a key is not known; --config names its config.`
        : `No host of this config is running; \`${typedCommand()} start\` starts one.`,
    );
  if (entry.kind === "stdio" && scope === "project")
    lines.push("The paths in it are those of this machine; others of the project need their own.");
  if (entry.kind === "stdio" && entry.args.some((word) => word.includes("_npx")))
    lines.push(
      `This mcp-host is in the cache of npx, which may be cleared; ${docsPage("getting-started.md")} says how it is installed to stay.`,
    );
  lines.push(client.reload);
  return lines;
}

function keyAdvice(client: Client, entry: ServerEntry): string {
  const written = JSON.stringify(client.render(entry));
  if (client.beside?.(entry).inputs !== undefined) return `${client.title} will ask for it`;
  if (written.includes(KEY_VARIABLE)) return `${client.title} takes it from the variable ${KEY_VARIABLE}`;
  return "put it in the place of YOUR_API_KEY";
}

/** The command that writes what these flags print. */
export function installCommand({ client, http, ...flags }: EntryFlags, { envFiles = [], set = [] }: LoadOptions): string {
  const words = (["scope", "name", "url", "endpoint", "profile", "config"] as const).flatMap((name) => {
    const value = flags[name];
    return value === undefined ? [] : [`--${name}`, shellWord(value)];
  });
  const repeated = [...envFiles.flatMap((file) => ["--env-file", file]), ...set.flatMap((setting) => ["--set", setting])].map(shellWord);
  return [typedCommand(), "install", client, ...words, ...repeated, ...(http === true ? ["--http"] : [])].join(" ");
}

/** The command of the client's own that does the same, where it has one. */
export function ownCommand({ id, scope, name }: Target, entry: ServerEntry): string | undefined {
  if (id !== "claude-code") return undefined;
  const words =
    entry.kind === "stdio"
      ? ["--scope", scope, name, "--", entry.command, ...entry.args]
      : [
          "--transport",
          "http",
          "--scope",
          scope,
          name,
          entry.url,
          ...(entry.key ? ["--header", `Authorization: Bearer \${${KEY_VARIABLE}}`] : []),
        ];
  return ["claude", "mcp", "add", ...words].map(shellWord).join(" ");
}

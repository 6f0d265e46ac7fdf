import { stringify } from "smol-toml";
import { docsPage } from "../../config/documentation.ts";
import type { Json } from "../../wire/message.ts";
import { shellWord } from "../shell-word.ts";
import { typedCommand } from "../typed-command.ts";
import { type Client, type Connection, KEY_VARIABLE } from "./clients.ts";
import type { ConnectionFlags, Target } from "./connection.ts";
import { shellVariables } from "./references.ts";

/** What belongs into a client's file, alone. */
export function contentOf({ client, name }: Target, connection: Connection): Json {
  return { [client.key]: { [name]: client.entry(connection) }, ...client.beside?.(connection) };
}

/** The same in the form of the file. */
export function snippet(target: Target, connection: Connection): string {
  const whole = contentOf(target, connection);
  return target.client.format === "toml" ? `${stringify(whole).trimEnd()}\n` : `${JSON.stringify(whole, undefined, 2)}\n`;
}

/** What people have to know besides, a line each; what makes the client read its file comes last. @throws ConfigError where the config cannot be read */
export async function advice({ client, scope }: Target, connection: Connection): Promise<string[]> {
  const lines: string[] = [];
  const variables = connection.kind === "stdio" ? await shellVariables(connection.config) : [];
  if (variables.length > 0)
    lines.push(
      `The config takes ${variables.join(", ")} from the environment, which ${client.title} may not have; the credentials file (${docsPage("config.md")}) is always there.`,
    );
  if (connection.kind === "http" && connection.key) lines.push(`The host asks for a key: ${keyAdvice(client, connection)}.`);
  if (connection.kind === "stdio" && scope === "project")
    lines.push("The paths in it are those of this machine; others of the project need their own.");
  if (connection.kind === "stdio" && connection.args.some((word) => word.includes("_npx")))
    lines.push(
      `This mcp-host is in the cache of npx, which may be cleared; ${docsPage("getting-started.md")} says how it is installed to stay.`,
    );
  lines.push(client.reload);
  return lines;
}

function keyAdvice(client: Client, connection: Connection): string {
  const written = JSON.stringify(client.entry(connection));
  if (client.beside?.(connection).inputs !== undefined) return `${client.title} will ask for it`;
  if (written.includes(KEY_VARIABLE)) return `${client.title} takes it from the variable ${KEY_VARIABLE}`;
  return "put it in the place of YOUR_API_KEY";
}

/** The command that writes what these flags print. */
export function installCommand({ client, http, ...flags }: ConnectionFlags): string {
  const words = (["scope", "name", "url", "config"] as const).flatMap((name) => {
    const value = flags[name];
    return value === undefined ? [] : [`--${name}`, shellWord(value)];
  });
  return [typedCommand(), "install", client, ...words, ...(http === true ? ["--http"] : [])].join(" ");
}

/** The command of the client's own that does the same, where it has one. */
export function ownCommand({ id, scope, name }: Target, connection: Connection): string | undefined {
  if (id !== "claude-code") return undefined;
  const words =
    connection.kind === "stdio"
      ? ["--scope", scope, name, "--", connection.command, ...connection.args]
      : [
          "--transport",
          "http",
          "--scope",
          scope,
          name,
          connection.url,
          ...(connection.key ? ["--header", `Authorization: Bearer \${${KEY_VARIABLE}}`] : []),
        ];
  return ["claude", "mcp", "add", ...words].map(shellWord).join(" ");
}

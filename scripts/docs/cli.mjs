import { CLIENTS } from "../../packages/host/dist/cli/clients/clients.js";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { COMMANDS } from "../../packages/host/dist/cli/commands.js";
import { between, table } from "../pages.mjs";

export const file = "docs/cli.md";

/** The overview, the flags of each command with their defaults, and the exit codes, from the code that has them. */
export async function render(current) {
  const commands = await Promise.all(Object.entries(COMMANDS).map(async ([name, load]) => [name, await load()]));
  let page = between(
    current,
    "exit codes",
    table(
      ["code", "meaning"],
      Object.values(EXIT).map(({ code, meaning }) => [code, meaning]),
    ),
  );
  page = between(
    page,
    "commands",
    table(
      ["command", "what it does"],
      commands.map(([name, { meta }]) => [`[\`${name}\`](#${name.replaceAll(" ", "-")})`, meta.description]),
    ),
  );
  for (const [name, { args = {} }] of commands) page = between(page, name, `${usage(name, args)}\n\n${flags(args)}`);
  return between(
    page,
    "clients",
    table(["name", "client", "file of the user", "file of the project", "transports"], Object.entries(CLIENTS).map(client)),
  );
}

/** The home stays `~`, whoever writes the page. */
function client([name, { title, files, transports }]) {
  const { user, project } = files({ platform: "darwin", home: "~", env: {}, folder: "" });
  return [`\`${name}\``, title, `\`${user}\``, project === undefined ? "–" : `\`${project}\``, transports.join(", ")];
}

function usage(name, args) {
  const positionals = Object.entries(args).filter(([, { type }]) => type === "positional");
  const words = positionals.map(([argument, definition]) => written(argument, definition));
  const isRest = (word) => word.startsWith("[-- ");
  const line = ["mcp-host", name, ...words.filter((word) => !isRest(word)), "[flags]", ...words.filter(isRest)];
  return ["```text", line.join(" "), "```"].join("\n");
}

function flags(args) {
  const rows = Object.entries(args).flatMap(([name, argument]) => {
    const { meaning, standard } = toldOf(argument);
    const row = [`\`${written(name, argument)}\``, standard, meaning];
    return argument.negativeDescription ? [row, [`\`--no-${name}\``, "–", argument.negativeDescription]] : [row];
  });
  return table(["argument", "default", "meaning"], rows);
}

/** The last sentence of a description may be "Default: ..."; there is none for what is off or left out until it is given. */
function toldOf({ type, required, default: value, description = "" }) {
  const [, meaning = description, text] = /^(.*?)\.? Default: (.*)$/s.exec(description) ?? [];
  if (text !== undefined) return { meaning, standard: text };
  if (value !== undefined) return { meaning, standard: value === true ? "on" : String(value) };
  const needed = required === true || (type === "positional" && required !== false);
  return { meaning, standard: needed ? "**required**" : "–" };
}

function written(name, { type, required, valueHint, options }) {
  if (type === "boolean") return `--${name}`;
  if (type === "positional") return required === false ? `[${valueHint ?? name}]` : `<${valueHint ?? name}>`;
  return `--${name} <${options?.join("|") ?? valueHint ?? name}>`;
}

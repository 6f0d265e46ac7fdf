import { CLIENTS } from "../../packages/host/dist/cli/clients/clients.js";
import { COMMANDS } from "../../packages/host/dist/cli/commands.js";
import { EXIT } from "../../packages/host/dist/cli/exit.js";
import { between, table } from "../pages.mjs";

export const file = "docs/cli.md";

/** The flags of each command and the exit codes, from the code that has them. */
export async function render(current) {
  let page = between(
    current,
    "exit codes",
    table(
      ["code", "meaning"],
      Object.values(EXIT).map(({ code, meaning }) => [code, meaning]),
    ),
  );
  for (const [name, load] of Object.entries(COMMANDS)) page = between(page, name, flags((await load()).args));
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

function flags(args) {
  return table(
    ["argument", "meaning"],
    Object.entries(args).map(([name, argument]) => [`\`${written(name, argument)}\``, argument.description]),
  );
}

function written(name, { type, required, valueHint, options }) {
  if (type === "boolean") return `--${name}`;
  if (type === "positional") return required === false ? `[${valueHint ?? name}]` : `<${name}>`;
  return `--${name} <${options?.join("|") ?? valueHint ?? name}>`;
}

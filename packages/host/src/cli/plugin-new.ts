import { defineCommand, type EnumArgDef } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import type { NewPlugin } from "./new-plugin/create.ts";
import { KIND_MEANINGS, KIND_NAMES, type Kind, USUAL_KIND } from "./new-plugin/kinds.ts";
import { jsonText } from "./terminal/json-text.ts";
import { table } from "./terminal/table.ts";

/** With what each is, which usage tells; citty does not know of it. */
const KIND = {
  type: "enum",
  options: [...KIND_NAMES],
  description: `What it is to do. Default: ${USUAL_KIND}; on a terminal it is asked`,
  meanings: KIND_MEANINGS,
} satisfies EnumArgDef & { meanings: typeof KIND_MEANINGS };

export default defineCommand({
  meta: { name: "plugin new", description: "Write a package with a new plugin, its tests and its page" },
  args: {
    folder: { type: "positional", required: false, description: "Where it is written: a folder that is empty or not there yet" },
    dir: { type: "string", valueHint: "folder", description: "The same as the folder" },
    name: {
      type: "string",
      valueHint: "package",
      description: "The package's name. Default: the folder's, with mcp-host-plugin- before it",
    },
    kind: KIND,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { createPlugin } = await import("./new-plugin/create.ts");
    const { folder, dir, name, json } = args;
    const made = await createPlugin({ ...{ folder, dir, name }, kind: args.kind as Kind | undefined, asks: json !== true }); // one of its options
    if (json) process.stdout.write(jsonText(made));
    else describe(made);
    return EXIT.ok.code;
  },
});

function describe({ folder, name, plugin, kind, files, notes, next }: NewPlugin): void {
  const lines = [
    `Wrote ${folder}: the package ${name} with the plugin "${plugin}" (${kind}).`,
    ...files.map((file) => `  ${file}`),
    "",
    ...notes,
    "Next:",
    table(next.map(({ command, does }) => [`  ${command}`, does])),
  ];
  process.stderr.write(`${escapeControls(lines.join("\n"))}\n`);
}

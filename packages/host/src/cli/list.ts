import { defineCommand } from "citty";
import { claimStdout } from "../front/stdio.ts";
import { escapeControls } from "../log.ts";
import { redactText } from "../redact.ts";
import type { Json } from "../wire/message.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { configArgs, jsonArgs, logArgs, loggerOf } from "./options.ts";
import { describeMissing } from "./starts.ts";
import { table } from "./table.ts";

/** What can be listed: method, field of the result, and the columns of a row. */
const KINDS = {
  tools: { method: "tools/list", field: "tools", row: (entry: Json) => [entry.name, entry.title ?? entry.description] },
  prompts: { method: "prompts/list", field: "prompts", row: (entry: Json) => [entry.name, entry.title ?? entry.description] },
  resources: { method: "resources/list", field: "resources", row: (entry: Json) => [entry.uri, entry.title ?? entry.name] },
  templates: {
    method: "resources/templates/list",
    field: "resourceTemplates",
    row: (entry: Json) => [entry.uriTemplate, entry.title ?? entry.name],
  },
} as const;

type Kind = keyof typeof KINDS;

export default defineCommand({
  meta: { name: "list", description: "Start the servers and list what the host offers" },
  args: {
    kind: {
      type: "positional",
      required: false,
      valueHint: "tools|prompts|resources|templates",
      description: "What to list. Default: tools",
    },
    ...jsonArgs,
    ...configArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const output = claimStdout();
    const kind = KINDS[(args.kind as Kind | undefined) ?? "tools"]; // one of its options, or the command would not run
    const log = loggerOf(args, "warn");
    const { starts, entries } = await withClient({ config: args.config, rawArgs, log }, async (client) => ({
      starts: await client.started(),
      entries: await client.list(kind.method, kind.field),
    }));
    if (args.json) output.write(`${JSON.stringify(entries, undefined, 2)}\n`);
    else if (entries.length === 0) process.stderr.write(`there are no ${args.kind ?? "tools"}\n`);
    else output.write(`${table(entries.map((entry) => kind.row(entry).map(oneLine)))}\n`);
    for (const line of describeMissing(starts)) process.stderr.write(`${escapeControls(redactText(line))}\n`);
    return starts.length > 0 && starts.every(({ ok }) => !ok) ? EXIT.failure.code : EXIT.ok.code;
  },
});

/** The first line of a text that an upstream wrote, at most 100 characters, made safe for a terminal (R44). */
function oneLine(text: unknown): string {
  const [line = ""] = String(text ?? "")
    .trim()
    .split("\n");
  const short = line.length > 100 ? `${line.slice(0, 99)}…` : line;
  return escapeControls(short);
}

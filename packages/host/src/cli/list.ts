import { defineCommand } from "citty";
import { claimStdout } from "../front/stdio.ts";
import { escapeControls } from "../log.ts";
import { redactText } from "../redact.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";
import { type Kind, rowsOf } from "./kinds.ts";
import { configArgs, jsonArgs, logArgs, loggerOf } from "./options.ts";
import { describeMissing } from "./startup.ts";
import { table } from "./table.ts";

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
    const kind = (args.kind as Kind | undefined) ?? "tools"; // one of its options, or the command would not run
    const log = loggerOf(args, "warn");
    const { starts, entries } = await withClient({ config: args.config, rawArgs, log }, async (client) => ({
      starts: await client.started(),
      entries: await client.list(kind),
    }));
    if (args.json) output.write(jsonText(entries));
    else if (entries.length === 0) process.stderr.write(`there are no ${kind}\n`);
    else output.write(`${table(rowsOf(kind, entries))}\n`);
    for (const line of describeMissing(starts)) process.stderr.write(`${escapeControls(redactText(line))}\n`);
    return starts.length > 0 && starts.every(({ ok }) => !ok) ? EXIT.failure.code : EXIT.ok.code;
  },
});

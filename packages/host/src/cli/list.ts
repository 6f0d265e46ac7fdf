import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { redactText } from "../redact.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { loggerOf } from "./command-line/logger.ts";
import { configArgs, endpointArgs, jsonArgs, logArgs } from "./command-line/options.ts";
import { type Kind, rowsOf } from "./one-shot/kinds.ts";
import { describeMissing } from "./one-shot/startup.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { table } from "./terminal/table.ts";
import { columns } from "./terminal/wrap.ts";

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
    ...endpointArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { withClient } = await import("./one-shot/local-client.ts");
    const { roleless } = await import("./one-shot/roleless.ts");
    const output = claimStdout();
    const kind = (args.kind as Kind | undefined) ?? "tools"; // one of its options, or the command would not run
    const log = loggerOf(args, "warn");
    const { starts, entries, note } = await withClient({ config: args.config, endpoint: args.endpoint, rawArgs, log }, async (client) => ({
      starts: await client.started(),
      entries: await client.list(kind),
      note: roleless(client.host),
    }));
    if (args.json) output.write(jsonText(entries));
    else if (entries.length === 0) process.stderr.write(`there are no ${kind}\n`);
    else output.write(`${table(rowsOf(kind, entries), columns())}\n`);
    if (note !== undefined) process.stderr.write(`mcp-host: ${note}\n`);
    for (const line of describeMissing(starts)) process.stderr.write(`${escapeControls(redactText(line))}\n`);
    return starts.length > 0 && starts.every(({ ok }) => !ok) ? EXIT.failure.code : EXIT.ok.code;
  },
});

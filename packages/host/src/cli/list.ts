import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { redactText } from "../redact.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { askArgs, configArgs, endpointArgs, logArgs } from "./command-line/options.ts";
import { listOf } from "./one-shot/asked-host.ts";
import { type Kind, rowsOf } from "./one-shot/kinds.ts";
import { describeEras, describeMissing } from "./one-shot/startup.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { table } from "./terminal/table.ts";
import { withheldLines } from "./terminal/withheld-lines.ts";
import { columns } from "./terminal/wrap.ts";

export default defineCommand({
  meta: { name: "list", description: "List what the host offers" },
  args: {
    kind: {
      type: "positional",
      required: false,
      valueHint: "tools|prompts|resources|templates",
      description: "What to list. Default: tools",
    },
    ...jsonArgs,
    ...configArgs,
    ...askArgs,
    ...endpointArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { withHost } = await import("./one-shot/with-host.ts");
    const output = claimStdout();
    const kind = (args.kind as Kind | undefined) ?? "tools"; // one of its options, or the command would not run
    const { starts, entries, withheld, note } = await withHost({ flags: args, rawArgs }, async (host) => ({
      starts: await host.started(),
      entries: await listOf(host, kind),
      withheld: withheldLines(await host.withheld(), [kind.slice(0, -1)]),
      note: host.note === undefined ? [] : [`mcp-host: ${host.note}`],
    }));
    if (args.json) output.write(jsonText(entries));
    else if (entries.length === 0) process.stderr.write(`there are no ${kind}\n`);
    else output.write(`${table(rowsOf(kind, entries), columns())}\n`);
    const said = [...note, ...describeEras(starts), ...withheld, ...describeMissing(starts)];
    for (const line of said) process.stderr.write(`${escapeControls(redactText(line))}\n`);
    return starts.length > 0 && starts.every(({ ok }) => !ok) ? EXIT.failure.code : EXIT.ok.code;
  },
});

import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { redactText } from "../redact.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { askArgs, configArgs, endpointArgs, logArgs } from "./command-line/options.ts";
import { listOf } from "./one-shot/asked-host.ts";
import { rowsOf } from "./one-shot/kinds.ts";
import { describeMissing } from "./one-shot/startup.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { table } from "./terminal/table.ts";
import { withheldLines } from "./terminal/withheld-lines.ts";
import { columns } from "./terminal/wrap.ts";

export default defineCommand({
  meta: { name: "resources", description: "List resources and resource templates" },
  args: { ...jsonArgs, ...configArgs, ...askArgs, ...endpointArgs, ...logArgs },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { withHost } = await import("./one-shot/with-host.ts");
    const output = claimStdout();
    const { starts, resources, templates, withheld } = await withHost({ flags: args, rawArgs }, async (host) => ({
      starts: await host.started(),
      resources: await listOf(host, "resources"),
      templates: await listOf(host, "templates"),
      withheld: withheldLines(await host.withheld(), ["resource", "template"]),
    }));
    if (args.json) output.write(jsonText({ resources, resourceTemplates: templates }));
    else {
      const tables = [
        ...(resources.length > 0 ? [table([["RESOURCE", "NAME"], ...rowsOf("resources", resources)], columns())] : []),
        ...(templates.length > 0 ? [table([["TEMPLATE", "NAME"], ...rowsOf("templates", templates)], columns())] : []),
      ];
      if (tables.length > 0) output.write(`${tables.join("\n\n")}\n`);
      else process.stderr.write("there are no resources and no templates\n");
    }
    for (const line of [...withheld, ...describeMissing(starts)]) process.stderr.write(`${escapeControls(redactText(line))}\n`);
    return starts.length > 0 && starts.every(({ ok }) => !ok) ? EXIT.failure.code : EXIT.ok.code;
  },
});

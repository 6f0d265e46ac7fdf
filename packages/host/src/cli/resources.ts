import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { redactText } from "../redact.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { loggerOf } from "./command-line/logger.ts";
import { configArgs, endpointArgs, jsonArgs, logArgs } from "./command-line/options.ts";
import { rowsOf } from "./one-shot/kinds.ts";
import { describeMissing } from "./one-shot/startup.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { table } from "./terminal/table.ts";
import { columns } from "./terminal/wrap.ts";

export default defineCommand({
  meta: { name: "resources", description: "Start the servers and list their resources and resource templates" },
  args: { ...jsonArgs, ...configArgs, ...endpointArgs, ...logArgs },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { withClient } = await import("./one-shot/local-client.ts");
    const output = claimStdout();
    const { starts, resources, templates } = await withClient(
      { config: args.config, endpoint: args.endpoint, rawArgs, log: loggerOf(args, "warn") },
      async (client) => ({
        starts: await client.started(),
        resources: await client.list("resources"),
        templates: await client.list("templates"),
      }),
    );
    if (args.json) output.write(jsonText({ resources, resourceTemplates: templates }));
    else {
      const tables = [
        ...(resources.length > 0 ? [table([["RESOURCE", "NAME"], ...rowsOf("resources", resources)], columns())] : []),
        ...(templates.length > 0 ? [table([["TEMPLATE", "NAME"], ...rowsOf("templates", templates)], columns())] : []),
      ];
      if (tables.length > 0) output.write(`${tables.join("\n\n")}\n`);
      else process.stderr.write("there are no resources and no templates\n");
    }
    for (const line of describeMissing(starts)) process.stderr.write(`${escapeControls(redactText(line))}\n`);
    return starts.length > 0 && starts.every(({ ok }) => !ok) ? EXIT.failure.code : EXIT.ok.code;
  },
});

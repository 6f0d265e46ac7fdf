import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { choiceArgs, choiceOf, jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "reload", description: "Have a running host read its config again" },
  args: {
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { askToReload, findHost, findHosts } = await import("../operator/control-client.ts");
    const { describeChanges, notThereYet } = await import("./hosting/reloads.ts");
    const { pid } = await findHost(choiceOf(args));
    const report = await askToReload({ pid });
    const [after] = await findHosts({ pid }); // none where what was taken out was all that it served
    const lines = `servers: ${describeChanges(report.upstreams)}\nplugins: ${describeChanges(report.plugins)}`;
    process.stdout.write(args.json ? jsonText(report) : `${escapeControls(lines)}\n`);
    for (const line of notThereYet(report.upstreams, after?.upstreams)) process.stderr.write(`${escapeControls(`mcp-host: ${line}`)}\n`);
    return EXIT.ok.code;
  },
});

import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { askToReload } from "./ask.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { choiceArgs, choiceOf, jsonArgs } from "./options.ts";
import { wordsOf } from "./reloads.ts";

export default defineCommand({
  meta: { name: "reload", description: "Have a running host read its config again" },
  args: {
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const report = await askToReload(choiceOf(args));
    const lines = `servers: ${wordsOf(report.upstreams)}\nplugins: ${wordsOf(report.plugins)}`;
    process.stdout.write(`${args.json ? JSON.stringify(report, undefined, 2) : escapeControls(lines)}\n`);
    return EXIT.ok.code;
  },
});

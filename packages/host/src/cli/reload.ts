import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { askToReload } from "./ask.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonArgs } from "./options.ts";
import { wordsOf } from "./reloads.ts";
import { pidOf } from "./usage.ts";

export default defineCommand({
  meta: { name: "reload", description: "Have a running host read its config again" },
  args: {
    config: { type: "string", alias: "c", valueHint: "file", description: "The host that was started with this config" },
    pid: { type: "string", valueHint: "number", description: "The host with this process id" },
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const report = await askToReload({ pid: pidOf(args.pid), config: args.config });
    const lines = `servers: ${wordsOf(report.upstreams)}\nplugins: ${wordsOf(report.plugins)}`;
    process.stdout.write(`${args.json ? JSON.stringify(report, undefined, 2) : escapeControls(lines)}\n`);
    return EXIT.ok.code;
  },
});

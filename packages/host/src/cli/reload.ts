import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { askToReload, oneHost } from "../operator/control-client.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";
import { choiceArgs, choiceOf, jsonArgs } from "./options.ts";
import { wordsOf } from "./reloads.ts";

export default defineCommand({
  meta: { name: "reload", description: "Have a running host read its config again" },
  args: {
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { pid } = await oneHost(choiceOf(args));
    const report = await askToReload({ pid });
    const { upstreams } = await oneHost({ pid });
    const lines = `servers: ${wordsOf(report.upstreams)}\nplugins: ${wordsOf(report.plugins)}`;
    process.stdout.write(args.json ? jsonText(report) : `${escapeControls(lines)}\n`);
    const fresh = [...report.upstreams.added, ...report.upstreams.changed];
    for (const { name, state, reason } of upstreams)
      if (fresh.includes(name) && !["ready", "degraded", "idle"].includes(state))
        process.stderr.write(`${escapeControls(`mcp-host: server "${name}" is not there yet: ${reason ?? state}`)}\n`);
    return EXIT.ok.code;
  },
});

import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { redactText } from "../redact.ts";
import { clientArgs, entryArgs, targetOf } from "./clients/client-options.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";

import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "client-config", description: "Print what connects a client to the host" },
  args: { ...clientArgs, ...entryArgs, ...jsonArgs },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { loadOptions } = await import("./command-line/load-options.ts");
    const { serverEntryOf } = await import("./clients/server-entry.ts");
    const { advice, contentOf, installCommand, ownCommand, snippet } = await import("./clients/snippet.ts");
    const target = targetOf(args);
    const options = await loadOptions(rawArgs, false);
    const entry = await serverEntryOf(args, options, target);
    const command = ownCommand(target, entry);
    const more = await advice(target, entry, options);
    const text = snippet(target, entry);
    if (args.json) {
      const { id, name, path } = target;
      const content = contentOf(target, entry);
      process.stdout.write(jsonText({ client: id, name, path, content, text, command, advice: more }));
      return EXIT.ok.code;
    }
    const told = [
      `This belongs into ${target.path}; \`${installCommand(args, options)}\` writes it there.`,
      ...(command === undefined ? [] : [`Or let ${target.client.title} write it itself: ${command}`]),
      ...more,
    ];
    process.stdout.write(text);
    process.stderr.write(`${escapeControls(redactText(told.join("\n")))}\n`);
    return EXIT.ok.code;
  },
});

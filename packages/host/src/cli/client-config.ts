import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { clientArgs, connectionArgs, connectionOf, targetOf } from "./clients/connection.ts";
import { advice, contentOf, installCommand, ownCommand, snippet } from "./clients/snippet.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";
import { jsonArgs } from "./options.ts";

export default defineCommand({
  meta: { name: "client-config", description: "Print what connects a client to the host" },
  args: { ...clientArgs, ...connectionArgs, ...jsonArgs },
  async run({ args }): Promise<ExitCode> {
    const target = targetOf(args);
    const connection = await connectionOf(args, target);
    const command = ownCommand(target, connection);
    const more = await advice(target, connection);
    const text = snippet(target, connection);
    if (args.json) {
      const { id, name, path } = target;
      const content = contentOf(target, connection);
      process.stdout.write(jsonText({ client: id, name, path, content, text, command, advice: more }));
      return EXIT.ok.code;
    }
    const told = [
      `This belongs into ${target.path}; \`${installCommand(args)}\` writes it there.`,
      ...(command === undefined ? [] : [`Or let ${target.client.title} write it itself: ${command}`]),
      ...more,
    ];
    process.stdout.write(text);
    process.stderr.write(`${escapeControls(told.join("\n"))}\n`);
    return EXIT.ok.code;
  },
});

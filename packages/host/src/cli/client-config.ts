import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { clientArgs, connectionArgs, connectionOf, targetOf } from "./clients/connection.ts";
import { advice, installCommand, ownCommand, snippet } from "./clients/snippet.ts";
import { EXIT, type ExitCode } from "./exit.ts";

export default defineCommand({
  meta: { name: "client-config", description: "Print what connects a client to the host" },
  args: { ...clientArgs, ...connectionArgs },
  async run({ args }): Promise<ExitCode> {
    const target = targetOf(args);
    const connection = await connectionOf(args, target);
    const command = ownCommand(target, connection);
    const told = [
      `This belongs into ${target.path}; \`${installCommand(args)}\` writes it there.`,
      ...(command === undefined ? [] : [`Or let ${target.client.title} write it itself: ${command}`]),
      ...(await advice(target, connection)),
    ];
    process.stdout.write(snippet(target, connection));
    process.stderr.write(`${escapeControls(told.join("\n"))}\n`);
    return EXIT.ok.code;
  },
});

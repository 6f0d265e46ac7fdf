import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { change, changeArgs } from "./clients/change.ts";
import { readClientFile, withServer } from "./clients/client-file.ts";
import { clientArgs, connectionArgs, connectionOf, targetOf } from "./clients/connection.ts";
import { advice } from "./clients/snippet.ts";
import { EXIT, type ExitCode } from "./exit.ts";

export default defineCommand({
  meta: { name: "install", description: "Write the host into a client's config file" },
  args: { ...clientArgs, ...connectionArgs, ...changeArgs },
  async run({ args }): Promise<ExitCode> {
    const target = targetOf(args);
    const connection = await connectionOf(args, target);
    const file = await readClientFile(target.client, target.path);
    const after = await withServer(target.client, file, target.name, connection);
    if (after === file.text) {
      process.stderr.write(escapeControls(`${target.path} has it already.\n`));
      return EXIT.ok.code;
    }
    const told = await advice(target, connection);
    if (!(await change(file, after, args))) return EXIT.failure.code;
    if (args["dry-run"] !== true) process.stderr.write(`${escapeControls(told.join("\n"))}\n`);
    return EXIT.ok.code;
  },
});

import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { change, changeArgs, UNCHANGED } from "./clients/change.ts";
import { readClientFile, withServer } from "./clients/client-file.ts";
import { clientArgs, connectionArgs, connectionOf, targetOf } from "./clients/connection.ts";
import { advice } from "./clients/snippet.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";

export default defineCommand({
  meta: { name: "install", description: "Write the host into a client's config file" },
  args: { ...clientArgs, ...connectionArgs, ...changeArgs },
  async run({ args }): Promise<ExitCode> {
    const target = targetOf(args);
    const connection = await connectionOf(args, target);
    const file = await readClientFile(target.client, target.path);
    const after = await withServer(target.client, file, target.name, connection);
    const isThere = after === file.text;
    const told = isThere ? [] : await advice(target, connection);
    const done = isThere ? UNCHANGED : await change(file, after, args);
    const { id, name, path } = target;
    if (args.json) process.stdout.write(jsonText({ client: id, name, path, ...done, advice: told }));
    else if (isThere) process.stderr.write(escapeControls(`${path} has it already.\n`));
    else if (done.written) process.stderr.write(`${escapeControls(told.join("\n"))}\n`);
    return done.declined ? EXIT.failure.code : EXIT.ok.code;
  },
});

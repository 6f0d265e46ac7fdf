import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { change, changeArgs, UNCHANGED } from "./clients/change.ts";
import { readClientFile, withoutServer } from "./clients/client-file.ts";
import { clientArgs, targetOf } from "./clients/connection.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";

export default defineCommand({
  meta: { name: "uninstall", description: "Take the host out of a client's config file" },
  args: { ...clientArgs, ...changeArgs },
  async run({ args }): Promise<ExitCode> {
    const { id, client, path, name } = targetOf(args);
    const file = await readClientFile(client, path);
    const isThere = Object.hasOwn(file.servers, name);
    const done = isThere ? await change(file, await withoutServer(client, file, name), args) : UNCHANGED;
    if (args.json) process.stdout.write(jsonText({ client: id, name, path, ...done }));
    else if (!isThere) process.stderr.write(escapeControls(`${path} has no server "${name}".\n`));
    return done.declined ? EXIT.failure.code : EXIT.ok.code;
  },
});

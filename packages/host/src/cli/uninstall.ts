import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { changeArgs, clientArgs, targetOf } from "./clients/client-options.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "uninstall", description: "Take the host out of a client's config file" },
  args: { ...clientArgs, ...changeArgs },
  async run({ args }): Promise<ExitCode> {
    const { change, UNCHANGED } = await import("./clients/change.ts");
    const { readClientFile, withoutServer } = await import("./clients/client-file.ts");
    const { id, client, path, name } = targetOf(args);
    const file = await readClientFile(client, path);
    const isThere = Object.hasOwn(file.servers, name);
    const done = isThere ? await change(file, await withoutServer(client, file, name), args) : UNCHANGED;
    if (args.json) process.stdout.write(jsonText({ client: id, name, path, ...done }));
    else if (!isThere) process.stderr.write(escapeControls(`${path} has no server "${name}".\n`));
    return done.declined ? EXIT.failure.code : EXIT.ok.code;
  },
});

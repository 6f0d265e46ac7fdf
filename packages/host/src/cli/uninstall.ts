import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { change, changeArgs } from "./clients/change.ts";
import { readClientFile, withoutServer } from "./clients/client-file.ts";
import { clientArgs, targetOf } from "./clients/connection.ts";
import { EXIT, type ExitCode } from "./exit.ts";

export default defineCommand({
  meta: { name: "uninstall", description: "Take the host out of a client's config file" },
  args: { ...clientArgs, ...changeArgs },
  async run({ args }): Promise<ExitCode> {
    const { client, path, name } = targetOf(args);
    const file = await readClientFile(client, path);
    if (!Object.hasOwn(file.servers, name)) {
      process.stderr.write(escapeControls(`${path} has no server "${name}".\n`));
      return EXIT.ok.code;
    }
    return (await change(file, await withoutServer(client, file, name), args)) ? EXIT.ok.code : EXIT.failure.code;
  },
});

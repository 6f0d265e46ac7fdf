import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { changeArgs, clientArgs, entryArgs, targetOf } from "./clients/client-options.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "install", description: "Write the host into a client's config file" },
  args: { ...clientArgs, ...entryArgs, ...changeArgs },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { change, UNCHANGED } = await import("./clients/change.ts");
    const { readClientFile, withServer } = await import("./clients/client-file.ts");
    const { serverEntryOf } = await import("./clients/server-entry.ts");
    const { advice } = await import("./clients/snippet.ts");
    const { loadOptions } = await import("./command-line/load-options.ts");
    const target = targetOf(args);
    const options = await loadOptions(rawArgs, false);
    const entry = await serverEntryOf(args, options, target);
    const file = await readClientFile(target.client, target.path);
    const after = await withServer(target.client, file, target.name, entry);
    const isThere = after === file.text;
    const told = isThere ? [] : await advice(target, entry, options);
    const done = isThere ? UNCHANGED : await change(file, after, args);
    const { id, name, path } = target;
    if (args.json) process.stdout.write(jsonText({ client: id, name, path, ...done, advice: told }));
    else if (isThere) process.stderr.write(escapeControls(`${path} has it already.\n`));
    else if (done.written) process.stderr.write(`${escapeControls(told.join("\n"))}\n`);
    return done.declined ? EXIT.failure.code : EXIT.ok.code;
  },
});

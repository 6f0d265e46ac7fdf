import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { UsageError } from "../operator/usage-error.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";
import { table } from "./terminal/table.ts";

export default defineCommand({
  meta: { name: "backup", description: "Copy what the host keeps into a folder: its config, credentials, and what plugins keep" },
  args: {
    folder: { type: "positional", required: false, description: "A new folder. Default: mcp-host-backup-<time>, here" },
    ...jsonArgs,
    ...configArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { existsSync } = await import("node:fs");
    const { resolve } = await import("node:path");
    const { backUpTo } = await import("./backup/back-up.ts");
    const { inventoryOf } = await import("./backup/inventory.ts");
    const now = new Date();
    const folder = resolve(args.folder ?? `mcp-host-backup-${now.toISOString().slice(0, 19).replaceAll(":", "-")}`);
    if (existsSync(folder)) throw new UsageError(`${folder} is there already; name a new folder`);
    const inventory = await inventoryOf(args.config, rawArgs);
    const { files, elsewhere } = await backUpTo(folder, inventory, now);
    if (args.json) process.stdout.write(jsonText({ folder, files, elsewhere }));
    else
      process.stdout.write(
        `${escapeControls(`${folder}\n${table(files.map(({ what, in: place, path, bytes }) => [what, `${place}:${path}`, `${bytes} bytes`]))}`)}\n`,
      );
    if (!args.json && elsewhere.length > 0)
      process.stderr.write(`${escapeControls(`mcp-host: not in it, and needed where it is restored: ${elsewhere.join(", ")}`)}\n`);
    return EXIT.ok.code;
  },
});

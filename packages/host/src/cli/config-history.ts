import { defineCommand } from "citty";
import { jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";
import { table } from "./terminal/table.ts";

export default defineCommand({
  meta: { name: "config history", description: "List the backups of the config, the newest first" },
  args: { ...jsonArgs, config: configArgs.config },
  async run({ args }): Promise<ExitCode> {
    const { history } = await import("../config/backup.ts");
    const { locateConfig } = await import("../config/locate.ts");
    const path = await locateConfig(args.config);
    const backups = (await history(path)).map((backup, index) => ({
      number: index + 1,
      time: backup.time.toISOString(),
      path: backup.path,
    }));
    if (args.json) process.stdout.write(jsonText({ config: path, backups }));
    else if (backups.length === 0) process.stderr.write(`${path} has no backups: mcp-host has not written it yet\n`);
    else process.stdout.write(`${table(backups.map(({ number, time, path: file }) => [String(number), time, file]))}\n`);
    return EXIT.ok.code;
  },
});

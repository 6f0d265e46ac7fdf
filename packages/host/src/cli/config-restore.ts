import { defineCommand } from "citty";
import type { Restored } from "../config/backup.ts";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { UsageError } from "../operator/usage-error.ts";
import { redactText } from "../redact.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "config restore", description: "Put a backup of the config back; what it replaces is backed up first" },
  args: {
    number: { type: "positional", required: false, description: "Which, as `config history` counts them. Default: 1, the newest" },
    "dry-run": { type: "boolean", description: "Only show what would change" },
    ...jsonArgs,
    config: configArgs.config,
  },
  async run({ args }): Promise<ExitCode> {
    const which = args.number ?? "1";
    if (!/^[1-9]\d*$/.test(which)) throw new UsageError(`number: "${which}" is not the number of a backup; \`config history\` lists them`);
    const { restore } = await import("../config/backup.ts");
    const { locateConfig, located } = await import("../config/locate.ts");
    const { difference } = await import("./terminal/config-diff.ts");
    const path = await locateConfig(args.config);
    const dry = args["dry-run"] === true;
    const restored = await located(path, () => restore(path, Number(which), dry));
    const changes = await difference(path, { ...restored, is: "restored" });
    const { reloadRunningHosts } = await import("../operator/control-client.ts");
    const { plain, told: became } = await import("./servers/taken-on.ts");
    const hosts = dry || changes === "" ? [] : await reloadRunningHosts(path);
    if (args.json) {
      const { from, backup } = restored;
      process.stdout.write(jsonText({ config: path, from: from.path, backup, diff: changes, written: !dry, hosts: hosts.map(plain) }));
    } else {
      process.stdout.write(changes === "" ? "" : `${escapeControls(changes)}\n`);
      process.stderr.write(`${told(path, restored, changes, dry)}\n`);
      for (const host of hosts) process.stderr.write(`${escapeControls(redactText(`mcp-host: ${became(host)}`))}\n`);
    }
    return hosts.some(({ outcome }) => outcome instanceof Error) ? EXIT.failure.code : EXIT.ok.code;
  },
});

function told(path: string, { from, backup }: Restored, changes: string, dry: boolean): string {
  const what = changes === "" ? "it holds the same already" : `as it was at ${from.time.toISOString()}`;
  if (dry) return `${path} would be written, ${what}`;
  return `${path} is written, ${what}${backup === undefined ? "" : `; what it held before is backup 1: ${backup}`}`;
}

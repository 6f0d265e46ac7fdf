import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { redactText } from "../redact.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: {
    name: "config migrate",
    description: "Write the config in the form of this version, step by step, and back it up (another gateway's: `migrate`)",
  },
  args: {
    "dry-run": { type: "boolean", description: "Only show what would change" },
    ...jsonArgs,
    config: configArgs.config,
  },
  async run({ args }): Promise<ExitCode> {
    const { located } = await import("../config/locate.ts");
    const { locateReadable } = await import("../config/trust.ts");
    const { migrateFile } = await import("./migration/migrate-file.ts");
    const path = await locateReadable(args.config);
    const { migration, diff, backup, written } = await located(path, () => migrateFile(path, args["dry-run"] === true));
    const { from, to, steps } = migration;
    const told = steps.map((step) => ({ to: step.to, changes: step.changes.map(({ told }) => told) }));
    if (args.json) process.stdout.write(jsonText({ config: path, from, to, steps: told, diff, backup, written }));
    else {
      process.stdout.write(diff === "" ? "" : `${escapeControls(diff)}\n`);
      const lines = told.flatMap((step) => step.changes.map((change) => `version ${step.to}: ${change}`));
      process.stderr.write(`${escapeControls(redactText([...lines, outcome(path, to, written, backup, steps.length > 0)].join("\n")))}\n`);
    }
    return EXIT.ok.code;
  },
});

function outcome(path: string, to: number, written: boolean, backup: string | undefined, changed: boolean): string {
  if (!changed) return `${path} has the form of version ${to} already`;
  if (!written) return `${path} would be written in the form of version ${to}`;
  const comments = /\.toml$/i.test(path) ? ", without the comments of the TOML" : "";
  return `${path} is written in the form of version ${to}${comments}; what it held before is backup 1: ${backup}`;
}

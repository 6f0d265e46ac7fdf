import { defineCommand } from "citty";
import type { CredentialsReport } from "../config/credentials.ts";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { table } from "./terminal/table.ts";

export default defineCommand({
  meta: { name: "credentials check", description: "Tell where each value that the config refers to is found, never the value" },
  args: { ...jsonArgs, ...configArgs },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const output = claimStdout();
    const { checkCredentials } = await import("../config/credentials.ts");
    const { located } = await import("../config/locate.ts");
    const { locateReadable } = await import("../config/trust.ts");
    const { loadOptions } = await import("./command-line/load-options.ts");
    const path = await locateReadable(args.config);
    const options = await loadOptions(rawArgs, false);
    const report = await located(path, () => checkCredentials(path, options));
    output.write(args.json ? jsonText(report) : `${escapeControls(describe(report))}\n`);
    if (!args.json)
      for (const line of [...report.problems, ...report.warnings]) process.stderr.write(`${escapeControls(`mcp-host: ${line}`)}\n`);
    return report.ok ? EXIT.ok.code : EXIT.config.code;
  },
});

function describe({ config, credentialsFile, credentials }: CredentialsReport): string {
  const rows = credentials.map(({ name, source, places }) => [name, source ?? "MISSING", places.join(", ")]);
  return [
    `config ${config}`,
    `credentials file ${credentialsFile.path}${credentialsFile.exists ? "" : " (not there)"}`,
    rows.length === 0 ? "The config refers to nothing." : table([["NAME", "FOUND IN", "USED BY"], ...rows]),
  ].join("\n");
}

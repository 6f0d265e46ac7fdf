import { defineCommand } from "citty";
import { type CredentialsReport, checkCredentials } from "../config/credentials.ts";
import { locateConfig, located } from "../config/load.ts";
import { claimStdout } from "../front/stdio.ts";
import { escapeControls } from "../log.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";
import { configArgs, jsonArgs, loadOptions } from "./options.ts";
import { table } from "./table.ts";

export default defineCommand({
  meta: { name: "credentials check", description: "Tell where each value that the config refers to is found, never the value" },
  args: { ...jsonArgs, ...configArgs },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const output = claimStdout();
    const path = await locateConfig(args.config);
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

import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { redactText } from "../redact.ts";
import { CLIENT_NAMES, clientOf } from "./clients/clients.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";

import { everyValue } from "./command-line/usage.ts";
import { FORMATS } from "./init/first-config.ts";
import type { InitReport } from "./init/initialize.ts";
import { jsonText } from "./terminal/json-text.ts";
import { table } from "./terminal/table.ts";

export default defineCommand({
  meta: { name: "init", description: "Write a first config, with the servers that clients have already" },
  args: {
    yes: { type: "boolean", description: "Ask nothing: import every client's servers" },
    import: { type: "string", valueHint: "clients", description: `Whose servers: all, none, or a list of ${CLIENT_NAMES.join(", ")}` },
    server: {
      type: "string",
      valueHint: "name=command",
      description: "A server of yours: name=command with arguments, or name=https://... Repeatable",
    },
    port: { type: "string", valueHint: "number", description: "The port that `start` listens on. Default: 3000" },
    format: { type: "enum", options: [...FORMATS], description: "The form of the file. Default: json" },
    credentials: { type: "boolean", description: "Move secrets to the credentials file; without it they are copied as they are" },
    force: { type: "boolean", description: "Replace a config that is there; a copy is kept" },
    "dry-run": { type: "boolean", description: "Print the config without its secrets, and write nothing" },
    ...jsonArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { initialize } = await import("./init/initialize.ts");
    const report = await initialize({ ...args, servers: everyValue(rawArgs, "server") });
    if (args.json) process.stdout.write(jsonText(report, withoutSecrets));
    else describe(report);
    return EXIT.ok.code;
  },
});

function withoutSecrets(_key: string, value: unknown): unknown {
  return typeof value === "string" ? redactText(value) : value;
}

function describe({ path, backup, credentials, text, servers, found, notes, missing = [], next = [] }: InitReport): void {
  if (text !== undefined) process.stdout.write(redactText(text));
  const lines = [
    ...found.map((source) => `${clientOf(source.client).title} has ${namesOf(source.servers)}: ${source.path}`),
    ...notes,
    ...(credentials ? [`Secrets are in ${credentials.path} now: ${credentials.names.join(", ")}.`] : []),
    ...(backup === undefined ? [] : [`The config before is kept as ${backup}.`]),
    ...(text === undefined ? [`Wrote ${path} with ${namesOf(servers)}.`, ""] : []),
    ...(missing.length > 0 ? ["Set these variables first, in the environment or in the credentials file:"] : []),
    ...missing.map(({ variable, servers }) => `  ${variable}  (${servers.join(", ")})`),
    ...(next.length > 0 ? ["Next:", table(next.map(({ command, does }) => [`  ${command}`, does]))] : []),
  ];
  process.stderr.write(`${escapeControls(redactText(lines.join("\n")))}\n`);
}

function namesOf(names: readonly string[]): string {
  return `${names.length === 1 ? "the server" : `${names.length} servers:`} ${names.join(", ")}`;
}

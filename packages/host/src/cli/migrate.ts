import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { redactText } from "../redact.ts";
import { counted } from "../wire/counted.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { typedCommand } from "./command-line/typed-command.ts";
import { GATEWAY_NAMES, gatewayOf } from "./gateways/gateways.ts";
import type { Note } from "./gateways/report.ts";
import type { TakenOver } from "./gateways/take-over.ts";
import { jsonText } from "./terminal/json-text.ts";
import { table } from "./terminal/table.ts";

export default defineCommand({
  meta: {
    name: "migrate",
    description: "Write a config from that of another gateway (one of an older mcp-host: `config migrate`)",
  },
  args: {
    file: { type: "positional", required: false, description: "The other gateway's config. Default: where it keeps it" },
    from: { type: "enum", options: [...GATEWAY_NAMES], description: "Whose config it is. Default: what its form says" },
    config: { type: "string", valueHint: "file", description: "The new config. Default: mcp-host.config.json, here" },
    credentials: { type: "boolean", description: "Move secrets to the credentials file; without it they are copied as they are" },
    force: { type: "boolean", description: "Replace a config that is there; a copy is kept" },
    "dry-run": { type: "boolean", description: "Print the config without its secrets, and write nothing" },
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { takeOver } = await import("./gateways/take-over.ts");
    const taken = await takeOver(args);
    if (args.json) process.stdout.write(jsonText(taken, withoutSecrets));
    else describe(taken);
    return EXIT.ok.code;
  },
});

function withoutSecrets(_key: string, value: unknown): unknown {
  return typeof value === "string" ? redactText(value) : value;
}

const TITLES: readonly (readonly [Note["outcome"], string])[] = [
  ["carried", "Carried over:"],
  ["changed", "Changed:"],
  ["left", "Not carried over:"],
];

function describe({ from, file, config, text, backup, credentials, servers, notes, hints, missing }: TakenOver): void {
  if (text !== undefined) process.stdout.write(escapeControls(redactText(text)));
  const lines = [
    `${gatewayOf(from).title}: ${file}`,
    ...TITLES.flatMap(([outcome, title]) => {
      const some = notes.filter((note) => note.outcome === outcome);
      return some.length === 0 ? [] : [title, ...(outcome === "carried" ? carriedLines(some) : groupedLines(some))];
    }),
    ...hints,
    ...(credentials ? [`Secrets are in ${credentials.path} now: ${credentials.names.join(", ")}.`] : []),
    ...(backup === undefined ? [] : [`The config before is kept as ${backup}.`]),
    ...(text === undefined ? [`Wrote ${config} with ${counted(servers.length, "server")}.`, ""] : []),
    ...(missing.length > 0 ? ["Set these variables first, in the environment or in the credentials file:"] : []),
    ...missing.map(({ variable, servers }) => `  ${variable}  (${servers.join(", ")})`),
    ...(text === undefined ? ["Next:", nextSteps()] : []),
  ];
  process.stderr.write(`${escapeControls(redactText(lines.join("\n")))}\n`);
}

/** One line for the keys of one place. */
function carriedLines(notes: readonly Note[]): string[] {
  const keys = new Map<string, string[]>();
  for (const { at } of notes) {
    const end = at.lastIndexOf(".");
    const place = end === -1 ? "" : at.slice(0, end);
    keys.set(place, [...(keys.get(place) ?? []), at.slice(end + 1)]);
  }
  return [...keys].map(([place, names]) => `  ${place === "" ? "" : `${place}: `}${[...new Set(names)].join(", ")}`);
}

/** What is said of several places is said once. */
function groupedLines(notes: readonly Note[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { at, told, instead } of notes) {
    const key = `${told}${instead === undefined ? "" : `\n    → ${instead}`}`;
    groups.set(key, [...(groups.get(key) ?? []), at]);
  }
  return [...groups].map(([words, places]) => `  ${places.join(", ")}  ${words}`);
}

function nextSteps(): string {
  const command = typedCommand();
  return table([
    [`  ${command} validate --connect`, "starts or reaches each server once"],
    [`  ${command} client-config claude-code`, "prints what connects Claude Code; `install` writes it there"],
    [`  ${command} start`, "serves over HTTP"],
  ]);
}

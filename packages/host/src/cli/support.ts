import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { choiceArgs, choiceOf, jsonArgs } from "../operator/host-choice.ts";
import { UsageError } from "../operator/usage-error.ts";
import { redactText } from "../redact.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { table } from "./terminal/table.ts";

const LINES = 500;
const MOST_LINES = 100_000;

export default defineCommand({
  meta: { name: "support", description: "Write what a bug report needs into one file, without secrets" },
  args: {
    file: { type: "positional", required: false, description: "A new file. Default: mcp-host-support-<time>.json, here" },
    lines: { type: "string", valueHint: "number", description: `How many lines of a running host's log. Default: ${LINES}` },
    connect: { type: "boolean", description: "Start each server and connect to it, as `doctor` does" },
    pid: choiceArgs.pid,
    ...jsonArgs,
    ...configArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const choice = choiceOf(args);
    const lines = linesOf(args.lines);
    const { accessSync, constants, existsSync } = await import("node:fs");
    const { dirname, resolve } = await import("node:path");
    const { unwritable } = await import("../config/unwritable.ts");
    const { loadOptions } = await import("./command-line/load-options.ts");
    const { writeBundle } = await import("./support/bundle.ts");
    const output = claimStdout();
    const file = resolve(args.file ?? `mcp-host-support-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.json`);
    if (existsSync(file)) throw new UsageError(`${file} is there already; name a new file`);
    try {
      accessSync(dirname(file), constants.W_OK); // before the work, of which much may be slow
    } catch (error) {
      throw unwritable(file, error);
    }
    const options = await loadOptions(rawArgs, false);
    const parts = await writeBundle(file, { config: args.config, choice, rawArgs, options, lines, connect: args.connect === true });
    if (args.json) output.write(jsonText({ file, parts }));
    else {
      const rows = parts.map(({ name, holds, bytes, failed }) => [
        `  ${name}`,
        failed === undefined ? `${bytes} bytes` : "FAILED",
        failed ?? holds,
      ]);
      output.write(`${escapeControls(redactText(`${file}\n${table(rows)}`))}\n`);
      process.stderr.write(
        "mcp-host: names, paths and addresses of yours are in it, and secrets that nobody can tell may be; look through it before you send it\n",
      );
    }
    return EXIT.ok.code;
  },
});

function linesOf(text = String(LINES)): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) > MOST_LINES)
    throw new UsageError(`--lines: "${text}" is not a number of lines up to ${MOST_LINES}`);
  return Number(text);
}

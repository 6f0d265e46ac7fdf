import { defineCommand } from "citty";
import { nearest } from "../config/nearest.ts";
import { PeerError } from "../errors.ts";
import { claimStdout } from "../front/stdio.ts";
import { escapeControls } from "../log.ts";
import { redactText } from "../redact.ts";
import { isObject, type Json, type Notification } from "../wire/message.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { configArgs, jsonArgs, logArgs, loggerOf } from "./options.ts";
import { describeMissing } from "./starts.ts";
import { UsageError } from "./usage.ts";

export default defineCommand({
  meta: { name: "call", description: "Start the servers and call one tool" },
  args: {
    tool: { type: "positional", description: "The tool's name, as `list` shows it" },
    args: { type: "string", valueHint: "json", description: "Its arguments, a JSON object. Default: {}" },
    ...jsonArgs,
    ...configArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const output = claimStdout();
    const tool = args.tool ?? ""; // it is required, so the command would not run without it
    const call = { name: tool, arguments: parseArguments(args.args) };
    const log = loggerOf(args, "warn");
    let hints: string[] = [];
    try {
      const result = await withClient({ config: args.config, rawArgs, log, notified: printLog }, async (client) => {
        const starts = await client.started();
        const tools = await client.list("tools/list", "tools");
        const names = tools.map(({ name }) => String(name));
        if (!names.includes(tool)) hints = [...describeMissing(starts), ...suggestion(tool, names)];
        return client.request("tools/call", call, { progress: printProgress });
      });
      output.write(args.json ? `${JSON.stringify(result, undefined, 2)}\n` : `${escapeControls(readable(result))}\n`);
      return result.isError === true ? EXIT.failure.code : EXIT.ok.code;
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      const { code, message, data } = error.rpc;
      if (args.json) output.write(`${JSON.stringify({ error: { code, message, data } }, undefined, 2)}\n`);
      const lines = [`mcp-host: ${message} (${code})`, ...hints];
      process.stderr.write(`${escapeControls(redactText(lines.join("\n")))}\n`);
      return EXIT.protocol.code;
    }
  },
});

/** The tool that may be meant: one that is spelt alike, or the one that has this name behind a server's. */
function suggestion(tool: string, names: readonly string[]): string[] {
  const endings = names.filter((name) => name.endsWith(tool));
  const hint = endings.length === 1 ? ` (did you mean "${endings[0]}"?)` : nearest(tool, names);
  return hint === "" ? [] : [`mcp-host: there is no tool "${tool}"${hint}`];
}

function parseArguments(text = "{}"): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--args: is not valid JSON: ${(error as Error).message}`); // JSON.parse throws SyntaxErrors
  }
  if (!isObject(value)) throw new UsageError('--args: must be a JSON object, such as {"path":"."}');
  return value;
}

function printProgress({ progress, total, message }: Json): void {
  const words = [`${progress}${total === undefined ? "" : `/${total}`}`, ...(message === undefined ? [] : [message])];
  process.stderr.write(`${escapeControls(words.join(" "))}\n`);
}

function printLog({ method, params }: Notification): void {
  if (method !== "notifications/message") return;
  const { level, data } = params ?? {};
  process.stderr.write(`${escapeControls(`${level}: ${typeof data === "string" ? data : JSON.stringify(data)}`)}\n`);
}

/** A result for people: texts as they are, of anything else what it is. `--json` has all of it. */
function readable({ content, structuredContent }: Json): string {
  const blocks = Array.isArray(content) ? content.filter(isObject).map(readableBlock) : [];
  return blocks.length > 0 ? blocks.join("\n") : JSON.stringify(structuredContent ?? {}, undefined, 2);
}

function readableBlock(block: Json): string {
  if (block.type === "text") return String(block.text);
  if (block.type === "resource_link") return `[${block.uri}]`;
  if (block.type === "resource" && isObject(block.resource)) return String(block.resource.text ?? `[${block.resource.uri}]`);
  return `[${block.type} ${block.mimeType ?? ""}]`;
}

import { defineCommand } from "citty";
import { isObject, type Json } from "../wire/message.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs, endpointArgs, jsonArgs, logArgs } from "./command-line/options.ts";
import { readableBlock } from "./one-shot/content.ts";
import type { OneShot } from "./one-shot/one-shot.ts";
import { claimStdout } from "./terminal/stdout.ts";

export default defineCommand({
  meta: { name: "call", description: "Start the servers and call one tool" },
  args: {
    tool: { type: "positional", description: "The tool's name, as `list` shows it" },
    args: { type: "string", valueHint: "json", description: "Its arguments, a JSON object. Default: {}" },
    ...jsonArgs,
    ...configArgs,
    ...endpointArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { parseArguments, print, printProgress, runOneShot } = await import("./one-shot/one-shot.ts");
    const name = args.tool ?? ""; // it is required, so the command would not run without it
    const call = { name, arguments: parseArguments(args.args) };
    const shot: OneShot = { flags: args, rawArgs, output: claimStdout(), kind: "tools", name };
    return runOneShot(shot, async (client) => {
      const result = await client.request("tools/call", call, { progress: printProgress });
      print(shot, result, readable);
      return result.isError === true ? EXIT.failure.code : EXIT.ok.code;
    });
  },
});

/** A result for people. `--json` has all of it. */
function readable({ content, structuredContent }: Json): string {
  const blocks = Array.isArray(content) ? content.filter(isObject).map(readableBlock) : [];
  return blocks.length > 0 ? blocks.join("\n") : JSON.stringify(structuredContent ?? {}, undefined, 2);
}

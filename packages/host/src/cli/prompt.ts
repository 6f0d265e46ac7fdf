import { defineCommand } from "citty";
import { jsonArgs } from "../operator/host-choice.ts";
import { UsageError } from "../operator/usage-error.ts";
import { isObject, type Json } from "../wire/message.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { askArgs, configArgs, endpointArgs, logArgs } from "./command-line/options.ts";
import { readableBlock } from "./one-shot/content.ts";
import type { OneShot } from "./one-shot/one-shot.ts";
import { claimStdout } from "./terminal/stdout.ts";

export default defineCommand({
  meta: { name: "prompt", description: "Get one prompt" },
  args: {
    name: { type: "positional", description: "The prompt's name, as `list prompts` shows it" },
    args: { type: "string", valueHint: "json", description: "Its arguments, a JSON object of texts. Default: {}" },
    ...jsonArgs,
    ...configArgs,
    ...askArgs,
    ...endpointArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { jsonArgument } = await import("./command-line/json-argument.ts");
    const { print, printProgress, runOneShot } = await import("./one-shot/one-shot.ts");
    const name = args.name ?? ""; // it is required, so the command would not run without it
    const given = jsonArgument("--args", args.args ?? "{}", '{"topic":"news"}');
    for (const [key, value] of Object.entries(given))
      if (typeof value !== "string") throw new UsageError(`--args: "${key}" must be a text; a prompt takes nothing else`);
    const shot: OneShot = { flags: args, rawArgs, output: claimStdout(), kind: "prompts", name };
    return runOneShot(shot, async (client) => {
      print(shot, await client.request("prompts/get", { name, arguments: given }, { progress: printProgress }), readable);
      return EXIT.ok.code;
    });
  },
});

/** Who says what. */
function readable({ messages }: Json): string {
  if (!Array.isArray(messages)) return "";
  return messages
    .filter(isObject)
    .map(({ role, content }) => `${role}: ${[content].flat().filter(isObject).map(readableBlock).join("\n")}`)
    .join("\n\n");
}

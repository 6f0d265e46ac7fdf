import { defineCommand } from "citty";
import { jsonArgs } from "../operator/host-choice.ts";
import { isObject, type Json } from "../wire/message.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { askArgs, configArgs, endpointArgs, logArgs } from "./command-line/options.ts";
import { readableContents } from "./one-shot/content.ts";
import type { OneShot } from "./one-shot/one-shot.ts";
import { claimStdout } from "./terminal/stdout.ts";

export default defineCommand({
  meta: { name: "read", description: "Read one resource" },
  args: {
    uri: { type: "positional", description: "Its URI, as `resources` shows it, or one that fits a template" },
    ...jsonArgs,
    ...configArgs,
    ...askArgs,
    ...endpointArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { print, printProgress, runOneShot } = await import("./one-shot/one-shot.ts");
    const uri = args.uri ?? ""; // it is required, so the command would not run without it
    const shot: OneShot = { flags: args, rawArgs, output: claimStdout(), kind: "resources", name: uri };
    return runOneShot(shot, async (client) => {
      print(shot, await client.request("resources/read", { uri }, { progress: printProgress }), readable);
      return EXIT.ok.code;
    });
  },
});

function readable({ contents }: Json): string {
  return Array.isArray(contents) ? contents.filter(isObject).map(readableContents).join("\n") : "";
}

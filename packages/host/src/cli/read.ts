import { defineCommand } from "citty";
import { claimStdout } from "../front/stdio.ts";
import { isObject, type Json } from "../wire/message.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs, jsonArgs, logArgs } from "./command-line/options.ts";
import { type Asking, asking, print, printProgress, readableContents } from "./one-shot/one-shot.ts";

export default defineCommand({
  meta: { name: "read", description: "Start the servers and read one resource" },
  args: {
    uri: { type: "positional", description: "Its URI, as `resources` shows it, or one that fits a template" },
    ...jsonArgs,
    ...configArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const uri = args.uri ?? ""; // it is required, so the command would not run without it
    const asked: Asking = { flags: args, rawArgs, output: claimStdout(), kind: "resources", name: uri };
    return asking(asked, async (client) => {
      print(asked, await client.request("resources/read", { uri }, { progress: printProgress }), readable);
      return EXIT.ok.code;
    });
  },
});

function readable({ contents }: Json): string {
  return Array.isArray(contents) ? contents.filter(isObject).map(readableContents).join("\n") : "";
}

import { defineCommand } from "citty";
import { jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { askArgs, configArgs, endpointArgs, logArgs } from "./command-line/options.ts";
import type { AskedHost } from "./one-shot/asked-host.ts";
import type { OneShot } from "./one-shot/one-shot.ts";
import { claimStdout } from "./terminal/stdout.ts";

export default defineCommand({
  meta: { name: "call", description: "Call one tool" },
  args: {
    tool: { type: "positional", description: "The tool's name, as `list` shows it" },
    args: { type: "string", valueHint: "json", description: "Its arguments, a JSON object. Default: {}" },
    trace: {
      type: "boolean",
      description: "Show on standard error what became of the call, stage by stage; with --json as a line of JSON. Starts the servers anew",
    },
    ...jsonArgs,
    ...configArgs,
    ...askArgs,
    ...endpointArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { readableResult } = await import("./one-shot/content.ts");
    const { jsonArgument } = await import("./command-line/json-argument.ts");
    const { print, printProgress, runOneShot, runOwnOneShot } = await import("./one-shot/one-shot.ts");
    const name = args.tool ?? ""; // it is required, so the command would not run without it
    const call = { name, arguments: jsonArgument("--args", args.args ?? "{}") };
    const shot: OneShot = { flags: args, rawArgs, output: claimStdout(), kind: "tools", name };
    const asked = async ({ request }: AskedHost): Promise<ExitCode> => {
      const result = await request("tools/call", call, { progress: printProgress });
      print(shot, result, readableResult);
      return result.isError === true ? EXIT.failure.code : EXIT.ok.code;
    };
    if (!args.trace) return runOneShot(shot, asked);
    const { traced } = await import("./one-shot/traced.ts");
    return runOwnOneShot(shot, (client) => traced(client, "tools/call", args.json === true, () => asked(client)));
  },
});

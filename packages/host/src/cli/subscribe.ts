import { defineCommand } from "citty";
import { escapeControls, escapedJson } from "../log.ts";
import { UsageError } from "../operator/usage-error.ts";
import type { Json } from "../wire/message.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { askArgs, configArgs, endpointArgs, logArgs } from "./command-line/options.ts";
import type { OneShot } from "./one-shot/one-shot.ts";
import { claimStdout } from "./terminal/stdout.ts";

export default defineCommand({
  meta: { name: "subscribe", description: "Print each update of one resource" },
  args: {
    uri: { type: "positional", description: "Its URI, as `resources` shows it, or one that fits a template" },
    count: { type: "string", valueHint: "number", description: "End after so many updates. Default: never" },
    json: { type: "boolean", description: "Print each update as one line of JSON" },
    ...configArgs,
    ...askArgs,
    ...endpointArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { runOneShot } = await import("./one-shot/one-shot.ts");
    const uri = args.uri ?? ""; // it is required, so the command would not run without it
    const most = countOf(args.count);
    const output = claimStdout();
    let seen = 0;
    let enough!: () => void;
    const end = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const updated = (params: Json): void => {
      if (seen === most) return;
      seen++;
      output.write(args.json ? `${escapedJson(params)}\n` : `${new Date().toISOString()} ${escapeControls(String(params.uri))}\n`);
      if (seen === most || !output.writable) enough();
    };
    const shot: OneShot = {
      flags: args,
      rawArgs,
      output,
      kind: "resources",
      name: uri,
      notified: ({ method, params }) => {
        if (method === "notifications/resources/updated") updated(params ?? {});
      },
    };
    return runOneShot(shot, async (client) => {
      await client.request("resources/subscribe", { uri });
      process.stderr.write(`mcp-host: subscribed to ${escapeControls(uri)}; Ctrl-C ends it\n`);
      // Whoever read this has gone away: nobody is told any more.
      process.stdout.once("error", enough);
      await end;
      return EXIT.ok.code;
    });
  },
});

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--count: "${text}" is not a number of updates; give one from 1`);
  return Number(text);
}

import { defineCommand } from "citty";
import { UsageError } from "../operator/usage-error.ts";
import type { ExitCode } from "./command-line/exit.ts";
import { configArgs, logArgs } from "./command-line/options.ts";
import { everyValue } from "./command-line/usage.ts";
import { claimStdout } from "./terminal/stdout.ts";

export default defineCommand({
  meta: { name: "dev", description: "Try plugins while they are written: loaded anew on each save, every call traced" },
  args: {
    file: {
      type: "positional",
      valueHint: "file...",
      description: "The plugin's file, in TypeScript or JavaScript; there may be several",
    },
    options: {
      type: "string",
      valueHint: "json",
      description: "The plugin's options, a JSON object; of several plugins, once for each in their order. Repeatable",
    },
    call: {
      type: "string",
      valueHint: "call",
      description: 'A call to make now and after each save: a tool, then its arguments as JSON (\'echo {"text":"hi"}\'). Repeatable',
    },
    port: { type: "string", valueHint: "number", description: "The port to listen on, at 127.0.0.1. Default: any free one" },
    ...configArgs,
    config: {
      type: "string",
      valueHint: "file",
      description: "A config whose servers and plugins are there, too. Default: none, and a server that comes with the host",
    },
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    if (args.config === undefined)
      for (const flag of ["set", "env-file"] as const)
        if (args[flag] !== undefined) throw new UsageError(`--${flag} is for --config; without a config there is nothing to set`);
    const { devCallsOf, devPluginsOf } = await import("./development/dev-flags.ts");
    const plugins = devPluginsOf(args._, everyValue(rawArgs, "options"));
    const calls = devCallsOf(everyValue(rawArgs, "call"));
    const { serveDev } = await import("./development/dev-host.ts");
    return serveDev({ flags: args, rawArgs, plugins, calls, output: claimStdout() });
  },
});

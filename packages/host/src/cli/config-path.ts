import { defineCommand } from "citty";
import { locateConfig } from "../config/load.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";
import { configArgs, jsonArgs } from "./options.ts";

export default defineCommand({
  meta: { name: "config path", description: "Tell which config file is used" },
  args: { ...jsonArgs, config: configArgs.config },
  async run({ args }): Promise<ExitCode> {
    const path = await locateConfig(args.config);
    process.stdout.write(args.json ? jsonText({ path }) : `${path}\n`);
    return EXIT.ok.code;
  },
});

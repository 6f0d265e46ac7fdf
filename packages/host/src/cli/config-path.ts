import { defineCommand } from "citty";
import { jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "config path", description: "Tell which config file is used" },
  args: { ...jsonArgs, config: configArgs.config },
  async run({ args }): Promise<ExitCode> {
    const { locateConfig } = await import("../config/locate.ts");
    const path = await locateConfig(args.config);
    process.stdout.write(args.json ? jsonText({ path }) : `${path}\n`);
    return EXIT.ok.code;
  },
});

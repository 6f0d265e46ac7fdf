import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";

export default defineCommand({
  meta: {
    name: "config show",
    description: "Show the config with every value and default in it; secrets are hidden where a name or a shape tells them",
  },
  args: { ...jsonArgs, ...configArgs },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { loadExpanded } = await import("../config/load.ts");
    const { parseConfig } = await import("../config/parse.ts");
    const { shownConfig } = await import("../config/shown.ts");
    const { loadOptions } = await import("./command-line/load-options.ts");
    const output = claimStdout();
    const { written, config, uses } = await loadExpanded(args.config, await loadOptions(rawArgs));
    const shown = shownConfig(parseConfig(config), uses);
    if (args.json) output.write(jsonText(shown));
    else {
      const { stringify } = await import("yaml");
      output.write(`# ${written.path}\n${escapeControls(stringify(shown, { lineWidth: 0 }))}`);
    }
    return EXIT.ok.code;
  },
});

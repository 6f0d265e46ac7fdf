import { defineCommand } from "citty";
import type { ExitCode } from "./command-line/exit.ts";
import { serverArgs } from "./servers/server-options.ts";

export default defineCommand({
  meta: { name: "enable", description: "Switch a server of the config on again" },
  args: serverArgs,
  async run({ args }): Promise<ExitCode> {
    const { switchServer } = await import("./servers/switch.ts");
    return switchServer(args.name, true, args);
  },
});

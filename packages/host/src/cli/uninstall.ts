import { defineCommand } from "citty";
import { changeArgs, clientsArgs, targetsOf } from "./clients/client-options.ts";
import type { ExitCode } from "./command-line/exit.ts";
import type { Uninstalled } from "./install/installation.ts";

export default defineCommand({
  meta: { name: "uninstall", description: "Take the host out of a client's config file" },
  args: { ...clientsArgs, ...changeArgs },
  async run({ args }): Promise<ExitCode> {
    const { uninstall } = await import("./install/installation.ts");
    const { forEach } = await import("./install/each.ts");
    return forEach(targetsOf(args), args, (target) => uninstall(target, args), describe);
  },
});

function describe({ path, name, diff, written, restored }: Uninstalled): string[] {
  if (diff === "" && !restored) return [`${path} has no server "${name}".`];
  return written && restored && restored.length > 0 ? [`Put back: ${restored.join(", ")}.`] : [];
}

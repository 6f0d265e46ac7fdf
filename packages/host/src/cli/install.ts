import { defineCommand } from "citty";
import { redactText } from "../redact.ts";
import { changeArgs, clientsArgs, entryArgs, targetsOf } from "./clients/client-options.ts";
import type { ExitCode } from "./command-line/exit.ts";
import type { Installed } from "./install/installation.ts";

export default defineCommand({
  meta: { name: "install", description: "Write the host into a client's config file" },
  args: {
    ...clientsArgs,
    ...entryArgs,
    replace: { type: "boolean", description: "Take the servers that the host has out of the client; `uninstall` puts them back" },
    ...changeArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { loadOptions } = await import("./command-line/load-options.ts");
    const { install } = await import("./install/installation.ts");
    const { forEach } = await import("./install/each.ts");
    const options = await loadOptions(rawArgs, false);
    return forEach(targetsOf(args), args, (target) => install(target, { ...args, client: target.id }, options), describe);
  },
});

function describe({ written, diff, path, client, taken = [], stays = [], advice }: Installed): string[] {
  const left = stays.map(({ name, reason }) => `${name} stays in ${path}: ${redactText(reason)}`);
  if (diff === "") return [`${path} has it already.`, ...left];
  if (!written) return left;
  const out =
    taken.length === 0 ? [] : [`Taken out, since the host has them: ${taken.join(", ")}. \`uninstall ${client}\` puts them back.`];
  return [...out, ...left, ...advice];
}

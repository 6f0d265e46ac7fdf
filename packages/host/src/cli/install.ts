import { defineCommand } from "citty";
import { redactText } from "../redact.ts";
import { type ClientFlags, changeArgs, clientsArgs, entryArgs, targetsOf } from "./clients/client-options.ts";
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
    return forEach(
      targetsOf(args),
      args,
      (target) => install(target, { ...args, client: target.id }, options),
      (installed) => describe(installed, args),
    );
  },
});

function describe({ written, diff, path, client, taken = [], stays = [], advice }: Installed, flags: ClientFlags): string[] {
  const left = stays.map(({ name, reason }) => `${name} stays in ${path}: ${redactText(reason)}`);
  if (diff === "") return [`${path} has it already.`, ...left];
  if (!written) return left;
  const which = (["scope", "name"] as const).flatMap((flag) => (flags[flag] === undefined ? [] : [`--${flag}`, flags[flag]]));
  const undo = ["uninstall", client, ...which].join(" ");
  const out = taken.length === 0 ? [] : [`Taken out, since the host has them: ${taken.join(", ")}. \`${undo}\` puts them back.`];
  return [...out, ...left, ...advice];
}

import { removeSecret } from "../secrets.ts";
import { type Context, placesOf, targetOf } from "./target.ts";

/** `mcp-host secret rm NAME`; a command as citty has them. */
export default {
  meta: { name: "rm", description: "Remove a secret that the config does not use" },
  args: {
    name: { type: "positional", description: "The secret" },
    force: { type: "boolean", description: "Also where the config uses it: its servers are unconfigured from the next start on" },
  },
  async run(context: Context<{ name: string; force?: boolean }>): Promise<void> {
    const { name, force } = context.args;
    const target = targetOf(context);
    const places = placesOf(name, target);
    if (places.length > 0 && !force) throw new Error(`${name} is used by ${places.join(", ")}; take it out there first, or add --force`);
    if ((await target.vault.read()) === undefined || !(await removeSecret(target.vault, name)))
      throw new Error(`the secret ${name} is not set; \`mcp-host secret list\` shows those that are`);
    process.stdout.write(`${name} is not in the vault any more; whoever gave it out should revoke it\n`);
  },
};

import { nameProblem, setSecrets } from "../secrets.ts";
import { entered } from "./entered.ts";
import { type Context, placesOf, takenOn, targetOf } from "./target.ts";

/** `mcp-host secret set NAME`; a command as citty has them. */
export default {
  meta: { name: "set", description: "Keep a secret, typed or from standard input, in the vault" },
  args: { name: { type: "positional", description: "The name that configs refer to it by: ${secret:NAME}" } },
  async run(context: Context<{ name: string }>): Promise<void> {
    const { name } = context.args;
    const wrong = nameProblem(name);
    if (wrong !== undefined) throw new Error(wrong);
    const target = targetOf(context);
    // Before anybody types for nothing.
    await target.vault.read();
    await setSecrets(target.vault, new Map([[name, await entered(`the value of ${name}`)]]));
    const places = placesOf(name, target);
    const next = places.length === 0 ? `refer to it by \${secret:${name}} in the config` : takenOn(target);
    process.stdout.write(`${name} is in the vault ${target.vault.path}; ${next}\n`);
  },
};

import { sourceOf } from "../opened-vaults.ts";
import type { SourceName } from "../sealed.ts";
import { enteredTwice } from "./entered.ts";
import { type Context, targetOf } from "./target.ts";

const SOURCES: readonly SourceName[] = ["file", "passphrase", "keyring"];

/** `mcp-host secret rotate`; a command as citty has them. */
export default {
  meta: { name: "rotate", description: "Give the vault a new key, and encrypt all of it anew" },
  args: {
    to: {
      type: "string",
      valueHint: "file|passphrase|keyring",
      description: "Keep the new key there; a new passphrase is typed, or comes from standard input. Default: where the config says",
    },
  },
  async run(context: Context<{ to?: string }>): Promise<void> {
    const target = targetOf(context);
    const { vault, options, folder } = target;
    const to = SOURCES.find((name) => name === (context.args.to ?? options.key));
    if (to === undefined) throw new Error(`--to takes ${SOURCES.join(", ")}, not ${JSON.stringify(context.args.to)}`);
    const before = vault.source.place;
    // The passphrase of the config stays unless another is asked for.
    const asks = to === "passphrase" && context.args.to !== undefined;
    if (asks && (await vault.read()) === undefined) await vault.rotate(); // it says that there is none
    const passphrase = asks ? await enteredTwice("the new passphrase") : options.passphrase;
    if (asks && (passphrase ?? "").length < 8) throw new Error("the new passphrase must have at least 8 characters");
    await vault.rotate(to === options.key && !asks ? undefined : sourceOf(to, { ...options, passphrase }, folder));
    const next = asks
      ? `give the config the new passphrase${to === options.key ? "" : ', set "key" to "passphrase"'}, and reload the hosts that run`
      : to === options.key
        ? "hosts that run go on with the new key by themselves"
        : `set "key" to "${to}" in the config, and reload the hosts that run; the old key in ${before} opens nothing any more`;
    process.stdout.write(`the vault ${vault.path} is encrypted anew, and its key is in ${vault.source.place}; ${next}\n`);
    process.stdout.write(
      "Copies of the vault that were made earlier are still opened by the old key: where it may be known, replace the secrets, too.\n",
    );
  },
};

import { secretIn } from "../secrets.ts";
import { type Context, targetOf } from "./target.ts";

/** `mcp-host secret get NAME`; a command as citty has them. */
export default {
  meta: { name: "get", description: "Show a secret: at a terminal, or anywhere with --reveal" },
  args: {
    name: { type: "positional", description: "The secret" },
    reveal: { type: "boolean", description: "Write it where it may be kept, such as to a file or a pipe" },
  },
  async run(context: Context<{ name: string; reveal?: boolean }>): Promise<void> {
    const { name, reveal } = context.args;
    if (!process.stdout.isTTY && !reveal)
      throw new Error(`standard output is no terminal, where ${name} may be kept by whatever reads it; add --reveal if that is meant`);
    const target = targetOf(context);
    const value = secretIn((await target.vault.read())?.document, name);
    if (value === undefined) throw new Error(`the secret ${name} is not set; \`mcp-host secret list\` shows those that are`);
    process.stdout.write(`${value}\n`);
  },
};

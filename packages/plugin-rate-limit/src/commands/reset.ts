import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";

/** `mcp-host rate-limit reset <rule>`; a command as citty has them. */
export default {
  meta: { name: "reset", description: "Have a rule begin to count anew, for everybody" },
  args: {
    rule: { type: "positional", description: "The rule's name, as `show` tells it; `addresses` for floods" },
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }: { args: ChoiceFlags & { rule: string } }): Promise<void> {
    const given = await callRunningHost("rate-limit", "reset", { rule: args.rule }, choiceOf(args));
    process.stdout.write(args.json ? `${JSON.stringify(given)}\n` : `rule "${args.rule}" counts anew\n`);
  },
};

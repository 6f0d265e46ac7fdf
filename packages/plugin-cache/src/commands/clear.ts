import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";

/** `mcp-host cache clear <pattern>`; a command as citty has them. */
export default {
  meta: { name: "clear", description: "Drop results that a running host keeps" },
  args: {
    pattern: {
      type: "positional",
      description: "What is dropped: a glob of names and URIs (files__*), or of upstream:native; '*' for everything",
    },
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }: { args: ChoiceFlags & { pattern: string } }): Promise<void> {
    const { dropped } = await callRunningHost("cache", "clear", { pattern: args.pattern }, choiceOf(args));
    process.stdout.write(args.json ? `${JSON.stringify({ dropped })}\n` : `${dropped} ${dropped === 1 ? "result" : "results"} dropped\n`);
  },
};

import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";

/** `mcp-host routing resume <server>`; a command as citty has them. */
export default {
  meta: { name: "resume", description: "Give a drained member calls again" },
  args: {
    server: { type: "positional", description: "The member's key in mcpServers" },
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }: { args: ChoiceFlags & { server: string } }): Promise<void> {
    const given = await callRunningHost("routing", "resume", { server: args.server }, choiceOf(args));
    process.stdout.write(args.json ? `${JSON.stringify(given)}\n` : `"${args.server}" gets calls again\n`);
  },
};

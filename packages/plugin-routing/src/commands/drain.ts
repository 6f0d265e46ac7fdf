import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";

/** `mcp-host routing drain <server>`; a command as citty has them. */
export default {
  meta: { name: "drain", description: "Give a member of a group no new calls; what is under way goes on" },
  args: {
    server: { type: "positional", description: "The member's key in mcpServers" },
    now: { type: "boolean", description: "Also callers that stay with it go elsewhere at once" },
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }: { args: ChoiceFlags & { server: string; now?: boolean } }): Promise<void> {
    const given = await callRunningHost("routing", "drain", { server: args.server, now: args.now === true }, choiceOf(args));
    const words = `"${args.server}" is drained; calls under way: ${given.inFlight} (\`mcp-host routing show\` tells when they are done)\n`;
    process.stdout.write(args.json ? `${JSON.stringify(given)}\n` : words);
  },
};

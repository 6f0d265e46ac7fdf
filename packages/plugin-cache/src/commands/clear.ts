import { callRunningHost } from "mcp-host";
import { type Choice, choice, chosen } from "./choice.ts";

/** `mcp-host cache clear <pattern>`; a command as citty has them. */
export default {
  meta: { name: "clear", description: "Drop results that a running host keeps" },
  args: {
    pattern: {
      type: "positional",
      description: "What is dropped: a glob of names and URIs (files__*), or of upstream:native; '*' for everything",
    },
    ...choice,
  },
  async run({ args }: { args: Choice & { pattern: string } }): Promise<void> {
    const { dropped } = await callRunningHost("cache", "clear", { pattern: args.pattern }, chosen(args));
    process.stdout.write(args.json ? `${JSON.stringify({ dropped })}\n` : `${dropped} ${dropped === 1 ? "result" : "results"} dropped\n`);
  },
};

import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";
import { print } from "./print.ts";

/** `mcp-host approval approve <id>`; a command as citty has them. */
export default {
  meta: { name: "approve", description: "Let a call pass that waits for approval" },
  args: {
    id: { type: "positional", description: "The call, as `pending` shows it" },
    for: {
      type: "string",
      valueHint: "how-long",
      description: "once, or as far as its rule lets the answer count: session, principal, time",
    },
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }: { args: ChoiceFlags & { id: string; for?: string } }): Promise<void> {
    const params = { id: args.id, ...(args.for !== undefined && { for: args.for }) };
    print(await callRunningHost("approval", "approve", params, choiceOf(args)), `${args.id} was approved\n`, args);
  },
};

import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";
import { print } from "./print.ts";

/** `mcp-host approval deny <id>`; a command as citty has them. */
export default {
  meta: { name: "deny", description: "Refuse a call that waits for approval" },
  args: {
    id: { type: "positional", description: "The call, as `pending` shows it" },
    reason: { type: "string", valueHint: "words", description: "Why; the model is told" },
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }: { args: ChoiceFlags & { id: string; reason?: string } }): Promise<void> {
    const params = { id: args.id, ...(args.reason !== undefined && { reason: args.reason }) };
    print(await callRunningHost("approval", "deny", params, choiceOf(args)), `${args.id} was denied\n`, args);
  },
};

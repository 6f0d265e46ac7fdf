import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";
import { print } from "./print.ts";

/** `mcp-host approval forget`; a command as citty has them. */
export default {
  meta: { name: "forget", description: "Forget every answer that is remembered, so that everybody is asked again" },
  args: { ...choiceArgs, ...jsonArgs },
  async run({ args }: { args: ChoiceFlags }): Promise<void> {
    print(await callRunningHost("approval", "forget", {}, choiceOf(args)), "every answer was forgotten\n", args);
  },
};

import { callRunningHost } from "mcp-host";
import { type Choice, choice, chosen, print } from "./choice.ts";

/** `mcp-host approval forget`; a command as citty has them. */
export default {
  meta: { name: "forget", description: "Forget every answer that is remembered, so that everybody is asked again" },
  args: { ...choice },
  async run({ args }: { args: Choice }): Promise<void> {
    print(await callRunningHost("approval", "forget", {}, chosen(args)), "every answer was forgotten\n", args);
  },
};

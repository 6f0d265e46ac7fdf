import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";
import { shownName } from "../question.ts";
import { print } from "./print.ts";

/** One call that waits, as the operation tells it. */
interface Waiting {
  readonly id: string;
  readonly server: string;
  readonly tool: string;
  readonly plugin?: string;
  readonly arguments: readonly string[];
  readonly hidden?: string;
  readonly why: string;
  readonly principal: string;
  readonly until: string;
  readonly choices: readonly string[];
}

/** `mcp-host approval pending`; a command as citty has them. */
export default {
  meta: { name: "pending", description: "Show which calls wait for an operator's approval" },
  args: { ...choiceArgs, ...jsonArgs },
  async run({ args }: { args: ChoiceFlags }): Promise<void> {
    const given = await callRunningHost("approval", "pending", {}, choiceOf(args));
    const { pending } = given as unknown as { pending: Waiting[] }; // as the plugin tells it
    print(given, pending.length > 0 ? pending.map(described).join("\n") : "no call waits\n", args);
  },
};

function described({ id, server, tool, plugin, arguments: args, hidden, why, principal, until, choices }: Waiting): string {
  const lines = [
    `${id}  ${shownName(server)} ${shownName(tool)}`,
    `  for      ${shownName(principal)}${plugin === undefined ? "" : `, by the plugin ${shownName(plugin)}`}`,
  ];
  lines.push(...args.map((each, at) => `  ${at === 0 ? "with     " : "         "}${each}`));
  if (hidden !== undefined) lines.push(`           ${hidden}`);
  lines.push(`  because  ${why}`, `  until    ${until}`);
  if (choices.length > 1) lines.push(`  --for    ${choices.join(", ")}`);
  return `${lines.join("\n")}\n`;
}

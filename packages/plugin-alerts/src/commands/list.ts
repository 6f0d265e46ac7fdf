import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";

/** An alert as the operation tells it. */
interface Row {
  readonly rule: string;
  readonly subject: string;
  readonly state: string;
  readonly severity: string;
  readonly summary: string;
  readonly since: string;
}

/** `mcp-host alerts list`; a command as citty has them. */
export default {
  meta: { name: "list", description: "Show what is wrong with a running host, as its alerts see it" },
  args: { ...choiceArgs, ...jsonArgs },
  async run({ args }: { args: ChoiceFlags }): Promise<void> {
    const given = await callRunningHost("alerts", "list", {}, choiceOf(args));
    const { alerts } = given as unknown as { alerts: Row[] }; // as the operation gives it
    if (args.json) process.stdout.write(`${JSON.stringify(given, undefined, 2)}\n`);
    else process.stdout.write(alerts.length === 0 ? "nothing is wrong\n" : alerts.map(described).join(""));
  },
};

/** Summaries were made one line, without what a terminal acts on, when they were noted. */
const described = ({ rule, state, severity, summary, since }: Row): string =>
  `${severity.toUpperCase()} ${rule}: ${summary} (${state === "pending" ? "not yet told, " : ""}since ${since})\n`;

import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";

/** A rule as the plugin reports it. */
interface Row {
  readonly limit: string;
  readonly mode: string;
  readonly refused: number;
  readonly observed: number;
  readonly per?: readonly string[];
  readonly active?: number;
  readonly queued?: number;
  readonly top: readonly { readonly who: string; readonly used: number }[];
}

/** `mcp-host rate-limit show`; a command as citty has them. */
export default {
  meta: { name: "show", description: "Show what limits let through, what they refused, and who uses most" },
  args: { ...choiceArgs, ...jsonArgs },
  async run({ args }: { args: ChoiceFlags }): Promise<void> {
    const given = await callRunningHost("rate-limit", "show", {}, choiceOf(args));
    const { addresses, rules } = given as unknown as { addresses?: Row; rules: Record<string, Row> }; // as the plugin reports
    const all = Object.entries({ ...(addresses && { addresses }), ...rules });
    process.stdout.write(
      args.json ? `${JSON.stringify(given, undefined, 2)}\n` : all.map(([name, row]) => described(name, row)).join("\n"),
    );
  },
};

function described(name: string, { limit, mode, refused, observed, per = [], active, queued, top }: Row): string {
  const each = per.length > 0 ? ` per ${per.join(", ")}` : "";
  const lines = [`${name}: ${limit}${each}${mode === "observe" ? " (only observed)" : ""}`];
  lines.push(mode === "observe" ? `  would have refused ${observed}` : `  refused ${refused}`);
  if (active !== undefined) lines.push(`  ${active} under way, ${queued} waiting`);
  for (const { who, used } of top) lines.push(`  ${String(used).padStart(8)}  ${shown(who)}`);
  return `${lines.join("\n")}\n`;
}

/** Whoever chose the name of a principal does not get to write on the terminal. */
function shown(who: string): string {
  return who.replaceAll(/[\p{C}\u2028\u2029]/gu, "?");
}

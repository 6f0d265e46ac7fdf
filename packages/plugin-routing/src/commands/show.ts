import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";
import { type Difference, worded } from "../listing.ts";

/** A group as the plugin reports it. */
interface Row {
  readonly policy: string;
  readonly members: Readonly<Record<string, MemberRow>>;
  readonly rules?: Readonly<Record<string, RuleRow>>;
  readonly differences?: readonly Difference[];
  readonly differ?: number;
}

interface MemberRow {
  readonly state: string;
  readonly weight: number;
  readonly priority: number;
  readonly inFlight: number;
  readonly calls: number;
  readonly failed: number;
  readonly latencyMs?: number;
}

interface RuleRow {
  readonly arms?: Readonly<Record<string, { readonly calls: number; readonly errors: number; readonly seconds: number }>>;
  readonly mirrored?: Readonly<Record<string, number>>;
}

/** `mcp-host routing show`; a command as citty has them. */
export default {
  meta: { name: "show", description: "Show how the members of groups do, and what they do not have alike" },
  args: { ...choiceArgs, ...jsonArgs },
  async run({ args }: { args: ChoiceFlags }): Promise<void> {
    const given = await callRunningHost("routing", "show", {}, choiceOf(args));
    const { groups } = given as unknown as { groups: Record<string, Row> }; // as the plugin reports
    const all = Object.entries(groups).map(([name, row]) => described(name, row));
    process.stdout.write(args.json ? `${JSON.stringify(given, undefined, 2)}\n` : all.join("\n") || "there is no group\n");
  },
};

function described(name: string, { policy, members, rules = {}, differences = [], differ = 0 }: Row): string {
  const lines = [`${name}: ${policy}`];
  const width = Math.max(...Object.keys(members).map(({ length }) => length));
  for (const [server, { state, weight, priority, inFlight, calls, failed, latencyMs }] of Object.entries(members)) {
    const time = latencyMs === undefined ? "" : `, ${latencyMs} ms`;
    const place = `weight ${weight}${priority > 1 ? `, priority ${priority}` : ""}`;
    lines.push(`  ${server.padEnd(width)}  ${state}; ${place}; calls: ${inFlight} under way, ${calls} done, ${failed} failed${time}`);
  }
  for (const [rule, { arms = {}, mirrored }] of Object.entries(rules)) {
    for (const [arm, { calls, errors, seconds }] of Object.entries(arms)) {
      const mean = calls > 0 ? `, ${((seconds / calls) * 1000).toFixed(1)} ms each` : "";
      lines.push(`  rule ${rule}, ${arm}: ${calls} done, ${errors} failed${mean}`);
    }
    if (mirrored)
      lines.push(
        `  rule ${rule}: ${Object.entries(mirrored)
          .map(([outcome, count]) => `${count} ${outcome}`)
          .join(", ")}`,
      );
  }
  for (const each of differences) lines.push(`  not alike: ${shown(worded(each))}`);
  if (differ > differences.length) lines.push(`  and ${differ - differences.length} more that are not alike`);
  return `${lines.join("\n")}\n`;
}

/** A server chose the name of its tool; it does not get to write on the terminal. */
function shown(text: string): string {
  return text.replaceAll(/[\p{C}\u2028\u2029]/gu, "?");
}

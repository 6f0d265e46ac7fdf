import type { PluginCommandData } from "mcp-host";
import { linesOf } from "../lines.ts";
import { type Question, question, questionArgs } from "../question.ts";
import { csvRow, FIELDS } from "../shown.ts";
import { logOf, print } from "./context.ts";

type Flags = Pick<Question, "file" | "since" | "until" | "type"> & { readonly csv?: boolean };

const { file, since, until, type } = questionArgs;

/** `mcp-host audit export`; a command as citty has them. */
export default {
  meta: { name: "export", description: "Print the audit log as it is written, all of it or a time: such a part can be verified, too" },
  args: {
    file,
    since,
    until,
    type: { ...type, description: "Only these types, several with commas; what is left then cannot be verified. Default: all" },
    csv: { type: "boolean", description: "Print CSV instead" },
  },
  async run({ args, data }: { args: Flags; data?: PluginCommandData }): Promise<void> {
    const { files } = logOf(data, args.file);
    const wanted = question(args, Date.now());
    const isRun = args.type === undefined;
    if (args.csv) await print(csvRow(FIELDS));
    // Records stand in the order in which they were written, which is not quite that of their times: a part is one run of lines.
    let begun = false;
    let held: Buffer[] = [];
    for (const { bytes, line } of linesOf(files)) {
      const isInside = line !== undefined && (isRun ? within(line.at, wanted) : wanted.fits(line));
      if (isInside && args.csv) await print(csvRow(FIELDS.map((field) => line[field])));
      else if (isInside) {
        const text = isRun && begun ? [...held, bytes] : [bytes];
        held = [];
        begun = true;
        if (!(await print(`${text.map(String).join("\n")}\n`))) return;
      } else if (begun && isRun) held.push(bytes);
      if (held.length > MOST) return;
    }
  },
};

/** Lines of another time that may stand between those of the time that is wanted: calls that took long. */
const MOST = 10_000;

function within(at: string, { since, until }: { since: number; until: number }): boolean {
  const time = Date.parse(at);
  return time >= since && time < until;
}

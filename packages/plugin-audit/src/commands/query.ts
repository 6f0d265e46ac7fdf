import type { PluginCommandData } from "mcp-host";
import { found, type Question, question, questionArgs } from "../question.ts";
import { csvRow, FIELDS, tableOf } from "../shown.ts";
import { logOf, print } from "./context.ts";

type Flags = Question & { readonly file?: string; readonly limit?: string; readonly json?: boolean; readonly csv?: boolean };

const LIMIT = 200;

/** `mcp-host audit query`; a command as citty has them. */
export default {
  meta: { name: "query", description: "Who did what: the latest records of the audit log that fit" },
  args: {
    ...questionArgs,
    limit: { type: "string", valueHint: "n", description: `How many at most, the latest; default ${LIMIT}, 0 for all` },
    json: { type: "boolean", description: "Print each record as a line of JSON" },
    csv: { type: "boolean", description: "Print CSV" },
  },
  async run({ args, data }: { args: Flags; data?: PluginCommandData }): Promise<void> {
    const limit = limitOf(args.limit);
    const log = logOf(data, args.file);
    const lines = await found(log, question(args, Date.now()), limit);
    if (args.json) for (const line of lines) await print(`${JSON.stringify(line)}\n`);
    else if (args.csv) {
      await print(csvRow(FIELDS));
      for (const line of lines) await print(csvRow(FIELDS.map((field) => line[field])));
    } else {
      await print(lines.length > 0 ? tableOf(lines) : "no record fits\n");
      if (limit > 0 && lines.length === limit) process.stderr.write(`the latest ${limit} are shown; --limit 0 shows all\n`);
    }
  },
};

/** @throws Error for what is no number */
function limitOf(text: string | undefined): number {
  if (text === undefined) return LIMIT;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--limit: "${text}" is no number`);
  return Number(text);
}

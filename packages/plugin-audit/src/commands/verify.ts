import type { PluginCommandData } from "mcp-host";
import type { Link } from "../chain.ts";
import { linesOf } from "../lines.ts";
import { type Verdict, Verification } from "../verification.ts";
import { checkOf, fileArg, logOf } from "./context.ts";

interface Flags {
  readonly file?: string;
  readonly "public-key"?: string;
  readonly head?: string;
  readonly json?: boolean;
}

/** `mcp-host audit verify`; a command as citty has them. */
export default {
  meta: { name: "verify", description: "Find lines of the audit log that were removed, changed or moved" },
  args: {
    ...fileArg,
    "public-key": { type: "string", valueHint: "path", description: "The key that heads are checked with; default: that of the config" },
    head: { type: "string", valueHint: "n:hash", description: "A line that must be there, as `status` or a receiver of the log showed it" },
    json: { type: "boolean", description: "Print JSON" },
  },
  run({ args, data }: { args: Flags; data?: PluginCommandData }): 0 | 1 {
    const { files, options } = logOf(data, args.file);
    const check = checkOf(options, args["public-key"]);
    const verification = new Verification(check, args.head === undefined ? undefined : headOf(args.head));
    for (const read of linesOf(files)) verification.take(read);
    const verdict = verification.verdict();
    process.stdout.write(
      args.json ? `${JSON.stringify({ files, ...verdict }, undefined, 2)}\n` : described(verdict, files, check !== undefined),
    );
    return verdict.ok ? 0 : 1;
  },
};

/** @throws Error for another form */
function headOf(text: string): Link {
  const [, n, hash] = /^(\d{1,16}):([\w-]{43})$/.exec(text) ?? [];
  if (n === undefined || hash === undefined)
    throw new Error(`--head: "${text}" is not of the form n:hash, as \`mcp-host status\` shows it`);
  return { n: Number(n), hash };
}

function described(verdict: Verdict, files: readonly string[], isChecked: boolean): string {
  const { ok, lines, first, head, heads, vouched, kills, lost, torn, count, findings } = verdict;
  const said = findings.map(({ at, line, what }) => `line ${line}${at === undefined ? "" : ` (${at})`} ${what}`);
  if (count > findings.length) said.push(`and ${count - findings.length} more`);
  said.push(...torn);
  if (lines > 0) said.push(`${lines} lines in ${files.length} ${files.length === 1 ? "file" : "files"}, of which the last is ${head}`);
  if (first !== undefined && first > 1)
    said.push(`the log begins with line ${first}: what was before it went with files that were removed`);
  if (kills > 0) said.push(`the host was killed ${times(kills)}; what it had not written then is in no line`);
  if (lost > 0) said.push(`${lost} records are lost for want of room, as the log itself says`);
  if (!isChecked)
    said.push(
      heads > 0
        ? "heads were not checked, for want of a key: whoever can write the file could have made all of it anew"
        : "the log is not signed: whoever can write the file could have made all of it anew, or have cut off its end",
    );
  else if (vouched) said.push(`signed up to line ${vouched.line} at ${vouched.at}; whether lines behind it were cut off cannot be told`);
  said.push(ok ? "nothing was removed, changed or moved" : "the log is not as it was written");
  return `${said.join("\n")}\n`;
}

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

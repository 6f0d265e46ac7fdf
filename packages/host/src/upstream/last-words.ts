import { briefText } from "../redact.ts";
import { tellingLine, wordsIn } from "../wire/stderr.ts";

/** What a server wrote where no messages belong. */
export interface Said {
  readonly stderr?: string;
  /** On its standard output, before its first message. */
  readonly stdout?: string;
}

/** UTF-16 units of one line in a reason. */
const LONGEST = 300;

/** A reason with what the server said itself, without secrets. It names what may be private, and so is for operators alone. */
export function withLastWords(reason: string, { stderr = "", stdout = "" }: Said): string {
  const line = tellingLine(wordsIn(stderr));
  return [
    reason,
    ...(line === undefined ? [] : [`on stderr: ${briefText(line.trim(), LONGEST)}`]),
    ...(stdout.trim() === "" ? [] : [`garbage on stdout: ${briefText(firstLine(stdout), LONGEST)}`]),
  ].join("; ");
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0]?.trim() ?? "";
}

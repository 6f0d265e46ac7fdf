import { briefText } from "../redact.ts";

/** What a server wrote where no messages belong. */
export interface Said {
  readonly stderr?: string;
  /** On its standard output, before its first message. */
  readonly stdout?: string;
}

/** A line of a stack: of Node.js, of Python. */
const FRAME = /^\s*(?:at |File "|Node\.js v\d)/;
/** A line that an exception is told in. */
const EXCEPTION = /(?:Error|Exception)(?: \[\w+\])?:/;
/** Words of whoever says why it cannot go on. */
const REASON = /\b(?:error|fatal|panic|required|missing|not found|not set|denied|invalid|cannot|could not|failed)\b/i;

/** UTF-16 units of one line in a reason. */
const LONGEST = 300;

/** The lines of a standard error that say something, without those of stacks. */
export function wordsIn(stderr: string): string[] {
  return stderr.split("\n").filter((line) => line.trim() !== "" && !FRAME.test(line));
}

/** The line that says what happened: an exception's, else one with a word for a reason, else the last. */
export function tellingLine(words: readonly string[]): string | undefined {
  const exceptions = words.filter((line) => EXCEPTION.test(line));
  // What is indented is quoted: source code, the cause of another.
  return exceptions.findLast((line) => /^\S/.test(line)) ?? exceptions.at(-1) ?? words.find((line) => REASON.test(line)) ?? words.at(-1);
}

/** A reason with what the server said itself, without secrets. It names what may be private, and so is for operators alone. */
export function withLastWords(reason: string, { stderr = "", stdout = "" }: Said): string {
  const line = tellingLine(wordsIn(stderr));
  return [
    reason,
    ...(line === undefined ? [] : [`on stderr: ${briefText(line.trim(), LONGEST)}`]),
    ...(stdout.trim() === "" ? [] : [`on stdout, where messages belong: ${briefText(stdout.trim(), LONGEST)}`]),
  ].join("; ");
}

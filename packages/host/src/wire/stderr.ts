/** A line of a stack: of Node.js, of Python. */
const FRAME = /^\s*(?:at |File "|Node\.js v\d)/;
/** A line that an exception is told in. */
const EXCEPTION = /(?:Error|Exception)(?: \[\w+\])?:/;
/** Words of whoever says why it cannot go on. */
const REASON = /\b(?:error|fatal|panic|required|missing|not found|not set|denied|invalid|cannot|could not|failed|please|must)\b/i;

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

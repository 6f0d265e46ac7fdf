import { escapeControls } from "../../log.ts";
import { redactText } from "../../redact.ts";
import { EXIT } from "../command-line/exit.ts";
import { Interrupted } from "../command-line/interrupted.ts";

/** One line of a checklist. */
export interface Item {
  readonly name: string;
  /** What it is, in a few words; what does not fit on the line is cut off. */
  readonly hint: string;
}

/** Room for what stands around an item. */
const AROUND = 18;
/** Of a terminal that does not tell its width. */
const COLUMNS = 80;

/**
 * Asks on the terminal which of the items are meant, on one screen: all are ticked at first. Questions go to standard error.
 * An answer that never comes (Ctrl-C, the end of standard input) ends the command.
 * @returns the names that stayed ticked
 */
export async function checklist(question: string, items: readonly Item[]): Promise<readonly string[]> {
  const { isCancel, multiselect } = await import("@clack/prompts");
  const { stdin: input, stderr: output } = process;
  const room = (name: string): number => Math.max((output.columns ?? COLUMNS) - name.length - AROUND, 0);
  const ended = new AbortController();
  const end = (): void => ended.abort();
  input.once("end", end);
  try {
    const ticked = await multiselect({
      message: escapeControls(question),
      options: items.map(({ name, hint }) => ({ value: name, label: name, hint: cut(escapeControls(redactText(hint)), room(name)) })),
      initialValues: items.map(({ name }) => name),
      required: false,
      ...{ input, output, signal: ended.signal },
    });
    if (isCancel(ticked)) throw new Interrupted(EXIT.interrupted.code);
    return ticked;
  } finally {
    input.off("end", end);
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(length - 1, 0))}…`;
}

import { UsageError } from "../../operator/usage-error.ts";

/** A part of a text that a config is to hold. */
export interface Part {
  readonly text: string;
  /** From an entry or a bundle: a `${...}` in it means nothing. What the operator gives may refer to variables, as anywhere in a config. */
  readonly isForeign: boolean;
  /** The name of the value, where it is a secret. */
  readonly secret?: string;
}

/** A text of which it is known what comes from whom. */
export type Text = readonly Part[];

/** A text of somebody else's. */
export function foreign(text: string): Text {
  return text === "" ? [] : [{ text, isForeign: true }];
}

/** A text in which places are filled. @param form what a place looks like, its first group the name; flag "g" */
export function filled(text: string, form: RegExp, fill: (name: string) => Text | undefined): Text {
  const parts: Part[] = [];
  let from = 0;
  for (const found of text.matchAll(form)) {
    const filling = fill(found[1] ?? "");
    if (!filling) continue; // what nobody knows stays as it stands there
    parts.push(...foreign(text.slice(from, found.index)), ...filling);
    from = found.index + found[0].length;
  }
  return [...parts, ...foreign(text.slice(from))];
}

/** Whether a text refers to variables, files or the like. */
function refers({ text, isForeign }: Part): boolean {
  return !isForeign && text.includes("${");
}

/** The text as a person may see it. @param hidden what stands for a secret */
export function shownText(text: Text, hidden = "[secret]"): string {
  return text.map((part) => (part.secret === undefined || refers(part) ? part.text : hidden)).join("");
}

/**
 * The text as a config has it: what is foreign comes out as it is when the config is read, so that no entry of a registry reads the operator's variables.
 * @param keep puts a secret away, and gives what refers to it
 * @throws UsageError where a reference could be made of what stands side by side
 */
export function writtenText(text: Text, keep: (secret: string, name: string) => string): string {
  const pieces: { readonly text: string; readonly isForeign: boolean }[] = [];
  for (const part of text) {
    const kept = part.secret !== undefined && part.text !== "" && !refers(part);
    const piece = kept ? { text: keep(part.text, part.secret), isForeign: false } : part;
    const last = pieces.at(-1);
    if (last?.isForeign && piece.isForeign) pieces[pieces.length - 1] = { text: last.text + piece.text, isForeign: true };
    else pieces.push(piece);
  }
  for (const [index, { text }] of pieces.entries())
    if (text.endsWith("$") && /^\$?\{/.test(pieces[index + 1]?.text ?? ""))
      throw new UsageError(`a "$" stands before a "{" in what is to be written, which a config reads as a reference; give another value`);
  return pieces.map(({ text, isForeign }) => (isForeign ? text.replaceAll("${", () => "$${") : text)).join("");
}

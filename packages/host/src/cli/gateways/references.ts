/** What stands for a value in another gateway's texts. */
export interface References {
  /** The reference as the config has it, for what is between `${` and `}`; undefined where that is no reference there but text. */
  readonly braced: (body: string) => string | undefined;
  /** The same for `$NAME`. */
  readonly bare?: (name: string) => string | undefined;
}

/** A text with its references as the config writes them. What only looks like one stays text. */
export function withReferences(text: string, { braced, bare }: References): string {
  const parts: string[] = [];
  let rest = 0;
  for (let start = text.indexOf("${"); start !== -1; start = text.indexOf("${", rest)) {
    const end = closing(text, start + 2);
    parts.push(plain(text.slice(rest, start), bare));
    const reference = end === -1 ? undefined : braced(text.slice(start + 2, end));
    if (reference === undefined) parts.push("$${");
    else parts.push(reference);
    rest = reference === undefined ? start + 2 : end + 1;
  }
  parts.push(plain(text.slice(rest), bare));
  return parts.join("");
}

/** The `}` that closes a reference, within which there may be others. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let index = from; index < text.length; index++) {
    if (text.startsWith("${", index)) depth++;
    else if (text[index] === "}" && --depth === 0) return index;
  }
  return -1;
}

function plain(text: string, bare: References["bare"]): string {
  return bare ? text.replace(/\$([A-Za-z_]\w*)/g, (whole, name: string) => bare(name) ?? whole) : text;
}

/** Whether a text can be the name of a variable here. */
export function isVariable(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}

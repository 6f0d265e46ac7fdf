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
  const ends = closings(text);
  let rest = 0;
  for (let start = text.indexOf("${"); start !== -1; start = text.indexOf("${", rest)) {
    const end = ends.get(start);
    parts.push(plain(text.slice(rest, start), bare));
    const reference = end === undefined ? undefined : braced(text.slice(start + 2, end));
    parts.push(reference ?? "$${");
    rest = end === undefined || reference === undefined ? start + 2 : end + 1;
  }
  parts.push(plain(text.slice(rest), bare));
  return parts.join("");
}

/** Where each `${` of a text is closed, within which there may be others; one that never is has no entry. */
function closings(text: string): ReadonlyMap<number, number> {
  const ends = new Map<number, number>();
  const open: number[] = [];
  for (let index = 0; index < text.length; index++) {
    if (text.startsWith("${", index)) open.push(index);
    else if (text[index] === "}") {
      const start = open.pop();
      if (start !== undefined) ends.set(start, index);
    }
  }
  return ends;
}

function plain(text: string, bare: References["bare"]): string {
  return bare ? text.replace(/\$([A-Za-z_]\w*)/g, (whole, name: string) => bare(name) ?? whole) : text;
}

/** Whether a text can be the name of a variable here. */
export function isVariable(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}

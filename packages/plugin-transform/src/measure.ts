/** What a length is counted in. Tokens are an estimate: four ASCII characters, or one other character, make one. */
export type Unit = "characters" | "bytes" | "tokens";

function weight(code: number, unit: Unit): number {
  if (unit === "characters") return 1;
  if (unit === "tokens") return code < 0x80 ? 0.25 : 1;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/** How long a text is. */
export function lengthOf(text: string, unit: Unit): number {
  if (unit === "bytes") return Buffer.byteLength(text);
  let sum = 0;
  for (const character of text) sum += weight(character.codePointAt(0) as number, unit); // a character has a code point
  return Math.ceil(sum);
}

/** The longest beginning of a text from `from` on that is at most so long; never half a character. Gives where it ends. */
export function endWithin(text: string, from: number, max: number, unit: Unit): number {
  let sum = 0;
  let at = from;
  while (at < text.length) {
    const code = text.codePointAt(at) as number; // within the text
    sum += weight(code, unit);
    if (sum > max) return at;
    at += code > 0xffff ? 2 : 1;
  }
  return at;
}

/** The size of a JSON value, roughly in bytes, and its depth; stops as soon as either is over its limit. */
export function exceeds(value: unknown, limits: { readonly size: number; readonly depth: number }): "size" | "depth" | undefined {
  let bytes = 0;
  const visit = (each: unknown, depth: number): "size" | "depth" | undefined => {
    bytes += typeof each === "string" ? Buffer.byteLength(each) + 2 : 8;
    if (bytes > limits.size) return "size";
    if (typeof each !== "object" || each === null) return undefined;
    if (depth === limits.depth) return "depth";
    if (Array.isArray(each)) {
      for (const item of each) {
        const wrong = visit(item, depth + 1);
        if (wrong) return wrong;
      }
      return undefined;
    }
    for (const [key, item] of Object.entries(each)) {
      bytes += Buffer.byteLength(key) + 4;
      const wrong = visit(item, depth + 1);
      if (wrong) return wrong;
    }
    return undefined;
  };
  return visit(value, 0);
}

const LONGEST = 500;

/** Compiles the text of an operator's pattern, with the flags `g` and `v`, or `u` where only that takes it. Gives what is wrong with it where something is. */
export function patternOf(text: string): RegExp | string {
  if (text.length > LONGEST) return `is longer than ${LONGEST} characters`;
  const pattern = compiled(text, "gv") ?? compiled(text, "gu");
  if (!pattern) return "is no regular expression";
  if (pattern.exec("")) return "matches the empty text";
  const slow = slowPart(text);
  return slow === undefined ? pattern : `may take very long: ${slow}`;
}

function compiled(text: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(text, flags);
  } catch {
    return undefined;
  }
}

/** Up to so many times what varies may be repeated: the ways to match it double each time. */
const FEW = 10;

/** How often a quantifier at the beginning of a text repeats at most; 1 without one. */
function most(text: string): number {
  if (/^[*+]/.test(text)) return Number.POSITIVE_INFINITY;
  const [, least = "1", comma, upper] = /^\{(\d+)(,?)(\d*)\}/.exec(text) ?? [];
  return comma === "," ? Number(upper || Number.POSITIVE_INFINITY) : Number(least);
}

/**
 * What can make a pattern try more ways than there are characters: a reference back, or a repetition of something that
 * can match one text in several ways. It errs on the side of refusing.
 */
function slowPart(text: string): string | undefined {
  const varies = [false];
  let classes = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string; // within the text
    const rest = text.slice(at);
    if (character === "\\") {
      if (classes === 0 && /^\\[1-9k]/.test(rest)) return "it refers back to a group";
      at += (/^\\[pPu]\{[^}]*\}/.exec(rest)?.[0].length ?? 2) - 1;
    } else if (character === "[") classes++;
    else if (character === "]") classes = Math.max(0, classes - 1);
    else if (classes > 0) continue;
    else if (character === "(") {
      varies.push(false);
      at += (/^\(\?(?:[:=!]|<[=!]|<\w+>)/.exec(rest)?.[0].length ?? 1) - 1;
    } else if (character === ")") {
      const inside = varies.pop() ?? false;
      if (inside && most(text.slice(at + 1)) > FEW) return "something that varies is repeated";
      if (inside) varies[varies.length - 1] = true;
    } else if (character === "|" || character === "?" || most(rest) > 1) varies[varies.length - 1] = true;
  }
  return undefined;
}

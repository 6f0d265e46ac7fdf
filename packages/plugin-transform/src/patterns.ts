const LONGEST = 500;

/** Steps that a pattern may take at each place of a text: so many at most make its time linear in the text. */
const MOST_STEPS = 500;

/** Compiles the text of an operator's pattern, with the flags `g` and `v`. Gives what is wrong with it where something is. */
export function patternOf(text: string): RegExp | string {
  if (text.length > LONGEST) return `is longer than ${LONGEST} characters`;
  const pattern = compiled(text, "gv");
  if (!pattern) {
    return compiled(text, "gu")
      ? "is no regular expression with the flag v, only with u: inside [ ], put \\ before ( ) [ { } / - | and doubled punctuation"
      : "is no regular expression";
  }
  const slow = slowPart(text);
  if (slow !== undefined) return `may take very long: ${slow}`;
  try {
    // An engine compiles it only now, and for texts of one and of two bytes apart.
    pattern.exec("\u0100");
    pattern.lastIndex = 0;
    return pattern.exec("") ? "matches the empty text" : pattern;
  } catch (error) {
    return `cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function compiled(text: string, flags: string): RegExp | undefined {
  try {
    // linear: what is not is refused before it is used
    return new RegExp(text, flags);
  } catch {
    return undefined;
  }
}

/** What a part of a pattern costs where it is tried: these steps of its own, and whatever follows in so many ways. */
interface Cost {
  readonly steps: number;
  readonly ways: number;
  /** Whether there is a repetition without an upper bound in it. */
  readonly isUnbounded: boolean;
  /** Whether such a one may be tried anew at each place of what it ran over, if what follows it does not match: nothing may follow. */
  readonly isLast: boolean;
}

const NOTHING: Cost = { steps: 0, ways: 1, isUnbounded: false, isLast: false };
const ONE: Cost = { ...NOTHING, steps: 1 };

function inRow(one: Cost, next: Cost): Cost {
  return {
    steps: one.steps + one.ways * next.steps,
    ways: one.ways * next.ways,
    isUnbounded: one.isUnbounded || next.isUnbounded,
    isLast: next.isLast,
  };
}

function either(one: Cost, other: Cost): Cost {
  return {
    steps: one.steps + other.steps,
    ways: one.ways + other.ways,
    isUnbounded: one.isUnbounded || other.isUnbounded,
    isLast: one.isLast || other.isLast,
  };
}

/** A part with a quantifier. */
function repeated(part: Cost, least: number, most: number): Cost {
  const isUnbounded = most === Number.POSITIVE_INFINITY;
  let cost: Cost = isUnbounded ? { ...part, ways: 1, isUnbounded, isLast: true } : NOTHING;
  for (let times = isUnbounded ? least : most; times > 0 && cost.steps <= MOST_STEPS; times--) {
    const further = inRow(part, cost);
    cost = times > least ? { ...further, ways: further.ways + 1 } : further;
  }
  return cost;
}

const GROUP = /\((?:\?(?:<?[=!]|<[^>]*>|[a-z-]*:))?/y;
const ESCAPE = /\\(?:[pPuk][{<][^}>]*[}>]|u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|c[A-Za-z]|[\s\S])/y;
const QUANTIFIER = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/y;
/** What stands for texts of several lengths although it looks like one character. */
const STRINGS = /^\\(?:q|p\{(?:Basic_Emoji|Emoji_Keycap_Sequence|RGI_))/;
/** A character that stands for itself, perhaps quoted. */
const LITERAL = /^(?:\\([^\w])|([^\\.^$]))$/u;

/** What stands in a row, of which the last part may still turn out to be cheaper. */
interface Row {
  before: Cost;
  last: Cost;
  /** The text of the last part, where it is one character or class, and what was repeated. */
  text: string | undefined;
  isRepeated: boolean;
}

const emptyRow = (): Row => ({ before: NOTHING, last: NOTHING, text: undefined, isRepeated: false });

/** Whether one character or class does surely not match what another, which stands for itself, does. */
function isApart(part: string | undefined, literal: string | undefined): boolean {
  const [, quoted, character = quoted] = LITERAL.exec(literal ?? "") ?? [];
  return part !== undefined && character !== undefined && compiled(`^${part}$`, "v")?.test(character) === false;
}

/**
 * What can make a pattern, which is a valid one, take more than so many steps at each place of a text. It errs on the side
 * of refusing. A repetition without an upper bound is fine at the end, since it cannot fail there; elsewhere if the
 * character right before it is none of those that it runs over, so that it begins at one place of a run only.
 */
function slowPart(text: string): string | undefined {
  let at = 0;
  const taken = (token: RegExp): RegExpExecArray | undefined => {
    token.lastIndex = at;
    const found = token.exec(text) ?? undefined;
    at += found?.[0].length ?? 0;
    return found;
  };
  /** Groups that are open: how each begins, the alternatives before, and the row that it stands in. */
  const outer: { begin: string; before: Cost | undefined; row: Row }[] = [];
  let before: Cost | undefined;
  let row = emptyRow();
  let classes = 0;
  let from = 0;
  while (at < text.length) {
    let part = ONE;
    let isOne = true;
    if (classes === 0) from = at;
    const escaped = taken(ESCAPE)?.[0];
    const group = escaped === undefined && classes === 0 ? taken(GROUP)?.[0] : undefined;
    if (escaped !== undefined) {
      if (STRINGS.test(escaped)) return "it has strings in a character class";
      if (classes === 0 && /^\\[1-9k]/.test(escaped)) return "it refers back to a group";
    } else if (group !== undefined) {
      if (/^\(\?[a-z-]+:/.test(group)) return "it changes flags within";
      outer.push({ begin: group, before, row });
      [before, row] = [undefined, emptyRow()];
      continue;
    } else {
      const character = text[at++] as string; // within the text
      if (character === "[") classes++;
      else if (character === "]") classes--;
      else if (classes === 0 && character === "|") {
        [before, row] = [all(before, row), emptyRow()];
        continue;
      } else if (classes === 0 && character === ")") {
        const { begin, ...around } = outer.pop() as (typeof outer)[number]; // it is a valid pattern
        part = all(before, row);
        isOne = false;
        ({ before, row } = around);
        const looks = /[=!]$/.test(begin);
        if (looks && part.isUnbounded) return "it looks around without an upper bound";
        // What looks back is tried from its end: its beginning in each way that the end can match.
        if (looks) part = { ...part, steps: begin.startsWith("(?<") ? part.steps * part.ways : part.steps, ways: 1 };
      }
    }
    if (classes > 0) continue;
    const one = isOne ? text.slice(from, at) : undefined;
    const [quantifier, sign, least, comma, most] = taken(QUANTIFIER) ?? [];
    if (quantifier !== undefined) {
      const times = sign === undefined ? Number(least) : sign === "+" ? 1 : 0;
      const isCount = sign === undefined && comma === undefined;
      const to = sign === "?" ? 1 : isCount ? times : Number(most || Number.POSITIVE_INFINITY);
      if (part.isUnbounded) return "something without an upper bound is repeated";
      part = repeated(part, times, to);
      if (part.isLast && outer.length === 0 && !row.isRepeated && isApart(one, row.text))
        part = { ...part, isLast: false, ways: row.before.steps + row.last.steps }; // from so many places one may come to its beginning
    }
    if (row.last.isLast) return "something follows a repetition without an upper bound; give it one, such as {1,64}";
    // What a repetition ran over it gives back in vain if what follows cannot match there.
    const last = row.isRepeated && quantifier === undefined && isApart(row.text, one) ? { ...row.last, ways: 1 } : row.last;
    row = { before: inRow(row.before, last), last: part, text: one, isRepeated: quantifier !== undefined };
    if (inRow(row.before, part).steps > MOST_STEPS) break;
  }
  const { steps } = all(before, row);
  return steps > MOST_STEPS ? `it can take more than ${MOST_STEPS} steps at each place of a text` : undefined;
}

/** The alternatives of a group, with the one that was read last. */
function all(before: Cost | undefined, { before: first, last }: Row): Cost {
  const row = inRow(first, last);
  return before ? either(before, row) : row;
}

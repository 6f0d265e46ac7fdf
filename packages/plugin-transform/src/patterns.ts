const LONGEST = 500;

/** Repetitions without an upper bound: each makes the time another power of the text's length. */
const MOST_UNBOUNDED = 2;
/** Characters that a pattern can stand for when its repetitions are written out: each place of the text may cost as many steps. */
const MOST_CHARACTERS = 5_000;
/** Ways to combine what else varies, at one place of the text. */
const MOST_WAYS = 100_000;

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
    return new RegExp(text, flags);
  } catch {
    return undefined;
  }
}

/** In how many ways a part of a pattern can match at one place. */
interface Cost {
  /** Repetitions without an upper bound, one after another. */
  readonly unbounded: number;
  /** The product of everything else: upper bounds, alternatives. */
  readonly ways: number;
  /** Whether there is a quantifier in it that leaves a choice. */
  readonly varies: boolean;
  /** Characters when its repetitions are written out; unbounded ones as often as they must be. */
  readonly length: number;
}

const NOTHING: Cost = { unbounded: 0, ways: 1, varies: false, length: 0 };
const ONE: Cost = { ...NOTHING, length: 1 };

function inRow(one: Cost, next: Cost): Cost {
  return {
    unbounded: one.unbounded + next.unbounded,
    ways: one.ways * next.ways,
    varies: one.varies || next.varies,
    length: one.length + next.length,
  };
}

function either(one: Cost, other: Cost): Cost {
  return {
    unbounded: Math.max(one.unbounded, other.unbounded),
    ways: one.ways + other.ways,
    varies: one.varies || other.varies,
    length: one.length + other.length,
  };
}

/** A part with a quantifier; undefined where repeating it can take exponential time. */
function repeated(part: Cost, least: number, most: number): Cost | undefined {
  if (part.varies) return undefined;
  const length = part.length * Math.max(1, most === Number.POSITIVE_INFINITY ? least : most);
  if (least === most) return { ...part, ways: part.ways ** least, length };
  if (most === 1) return { ...part, ways: part.ways + 1, varies: true };
  if (part.ways > 1) return undefined;
  return most === Number.POSITIVE_INFINITY
    ? { unbounded: 1, ways: 1, varies: true, length }
    : { unbounded: 0, ways: most, varies: true, length };
}

const GROUP = /\((?:\?(?:<?[=!]|<[^>]*>|[a-z-]*:))?/y;
const ESCAPE = /\\(?:[pPuk][{<][^}>]*[}>]|[\s\S])/y;
const QUANTIFIER = /(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/y;
/** What stands for texts of several lengths although it looks like one character. */
const STRINGS = /^\\(?:q|p\{(?:Basic_Emoji|Emoji_Keycap_Sequence|RGI_))/;

/** What can make a pattern, which is a valid one, try too many ways. It errs on the side of refusing. */
function slowPart(text: string): string | undefined {
  let at = 0;
  const taken = (token: RegExp): RegExpExecArray | undefined => {
    token.lastIndex = at;
    const found = token.exec(text) ?? undefined;
    at += found?.[0].length ?? 0;
    return found;
  };
  /** Groups that are open: the alternatives before, and the one that is being read. */
  const outer: { before: Cost | undefined; row: Cost }[] = [];
  let before: Cost | undefined;
  let row = NOTHING;
  let classes = 0;
  while (at < text.length) {
    let part = ONE;
    const escaped = taken(ESCAPE)?.[0];
    if (escaped !== undefined) {
      if (STRINGS.test(escaped)) return "it has strings in a character class";
      if (classes === 0 && /^\\[1-9k]/.test(escaped)) return "it refers back to a group";
    } else if (classes === 0 && taken(GROUP)) {
      outer.push({ before, row });
      [before, row] = [undefined, NOTHING];
      continue;
    } else {
      const character = text[at++] as string; // within the text
      if (character === "[") classes++;
      else if (character === "]") classes--;
      else if (classes === 0 && character === "|") {
        [before, row] = [before ? either(before, row) : row, NOTHING];
        continue;
      } else if (classes === 0 && character === ")") {
        part = before ? either(before, row) : row;
        ({ before, row } = outer.pop() as (typeof outer)[number]); // it is a valid pattern
      }
    }
    if (classes > 0) continue;
    const [quantifier, sign, least, comma, most] = taken(QUANTIFIER) ?? [];
    if (quantifier !== undefined) {
      const from = sign === undefined ? Number(least) : sign === "+" ? 1 : 0;
      const to = sign === "?" ? 1 : comma === "" ? from : Number(most || Number.POSITIVE_INFINITY);
      const cost = repeated(part, from, to);
      if (!cost) return "something that varies is repeated";
      part = cost;
    }
    row = inRow(row, part);
  }
  const { unbounded, ways, length } = before ? either(before, row) : row;
  if (unbounded > MOST_UNBOUNDED) return `it has more than ${MOST_UNBOUNDED} unbounded repetitions in a row`;
  if (length > MOST_CHARACTERS) return `it is longer than ${MOST_CHARACTERS} characters when its repetitions are written out`;
  if (ways > MOST_WAYS) return `what varies in it can be combined in more than ${MOST_WAYS} ways`;
  return undefined;
}

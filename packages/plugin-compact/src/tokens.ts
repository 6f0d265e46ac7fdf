/** How a character counts. */
const Class = { Lower: 0, Upper: 1, Digit: 2, Blank: 3, Line: 4, Mark: 5, Wide: 6, Astral: 7 } as const;

/** The longest run that is counted as one, so that a text without any end can be cut. */
const RUN = 24;
/** Characters of a run that make one token at least; a run of one is a token, whatever it holds. */
const PER_TOKEN: readonly number[] = [4, 2, 3, 16, 3, 2, 1, 1];

function classOf(code: number): number {
  if (code >= 0x61 && code <= 0x7a) return Class.Lower;
  if (code >= 0x41 && code <= 0x5a) return Class.Upper;
  if (code >= 0x30 && code <= 0x39) return Class.Digit;
  if (code === 0x20) return Class.Blank;
  if (code === 0x0a || code === 0x0d || code === 0x09) return Class.Line;
  if (code < 0x80) return Class.Mark;
  return code >= 0xd800 && code <= 0xdfff ? Class.Astral : Class.Wide;
}

/**
 * Goes through a text run by run, as tokenizers do, without their tables: a bound that is cheap, and for what tools answer not less than what
 * o200k counts. Stops where `max` is exceeded.
 */
function scan(text: string, from: number, max: number): { end: number; tokens: number } {
  const { length } = text;
  let tokens = 0;
  let at = from;
  while (at < length) {
    const kind = classOf(text.charCodeAt(at));
    let end = at + 1;
    const last = Math.min(length, at + RUN);
    while (end < last && classOf(text.charCodeAt(end)) === kind) end++;
    // A capital begins a word that goes on in small letters.
    if (kind === Class.Upper && end - at === 1) while (end < last && classOf(text.charCodeAt(end)) === Class.Lower) end++;
    const cost = costOf(kind, end - at, text.charCodeAt(end) > 0x20);
    if (tokens + cost > max) return { end: at, tokens };
    tokens += cost;
    at = end;
  }
  return { end: at, tokens };
}

/** A blank before a word belongs to the word. */
function costOf(kind: number, length: number, isBeforeWord: boolean): number {
  if (kind === Class.Blank) return length === 1 && isBeforeWord ? 0 : 1;
  if (kind === Class.Lower || (kind === Class.Upper && length > 1))
    return length <= 7 ? 1 : Math.ceil(length / (PER_TOKEN[kind] as number));
  return Math.ceil(length / (PER_TOKEN[kind] as number));
}

/** About how many tokens a text costs, rather too many than too few. */
export function tokensOf(text: string): number {
  return scan(text, 0, Number.POSITIVE_INFINITY).tokens;
}

/** The part of the end of a piece in which a better place to cut is looked for. */
const LOOK_BACK = 4;

/** Where a piece from `from` on ends that costs at most `max`: at the end of a line or a word, if there is one near. Goes on by one character at least. */
export function endWithin(text: string, from: number, max: number): number {
  const { end } = scan(text, from, max);
  if (end >= text.length) return text.length;
  const least = end - Math.floor((end - from) / LOOK_BACK);
  const line = text.lastIndexOf("\n", end - 1) + 1;
  if (line > least) return line;
  const word = text.lastIndexOf(" ", end - 1) + 1;
  if (word > least) return word;
  return whole(text, Math.max(end, from + 1));
}

/** Not between the two halves of a character. */
function whole(text: string, at: number): number {
  const before = text.charCodeAt(at - 1);
  return before >= 0xd800 && before <= 0xdbff ? at + 1 : at;
}

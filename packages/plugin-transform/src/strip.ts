/** Control sequences of terminals: CSI, OSC and its kin with their ends (or up to the next escape), and those of two characters. */
const ANSI =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/g;

/**
 * Characters that nobody sees: controls besides tab and line ends, soft hyphens, zero-width and bidi characters, fillers,
 * variation selectors, tags. Each is one class, so that the time is linear.
 */
const INVISIBLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex lint/suspicious/noMisleadingCharacterClass: they are what it looks for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

const PLAIN = /^[\t\n\r\x20-\x7e]*$/;
const EMOJI = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|[#*0-9]/u;
/** Scripts in which joiners decide how letters are shaped. */
const JOINING =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}]/u;

const ZWNJ = "\u200c";
const ZWJ = "\u200d";
const EMOJI_STYLE = "\ufe0f";

/** Which kinds of characters are taken out. */
export interface StripKinds {
  readonly ansi: boolean;
  readonly invisible: boolean;
}

/** The text without terminal control sequences and characters that nobody sees; what joins emoji and letters stays where it does. */
export function strip(text: string, { ansi, invisible }: StripKinds): string {
  if (PLAIN.test(text)) return text;
  const clean = ansi ? text.replace(ANSI, "") : text;
  return invisible ? clean.replace(INVISIBLE, kept) : clean;
}

/** The character itself where it shapes what is seen. */
function kept(character: string, at: number, text: string): string {
  if (character !== ZWNJ && character !== ZWJ && character !== EMOJI_STYLE) return "";
  const before = previous(text, at);
  if (character === EMOJI_STYLE) return EMOJI.test(before) ? character : "";
  const after = String.fromCodePoint(text.codePointAt(at + 1) ?? 0);
  if (JOINING.test(before) && JOINING.test(after)) return character;
  // 👁️‍🗨️: the style selector stands between an emoji and the joiner.
  const joined = before === EMOJI_STYLE ? previous(text, at - 1) : before;
  return character === ZWJ && EMOJI.test(joined) && /\p{Extended_Pictographic}/u.test(after) ? character : "";
}

/** The character that ends before this place. */
function previous(text: string, at: number): string {
  const low = text.charCodeAt(at - 1);
  return low >= 0xdc00 && low <= 0xdfff ? text.slice(at - 2, at) : text.slice(Math.max(0, at - 1), at);
}

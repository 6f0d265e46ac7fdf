/** Runs of letters and digits that are taken of one text: enough for any description, and a bound for the rest. */
const LONGEST = 20_000;

/** Words that say nothing of what a tool does. */
const STOP = new Set(
  (
    "a an and any are as at be been being but by can could did do does doing each for from had has have having he her here him his how i if in " +
    "into is it its itself just let me more most my need no nor not of off on once only or other our out over own please she should so some " +
    "such than that the their them then there these they this those through to too under until up use used uses using very want was we were " +
    "what when where which while who whom why will with would you your tool tools given specified provided"
  ).split(" "),
);

const PLAIN = /^[\x20-\x7e\s]*$/;
const ASCII_RUNS = /[A-Za-z0-9]+/g;
const RUNS = /[\p{L}\p{N}]+/gu;
const HUMP = /[\p{Ll}\d]\p{Lu}|\p{Lu}\p{Lu}\p{Ll}/u;

/** Scripts that put no spaces between words. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;

/**
 * The words of a text, lower-case and without their endings, those without meaning left out. `createIssue`, `create_issue` and
 * `Creates issues` have the same. Of scripts without spaces each two neighbouring characters are one.
 */
export function wordsOf(text: string): string[] {
  const cut = text.slice(0, LONGEST);
  const isPlain = PLAIN.test(cut); // most are, and need none of what takes longest
  const words: string[] = [];
  for (const run of (isPlain ? cut : cut.normalize("NFKD").replace(/\p{M}/gu, "")).match(isPlain ? ASCII_RUNS : RUNS) ?? []) {
    if (!isPlain && UNSPACED.test(run)) words.push(...pairs(run));
    else for (const part of HUMP.test(run) ? parts(run) : [run]) add(part.toLowerCase(), words);
  }
  return words;
}

function add(word: string, words: string[]): void {
  if (!STOP.has(word)) words.push(stem(word));
}

/** Those of a name in camel case. */
function parts(run: string): string[] {
  const apart = run.replace(/(\p{Ll}|\d)(\p{Lu})/gu, "$1 $2").replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2");
  return apart.split(" ");
}

function pairs(run: string): string[] {
  const characters = [...run];
  if (characters.length === 1) return characters;
  return characters.slice(1).map((character, index) => `${characters[index]}${character}`);
}

const VOWEL = /[aeiouy]/;

/** A word without the commonest endings of English, so that `listing`, `lists` and `listed` are one. Other languages are left nearly as they are. */
export function stem(word: string): string {
  if (word.length < 4 || !/^[a-z]+$/.test(word)) return word;
  let base = word;
  if (base.endsWith("ies") && base.length > 4) base = `${base.slice(0, -3)}y`;
  else if (/(?:ss|sh|ch|x|z)es$/.test(base)) base = base.slice(0, -2);
  else if (base.endsWith("s") && !/(?:ss|us|is)$/.test(base)) base = base.slice(0, -1);
  base = withoutVerbEnding(base);
  if (base.length > 4 && base.endsWith("e")) base = base.slice(0, -1);
  return base;
}

function withoutVerbEnding(word: string): string {
  const ending = word.endsWith("ing") ? 3 : word.endsWith("ed") && !word.endsWith("eed") ? 2 : 0;
  const base = word.slice(0, word.length - ending);
  if (ending === 0 || base.length < 3 || !VOWEL.test(base)) return word;
  const isDoubled = base.at(-1) === base.at(-2) && !/[lsz]$/.test(base);
  return isDoubled ? base.slice(0, -1) : base;
}

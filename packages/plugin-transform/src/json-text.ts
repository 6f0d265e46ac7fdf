import { common, unescaped, written } from "./escapes.ts";
import type { Rewriting } from "./rewriting.ts";

/** Strings within strings to which JSON is followed: each level doubles the backslashes, so that no real text goes further. */
const LEVELS = 8;
/** A quote that lies deeper, and what stands in the place of a text that has one, since nobody has looked at it. */
const DEEP_QUOTE = `${"\\".repeat(2 ** LEVELS - 1)}"`;
const UNREAD = "[quoted too deeply]";
/** What a text has in it that holds JSON with values to look at: strings, or numbers in lists; what is in an object comes after a key. */
const HOLDS_JSON = /["[]/;
/** What a value or a key may come after. */
const BEFORE = /[{[\],:}\n]/g;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BARE_END = /[,\]}\r\n]/g;
const BRACKET_OR_QUOTE = /["{}[\]]/g;

/**
 * A text rewritten. Where there is JSON in it, alone, between words, line by line, with commas too many or within a JSON
 * string, each string and number of it is rewritten as the value that it is, so that `structuredContent` and the text that
 * repeats it come out alike; everything else stays as it was written.
 */
export function rewriteText(text: string, rewriting: Rewriting, level = 0): string {
  if (!HOLDS_JSON.test(text)) return rewriting.text(text);
  // With \u005c for a backslash, levels need not double anything.
  if (text.includes(DEEP_QUOTE) || (level >= LEVELS && text.includes('"'))) return UNREAD;
  return new JsonText(text, rewriting, level).rewritten();
}

/** A string in the text, with its quotes. */
interface Quoted {
  readonly start: number;
  /** After the closing quote. */
  readonly end: number;
  /** Without its quotes, as it is written. */
  readonly raw: string;
  /** How often it is escaped: in `{\"a\":1}` once more than in `{"a":1}`. */
  readonly escapes: number;
}

/**
 * One pass over a text. It goes from one bracket, comma or colon to the next and looks at what follows each, with no need
 * for the whole to be JSON. What it looks at twice is a string that turned out to be none, whose inside holds no further
 * quote, so that the time is linear in the text.
 */
class JsonText {
  readonly #text: string;
  readonly #rewriting: Rewriting;
  readonly #level: number;
  readonly #parts: string[] = [];
  /** Where what was not yet written begins. */
  #done = 0;
  #depth = 0;
  /** The last colon after a key; other colons are in times and addresses. */
  #colon = -1;
  /** How often a changed key came out the same, by the depth of its object. */
  readonly #names = new Map<number, Map<string, number>>();

  constructor(text: string, rewriting: Rewriting, level: number) {
    this.#text = text;
    this.#rewriting = rewriting;
    this.#level = level;
  }

  rewritten(): string {
    const text = this.#text;
    // The beginning counts as a line's; a byte order mark may come before it.
    let at = this.#value(text.charCodeAt(0) === 0xfeff ? 1 : 0);
    for (;;) {
      BEFORE.lastIndex = at;
      const found = BEFORE.exec(text);
      if (!found) break;
      const [stop] = found;
      if (stop === "{" || stop === "[") this.#depth++;
      else if ((stop === "}" || stop === "]") && this.#depth > 0) this.#names.delete(this.#depth--);
      at = found.index + 1;
      if (stop !== "}" && stop !== "]") at = this.#value(at);
    }
    this.#gap(text.length);
    return this.#parts.join("");
  }

  /** Rewrites the string or number at a place, if there is one. Gives where to go on. */
  #value(from: number): number {
    const at = this.#afterSpace(from);
    const code = this.#text.charCodeAt(at);
    if (code === 45 || (code >= 48 && code <= 57)) {
      const before = this.#text[from - 1];
      return before === "[" || before === "," || this.#colon === from - 1 ? this.#number(at) : at;
    }
    const quoted = this.#quoted(at);
    if (!quoted) return at;
    const next = this.#afterSpace(quoted.end);
    if (this.#text[next] === ":") return this.#member(quoted, next + 1);
    if (!this.#isEnd(quoted.end, next) || this.#depth === 0) return quoted.start + 1;
    this.#string(quoted);
    return quoted.end;
  }

  /** A key, and its value if that is taken out. Gives where to go on: at the colon, or after the value. */
  #member(key: Quoted, from: number): number {
    const { instead, keys, text } = this.#rewriting;
    const name = unescaped(key.raw, key.escapes);
    const value = this.#afterSpace(from);
    const replacement = instead && this.#isTakeable(value) ? instead(name) : undefined;
    // Without a bracket around them, these are words in quotes before a colon.
    if (replacement === undefined && this.#depth === 0) return from - 1;
    if (keys) {
      const clean = text(name);
      this.#write(key.start, key.end, clean === name ? undefined : this.#quote(this.#apart(clean), key.escapes));
    }
    if (replacement === undefined) {
      this.#colon = from - 1;
      return this.#colon;
    }
    const end = this.#endOfValue(value, key.escapes);
    this.#write(value, end, this.#quote(replacement, key.escapes));
    return end;
  }

  #string(quoted: Quoted): void {
    const { start, end, raw, escapes } = quoted;
    const value = unescaped(raw, escapes);
    const after = rewriteText(value, this.#rewriting, this.#level + escapes);
    this.#write(start, end, after === value ? undefined : this.#quote(after, escapes, quoted, value));
  }

  #number(at: number): number {
    const { number } = this.#rewriting;
    NUMBER.lastIndex = at;
    const [raw = ""] = NUMBER.exec(this.#text) ?? [];
    const end = at + raw.length;
    if (raw === "" || this.#depth === 0 || !this.#isEnd(end, this.#afterSpace(end))) return at;
    const value = Number(raw);
    const after = number ? number(value, raw) : value;
    this.#write(at, end, after === value ? undefined : JSON.stringify(after));
    return end;
  }

  /** Writes what came before this part, and the part: as it is, or something else. */
  #write(start: number, end: number, other: string | undefined): void {
    this.#gap(start);
    this.#parts.push(other ?? this.#text.slice(start, end));
    this.#done = end;
  }

  /** What lies between values: words, mostly signs. */
  #gap(end: number): void {
    const gap = this.#text.slice(this.#done, end);
    const isSigns = gap.length <= 256 && /^[ \t\r\n{}[\],:]*$/.test(gap);
    this.#parts.push(isSigns ? gap : this.#rewriting.text(gap));
    this.#done = end;
  }

  /** The string that begins at a place, in quotes as escaped as they are. */
  #quoted(at: number): Quoted | undefined {
    const text = this.#text;
    let open = at;
    while (text[open] === "\\" && open - at < DEEP_QUOTE.length) open++;
    if (text[open] !== '"') return undefined;
    const slashes = open - at;
    const escapes = Math.log2(slashes + 1) + 1;
    if (!Number.isInteger(escapes)) return undefined;
    const end = this.#closing(open + 1, escapes);
    if (end === -1) return undefined;
    const raw = text.slice(open + 1, end - 1 - slashes);
    return raw.includes("\n") ? undefined : { start: at, end, raw, escapes };
  }

  /** Where a string ends, from inside it on: after its closing quote; -1 for nowhere. */
  #closing(from: number, escapes: number): number {
    const text = this.#text;
    for (let quote = text.indexOf('"', from); quote !== -1; quote = text.indexOf('"', quote + 1)) {
      let slashes = 0;
      while (quote - slashes > from && text[quote - slashes - 1] === "\\") slashes++;
      for (let level = 1; level < escapes; level++) {
        if (slashes % 2 === 0) return -1; // the string around it ends here
        slashes = (slashes - 1) / 2;
      }
      if (slashes % 2 === 0) return quote + 1;
    }
    return -1;
  }

  /** Where the value at a place ends; at the text's end where nothing ends it, since nobody knows what would follow. */
  #endOfValue(from: number, escapes: number): number {
    const text = this.#text;
    const at = this.#afterComments(from);
    const quote = `${"\\".repeat(2 ** (escapes - 1) - 1)}"`;
    if (text.startsWith(quote, at)) {
      const end = this.#closing(at + quote.length, escapes);
      return end === -1 ? text.length : end;
    }
    if (text[at] === "{" || text[at] === "[") return this.#endOfBrackets(at, escapes);
    BARE_END.lastIndex = at;
    let end = BARE_END.exec(text)?.index ?? text.length;
    while (end > at && " \t".includes(text[end - 1] as string)) end--;
    return end;
  }

  #endOfBrackets(at: number, escapes: number): number {
    const text = this.#text;
    let depth = 0;
    for (let place = at; place !== -1; ) {
      BRACKET_OR_QUOTE.lastIndex = place;
      const found = BRACKET_OR_QUOTE.exec(text);
      if (!found) break;
      const [sign] = found;
      place = found.index + 1;
      if (sign === '"') place = this.#closing(place, escapes);
      else if (sign === "{" || sign === "[") depth++;
      else if (--depth === 0) return place;
    }
    return text.length;
  }

  /** Only before a value that is taken out: elsewhere "//" is in every address. */
  #afterComments(from: number): number {
    const text = this.#text;
    let at = from;
    for (;;) {
      const ending = text.startsWith("//", at) ? "\n" : text.startsWith("/*", at) ? "*/" : undefined;
      if (ending === undefined) return at;
      const end = text.indexOf(ending, at);
      if (end === -1) return text.length;
      at = this.#afterSpace(end + ending.length);
    }
  }

  /** Whether what ends at a place may be a whole value, by what comes next after spaces. */
  #isEnd(end: number, next: number): boolean {
    const sign = this.#text[next];
    return sign === undefined || sign === "," || sign === "]" || sign === "}" || this.#text.slice(end, next).includes("\n");
  }

  /** Whether there is a value that says something: `null`, `true` and `false` stay. */
  #isTakeable(at: number): boolean {
    const text = this.#text;
    if (at === text.length || ",]}".includes(text[at] as string)) return false;
    return !["null", "true", "false"].some((word) => {
      const end = at + word.length;
      return text.startsWith(word, at) && this.#isEnd(end, this.#afterSpace(end));
    });
  }

  /** The first place from here on that is no space, be it written out as in a string. */
  #afterSpace(from: number): number {
    const text = this.#text;
    let at = from;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 32 || (code >= 9 && code <= 13)) at++;
      else if (code !== 92) return at;
      else {
        let letter = at;
        while (text[letter] === "\\" && letter - at < DEEP_QUOTE.length) letter++;
        if (!"nrt".includes(text[letter] ?? " ")) return at;
        at = letter + 1;
      }
    }
  }

  /** The name for a changed key; two that became one stay apart, as in {@link rewrite}. */
  #apart(name: string): string {
    let names = this.#names.get(this.#depth);
    if (!names) this.#names.set(this.#depth, (names = new Map()));
    const count = (names.get(name) ?? 0) + 1;
    names.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  }

  /** A value as a string of so many escapes; of the one that it replaces everything stays that is the same in both. */
  #quote(value: string, escapes: number, before?: Quoted, was = ""): string {
    const slashes = "\\".repeat(2 ** (escapes - 1) - 1);
    const [head, tail] = before ? common(was, value) : [0, 0];
    const from = before ? written(before.raw, head, escapes) : 0;
    const to = before ? written(before.raw, was.length - tail, escapes) : 0;
    let middle = value.slice(head, value.length - tail);
    for (let level = 0; level < escapes; level++) middle = JSON.stringify(middle).slice(1, -1);
    return `${slashes}"${before?.raw.slice(0, from) ?? ""}${middle}${before?.raw.slice(to) ?? ""}${slashes}"`;
  }
}

import { expect, test } from "vitest";
import { shorter } from "../dist/forms.js";
import { endWithin, tokensOf } from "../dist/tokens.js";
import { answers, textsOf } from "./answers.ts";
import { meaning, read } from "./reading.ts";

/** The short form whatever it saves, or the text. */
const formOf = (text: string) => shorter(text, 1_000_000, 0.01) ?? { text, form: "as-is" };

function check(text: string): string {
  const { text: short, form } = formOf(text);
  const plain = short.replace(/^\[JSON by the host without its blanks\.\]\n/, "");
  expect(form === "table" ? read(short) : meaning(plain), text.slice(0, 2_000)).toEqual(meaning(text));
  return form;
}

/** The same numbers at every run (Mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KEYS = ["id", "name", "a.b", "a", "b", "__proto__", "x|y", "", "with space ", "é", '"q"', "k=v", "<same 1>", "constructor", "7"];
const TEXTS = [
  "",
  "plain",
  "with | bar",
  "true",
  "null",
  "007",
  "1",
  "-1.5e3",
  "Infinity",
  "0x10",
  " lead",
  "trail ",
  "<table 1>",
  "<same 1>",
  "[a]",
  '"quoted"',
  "two\nlines",
  "tab\t",
  "{}",
  "é 水 👋🏽",
  "a,b",
  "\u2028",
  "\u200b",
  "=",
  "x=y",
  "rows; each has a=b",
  "\\u007c",
  "\\",
  "a text so long that it is worth to be said but once, wherever in the document it may be found",
]; // prettier-ignore
const NUMBERS = ["0", "-0", "1.0", "1e5", "12345678901234567890", "0.1", "-7", "1E+2"];

/** A JSON text of every shape, with what looks like other things. */
function made(next: () => number): string {
  const one = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;
  const blank = (): string => one(["", "", " ", "\n  "]);
  const fields = (keys: readonly string[], depth: number): string =>
    `{${blank()}${keys.map((key) => `${JSON.stringify(key)}:${blank()}${value(depth - 1)}`).join(`,${blank()}`)}}`;
  const some = (): string[] => [...new Set(Array.from({ length: Math.floor(next() * 5) }, () => one(KEYS)))];
  const alike = (depth: number): string => {
    const keys = some();
    const constant = fields(keys, depth);
    const row = (): string => (next() < 0.2 ? constant : fields(next() < 0.3 ? keys.slice(1) : keys, depth));
    return `[${Array.from({ length: 3 + Math.floor(next() * 5) }, row).join(",")}]`;
  };
  function value(depth: number): string {
    const draw = next();
    if (depth <= 0 || draw < 0.45)
      return draw < 0.1 ? one(["true", "false", "null"]) : draw < 0.2 ? one(NUMBERS) : JSON.stringify(one(TEXTS));
    if (draw < 0.7) return alike(depth);
    if (draw < 0.85) return fields(some(), depth);
    return `[${Array.from({ length: Math.floor(next() * 4) }, () => value(depth - 1)).join(`,${blank()}`)}]`;
  }
  return next() < 0.5 ? alike(4) : `{"all":${alike(4)},"more":${value(3)}}`;
}

test("what the short form says is what the JSON said, whatever is in it", () => {
  const next = random(20_261);
  const forms = new Map<string, number>();
  for (let count = 0; count < 600; count++) {
    const form = check(made(next));
    forms.set(form, (forms.get(form) ?? 0) + 1);
  }
  // As many as it takes to see something of each.
  expect(forms.get("table")).toBeGreaterThan(50);
  expect(forms.get("minified")).toBeGreaterThan(50);
});

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

test("every recorded answer that gets another form says the same", () => {
  const forms = answers.flatMap(({ result }) => textsOf(result).map(({ text }) => (isJson(text) ? check(text) : "prose")));
  expect(forms.filter((form) => form === "table").length).toBeGreaterThan(8);
});

test.each([
  ['{"a":1,"a":2}', "keys that come twice"],
  ['{"a":01}', "no JSON"],
  ["[1,2", "half of one"],
  ["{'a':1}", "Python's"],
  ['"text"', "a text"],
  [`${"[".repeat(150)}${"]".repeat(150)}`, "too deep"],
  ['["\uE000"]', "what it marks numbers with"],
  ['["\\ue000"]', "the same, escaped"],
])("%s is left alone: %s", (text) => {
  expect(shorter(`  ${text}\n`, 1_000_000, 0.01)).toBeUndefined();
});

test("nothing is given another form that does not save enough", () => {
  const text = JSON.stringify([{ a: 1 }, { a: 2 }, { a: 3 }]);
  expect(shorter(text, tokensOf(text), 0.1)).toBeUndefined();
});

test("a text is cut where it may be, and its pieces are the text", () => {
  const next = random(7);
  const parts = ["word ", "\n", "👋🏽", "水", "x".repeat(500), "A1b2C3", "    ", ", "];
  for (let round = 0; round < 300; round++) {
    const text = Array.from({ length: 200 }, () => parts[Math.floor(next() * parts.length)]).join("");
    const pieces: string[] = [];
    for (let at = 0; at < text.length; ) {
      const end = endWithin(text, at, 20);
      pieces.push(text.slice(at, end));
      at = end;
    }
    expect(pieces.join("")).toBe(text);
    for (const piece of pieces) {
      expect(Buffer.from(piece).toString()).toBe(piece); // no half of a character
      expect(tokensOf(piece)).toBeLessThanOrEqual(21); // a blank that is last begins no word
    }
  }
});

test("long texts that look like much take linear time", () => {
  const deep = `[${'{"a":['.repeat(90)}1${"]}".repeat(90)}]`;
  const many = JSON.stringify(Array.from({ length: 20_000 }, (_, at) => ({ [`k${at % 3}`]: "x".repeat(at % 70), id: at })));
  const quotes = `["${'\\"'.repeat(200_000)}`;
  for (const text of [deep, many, quotes, '"'.repeat(200_001), "[".repeat(100_000)]) shorter(text, 1_000_000, 0.1);
}, 20_000);

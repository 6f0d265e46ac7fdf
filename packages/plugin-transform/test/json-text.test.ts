import { describe, expect, test } from "vitest";
import { BUILT_IN } from "../dist/detectors.js";
import { rewriteText } from "../dist/json-text.js";
import { Redactor } from "../dist/redact.js";
import { rewrite } from "../dist/rewrite.js";
import { strip } from "../dist/strip.js";
import { hosted, says } from "./scripted.ts";

const FIELD = "[redacted:field]";
const redactor = (fields: string[] = ["ssn"], detectors = Object.entries(BUILT_IN), replacement = "[redacted:{detector}]") =>
  new Redactor({ detectors, fields, replacement }, () => {}).rewriting;
const clean = (text: string): string => rewriteText(text, redactor());

describe("fields are taken out of JSON wherever it stands in a text", () => {
  const quoted = (value: unknown, times: number): string =>
    times === 0 ? JSON.stringify(value) : JSON.stringify(quoted(value, times - 1));

  test.each([
    ["alone", '{"name":"Ann","ssn":"219"}', `{"name":"Ann","ssn":"${FIELD}"}`],
    [
      "in a code block",
      'Found 1:\n```json\n{"name":"Ann","ssn":"219"}\n```',
      `Found 1:\n\`\`\`json\n{"name":"Ann","ssn":"${FIELD}"}\n\`\`\``,
    ],
    ["between words", 'He is 5" tall, it\'s {"ssn": "219"} - ok', `He is 5" tall, it's {"ssn": "${FIELD}"} - ok`],
    ["after an address", 'see http://x.org/?a={b} {"ssn":"219"}', `see http://x.org/?a={b} {"ssn":"${FIELD}"}`],
    ["after a bracket and a quote that end nowhere", 'see ["ref] and {"ssn":"219"}', `see ["ref] and {"ssn":"${FIELD}"}`],
    ["line by line", '{"ssn":"219"}\n{"ssn":"218"}\n', `{"ssn":"${FIELD}"}\n{"ssn":"${FIELD}"}\n`],
    ["as events", 'event: x\ndata: {"ssn":"219"}\n\n', `event: x\ndata: {"ssn":"${FIELD}"}\n\n`],
    ["after a byte order mark", '\ufeff{"ssn":"219"}', `\ufeff{"ssn":"${FIELD}"}`],
    ["with commas too many", '{"a":[1,],"ssn":"219",}', `{"a":[1,],"ssn":"${FIELD}",}`],
    ["with comments", '{"ssn": // why, "so"\n "219", "b": /* {" */ 1}', `{"ssn": "${FIELD}", "b": /* {" */ 1}`],
    ["with a value that is none", '{"a":NaN,"ssn":219-09-9999 ,"b":undefined}', `{"a":NaN,"ssn":"${FIELD}" ,"b":undefined}`],
    ["with an escaped key", '{"s\\u0073n":"219","S-S-N":1}', `{"s\\u0073n":"${FIELD}","S-S-N":"${FIELD}"}`],
    ["with lists and objects for values", '{"ssn":["}",{"a":"]\\""}],"b":1}', `{"ssn":"${FIELD}","b":1}`],
    ["with an end that is missing", '{"a":1,"ssn":{"b":"219', `{"a":1,"ssn":"${FIELD}"`],
    ["with a beginning that is missing", 'nn"},\n"ssn": "219", "b": 1}', `nn"},\n"ssn": "${FIELD}", "b": 1}`],
    ["in a string", quoted({ ssn: 1, b: 2 }, 1), quoted({ ssn: FIELD, b: 2 }, 1)],
    ["in a string of an object", JSON.stringify({ a: quoted({ ssn: "219" }, 0) }), JSON.stringify({ a: quoted({ ssn: FIELD }, 0) })],
    ["in strings in strings", JSON.stringify({ a: quoted({ ssn: "x" }, 3) }), JSON.stringify({ a: quoted({ ssn: FIELD }, 3) })],
    ["quoted between words", 'got "{\\n  \\"ssn\\": \\"219\\"\\n}" back', `got "{\\n  \\"ssn\\": \\"${FIELD}\\"\\n}" back`],
  ])("%s", (_, text, expected) => expect(clean(text)).toBe(expected));

  test.each(['{"ssn":null,"b":true}', '{"ssn" : false}', '{"ssn":}', '"ssn": null', "ssn: 219", 'he said "ssn", then left'])(
    "%s stays",
    (text) => expect(clean(text)).toBe(text),
  );

  test("what is quoted more often than anybody quotes is not passed on unread", () => {
    expect(clean(JSON.stringify({ a: quoted({ ssn: "219" }, 12) })).includes("219")).toBe(false);
    let text = '{"ssn":"219"}';
    for (let level = 0; level < 20; level++) text = `["${text.replaceAll("\\", "\\u005c").replaceAll('"', "\\u0022")}"]`;
    expect(clean(text).includes("219")).toBe(false);
  });
});

describe("what stays is what was written", () => {
  test.each([
    ['{\n\t"id": 12345678901234567890,\n\t"ratio": 1.0,\r\n\t"mail": "ada@example.org"\n}\n', '"ada@example.org"', '"[redacted:email]"'],
    ['{"mail":"ada@example.org","a":1,"a":1e2}', "ada@example.org", "[redacted:email]"],
    ['["\\u00e9\\/ ada\\u0040example.org \\ud83d\\ude00\\/"]', "ada\\u0040example.org", "[redacted:email]"],
    ['{"n": 4111111111111111 , "m": 4.20e11}', "4111111111111111", '"[redacted:card]"'],
    ['{"n": 4.111111111111111e15}', "4.111111111111111e15", '"[redacted:card]"'],
    ['{"ada@example.org" : 1}', "ada@example.org", "[redacted:email]"],
    ["[see [fe80::1, ada]", "fe80::1", "[redacted:ipv6]"],
    ['{"a": 1} call 555-123-4567 {b}', "555-123-4567", "[redacted:phone]"],
  ])("%s", (text, secret, replacement) => expect(clean(text)).toBe(text.replace(secret, replacement)));

  test("strings are stripped of what is escaped in them, the text around them too", () => {
    const text = 'a\u200bb {"a": "\\u001b[1mred\\u200b", "n": 1.0}\n{"b":"\\u202ex"}';
    const both = { text: (each: string) => strip(each, { ansi: true, invisible: true }) };
    expect(rewriteText(text, both)).toBe('ab {"a": "red", "n": 1.0}\n{"b":"x"}');
  });

  test("a replacement of quotes and backslashes is escaped as its place demands", () => {
    const rewriting = redactor(["ssn"], [], '"\\{detector}"');
    const value = { a: JSON.stringify({ ssn: 1 }), ssn: 2 };
    expect(JSON.parse(rewriteText(JSON.stringify(value), rewriting))).toEqual(rewrite(value, rewriting));
  });
});

/** Numbers that look random and are the same in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SCALARS = [
  ...[
    "",
    "x",
    "ada@example.org",
    'say "hi"',
    "a\\b",
    "\n{\t",
    "}],",
    "[\u0001é😀]",
    "call +49 30 1234567",
    '{"ssn":"219","m":"eve@example.org"}',
  ],
  ...[0, -1.5, 4111111111111111, -4111111111111111, 1e21, null, true, false],
];
const KEYS = ["a", "ssn", "S_S_N", "eve@example.org", "bob@example.org", "k e\ny", '"', "\\", "{"];

function someValue(next: (below: number) => number, depth = 0): unknown {
  const kind = depth > 3 ? 0 : next(5);
  if (kind < 2) return SCALARS[next(SCALARS.length)];
  if (kind === 2) return Array.from({ length: next(4) }, () => someValue(next, depth + 1));
  if (kind === 3) return JSON.stringify(someValue(next, depth + 1), null, next(3));
  return Object.fromEntries(Array.from({ length: next(5) }, () => [KEYS[next(KEYS.length)], someValue(next, depth + 1)]));
}

test("a value and the text that says it are treated alike, whatever surrounds and indents it", () => {
  const rewriting = redactor();
  for (let seed = 1; seed <= 3_000; seed++) {
    const next = seeded(seed * 7_919);
    const value = { v: someValue(next), w: someValue(next) };
    const text = JSON.stringify(value, null, ["", "  ", "\t"][next(3)]);
    const [before, after] = [
      ["", ""],
      ["Here:\n```json\n", "\n```\nbye"],
      ["\ufeff", "\n"],
      ['got 5" ', " or so"],
    ][next(4)] as [string, string];
    const written = rewriteText(before + text + after, rewriting);
    expect(written.startsWith(before) && written.endsWith(after)).toBe(true);
    expect(JSON.parse(written.slice(before.length, written.length - after.length)), `seed ${seed}`).toEqual(rewrite(value, rewriting));
  }
});

test("what holds nothing to take out stays byte for byte", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const text = JSON.stringify(someValue(seeded(seed)), null, seed % 3);
    const mixed = `${text.slice(seed % 7)} // "{\\"\n${text}`;
    expect(rewriteText(mixed, redactor([], []))).toBe(mixed);
  }
});

test.each([
  ...[
    "{",
    "[",
    '"',
    '{"',
    '["',
    ',"',
    ',"\\"',
    ',\\"',
    '\\"',
    "\\",
    "\n",
    " \n",
    "://",
    '"ssn":',
    '"ssn":{',
    '"a":',
    "/*",
    '"ssn":/*',
    ',"\\\\\\"',
  ],
  ...['{"a":1,', '"\\u', "1,", "[1", '":', ':"\\\\', '{\\"a\\":', '"ssn"://', '{"ada@example.org":'],
])("the time is linear in a text of %j", (piece) => {
  const rewriting = redactor();
  const time = (length: number): number => {
    const text = `[${piece.repeat(Math.ceil(length / piece.length))}`;
    const runs = [0, 1, 2].map(() => {
      const before = process.cpuUsage().user;
      rewriteText(text, rewriting);
      return process.cpuUsage().user - before;
    });
    return Math.min(...runs) / 1_000;
  };
  time(20_000);
  // Eight times as much text; what grows with its square would take sixty-four times as long.
  expect(time(400_000)).toBeLessThan(24 * time(50_000) + 100);
});

test("fields are taken out of structure, texts, arguments and logs alike", async () => {
  const person = { name: "Ann", ssn: "219-09-9999", note: JSON.stringify({ ssn: "219-09-9999" }) };
  const result = { content: [...(says(`One:\n${JSON.stringify(person, null, 2)}\n`).content as object[])], structuredContent: person };
  await using it = await hosted(
    { tools: [{ name: "t" }], answer: () => result },
    { rules: [{ match: ["t"], redact: { detectors: [], fields: ["ssn"] } }] },
  );
  const given = { body: '{"ssn": 219, "n": 1.0}' };
  const hidden = { name: "Ann", ssn: FIELD, note: JSON.stringify({ ssn: FIELD }) };
  expect(await it.client.callTool({ name: "t", arguments: given })).toEqual({
    content: [{ type: "text", text: `One:\n${JSON.stringify(hidden, null, 2)}\n` }],
    structuredContent: hidden,
  });
  expect(it.server.arguments).toEqual({ body: `{"ssn": "${FIELD}", "n": 1.0}` });
});

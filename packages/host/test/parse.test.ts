import { describe, expect, test } from "vitest";
import { checkShape, ParseError, parseJson, parseUpstreamJson, toMessage, upstreamMessage } from "../dist/wire/parse.js";

/** What a parser says no with. */
function refusal(run: () => unknown): Pick<ParseError, "code" | "id" | "message"> {
  try {
    run();
  } catch (error) {
    if (error instanceof ParseError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

const request = (fields: Record<string, unknown> = {}): Record<string, unknown> => ({ jsonrpc: "2.0", id: 1, method: "ping", ...fields });

test("bytes that are no JSON or no UTF-8 are a parse error, and nothing is replaced by U+FFFD", () => {
  expect(parseJson(Buffer.from('{"é":"👍"}'))).toEqual({ é: "👍" });
  for (const text of ["", "{", "[1,]", "nul", "\ufeff{}", "{'a':1}"]) expect(refusal(() => parseJson(Buffer.from(text))).code).toBe(-32700);
  for (const bytes of [[0xff], [0x22, 0xc3, 0x28, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]])
    expect(refusal(() => parseJson(Buffer.from(bytes)))).toMatchObject({ code: -32700, message: "the message is not valid UTF-8" });
});

test("a well-formed message is given back as the same object", () => {
  for (const message of [
    request(),
    request({ id: "a" }),
    request({ id: 0 }),
    request({ id: -5 }),
    request({ params: { any: [null] }, vendor: 1 }),
    { jsonrpc: "2.0", method: "notifications/x" },
    { jsonrpc: "2.0", id: 1, result: {} },
    { jsonrpc: "2.0", id: null, error: { code: -32700, message: "" } },
    { jsonrpc: "2.0", id: "x", error: { code: 1, message: "m", data: { deep: true } } },
  ])
    expect(toMessage(message)).toBe(message);
});

test.each([null, 1.5, 2 ** 53, -(2 ** 53), "", "x".repeat(257), {}, [1], true, Number.POSITIVE_INFINITY])(
  "%j is no id of a request",
  (id) => {
    expect(refusal(() => toMessage(request({ id })))).toMatchObject({ code: -32600, id: null });
  },
);

test("the greatest safe integer and a string of 256 characters are ids", () => {
  for (const id of [2 ** 53 - 1, -(2 ** 53) + 1, "x", "x".repeat(256)]) expect(toMessage(request({ id }))).toMatchObject({ id });
});

test.each([
  ["an array", []],
  ["a string", "ping"],
  ["null", null],
  ["no version", { id: 1, method: "ping" }],
  ["another version", request({ jsonrpc: "1.0" })],
  ["a method that is no string", request({ method: 7 })],
  ["params that are an array", request({ params: [] })],
  ["params that are null", request({ params: null })],
  ["a method beside a result", request({ result: {} })],
  ["a method beside an error", request({ error: { code: 1, message: "" } })],
  ["neither method nor answer", { jsonrpc: "2.0", id: 1 }],
  ["result and error", { jsonrpc: "2.0", id: 1, result: {}, error: { code: 1, message: "" } }],
  ["a result that is no object", { jsonrpc: "2.0", id: 1, result: 5 }],
  ["an error without a code", { jsonrpc: "2.0", id: 1, error: { message: "" } }],
  ["an error without a message", { jsonrpc: "2.0", id: 1, error: { code: 1 } }],
  ["a result without an id", { jsonrpc: "2.0", result: {} }],
])("%s is refused as an invalid request", (_what, value) => {
  expect(refusal(() => toMessage(value)).code).toBe(-32600);
});

test("a null beside a result or an error is left out", () => {
  const error = { code: 1, message: "no" };
  expect(toMessage({ jsonrpc: "2.0", id: 1, result: {}, error: null })).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
  expect(toMessage({ jsonrpc: "2.0", id: 1, result: null, error })).toEqual({ jsonrpc: "2.0", id: 1, error });
  expect(refusal(() => toMessage({ jsonrpc: "2.0", id: 1, result: null, error: null })).code).toBe(-32600);
});

test("a byte order mark before an upstream's message is no part of it", () => {
  expect(parseUpstreamJson(Buffer.from(`\ufeff${JSON.stringify(request())}`))).toEqual(request());
  expect(refusal(() => parseUpstreamJson(Buffer.from("\ufeff\ufeff{}"))).code).toBe(-32700);
});

test("a refusal names the id where it is readable", () => {
  expect(refusal(() => toMessage(request({ id: "a", jsonrpc: "1" }))).id).toBe("a");
  expect(refusal(() => toMessage(request({ id: 7, params: 1 }))).id).toBe(7);
  expect(refusal(() => checkShape(request({ id: 8, params: { a: [[[[]]]] } }), { depth: 3, keys: 100 })).id).toBe(8);
});

const nested = (depth: number): unknown => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);

test("nesting is allowed up to the limit, with objects and arrays alike", () => {
  for (const depth of [63, 64]) checkShape(nested(depth), { depth: 64, keys: 1_000 });
  expect(refusal(() => checkShape(nested(65), { depth: 64, keys: 1_000 }))).toMatchObject({
    code: -32600,
    message: "the message is nested deeper than 64 levels",
  });
  const objects = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
  checkShape(objects(64), { depth: 64, keys: 1_000 });
  expect(refusal(() => checkShape(objects(65), { depth: 64, keys: 1_000 })).code).toBe(-32600);
});

test("a million levels are refused without recursion", () => {
  expect(refusal(() => checkShape(nested(1_000_000), { depth: 64, keys: 1_000 })).code).toBe(-32600);
});

test("keys, and objects and arrays in arrays, count together up to the limit; plain values in arrays do not", () => {
  const value = (items: number): unknown => ({
    a: { b: 1 },
    list: Array.from({ length: items }, (_, n) => (n % 2 === 0 ? {} : [])),
    numbers: Array.from({ length: 60_000 }, (_, n) => n),
  });
  // Four of them are the keys.
  for (const items of [5, 6]) checkShape(value(items), { depth: 64, keys: 10 });
  expect(refusal(() => checkShape(value(7), { depth: 64, keys: 10 })).message).toBe("the message has more than 10 members");
});

describe("keys that change prototypes", () => {
  const answer = (content: string): string => `{"jsonrpc":"2.0","id":7,"result":${content}}`;
  const both: [name: string, check: (text: string) => unknown][] = [
    ["a client's", (text) => checkShape(JSON.parse(text), { depth: 64, keys: 100 })],
    ["an upstream's", (text) => upstreamMessage(parseJson(Buffer.from(text)))],
  ];
  test.each(both)("are refused in %s message at every depth, however they are spelt, and pollute nothing", (_, check) => {
    for (const [content, word] of [
      ['{"__proto__":{"polluted":1}}', "__proto__"],
      ['{"a":[{"b":{"__proto__":null}}]}', "__proto__"],
      ['{"\\u005f_proto\\u005F_":1}', "__proto__"],
      [`{"text":"${"x".repeat(5_000)}","__proto__":1}`, "__proto__"],
      ['{"constructor":{"prototype":{"polluted":1}}}', "constructor"],
      ['{"a":[[{"c\\u006fnstructor":{"a":1,"prototype":null}}]]}', "constructor"],
    ] as const)
      expect(
        refusal(() => check(answer(content))),
        content,
      ).toMatchObject({ code: -32600, message: expect.stringContaining(word), id: 7 });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test.each(both)("are not what is only called alike in %s message, nor what is said of them", (_, check) => {
    for (const content of [
      '{"constructor":"Ferrari","prototype":{},"proto":1,"toString":2,"hasOwnProperty":null}',
      '{"constructor":{"id":"ferrari"},"a":{"constructor":["prototype"]}}',
      '{"text":"{\\"__proto__\\":1} constructor.prototype"}',
      '{"list":["__proto__"]}',
    ])
      check(answer(content));
  });
});

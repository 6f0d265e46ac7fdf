import { describe, expect, test, vi } from "vitest";
import { Engine } from "../dist/engine.js";
import { endWithin, exceeds, lengthOf } from "../dist/measure.js";
import { differences } from "../dist/records.js";
import { rewrite } from "../dist/rewrite.js";
import { withProperties } from "../dist/schema.js";
import { strip } from "../dist/strip.js";

describe("strip", () => {
  const both = { ansi: true, invisible: true };

  test.each([
    ["plain text\tand\r\nlines", "plain text\tand\r\nlines"],
    ["\u001b[1;31mred\u001b[0m", "red"],
    ["\u009b31mred", "red"],
    ["\u001b]8;;https://evil.example\u0007link\u001b]8;;\u001b\\", "link"],
    ["\u001b]0;title", ""],
    ["\u001bPdcs\u001b\\x\u001bc\u001b(By", "xy"],
    ["\u001b", ""],
    ["a\u200bb\u202ec\u2066d\u00ade\ufefff\u{e0041}g\u{e01ef}h\ufe01i\u0007j\u0085k", "abcdefghijk"],
    ["👨‍👩‍👧 👁️‍🗨️ ❤️ 1️⃣ 🏳️‍🌈 👩🏽‍💻", "👨‍👩‍👧 👁️‍🗨️ ❤️ 1️⃣ 🏳️‍🌈 👩🏽‍💻"],
    ["می‌خواهم क्‍ष", "می‌خواهم क्‍ष"],
    ["a\u200db \u200d a\ufe0f x\u200c", "ab  a x"],
  ])("%j", (text, clean) => expect(strip(text, both)).toBe(clean));

  test("only what is asked for", () => {
    expect(strip("\u001b[1mA\u200b", { ansi: true, invisible: false })).toBe("A\u200b");
    expect(strip("\u001b[1mA\u200b", { ansi: false, invisible: true })).toBe("[1mA");
  });
});

test("lengths are counted in characters, bytes and estimated tokens, and cuts fall between characters", () => {
  expect([lengthOf("aé漢🙂", "characters"), lengthOf("aé漢🙂", "bytes"), lengthOf("aé漢🙂", "tokens")]).toEqual([4, 10, 4]);
  expect([endWithin("aé漢🙂", 0, 3, "bytes"), endWithin("aé漢🙂", 0, 9, "bytes"), endWithin("aé漢🙂", 3, 1, "characters")]).toEqual([
    2, 3, 5,
  ]);
  expect([
    exceeds({ a: [1, "x"] }, { size: 100, depth: 2 }),
    exceeds({ a: [1] }, { size: 100, depth: 1 }),
    exceeds("xxxx", { size: 4, depth: 1 }),
  ]).toEqual([undefined, "depth", "size"]);
  expect(exceeds({ ["k".repeat(100)]: 1 }, { size: 50, depth: 5 })).toBe("size");
});

test("what is nested too deeply to be looked at is taken out, and keys that become one stay apart", () => {
  let deep: unknown = "secret";
  for (let level = 0; level < 1_100; level++) deep = { deep };
  expect(JSON.stringify(rewrite(deep, { text: (text) => text }))).not.toContain("secret");
  expect(rewrite({ "a@b": 1, "c@d": 2, e: [3, "x"] }, { text: (text) => (text.includes("@") ? "#" : text), keys: true })).toEqual({
    "#": 1,
    "# (2)": 2,
    e: [3, "x"],
  });
});

describe("schemas", () => {
  const edits = {
    name: (name: string) => (name === "a" ? undefined : name === "b" ? "B" : name),
    isOptional: () => false,
    schema: (_: string, schema: unknown) => schema,
  };

  test("everything that speaks of a property is edited with it", () => {
    expect(
      withProperties(
        {
          properties: { a: {}, b: {}, c: {} },
          required: ["a"],
          if: { properties: { a: { const: 1 }, b: {} } },
          // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
          then: { required: ["b"] },
          dependentSchemas: { a: {}, b: { required: ["a", "c"] } },
          not: { required: ["a"] },
          minProperties: 3,
          oneOf: [true, { properties: { b: {} } }],
        },
        edits,
      ),
    ).toEqual({
      properties: { B: {}, c: {} },
      if: { properties: { B: {} } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ["B"] },
      dependentSchemas: { B: { required: ["c"] } },
      oneOf: [true, { properties: { B: {} } }],
    });
    expect(withProperties({ not: { required: ["c"] }, properties: { c: {} } }, edits)).toEqual({
      not: { required: ["c"] },
      properties: { c: {} },
    });
  });

  test("references that lead in circles or nowhere end", () => {
    const circle = { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } };
    expect(withProperties(circle, edits)).toEqual(circle);
    const nested = { allOf: [{ $ref: "#" }], properties: { a: {} } };
    expect(JSON.stringify(withProperties(nested, edits))).not.toContain('"a"');
    const broken = { properties: { a: { $ref: "#/%" } } };
    expect(withProperties({ $ref: "#/%", ...broken }, edits)).toEqual({ $ref: "#/%", properties: {} });
  });
});

test("differences tell places and never values", () => {
  expect(differences({ a: 1, b: [1, 2], c: 3 }, { a: 2, b: [1], d: 4 })).toEqual(["/a changed", "/b/1 removed", "/c removed", "/d added"]);
  expect(differences(1, 2)).toEqual(["/ changed"]);
  expect(differences(Object.fromEntries(Array.from({ length: 50 }, (_, at) => [at, at])), {})).toHaveLength(20);
});

describe("the engine", () => {
  const limits = { time: 100, depth: 50, size: 100_000 };

  test("starts with the first program, runs one at a time, and ends", async () => {
    const engine = new Engine(
      [
        { kind: "jsonata", text: "$" },
        { kind: "schema", schema: { type: "object" } },
      ],
      limits,
    );
    expect(engine.isRunning).toBe(false);
    expect(await Promise.all([1, 2, 3].map((input) => engine.run(0, input, "session:a")))).toEqual([1, 2, 3]);
    expect(await engine.run(1, [], "session:a")).toEqual(["/ must be object"]);
    await engine.close();
    await engine.close();
    expect(engine.isRunning).toBe(false);
    await expect(engine.run(0, 1, "session:a")).rejects.toThrow("the host is closing");
  });

  test("tells what is wrong with a program", async () => {
    const engine = new Engine(
      [
        { kind: "jsonata", text: "a[" },
        { kind: "schema", schema: { type: "nonsense" } },
        { kind: "schema", schema: { $ref: "https://example.org/x" } },
      ],
      limits,
    );
    const mistakes = await engine.mistakes(["a", "b", "c"]);
    expect(mistakes.map(({ path }) => path)).toEqual(["a", "b", "c"]);
    for (const [index, words] of ["S0203", "schema is invalid", "can't resolve reference"].entries())
      expect(mistakes[index]?.message).toContain(words);
    await engine.close();
  });

  test("output is bounded, memory too, and a function is no value", async () => {
    const engine = new Engine(
      [
        { kind: "jsonata", text: "$pad('', 200000)" },
        { kind: "jsonata", text: "function(){1}" },
        { kind: "jsonata", text: "nothing" },
      ],
      limits,
    );
    await expect(engine.run(0, 1, "session:a")).rejects.toThrow("it gives more than 100000 bytes");
    expect(await engine.run(2, {}, "session:a")).toBeNull();
    await engine.close();
  });

  test("more than it can serve are refused at once", async () => {
    const engine = new Engine([{ kind: "jsonata", text: "$" }], limits);
    const all = await Promise.allSettled(Array.from({ length: 300 }, (_, at) => engine.run(0, at, `session:${at}`)));
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(256);
    expect(all.at(-1)).toMatchObject({ reason: { kind: "busy" } });
    await engine.close();
  });

  test("one principal or session cannot fill the queue of everybody", async () => {
    const engine = new Engine([{ kind: "jsonata", text: "$" }], limits);
    const greedy = Array.from({ length: 40 }, (_, at) => engine.run(0, at, "principal:a"));
    const other = engine.run(0, "other", "principal:b");
    const all = await Promise.allSettled(greedy);
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(16);
    expect(await other).toBe("other");
    expect(await engine.run(0, "again", "principal:a")).toBe("again");
    await engine.close();
  });

  test("a thread that dies fails its run, and the next gets another", async () => {
    const engine = new Engine(
      [
        { kind: "jsonata", text: "($f := function($n){ $f($n + 1) }; $f(0))" },
        { kind: "jsonata", text: "$" },
      ],
      { ...limits, time: 20 },
    );
    const failed = engine.run(0, 1, "session:a").catch((error: { kind: string }) => error.kind);
    const queued = engine.run(1, 2, "session:a");
    expect(["time", "failed"]).toContain(await failed);
    expect(await queued).toBe(2);
    await vi.waitFor(() => expect(engine.isRunning).toBe(true));
    await engine.close();
  });
});

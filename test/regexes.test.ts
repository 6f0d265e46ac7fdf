import { expect, test } from "vitest";
import { growthOf, regexesIn } from "../scripts/regexes.mjs";

test.each([
  ["\\beyJ[\\w-]{8,}\\.[\\w-]{8,}\\.[\\w-]*", "g"],
  ["=+$", ""],
  ["\\{([^}]*)\\}", "g"],
  ["^(a+)+$", ""],
  ["(\\d+)(,?)(\\d*)x", "y"],
])("/%s/%s is refused: its time grows faster than the text", { timeout: 60_000 }, async (source, flags) => {
  expect(await growthOf(source, flags)).toMatch(/polynomial|exponential/);
});

test.each([
  ["\\beyJ[\\w-]{8,}(?:\\.[\\w-]{8,}\\.[\\w-]*)?", "g"],
  ["^[a-z]+:.{1,300}$", ""],
  ["(?<![\\w-])x{1,64}", "gu"],
  ["(\\d+)", "y"],
])("/%s/%s is taken", { timeout: 60_000 }, async (source, flags) => expect(await growthOf(source, flags)).toBe("linear"));

test("what cannot be judged is not taken for linear", async () => {
  expect(await growthOf("(?<!a)b+c", "")).toBe("unknown (unsupported)");
});

test("literals are found wherever they stand, and regular expressions that are made need a reason", () => {
  const text = [
    "const a: RegExp = /a/g;",
    'const b = "/no/".replace(/b/u, "/none/") as string; // /none/',
    "const c = new RegExp(a.source);",
    "// linear: it has no repetition",
    "const d = RegExp(b);",
    "  // linear: it is tried on ten characters",
    "const e = /(a)\\1+b/;",
    "// linear:",
    "const f = /f/;",
  ].join("\n");
  expect(regexesIn(text, "x.ts")).toEqual([
    { file: "x.ts", line: 1, source: "a", flags: "g" },
    { file: "x.ts", line: 2, source: "b", flags: "u" },
    { file: "x.ts", line: 3 },
    { file: "x.ts", line: 9, source: "f", flags: "" },
  ]);
});

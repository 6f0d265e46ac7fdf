import { compile } from "@host/cel";
import { describe, expect, test } from "vitest";

describe("a condition that costs or means too much is refused when it is compiled", () => {
  test.each([
    ["1 +", /is no CEL expression/],
    ["nobody == 1", /no valid CEL expression: .*nobody/],
    ["1 + 1", /must give true or false, not int/],
    ['arguments.x.matches("(a+)+")', /may not use matches/],
    ["cel.bind(x, arguments.a, x == 1)", /may not use cel.bind/],
    ["arguments.a.all(x, arguments.b.all(y, x == y))", /within another such macro/],
    ["[1].exists(x, [2].exists(y, true))", /within another such macro/],
    ['"a" in claims', /must name each claim/],
    ["claims[name] == 1", /must name each claim/],
    ["x".repeat(2_001), /longer than 2000/],
  ])("%s", (source, words) => {
    expect(() => compile(source)).toThrow(words);
  });

  test("and what it reads is known", () => {
    expect(compile('claims.team == "a" && claims["x.y"].z == 1 || has(claims.b)')).toMatchObject({
      ofCall: false,
      claims: ["team", "x.y", "b"],
    });
    expect(compile("[arguments.a].size() == 1 ? true : {'k': method}.k == 'x'")).toMatchObject({ ofCall: true, claims: [] });
  });
});

test("a macro over a caller's arguments looks at so much and no more", () => {
  const condition = compile("arguments.list.all(x, x != 7)");
  const facts = { claims: {}, roles: [], principal: "p", name: "n", server: "s", kind: "tool", method: "tools/call" };
  expect(condition.holds({ ...facts, arguments: { list: [1, 2] } })).toBe(true);
  expect(condition.holds({ ...facts, arguments: { list: [1, 7] } })).toBe(false);
  expect(() => condition.holds({ ...facts, arguments: { list: Array.from({ length: 1_000 }, () => 1) } })).toThrow(/too large/);
  expect(() => condition.holds({ ...facts, arguments: { list: [], text: "x".repeat(20_000) } })).toThrow(/too large/);
  expect(() => compile("arguments.x").holds({ ...facts, arguments: { x: "yes" } })).toThrow(/instead of true or false/);
});

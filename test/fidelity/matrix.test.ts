import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cases } from "./matrix.ts";
import { casesOf, nameOf, rows, WAYS_IN } from "./rows.mjs";

test("the pass-through matrix has a case for every sentence of every row, and no case without one", () => {
  const told = rows.flatMap((row) => casesOf(row).map(({ key }) => `${nameOf(row)}: ${key}`));
  const shown = Object.entries(cases).flatMap(([row, ofRow]) => Object.keys(ofRow).map((key) => `${row}: ${key}`));
  expect(shown.sort()).toEqual(told.sort());
  expect(rows.filter((row) => casesOf(row).length === 0)).toEqual([]);
});

// One file for each, so that two of them can run at once.
test("every way in has its file", () => {
  for (const into of WAYS_IN) expect(existsSync(join(import.meta.dirname, `${into}-in.test.ts`)), into).toBe(true);
});

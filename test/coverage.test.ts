import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, temporary } from "./harness/hosts.ts";

const FLOORS = join(ROOT, "scripts/coverage-floors.json");

/** What the script says of figures in percent, for packages of one file of a thousand lines and branches each. */
function judged(floors: object, figures: Record<string, [lines: number, branches: number]>, ...flags: string[]) {
  const of = (share: number) => ({ covered: share * 10, total: 1_000 });
  const files = Object.entries(figures).map(([name, [lines, branches]]) => [
    join(ROOT, "packages", name, "src/index.ts"),
    { lines: of(lines), branches: of(branches) },
  ]);
  using folder = temporary({
    "summary.json": JSON.stringify({ total: {}, ...Object.fromEntries(files) }),
    "floors.json": JSON.stringify(floors),
  });
  const [summary, kept] = ["summary.json", "floors.json"].map((name) => join(folder.path, name)) as [string, string]; // two give two
  const args = [join(ROOT, "scripts/coverage.mjs"), "--summary", summary, "--floors", kept, ...flags];
  let said: string;
  let ok = true;
  try {
    said = execFileSync(process.execPath, args, { encoding: "utf8" });
  } catch (error) {
    ok = false;
    said = (error as { stdout: string }).stdout; // of a process that failed
  }
  return { ok, said, floors: JSON.parse(readFileSync(kept, "utf8")) };
}

const FEW = { one: { lines: 95, branches: 90 } };

test("a package may not fall below what it had, but for half a point of chance", () => {
  expect(judged(FEW, { one: [94.6, 89.6] }).ok).toBe(true);
  expect(judged(FEW, { one: [94.4, 90] })).toMatchObject({ ok: false, said: expect.stringContaining("94.4 % of lines: LESS than 94.5 %") });
  expect(judged(FEW, { one: [95, 89] })).toMatchObject({
    ok: false,
    said: expect.stringContaining("89.0 % of branches: LESS than 89.5 %"),
  });
});

test("a new package has the bounds of all, and no floor lies below those", () => {
  expect(judged(FEW, { one: [95, 90], two: [91, 86] }).ok).toBe(true);
  expect(judged(FEW, { one: [95, 90], two: [89, 86] })).toMatchObject({ ok: false, said: expect.stringContaining("LESS than 90.0 %") });
  expect(judged({ one: { lines: 10, branches: 10 } }, { one: [80, 80] }).ok).toBe(false);
});

test("floors are raised when somebody says so, never lowered, and not by a run that failed", () => {
  const higher: Record<string, [number, number]> = { one: [97.26, 89.8], two: [92, 88] };
  expect(judged(FEW, higher).floors).toEqual(FEW);
  const both = { one: { lines: 97.2, branches: 90 }, two: { lines: 92, branches: 88 } };
  expect(judged(FEW, higher, "--raise").floors).toEqual(both);
  expect(judged(FEW, { one: [99, 10] }, "--raise")).toMatchObject({ ok: false, floors: FEW });
});

test("every package has its floor", () => {
  const floors = JSON.parse(readFileSync(FLOORS, "utf8"));
  expect(Object.keys(floors)).toEqual(readdirSync(join(ROOT, "packages")).sort());
});

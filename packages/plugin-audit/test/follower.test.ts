import { appendFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { rotatedName } from "../dist/files.js";
import { Follower } from "../dist/follower.js";

const line = (n: number): string => `${JSON.stringify({ n, prev: "", type: "request", at: "2026-11-29T12:00:00.000Z" })}\n`;
const lines = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, index) => line(from + index)).join("");

test("lines are read as they come, over files that are put aside while they are read, and none is left for later", async () => {
  using folder = temporary();
  const file = join(folder.path, "audit.jsonl");
  const follower = new Follower(file, 1);
  expect(await follower.read(10)).toBeUndefined();
  writeFileSync(file, lines(1, 3));
  expect(await follower.read(2)).toMatchObject({ first: 1, last: 2 });
  expect(await follower.read(10)).toMatchObject({ first: 3, last: 3 });
  expect(await follower.read(10)).toBeUndefined();
  // What was written before it was put aside, and the file after it.
  appendFileSync(file, lines(4, 5));
  renameSync(file, rotatedName(file, 1));
  writeFileSync(file, lines(6, 6));
  expect(await follower.read(10)).toMatchObject({ first: 4, last: 6 });
  renameSync(file, rotatedName(file, 6));
  writeFileSync(file, lines(7, 7));
  expect(await follower.read(10)).toMatchObject({ first: 7, last: 7 });
  // Half a line is none yet.
  appendFileSync(file, line(8).slice(0, 20));
  expect(await follower.read(10)).toBeUndefined();
  appendFileSync(file, line(8).slice(20));
  expect(await follower.read(10)).toMatchObject({ first: 8, last: 8 });
  await follower.close();
});

test("a file that is put aside while the one with the next line is looked for is not left out", async () => {
  using folder = temporary();
  const file = join(folder.path, "audit.jsonl");
  writeFileSync(rotatedName(file, 1), lines(1, 3));
  writeFileSync(file, lines(4, 6));
  const follower = new Follower(file, 4);
  const reading = follower.read(10); // it has listed the files, and opens the first of them
  renameSync(file, rotatedName(file, 4));
  writeFileSync(file, lines(7, 9));
  expect(await reading).toMatchObject({ first: 4, last: 9 });
  await follower.close();
});

test("it begins in the file that has its line, and where that is gone with the next one that is there", async () => {
  using folder = temporary();
  const file = join(folder.path, "audit.jsonl");
  for (const first of [1, 4, 7]) writeFileSync(rotatedName(file, first), lines(first, first + 2));
  writeFileSync(file, lines(10, 12));
  const from = async (next: number) => {
    const follower = new Follower(file, next);
    const portion = await follower.read(100);
    await follower.close();
    return portion && [portion.first, portion.last];
  };
  expect([await from(1), await from(5), await from(7), await from(10), await from(12), await from(13)]).toEqual([
    [1, 12],
    [5, 12],
    [7, 12],
    [10, 12],
    [12, 12],
    undefined,
  ]);
  rmSync(rotatedName(file, 1));
  rmSync(rotatedName(file, 4));
  expect(await from(2)).toEqual([7, 12]);
  const skipping = new Follower(file, 7);
  await skipping.read(1);
  await skipping.skipTo(11);
  expect(await skipping.read(100)).toMatchObject({ first: 11, last: 12 });
  await skipping.close();
});

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pages } from "../../scripts/pages.mjs";
import { ROOT } from "../harness/hosts.ts";

test("every generated page agrees with the code that it is generated from", async () => {
  for (const { file, current, wanted } of await pages()) expect(current, `${file} is out of date: run npm run docs`).toBe(wanted);
});

const below = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));

test("no page holds what a merge left undecided", () => {
  const folders = [".", "docs", ...["packages", "examples"].flatMap(below)];
  const files = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(folder, name)),
  );
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) expect(readFileSync(join(ROOT, file), "utf8"), file).not.toMatch(/^(<{7} |={7}$|>{7} )/m);
});

import { expect, test } from "vitest";
import { pages } from "../scripts/pages.mjs";

test("every generated page agrees with the code that it is generated from", async () => {
  for (const { file, current, wanted } of await pages()) expect(current, `${file} is out of date: run npm run docs`).toBe(wanted);
});

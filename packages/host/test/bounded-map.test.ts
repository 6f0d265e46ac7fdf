import { expect, test } from "vitest";
import { BoundedMap } from "../dist/wire/bounded-map.js";

test("the oldest makes room, and a key that is set again is not the oldest any more", () => {
  const map = new BoundedMap<string, number>(2);
  map.set("a", 1).set("b", 2).set("a", 3).set("c", 4);
  expect([...map]).toEqual([
    ["a", 3],
    ["c", 4],
  ]);
});

test("with a limit of nothing, nothing is kept", () => {
  expect(new BoundedMap<string, number>(0).set("a", 1).size).toBe(0);
});

import { testStore } from "mcp-host/testing";
import { afterAll, expect, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { instanceOf, placesIn } from "./opened.ts";

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());

testStore("one host with a vault", { test, start: () => instanceOf(placesIn(folder.path, "one")) });
testStore("two hosts with one vault", { test, shared: true, start: () => instanceOf(placesIn(folder.path, "two")) });

test("keys that have a value are listed, and those of other stores are not", async () => {
  const { store } = instanceOf(placesIn(folder.path, "keys"));
  const secrets = store("tokens") as ReturnType<typeof store> & { keys(): Promise<readonly string[]> };
  expect(await secrets.keys()).toEqual([]);
  await secrets.set("__proto__", 1);
  await secrets.set("a", { token: "t" });
  await secrets.set("gone", 1);
  await secrets.delete("gone");
  await secrets.set("over", 1, 0);
  await store("others").set("b", 1);
  expect([...(await secrets.keys())].sort()).toEqual(["__proto__", "a"]);
});

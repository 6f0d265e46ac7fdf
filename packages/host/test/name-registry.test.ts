import { expect, test } from "vitest";
import type { Entry } from "../dist/exchange/entry.js";
import { NameRegistry, prefixUri } from "../dist/pipeline/name-registry.js";

const entry = (upstream: string, name: string, kind: Entry["kind"] = "tool"): Entry => ({
  kind,
  name,
  upstream,
  native: name,
  definition: { name },
});
const owners = (entries: readonly Entry[]): string[] => entries.map(({ name, upstream }) => `${name} of ${upstream}`);

test("the first in config order gets a name that two upstreams list, and the other is withheld with a reason", () => {
  const { offered, withheld } = new NameRegistry().resolve([entry("a", "x"), entry("a", "y"), entry("b", "x"), entry("b", "z")], 100);
  expect(owners(offered)).toEqual(["x of a", "y of a", "z of b"]);
  expect(withheld.map(({ entry: { upstream, name } }) => `${name} of ${upstream}`)).toEqual(["x of b"]);
  expect(withheld[0]?.reason).toMatch(/"a".*@host\/plugin-namespace/);
});

test("an upstream that lists one name twice gets it once", () => {
  const { offered, withheld } = new NameRegistry().resolve([entry("a", "x"), entry("a", "x")], 100);
  expect(offered).toHaveLength(1);
  expect(withheld[0]?.reason).toContain("of the same upstream");
});

test("kinds have names of their own", () => {
  const { withheld } = new NameRegistry().resolve([entry("a", "x"), entry("b", "x", "prompt")], 100);
  expect(withheld).toEqual([]);
});

test("a name stays with its first owner while that is configured, even when it lists nothing", () => {
  const names = new NameRegistry();
  names.resolve([entry("late", "x")], 100);
  expect(owners(names.resolve([entry("first", "x"), entry("late", "x")], 100).offered)).toEqual(["x of late"]);
  expect(owners(names.resolve([entry("first", "x")], 100).offered), "while its owner is down").toEqual([]);
});

test("a withheld name is not pinned to who did not get it", () => {
  const names = new NameRegistry();
  names.resolve([entry("a", "x"), entry("b", "x")], 100);
  expect(names.ownerOf({ kind: "tool", upstream: "b", name: "x" })).toBe("a");
  expect(names.ownerOf({ kind: "prompt", upstream: "b", name: "x" })).toBeUndefined();
});

test("at the limit everything is offered, and beyond it the rest of that kind is withheld", () => {
  const tools = (count: number): Entry[] => Array.from({ length: count }, (_, index) => entry("a", `t${index}`));
  for (const count of [9, 10]) expect(new NameRegistry().resolve(tools(count), 10).withheld).toEqual([]);
  const { offered, withheld } = new NameRegistry().resolve([...tools(11), entry("a", "p", "prompt")], 10);
  expect(offered).toHaveLength(11);
  expect(withheld.map(({ entry: { name }, reason }) => [name, reason])).toEqual([["t10", "more than 10 entries"]]);
});

test("the same entries give the same names in the same order every time", () => {
  const entries = [entry("b", "x"), entry("a", "y"), entry("b", "a"), entry("a", "x")];
  const names = new NameRegistry();
  const first = owners(names.resolve(entries, 100).offered);
  for (let time = 0; time < 5; time++) expect(owners(names.resolve(entries, 100).offered)).toEqual(first);
});

test("a prefixed URI is the upstream's key, a plus sign and the URI as it came", () => {
  expect(prefixUri("files", "file:///a%20b?c#d")).toBe("files+file:///a%20b?c#d");
});

test("an upstream that lists ever new names keeps the last of them, and takes none from others", () => {
  const names = new NameRegistry(3);
  names.resolve([entry("other", "o")], 100);
  for (const name of ["a", "b", "c"]) names.resolve([entry("churn", name)], 100);
  names.resolve([entry("churn", "a")], 100); // listed again, so it is not the oldest any more
  names.resolve([entry("churn", "d")], 100);
  const owner = (name: string) => names.ownerOf({ kind: "tool", upstream: "b", name });
  expect(["a", "b", "c", "d", "o"].map(owner)).toEqual(["churn", undefined, "churn", "churn", "other"]);
});

test("a name as long as a book takes no more room than a short one, and is told from others", () => {
  const names = new NameRegistry();
  const long = "n".repeat(60_000);
  names.resolve([entry("a", `${long}1`)], 100);
  expect(names.ownerOf({ kind: "tool", upstream: "b", name: `${long}1` })).toBe("a");
  expect(names.ownerOf({ kind: "tool", upstream: "b", name: `${long}2` })).toBeUndefined();
});

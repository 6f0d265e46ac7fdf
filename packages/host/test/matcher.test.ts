import { expect, test } from "vitest";
import { matcher } from "../dist/exchange/matcher.js";

const entry = (name: string, upstream = "files", native = name): { name: string; upstream: string; native: string } => ({
  name,
  upstream,
  native,
});

test.each([
  ["files__*", "files__read", true],
  ["files__*", "other__read", false],
  ["read", "read", true],
  ["read", "read_all", false],
  ["*", "anything/at.all://x", true],
  ["read_?", "read_1", true],
  ["read_?", "read_12", false],
  ["{read,list}_*", "list_all", true],
  ["[ab]*", "bcd", true],
  ["file:///tmp/*", "file:///tmp/a/b/c.txt", true],
  ["file:///tmp/*", "file:///etc/passwd", false],
  ["*", ".hidden", true],
  ["*secret*", "a/.secret/b", true],
  ["!read", "write", false],
  ["!read", "!read", true],
  ["deny*", "deny\nanyway", true],
  ["*", "..", true],
  ["a.b", "aXb", false],
  ["Read", "read", false],
  ["a**b", "a/x/b", true],
  ["read_?*", "read_", false],
  ["[a-c]x", "bx", true],
  ["[a-c]x", "dx", false],
  ["[!ab]x", "cx", true],
  ["[!ab]x", "ax", false],
  ["[^ab]x", "!x", true],
  ["[]a]x", "]x", true],
  ["[a-]x", "-x", true],
  ["[a\\-c]x", "bx", false],
  ["[z-a]x", "zx", false],
  ["{read,list{_all,}}_*", "list_all_files", true],
  ["{read,list{_all,}}_*", "list_files", true],
  ["{read,list{_all,}}_*", "list_some", true],
  ["{read,list}", "{read,list}", true],
  ["(read|list)_*", "list_all", true],
  ["file:///C:/Program Files (x86)/*", "file:///C:/Program Files (x86)/a", true],
  ["{id}/*", "{id}/x", true],
  ["{a,b", "{a,b", true],
  ["[ab", "[ab", true],
  ["a\\", "a\\", true],
  ["a\\*", "a*", true],
  ["a\\*", "ab", false],
  ["{a\\,b,c}", "a,b", true],
  ["http://[::1]/*", "http://[::1]/x", true],
  ["db://{table}/[a]?", "db://{table}/[a]?", true],
  ["a|b", "a|b", true],
  ["*a*a*", "xa", false],
  ["*a*a*", "xaxa", true],
  ["", "a", false],
])("%s on the exposed name %j: %s", (pattern, name, expected) => {
  expect(matcher([pattern])(entry(name))).toBe(expected);
});

test("upstream:native matches whatever the entry is called now", () => {
  const test = matcher(["files:write_*"]);
  expect(test(entry("renamed", "files", "write_file"))).toBe(true);
  expect(test(entry("write_file", "other", "write_file"))).toBe(false);
  expect(test(entry("files:write_x", "other", "x"))).toBe(false);
  expect(matcher(["*:write"])(entry("x", "any", "write"))).toBe(true);
});

test("a URI with an authority is no upstream:native", () => {
  expect(matcher(["https://example.test/*"])(entry("https://example.test/a/b", "web", "https://example.test/a/b"))).toBe(true);
});

test("a glob that is too long is refused, and one that others would write out a million times is not", () => {
  expect(() => matcher(["a".repeat(1_001)])).toThrow(`the glob "${"a".repeat(64)}..." is longer than 1000 characters`);
  const million = matcher(["{a,b}".repeat(20)]);
  expect([million(entry("ab".repeat(10))), million(entry("ab".repeat(9)))]).toEqual([true, false]);
});

test("a glob goes on to match after many different texts", () => {
  const test = matcher(["*{a,bb}?[x-z]"]);
  for (let time = 0; time < 5_000; time++) expect(test(entry(`${String.fromCharCode(time + 200)}bb${time % 10}x`))).toBe(true);
});

test("any of several patterns is enough, and none matches nothing", () => {
  expect(matcher(["a", "b*"])(entry("bc"))).toBe(true);
  expect(matcher([])(entry("a"))).toBe(false);
});

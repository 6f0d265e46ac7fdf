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

test("any of several patterns is enough, and none matches nothing", () => {
  expect(matcher(["a", "b*"])(entry("bc"))).toBe(true);
  expect(matcher([])(entry("a"))).toBe(false);
});

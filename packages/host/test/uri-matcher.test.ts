import { describe, expect, test } from "vitest";
import { plainUri, uriMatcher } from "../dist/exchange/uri-matcher.js";

test.each([
  ["test://up/items/secret", "test://up/items/secret"],
  ["test://up/items/%73ecret", "test://up/items/secret"],
  ["test://up/items/%2573ecret", "test://up/items/secret"],
  ["test://up/items/secret?", "test://up/items/secret"],
  ["test://up/items/secret#a?b\n", "test://up/items/secret"],
  ["test://up/items/secret?a/../b#c", "test://up/items/secret"],
  ["test://up/items/secret%3Fa", "test://up/items/secret"],
  ["test://up/items/secret%00", "test://up/items/secret"],
  ["te\tst://up/items/se\ncret ", "test://up/items/secret"],
  ["TEST://Up/items/Secret", "test://up/items/Secret"],
  ["test:\\\\up\\items\\secret", "test://up/items/secret"],
  ["test://up/items%2Fsecret", "test://up/items/secret"],
  ["test://up/items%5Csecret", "test://up/items/secret"],
  ["test://up/archive/./secret/1", "test://up/archive/secret/1"],
  ["test://up/archive//secret/1", "test://up/archive/secret/1"],
  ["test://up/archive/x/%2e%2E/secret/1", "test://up/archive/secret/1"],
  ["test://up/../../a", "test://up/a"],
  ["test://up", "test://up"],
  ["test://up/a/..", "test://up/"],
  ["file:/etc/passwd", "file:///etc/passwd"],
  ["file:etc/passwd", "file:///etc/passwd"],
  ["file:////etc/passwd", "file:///etc/passwd"],
  ["file://localhost/etc/passwd", "file:///etc/passwd"],
  ["file://share/etc", "file://share/etc"],
  ["https:host/a", "https://host/a"],
  ["https://user:pw@host:443/a", "https://host/a"],
  ["https://host:8443/a", "https://host:8443/a"],
  ["urn:a:b", "urn:a:b"],
  ["urn:a/./b", "urn:a/b"],
  ["../a", "a"],
  ["/a/../b", "/b"],
  ["test://up/e\u0301", "test://up/\u00e9"],
  ["test://up/%C3%A9%", "test://up/é%"],
  ["test://up/a%ffb", "test://up/a\ufffdb"],
])("%j is read as %j", (uri, plain) => expect(plainUri(uri)).toBe(plain));

const entry = (native: string, name = native) => ({ name, native, upstream: "up" });
const fits = (pattern: string, uri: string): [boolean, boolean] => {
  const { any, all } = uriMatcher([pattern]);
  return [any(entry(uri)), all(entry(uri))];
};

describe("what forbids fits every spelling", () => {
  test.each([
    ["file:///my%20secret/**", "file:///my secret/a"],
    ["file:///my%20secret/**", "file:///m%79%20secret/a"],
    ["file:///my secret/**", "file:///my%20secret/a"],
    ["file:///my secret/**", "file:///my%20secret"],
    ["file:///a%2Fb/*", "file:///a/b/c"],
    ["file:///a/b/*", "FILE://localhost/a%252fb/c"],
    ["file:///x/../secret", "file:///secret"],
    ["file:///%2e%2e/secret", "file:///y/..//secret?"],
    ["up:file:///my%20secret", "file:///my secret"],
    ["file:///a%3Fb", "file:///a%3fb"],
    ["file:///a%3Fb", "file:///%61%3Fb"],
    ["file:///%2A", "file:///%2a"],
    ["db://x/t?id=5", "db://x/t?id=5"],
    ["db://x/t?id=5", "db://x/t?a=1&i%64=5#f"],
    ["db://x/t?id=5", "db://X/./t%3Fid=5"],
    ["db://x/t?id=5&b=*", "db://x/t?b=2&id=5"],
    ["db://x/t\\?id=5", "db://x/t?%69d=5"],
    ["file:///log?.txt", "file:///log1%2Etxt"],
    ["*secret*", "test://up/s%65cret/a"],
    ["*://up/secret", "TEST://up//secret"],
  ])("%s and %s", (pattern, uri) => expect(fits(pattern, uri)[0]).toBe(true));

  test.each([
    ["file:///%2A", "file:///anything"],
    ["file:///my%20secret/**", "file:///my%20secrets/a"],
    ["db://x/t?id=5", "db://x/t?id=6"],
    ["db://x/t?id=5", "db://x/t"],
    ["file:///a/*", "file:///b/a/c"],
  ])("and nothing else: %s and %s", (pattern, uri) => expect(fits(pattern, uri)[0]).toBe(false));
});

describe("what permits fits a URI only if it fits all its spellings", () => {
  test.each([
    ["file:///my%20docs/*", "file:///my%20docs/a", true],
    ["file:///pub/*", "file:///pub/a%20b", true],
    ["file:///pub/*", "file:///pub/../secret", false],
    ["file:///pub/*", "file:///pub/%2e%2e/secret", false],
    ["file:///pub/*", "file:///pub/..\\secret", false],
    ["db://x/t?id=*", "db://x/t?id=5", true],
    ["db://x/t?id=*", "db://x/t/../u?id=5", false],
  ])("%s and %s: %s", (pattern, uri, expected) => expect(fits(pattern, uri)[1]).toBe(expected));

  test("and one glob, not one for each spelling", () => {
    const { all } = uriMatcher(["db://x/a?public=1", "db://x/b/*"]);
    expect(all(entry("db://x/b/../a?secret=1"))).toBe(false);
    expect(all(entry("db://x/b/1"))).toBe(true);
  });
});

test("the exposed name of a URI that two servers list is read alike", () => {
  expect(uriMatcher(["two+file:///secret*"]).any(entry("file:///%73ecret", "two+file:///%73ecret"))).toBe(true);
});

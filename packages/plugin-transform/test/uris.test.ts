import { expect, test } from "vitest";
// What is inside is tested as it is built, like everything else.
import { normalizedUri } from "../dist/uris.js";

test.each([
  ["x://items/secret", "x://items/secret"],
  ["items/%73ecret", "items/secret"],
  ["archive/./secret", "archive/secret"],
  ["items/secret?", "items/secret"],
  ["items/secret?a/../b#c", "items/secret"],
  ["items/secret#a?b\n", "items/secret"],
  ["file:///a/b/../c", "file:///a/c"],
  ["file:///../../a", "file:///a"],
  ["../a", "a"],
  ["x://host/a/..", "x://host/"],
  ["x://host/a/.", "x://host/a/"],
  ["x://host/%2e%2E/a", "x://host/a"],
  ["x://host", "x://host"],
  ["urn:a/./b", "urn:a/b"],
  ["a%2Fb", "a/b"],
  ["a%252e", "a%2e"],
  ["a%3Fb%23", "a?b#"],
  ["%C3%A9%", "é%"],
  ["a%ffb", "a\ufffdb"],
  ["a//b", "a//b"],
])("%j is compared as %j", (uri, normalized) => expect(normalizedUri(uri)).toBe(normalized));

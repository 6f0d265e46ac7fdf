import { expect, test } from "vitest";
import { plainUri } from "../dist/uris.js";

test.each([
  ["test://up/items/secret", "test://up/items/secret"],
  ["test://up/items/%73ecret", "test://up/items/secret"],
  ["test://up/items/%2573ecret", "test://up/items/secret"],
  ["test://up/items/secret?", "test://up/items/secret"],
  ["test://up/items/secret#a", "test://up/items/secret"],
  ["test://up/items/secret%3Fa", "test://up/items/secret"],
  ["test://up/items/secret%00", "test://up/items/secret"],
  ["test://up/archive/./secret/1", "test://up/archive/secret/1"],
  ["test://up/archive//secret/1", "test://up/archive/secret/1"],
  ["test://up/archive/x/../secret/1", "test://up/archive/secret/1"],
  ["test://up/../../a", "test://up/a"],
  ["urn:a:b", "urn:a:b"],
])("%s is read as %s", (uri, plain) => expect(plainUri(uri)).toBe(plain));

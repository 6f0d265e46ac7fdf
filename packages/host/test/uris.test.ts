import { expect, test } from "vitest";
import { mapUris, visitUris } from "../dist/pipeline/uris.js";

const result = {
  content: [
    { type: "text", text: "test://a", uri: "test://not-a-link" },
    { type: "resource_link", uri: "test://a", name: "a", _meta: { keep: true } },
    { type: "resource", resource: { uri: "test://b", text: "b", extra: 1 }, annotations: { priority: 1 } },
    { type: "resource", resource: "malformed" },
    "malformed",
  ],
  contents: [{ uri: "test://c", text: "c" }, { text: "without a URI" }],
  messages: [
    { role: "user", content: { type: "resource_link", uri: "test://d", name: "d" } },
    { role: "user", content: [{ type: "resource", resource: { uri: "test://e", blob: "" } }] },
    { role: "user", content: "malformed" },
  ],
  structuredContent: { uri: "test://f" },
  vendor: { uri: "test://g" },
};

test("every URI that a result gives to a client is visited, and nothing else", () => {
  const seen: string[] = [];
  visitUris(result, (uri) => seen.push(uri));
  expect(seen).toEqual(["test://a", "test://b", "test://c", "test://d", "test://e"]);
});

test("renaming changes URIs and keeps everything else", () => {
  const before = structuredClone(result);
  const renamed = mapUris(result, (uri) => `up+${uri}`);
  const text = JSON.stringify(before)
    .replace('"resource_link","uri":"', '"resource_link","uri":"up+')
    .replace('"uri":"test://b"', '"uri":"up+test://b"')
    .replace('"uri":"test://c"', '"uri":"up+test://c"')
    .replace('"uri":"test://d"', '"uri":"up+test://d"')
    .replace('"uri":"test://e"', '"uri":"up+test://e"');
  expect(renamed).toEqual(JSON.parse(text));
  expect(result, "the original is left alone").toEqual(before);
});

test("a result without a change is the same object, and a changed one shares what did not change", () => {
  expect(mapUris(result, (uri) => uri)).toBe(result);
  const renamed = mapUris(result, (uri) => (uri === "test://c" ? "test://new" : uri));
  expect(renamed.content).toBe(result.content);
  expect(renamed.messages).toBe(result.messages);
  expect(renamed.contents).not.toBe(result.contents);
});

test("malformed results pass untouched", () => {
  for (const odd of [{}, { content: "text" }, { content: [null, 1, []] }, { messages: {} }, { contents: [{ uri: 7 }] }])
    expect(mapUris(odd, () => "changed")).toBe(odd);
});

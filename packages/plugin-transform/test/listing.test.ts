import { namespace } from "@host/plugin-namespace";
import type { Entry } from "mcp-host";
import { describe, expect, test } from "vitest";
import { options } from "../dist/options.js";
import { Rules } from "../dist/rules.js";
import { hosted } from "./scripted.ts";

const tools = [
  { name: "read", title: "Read", description: "Reads.", annotations: { title: "Read" } },
  { name: "write", description: "Writes." },
];

test("a rule renames, retitles and re-describes; calls reach the native name", async () => {
  await using it = await hosted(
    { tools },
    { rules: [{ match: ["one:read"], rename: "get_{name}", title: "Get ({upstream})", description: "{description} Now." }] },
  );
  expect(await it.tool("get_read")).toMatchObject({ title: "Get (one)", description: "Reads. Now.", annotations: { title: "Get (one)" } });
  await it.client.callTool({ name: "get_read" });
  expect(it.server.requests.at(-1)?.params.name).toBe("read");
  await expect(it.client.callTool({ name: "read" })).rejects.toThrow("Unknown tool: read");
});

test("what is hidden is neither listed nor answered, a resource of a template included", async () => {
  await using it = await hosted(
    { tools, resources: [{ uri: "file:///a", name: "a" }], templates: [{ uriTemplate: "file:///{x}", name: "t" }] },
    { rules: [{ match: ["write", "file:///secret*"], hide: true }] },
  );
  expect((await it.client.listTools()).tools.map(({ name }) => name)).toEqual(["read"]);
  await expect(it.client.callTool({ name: "write" })).rejects.toThrow("Unknown tool: write");
  await expect(it.client.readResource({ uri: "file:///secret.txt" })).rejects.toThrow("Resource not found");
  expect(it.server.requests).toEqual([]);
});

test.each([
  "x://items/%73ecret",
  "x://items/./secret",
  "x://items/a/../secret",
  "x://items/secret?",
  "x://items/secret#a",
  "x://items/a/%2E%2e/secret",
])("a hidden resource is not read as %s", async (uri) => {
  const templates = [{ uriTemplate: "x://{+path}", name: "t" }];
  await using it = await hosted(
    {
      templates,
      resources: [
        { uri: "x://items/secret", name: "s" },
        { uri: "x://items/open?a", name: "o" },
      ],
      answer: () => ({ contents: [] }),
    },
    { rules: [{ match: ["x://items/secret"], hide: true }] },
  );
  expect((await it.client.listResources()).resources.map((each) => each.uri)).toEqual(["x://items/open?a"]);
  await expect(it.client.readResource({ uri })).rejects.toThrow("Resource not found");
  expect(it.server.requests).toEqual([]);
  await it.client.readResource({ uri: "x://items/secrets" });
  await it.client.readResource({ uri: "x://items/secret/../open" });
  expect(it.server.requests).toHaveLength(2);
});

test("a hide glob that is percent-encoded holds for the other ways to write it", async () => {
  await using it = await hosted(
    { templates: [{ uriTemplate: "x://{+path}", name: "t" }] },
    { rules: [{ match: ["one:x://a/my%20notes*"], hide: true }] },
  );
  for (const uri of ["x://a/my%20notes", "x://a/m%79%20notes.txt"])
    await expect(it.client.readResource({ uri })).rejects.toThrow("Resource not found");
});

test.each(["x://items/%73ecret", "X://Items/./secret", "x:\\\\items\\secret", "x://items//secret?a", "x://items/secret%23a"])(
  "a listed resource is redacted when it is read as %s, and one of a template likewise",
  async (uri) => {
    await using it = await hosted(
      {
        templates: [{ uriTemplate: "{+any}", name: "t" }],
        resources: [{ uri: "x://items/secret", name: "s" }],
        answer: (_method, params) => ({ contents: [{ uri: params.uri, text: "ada@example.org" }] }),
      },
      { rules: [{ match: ["one:x://items/%73ecret"], redact: true }] },
    );
    for (const each of [uri, "x://items/secret"])
      expect((await it.client.readResource({ uri: each })).contents).toEqual([{ uri: each, text: "[redacted:email]" }]);
    expect((await it.client.readResource({ uri: "x://items/other" })).contents).toMatchObject([{ text: "ada@example.org" }]);
  },
);

test("what was hidden when it was listed is hidden under other spellings, whatever it is called afterwards", () => {
  const rules = new Rules(options.parse({ rules: [{ match: ["x://items/secret"], hide: true }] }));
  rules.seal(new Map(), () => {});
  const entry = (name: string, native: string): Entry => ({ kind: "resource", upstream: "one", name, native, definition: {} });
  rules.decide(entry("x://items/secret", "x://items/secret"));
  expect(rules.of(entry("p+x://items/%73ecret", "x://items/%73ecret"))?.hides).toBe(true);
  expect(rules.of(entry("p+x://items/open", "x://items/open"))).toBeUndefined();
});

test("the resources of a hidden template cannot be read", async () => {
  await using it = await hosted(
    { resources: [{ uri: "x://a", name: "a" }], templates: [{ uriTemplate: "file:///{x}", name: "t" }] },
    { rules: [{ match: ["file:///*"], kind: "template", hide: true }] },
  );
  expect((await it.client.listResourceTemplates()).resourceTemplates).toEqual([]);
  await expect(it.client.readResource({ uri: "file:///any" })).rejects.toThrow("Resource not found");
  expect(it.server.requests).toEqual([]);
});

test("a rule of one kind leaves the others; a resource keeps its URI and gets another display name", async () => {
  await using it = await hosted(
    { tools: [{ name: "same" }], prompts: [{ name: "same" }], resources: [{ uri: "x://same", name: "same" }] },
    { rules: [{ match: ["*same"], kind: ["prompt", "resource"], rename: "other" }] },
  );
  expect((await it.client.listTools()).tools[0]?.name).toBe("same");
  expect((await it.client.listPrompts()).prompts[0]?.name).toBe("other");
  expect((await it.client.listResources()).resources[0]).toMatchObject({ uri: "x://same", name: "other" });
});

describe("beside the namespace plugin", () => {
  const rules = [{ match: ["one__read"], args: { pin: { path: "/pinned" } } }];

  test("after it, globs are about the names that it gave", async () => {
    await using it = await hosted({ tools }, { rules }, { before: [namespace()] });
    await it.client.callTool({ name: "one__read", arguments: { path: "/etc" } });
    expect(it.server.arguments).toEqual({ path: "/pinned" });
  });

  test("before it, what was decided at listing holds for the names that it gives", async () => {
    await using it = await hosted(
      { tools },
      { rules: [{ match: ["read"], args: { pin: { path: "/pinned" } } }] },
      { after: [namespace()] },
    );
    await it.client.callTool({ name: "one__read", arguments: { path: "/etc" } });
    expect(it.server.arguments).toEqual({ path: "/pinned" });
  });
});

test("titles and descriptions are stripped, schemas included", async () => {
  const inputSchema = { type: "object", properties: { a: { type: "string", description: "A\u200bB\u001b[31m!" } } };
  await using it = await hosted(
    { tools: [{ name: "read", description: "Hi\u{e0041}\u{e0042}", inputSchema }] },
    { rules: [{ match: ["*"], strip: true }] },
  );
  expect(await it.tool("read")).toMatchObject({ description: "Hi", inputSchema: { properties: { a: { description: "AB!" } } } });
});

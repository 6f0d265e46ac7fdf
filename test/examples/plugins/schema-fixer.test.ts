import type { Json } from "mcp-host";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import schemaFixer from "../../../examples/plugins/schema-fixer.ts";

testPlugin(schemaFixer, {
  test,
  module: new URL("../../../examples/plugins/schema-fixer.ts", import.meta.url),
  options: { servers: ["elsewhere"] },
  badOptions: [{ options: { servers: "a" }, place: "plugins[0].options.servers", hint: "array" }],
});

/** What becomes of a tool's schema. */
async function fixed(inputSchema: Json): Promise<unknown> {
  const odd = fakeUpstream({ tools: { tool: { inputSchema, call: (args) => args } } });
  await using host = await createTestHost({ plugins: [schemaFixer()], upstreams: { odd } });
  expect(await host.client.callTool("tool", { a: 1 })).toMatchObject({ structuredContent: { a: 1 } });
  return (await host.client.listTools())[0]?.inputSchema;
}
const text = { type: "string" };

test.each<[string, Json, Json]>([
  [
    "what is well stays",
    { type: "object", properties: { a: text }, required: ["a"] },
    { type: "object", properties: { a: text }, required: ["a"] },
  ],
  ["a root without properties", { type: "object" }, { type: "object", properties: {} }],
  [
    "choices at the root become one object, without what only one of them requires",
    {
      type: "object",
      properties: { id: text },
      oneOf: [
        { properties: { kind: { const: "a" }, a: text }, required: ["a"] },
        { properties: { kind: { const: "b" } }, required: ["kind"] },
      ],
    },
    { type: "object", properties: { id: text, kind: { anyOf: [{ enum: ["a"] }, { enum: ["b"] }] }, a: text } },
  ],
  [
    "references are written out, and those into themselves take anything",
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: { tree: { $ref: "#/$defs/node", description: "A tree." }, other: { $ref: "https://example.com/x" } },
      $defs: { node: { type: "object", properties: { left: { $ref: "#/$defs/node" }, name: text } } },
    },
    {
      type: "object",
      properties: { tree: { type: "object", properties: { left: {}, name: text }, description: "A tree." }, other: {} },
    },
  ],
  [
    "arguments that are called like keywords, and data that looks like schemas, stay",
    {
      type: "object",
      properties: { const: text, $id: text, a: { default: { const: 1, $id: "x" }, enum: [{ const: 1 }] } },
      required: ["$id"],
    },
    {
      type: "object",
      properties: { const: text, $id: text, a: { default: { const: 1, $id: "x" }, enum: [{ const: 1 }] } },
      required: ["$id"],
    },
  ],
])("%s", async (_what, given, wanted) => {
  expect(await fixed(given)).toEqual(wanted);
});

test("references that grow without end are cut off", async () => {
  const $defs = Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => {
      const next = { $ref: `#/$defs/d${at + 1}` };
      return [`d${at}`, { type: "object", properties: { a: next, b: next } }];
    }),
  );
  const schema = await fixed({ type: "object", properties: { a: { $ref: "#/$defs/d0" } }, $defs });
  expect(JSON.stringify(schema).length).toBeLessThan(1_000_000);
});

test("operators see what was repaired", async () => {
  const odd = fakeUpstream({
    tools: {
      fine: { inputSchema: { type: "object", properties: {} }, call: () => "" },
      odd: { inputSchema: { type: "object", $id: "x" }, call: () => "" },
    },
  });
  await using host = await createTestHost({ plugins: [schemaFixer({ servers: ["odd"] })], upstreams: { odd } });
  expect(host.host.reports()["schema-fixer"]).toEqual({ odd: ["odd"] });
});

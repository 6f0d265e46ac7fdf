import { describe, expect, test } from "vitest";
import { hosted, says } from "./scripted.ts";

const inputSchema = {
  type: "object",
  properties: { path: { type: "string" }, user_id: { type: "string" }, limit: { type: "integer" }, mode: { type: "string" }, old: {} },
  required: ["path", "user_id", "limit", "mode"],
  anyOf: [{ required: ["path"] }, { required: ["user_id", "limit"] }],
  dependentRequired: { limit: ["path", "user_id"], user_id: ["limit"] },
  additionalProperties: false,
};

const rules = [
  {
    match: ["read"],
    args: { set: { mode: "safe" }, default: { limit: 10 }, pin: { user_id: "u1" }, rename: { path: "file" }, drop: ["old"] },
  },
];

describe("a tool's arguments", () => {
  test("the schema and the calls agree", async () => {
    await using it = await hosted({ tools: [{ name: "read", inputSchema }] }, { rules });
    expect((await it.tool("read")).inputSchema).toEqual({
      type: "object",
      properties: { file: { type: "string" }, limit: { type: "integer", default: 10 }, mode: { type: "string" } },
      required: ["file"],
      anyOf: [{ required: ["file"] }, {}],
      dependentRequired: { limit: ["file"] },
      additionalProperties: false,
    });
    await it.client.callTool({ name: "read", arguments: { file: "/a", mode: "fast", old: 1 } });
    expect(it.server.arguments).toEqual({ path: "/a", limit: 10, user_id: "u1", mode: "safe" });
    await it.client.callTool({ name: "read", arguments: { file: "/a", limit: 3 } });
    expect(it.server.arguments).toEqual({ path: "/a", limit: 3, user_id: "u1", mode: "safe" });
    await it.client.callTool({ name: "read" });
    expect(it.server.arguments).toEqual({ limit: 10, user_id: "u1", mode: "safe" });
  });

  test.each(["user_id", "USER_ID", "userId", "user-id", "User Id", "ｕser_id", "user\u200b_id", "u\u017fer_id", "__user_id__"])(
    "a pinned argument cannot be set as %j",
    async (name) => {
      await using it = await hosted({ tools: [{ name: "read", inputSchema }] }, { rules });
      await it.client.callTool({ name: "read", arguments: { [name]: "evil", file: "/a" } });
      expect(it.server.arguments).toEqual({ path: "/a", limit: 10, user_id: "u1", mode: "safe" });
    },
  );

  test("nor through another spelling of params.arguments, nor under the native name of a renamed argument", async () => {
    await using it = await hosted({ tools: [{ name: "read", inputSchema }] }, { rules });
    const params = {
      name: "read",
      arguments: { file: "/a", path: "/evil", Path: "/evil" },
      Arguments: { user_id: "evil" },
      "argu-ments": {},
      NAME: "x",
    };
    await it.client.callTool(params);
    const sent = it.server.requests.at(-1)?.params;
    expect({ ...sent, _meta: undefined }).toEqual({ name: "read", arguments: { path: "/a", limit: 10, user_id: "u1", mode: "safe" } });
  });

  test("an argument may be called like a property that every object has", async () => {
    await using it = await hosted(
      { tools: [{ name: "read" }] },
      { rules: [{ match: ["*"], args: { pin: { constructor: 1 }, default: { toString: 2 } } }] },
    );
    await it.client.callTool({ name: "read", arguments: { Constructor: "evil", a: 1 } });
    expect(JSON.stringify(it.server.arguments)).toBe('{"a":1,"toString":2,"constructor":1}');
  });

  test("what is judged in permit is what is sent", async () => {
    const { definePlugin } = await import("mcp-host");
    const judged: unknown[] = [];
    const judge = definePlugin({
      name: "judge",
      host: "^1.0.0",
      apply: (host) =>
        host.hooks.permit.tap("judge", (_entry, _caller, exchange) => void (exchange && judged.push(exchange.params.arguments))),
    });
    await using it = await hosted({ tools: [{ name: "read", inputSchema }] }, { rules }, { before: [judge()] });
    await it.client.callTool({ name: "read", arguments: { file: "/a", user_id: "evil" } });
    expect(judged).toEqual([it.server.arguments]);
  });

  test("a local $ref is followed, names may be swapped, and a name that was given away is out of reach", async () => {
    const schema = {
      $ref: "#/$defs/In",
      $defs: { In: { type: "object", properties: { a: { type: "string" }, b: { type: "number" }, c: {} } } },
    };
    await using it = await hosted(
      { tools: [{ name: "read", inputSchema: { type: "object", ...schema } }] },
      {
        rules: [
          { match: ["*"], args: { rename: { a: "b", b: "a" } } },
          { match: ["read"], args: { rename: { c: "d" } } },
        ],
      },
    );
    expect((await it.tool("read")).inputSchema).toMatchObject({ properties: { b: { type: "string" }, a: { type: "number" }, d: {} } });
    await it.client.callTool({ name: "read", arguments: { a: 1, b: "x", d: true, c: false } });
    expect(it.server.arguments).toEqual({ b: 1, a: "x", c: true });
  });

  test("arguments that are no object are refused", async () => {
    await using it = await hosted({ tools: [{ name: "read" }] }, { rules });
    // The SDK's client would not send it.
    const { ResultSchema } = await import("@modelcontextprotocol/sdk/types.js");
    const request = it.client.request({ method: "tools/call", params: { name: "read", arguments: [1] } } as never, ResultSchema);
    await expect(request).rejects.toThrow("params.arguments must be an object");
  });
});

describe("a prompt's arguments", () => {
  const prompts = [{ name: "greet", arguments: [{ name: "who", required: true }, { name: "tone" }, { name: "lang", required: true }] }];
  const greet = [{ match: ["greet"], args: { rename: { who: "person" }, pin: { tone: 3 }, default: { lang: "en" } } }];

  test("are renamed, pinned as texts and defaulted", async () => {
    await using it = await hosted({ prompts, answer: () => ({ messages: [] }) }, { rules: greet });
    expect((await it.client.listPrompts()).prompts[0]?.arguments).toEqual([
      { name: "person", required: true },
      { name: "lang", required: false },
    ]);
    await it.client.getPrompt({ name: "greet", arguments: { person: "Ada", tone: "rude" } });
    expect(it.server.arguments).toEqual({ who: "Ada", lang: "en", tone: "3" });
  });

  test("are completed under the upstream's names", async () => {
    await using it = await hosted({ prompts, answer: () => ({ completion: { values: ["Ada"] } }) }, { rules: greet });
    const ref = { type: "ref/prompt" as const, name: "greet" };
    await it.client.complete({ ref, argument: { name: "person", value: "A" }, context: { arguments: { tone: "x", lang: "de" } } });
    expect(it.server.requests.at(-1)?.params).toMatchObject({
      argument: { name: "who", value: "A" },
      context: { arguments: { lang: "de" } },
    });
    await expect(it.client.complete({ ref, argument: { name: "tone", value: "" } })).rejects.toThrow("Unknown argument: tone");
  });
});

describe("a completion's arguments", () => {
  const prompts = [{ name: "greet", arguments: [{ name: "who" }, { name: "tone" }, { name: "lang" }, { name: "note" }] }];
  const answer = (): unknown => ({ completion: { values: [] } });
  const ref = { type: "ref/prompt" as const, name: "greet" };
  const guarding = [{ match: ["greet"], redact: { detectors: ["email"], fields: ["note"], in: ["arguments" as const] }, strip: true }];

  test("are stripped and redacted like those of a call", async () => {
    await using it = await hosted({ prompts, answer }, { rules: guarding });
    await it.client.complete({
      ref,
      argument: { name: "who", value: "A\u200bda ada@example.org" },
      context: { arguments: { note: "mine", tone: "as bob@example.org" } },
    });
    expect(it.server.requests.at(-1)?.params).toMatchObject({
      argument: { name: "who", value: "Ada [redacted:email]" },
      context: { arguments: { note: "[redacted:field]", tone: "as [redacted:email]" } },
    });
    await it.client.complete({ ref, argument: { name: "note", value: "mine" } });
    expect(it.server.requests.at(-1)?.params).toMatchObject({ argument: { name: "note", value: "[redacted:field]" } });
    expect(it.server.requests.at(-1)?.params).not.toHaveProperty("context");
  });

  test("are pinned, set and defaulted beside the one that is completed", async () => {
    const args = { pin: { tone: 3 }, set: { note: "n" }, default: { lang: "en", who: "Bob" } };
    await using it = await hosted({ prompts, answer }, { rules: [{ match: ["greet"], args }] });
    await it.client.complete({ ref, argument: { name: "who", value: "A" } });
    expect(it.server.requests.at(-1)?.params).toMatchObject({ argument: { name: "who", value: "A" } });
    expect(it.server.requests.at(-1)?.params.context).toEqual({ arguments: { lang: "en", note: "n", tone: "3" } });
    await it.client.complete({ ref, argument: { name: "who", value: "A" }, context: { arguments: { TONE: "x", lang: "de" } } });
    expect(it.server.requests.at(-1)?.params.context).toEqual({ arguments: { lang: "de", note: "n", tone: "3" } });
  });

  test("stay in a dry run", async () => {
    const args = { pin: { who: "x" } };
    await using it = await hosted({ prompts, answer }, { dryRun: true, rules: [...guarding, { match: ["greet"], args }] });
    await it.client.complete({ ref, argument: { name: "who", value: "ada@example.org" } });
    expect(it.server.requests.at(-1)?.params).toMatchObject({ argument: { name: "who", value: "ada@example.org" } });
    expect(it.server.requests.at(-1)?.params).not.toHaveProperty("context");
  });
});

test("a name with a dotless i is the pinned one too", async () => {
  await using it = await hosted({ tools: [{ name: "read" }] }, { rules: [{ match: ["read"], args: { pin: { user_id: "u1" } } }] });
  await it.client.callTool({ name: "read", arguments: { "user_\u0131d": "root", "USER_\u0130D": "root" } });
  expect(it.server.arguments).toEqual({ user_id: "u1" });
});

describe("enriching", () => {
  test("arguments get what the context says and clients cannot say it", async () => {
    process.env.TRANSFORM_TEST_REGION = "eu";
    await using it = await hosted(
      { tools: [{ name: "read", inputSchema: { type: "object", properties: { who: {}, region: {} }, required: ["who"] } }] },
      {
        environment: ["TRANSFORM_TEST_REGION"],
        rules: [
          {
            match: ["*"],
            enrich: {
              arguments: {
                who: "principal.id",
                roles: "principal.roles",
                region: "environment.TRANSFORM_TEST_REGION",
                client: "client.name",
                at: "time",
                tool: "entry.name",
                none: "principal.claims.a.b",
              },
            },
          },
        ],
      },
    );
    expect((await it.tool("read")).inputSchema).toEqual({ type: "object", properties: {} });
    await it.client.callTool({ name: "read", arguments: { who: "root", Region: "us" } });
    expect(it.server.arguments).toEqual({
      who: "local",
      roles: [],
      region: "eu",
      client: "test-client",
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      tool: "read",
    });
  });

  test("results get fields, in structure and text alike, or in _meta where there is no structure", async () => {
    const tools = [
      { name: "read", outputSchema: { type: "object", properties: { a: { type: "number" } }, additionalProperties: false } },
      { name: "say" },
    ];
    await using it = await hosted(
      {
        tools,
        answer: (_, { name }) =>
          name === "read" ? { content: [{ type: "text", text: '{"a":1}' }], structuredContent: { a: 1 } } : says("plain"),
      },
      { rules: [{ match: ["*"], enrich: { result: { by: "entry.upstream", version: "client.version" } } }] },
    );
    await it.client.listTools(); // the SDK's client checks results against the listed schema
    expect(await it.client.callTool({ name: "read" })).toEqual({
      content: [{ type: "text", text: '{"a":1,"by":"one","version":"1.2.3"}' }],
      structuredContent: { a: 1, by: "one", version: "1.2.3" },
    });
    expect(await it.client.callTool({ name: "say" })).toMatchObject({ _meta: { "io.mcp-host/context": { by: "one", version: "1.2.3" } } });
  });
});

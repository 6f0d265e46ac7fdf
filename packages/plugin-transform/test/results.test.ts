import { ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { FakeClock } from "mcp-host/testing";
import { describe, expect, test, vi } from "vitest";
import { Failure, hosted, says, twice } from "./scripted.ts";

type Json = Record<string, unknown>;

const rows = {
  total: 2,
  items: [
    { id: 1, name: "a", secret: "x" },
    { id: 2, name: "b", secret: "y" },
  ],
};
const outputSchema = {
  type: "object",
  properties: {
    total: { type: "integer" },
    items: {
      type: "array",
      items: {
        type: "object",
        properties: { id: {}, name: { type: "string" }, secret: {} },
        required: ["id", "secret"],
        additionalProperties: false,
      },
    },
  },
  required: ["total", "items"],
  additionalProperties: false,
};

/** Where to read on after a result. */
const restOf = ({ _meta }: { _meta?: Record<string, unknown> | undefined }): string =>
  String((_meta?.["io.mcp-host/truncated"] as { rest?: string } | undefined)?.rest);

describe("shaping", () => {
  test("pick keeps fields in structure, text and output schema alike", async () => {
    await using it = await hosted(
      { tools: [{ name: "rows", outputSchema }], answer: () => twice(rows) },
      { rules: [{ match: ["rows"], result: { pick: ["items.id", "items.name", "gone"] } }] },
    );
    const picked = {
      items: [
        { id: 1, name: "a" },
        { id: 2, name: "b" },
      ],
    };
    expect((await it.tool("rows")).outputSchema).toEqual({
      type: "object",
      properties: {
        items: {
          type: "array",
          items: { type: "object", properties: { id: {}, name: { type: "string" } }, required: ["id"], additionalProperties: false },
        },
      },
      required: ["items"],
      additionalProperties: false,
    });
    expect(await it.client.callTool({ name: "rows" })).toEqual(twice(picked));
  });

  test("text that said something else does not go on saying what was taken out", async () => {
    await using it = await hosted(
      {
        tools: [{ name: "rows" }],
        answer: () => ({
          content: [
            { type: "text", text: "secret x" },
            { type: "image", data: "AA==", mimeType: "image/png" },
            { type: "text", text: "y" },
          ],
          structuredContent: rows,
        }),
      },
      { rules: [{ match: ["rows"], result: { pick: ["total"] } }] },
    );
    expect(await it.client.callTool({ name: "rows" })).toEqual({
      content: [
        { type: "text", text: '{"total":2}' },
        { type: "image", data: "AA==", mimeType: "image/png" },
      ],
      structuredContent: { total: 2 },
    });
  });

  test("JSONata reshapes structure and text; its schema is the operator's", async () => {
    const schema = { type: "object", properties: { names: { type: "array", items: { type: "string" } } }, required: ["names"] };
    await using it = await hosted(
      {
        tools: [
          { name: "rows", outputSchema },
          { name: "text", outputSchema },
        ],
        answer: (_, { name }) => (name === "rows" ? twice(rows) : says(JSON.stringify(rows, null, 2))),
      },
      {
        rules: [
          { match: ["rows"], result: { jsonata: '{"names": items.name}', outputSchema: schema } },
          { match: ["text"], result: { jsonata: "$sum(items.id)" } },
        ],
      },
    );
    expect((await it.tool("rows")).outputSchema).toEqual(schema);
    expect((await it.tool("text")).outputSchema).toBeUndefined();
    expect(await it.client.callTool({ name: "rows" })).toEqual(twice({ names: ["a", "b"] }));
    expect(await it.client.callTool({ name: "text" })).toEqual(says("3"));
  });

  test("JSONata gets plain text and a resource's JSON too; errors and tasks are left alone", async () => {
    await using it = await hosted(
      {
        tools: [{ name: "plain" }, { name: "broken" }, { name: "nothing" }],
        resources: [{ uri: "x://a", name: "a" }],
        answer: (method, { name }) => {
          if (method === "resources/read") return { contents: [{ uri: "x://a", mimeType: "application/json", text: '{"a":{"b":1}}' }] };
          if (name === "nothing") return { content: [] };
          return { ...says("hello"), ...(name === "broken" && { isError: true }) };
        },
      },
      {
        rules: [
          { match: ["plain", "broken", "nothing"], result: { jsonata: "$uppercase($)" } },
          { match: ["x://*"], result: { jsonata: "a" } },
        ],
      },
    );
    expect(await it.text("plain")).toEqual(["HELLO"]);
    expect(await it.text("broken")).toEqual(["hello"]);
    expect(await it.text("nothing")).toEqual([]);
    expect((await it.client.readResource({ uri: "x://a" })).contents).toEqual([
      { uri: "x://a", mimeType: "application/json", text: '{"b":1}' },
    ]);
  });

  test.each([
    // JSONata's own clock may be quicker than that of the thread's owner.
    ["takes too long", "($f := function($n){ $f($n + 1) }; $f(0))", /took longer than 500 ms|D1012/],
    ["recurses without end", "($f := function($n){ 1 + $f($n + 1) }; $f(0))", /result\.jsonata of plugin transform could not be applied/],
    ["gets a value that it cannot take", "$number(a)", /D3030/],
  ])("an expression that %s fails its call, and the next one works", async (_, jsonata, message) => {
    await using it = await hosted(
      { tools: [{ name: "bad" }, { name: "good" }], answer: () => twice({ a: "secret" }) },
      {
        limits: { time: 500 },
        rules: [
          { match: ["bad"], result: { jsonata } },
          { match: ["good"], result: { jsonata: "{'b': a}" } },
        ],
      },
    );
    const failed = await it.client.callTool({ name: "bad" }).catch((error: Error) => error.message);
    expect(failed).toMatch(message);
    expect(failed).not.toContain("secret");
    expect(await it.client.callTool({ name: "good" })).toEqual(twice({ b: "secret" }));
  });

  test("an expression that gives no object where its outputSchema promises one fails its call", async () => {
    await using it = await hosted(
      { tools: [{ name: "rows" }], answer: () => twice(rows) },
      { rules: [{ match: ["*"], result: { jsonata: "items.id", outputSchema: { type: "object" } } }] },
    );
    await expect(it.client.callTool({ name: "rows" })).rejects.toThrow("rules[0].result.jsonata of plugin transform gave no object");
  });

  test("input that is too large or too deep is refused", async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 30; level++) deep = [deep];
    await using it = await hosted(
      {
        tools: [{ name: "deep" }, { name: "large" }],
        answer: (_, { name }) => twice(name === "deep" ? { deep } : { text: "x".repeat(3_000) }),
      },
      { limits: { depth: 20, size: "2kb" }, rules: [{ match: ["*"], result: { jsonata: "$" } }] },
    );
    await expect(it.client.callTool({ name: "deep" })).rejects.toThrow("it is nested more than 20 deep");
    await expect(it.client.callTool({ name: "large" })).rejects.toThrow("it has more than 2048 bytes");
  });
});

describe("validating", () => {
  const rule = {
    match: ["*"],
    validate: {
      arguments: { type: "object", properties: { n: { type: "integer", enum: [1, 2] } }, required: ["n"], additionalProperties: false },
      result: { $schema: "http://json-schema.org/draft-07/schema#", type: "object", required: ["ok"] },
    },
  };

  test("arguments as they are sent and results as they come are held to the operator's schemas", async () => {
    await using it = await hosted(
      {
        tools: [{ name: "t" }],
        answer: (_, { arguments: given }) => ((given as { n: number }).n === 1 ? twice({ ok: 1 }) : says("no JSON")),
      },
      { rules: [rule] },
    );
    expect(await it.client.callTool({ name: "t", arguments: { n: 1 } })).toEqual(twice({ ok: 1 }));
    await expect(it.client.callTool({ name: "t", arguments: { n: "1" } })).rejects.toThrow(
      'tool "t" does not take these arguments: /n must be integer',
    );
    await expect(it.client.callTool({ name: "t", arguments: { n: 3 } })).rejects.toThrow(
      "/n must be equal to one of the allowed values: 1, 2",
    );
    await expect(it.client.callTool({ name: "t", arguments: { n: 1, x: 1 } })).rejects.toThrow("/ must NOT have additional properties");
    expect(it.server.requests).toHaveLength(1);
    await expect(it.client.callTool({ name: "t", arguments: { n: 2 } })).rejects.toThrow(
      'tool "t" answered something that its schema does not allow: / must be object',
    );
  });

  test("a pattern that would take for ever is ended, and the event loop goes on meanwhile", async () => {
    await using it = await hosted(
      { tools: [{ name: "slow" }, { name: "quick" }] },
      {
        limits: { time: 100 },
        rules: [{ match: ["slow"], validate: { arguments: { properties: { a: { type: "string", pattern: "^(a+)+$" } } } } }],
      },
    );
    const slow = it.client.callTool({ name: "slow", arguments: { a: `${"a".repeat(60)}!` } }).catch((error: Error) => error.message);
    await it.client.callTool({ name: "quick" });
    expect(it.server.requests.map(({ params }) => params.name)).toEqual(["quick"]);
    expect(await slow).toContain("it took longer than 100 ms");
    expect(it.host.reports().transform).toMatchObject({ worker: { kills: 1 } });
    await it.client.callTool({ name: "slow", arguments: { a: "aaa" } });
  });
});

describe("truncating", () => {
  const text = Array.from({ length: 100 }, (_, at) => `line ${at}\n`).join("");

  test("a long result ends with a notice, and the same tool reads on until the end without reaching the upstream", async () => {
    await using it = await hosted(
      {
        tools: [
          { name: "log", inputSchema: { type: "object", properties: { path: {} }, required: ["path"] }, outputSchema: { type: "object" } },
        ],
        answer: () => says(text),
      },
      { rules: [{ match: ["log"], result: { truncate: { max: 300 } } }] },
    );
    const tool = await it.tool("log");
    expect(tool.inputSchema).toMatchObject({ properties: { path: {}, _rest: { type: "string" } }, required: ["path"] });
    expect(tool.outputSchema).toBeUndefined();
    let read = "";
    let rest: string | undefined;
    let calls = 0;
    do {
      const { content, _meta } = await it.client.callTool({ name: "log", arguments: { path: "/a", ...(rest && { _rest: rest }) } });
      const [piece, notice] = content as { text: string }[];
      read += piece?.text;
      rest = (_meta?.["io.mcp-host/truncated"] as { rest?: string } | undefined)?.rest;
      if (rest)
        expect(notice?.text).toMatch(
          /^\[truncated: 300 of \d+ characters; call this tool again with the same arguments and \{"_rest":"[\w-]{22}\.\d+"\} to read on\]$/,
        );
      if (rest) expect(notice?.text).toContain(rest);
      calls++;
    } while (rest);
    expect(read).toBe(text);
    expect(calls).toBe(Math.ceil(text.length / 300));
    expect(it.server.requests).toHaveLength(1);
    expect(it.server.arguments).toEqual({ path: "/a" });
  });

  test("a rest is read only by who got it, through its own tool, and while it is kept", async () => {
    const clock = new FakeClock();
    await using it = await hosted(
      { tools: [{ name: "log" }, { name: "other" }], answer: () => says(text) },
      { rest: { time: "1m" }, rules: [{ match: ["*"], result: { truncate: { max: 300 } } }] },
      { clock },
    );
    const { _meta } = await it.client.callTool({ name: "log" });
    const rest = restOf({ _meta });
    const other = await it.connect();
    const gone = /Nothing is kept under/;
    await expect(other.callTool({ name: "log", arguments: { _rest: rest } })).rejects.toThrow(gone);
    await expect(it.client.callTool({ name: "other", arguments: { _rest: rest } })).rejects.toThrow(gone);
    for (const bad of [`${rest}9999`, rest.replace(/\.\d+$/, ".-1"), "nonsense", `${rest.split(".")[0]}.0x1`])
      await expect(it.client.callTool({ name: "log", arguments: { _rest: bad } })).rejects.toThrow(gone);
    expect(await it.text("log", { _rest: rest })).toHaveLength(2);
    await clock.advance(60_001);
    await expect(it.client.callTool({ name: "log", arguments: { _rest: rest } })).rejects.toThrow(gone);
    expect(it.server.requests).toHaveLength(1);
  });

  test("an empty or strange _rest is no argument at all", async () => {
    await using it = await hosted(
      { tools: [{ name: "log" }] },
      { rules: [{ match: ["*"], args: { pin: { a: 1 } }, result: { truncate: { max: 300 } } }] },
    );
    for (const _rest of ["", null, 3]) {
      await it.client.callTool({ name: "log", arguments: { _rest, b: 2 } });
      expect(it.server.arguments).toEqual({ b: 2, a: 1 });
    }
  });

  test("an empty _rest is taken away even where no argument is edited", async () => {
    await using it = await hosted({ tools: [{ name: "log" }] }, { rules: [{ match: ["*"], result: { truncate: { max: 300 } } }] });
    await it.client.callTool({ name: "log", arguments: { _rest: "", b: 2 } });
    expect(it.server.arguments).toEqual({ b: 2 });
  });

  test("structure goes when its text is cut; what is only in structure is text too; images stay", async () => {
    const long = { a: "x".repeat(50) };
    const image = { type: "image", data: "A".repeat(400), mimeType: "image/png" };
    await using it = await hosted(
      {
        tools: [{ name: "both" }, { name: "only" }, { name: "short" }],
        answer: (_, { name }) =>
          name === "both"
            ? { ...twice(long), content: [image, ...(twice(long).content as object[])] }
            : name === "only"
              ? { content: [], structuredContent: long }
              : twice({ a: 1 }),
      },
      { rules: [{ match: ["*"], result: { truncate: { max: 20, notice: "cut at {shown}/{total} {unit}", rest: false } } }] },
    );
    const both = await it.client.callTool({ name: "both" });
    expect(both).toEqual({
      content: [image, { type: "text", text: `{"a":"${"x".repeat(14)}` }, { type: "text", text: "cut at 20/58 characters" }],
      _meta: { "io.mcp-host/truncated": { shown: 20, total: 58, unit: "characters" } },
    });
    expect(await it.text("only")).toEqual([`{"a":"${"x".repeat(14)}`, "cut at 20/58 characters"]);
    expect(await it.client.callTool({ name: "short" })).toEqual(twice({ a: 1 }));
  });

  test.each([
    ["bytes", "ääää🙂", 9, "ääää"],
    ["tokens", "abcdefgh漢字漢字", 4, "abcdefgh漢字"],
    ["characters", "🙂🙂🙂", 2, "🙂🙂"],
  ] as const)("by %s, never within a character", async (unit, long, max, head) => {
    await using it = await hosted(
      { tools: [{ name: "t" }], answer: () => says(long) },
      { rules: [{ match: ["t"], result: { truncate: { max, unit, notice: "-" } } }] },
    );
    expect((await it.text("t"))[0]).toBe(head);
  });

  test("prompts and resources are cut too and read on through _meta", async () => {
    const embedded = { type: "resource", resource: { uri: "x://e", text } };
    await using it = await hosted(
      {
        prompts: [{ name: "p" }],
        resources: [{ uri: "x://a", name: "a" }],
        answer: (method) =>
          method === "prompts/get"
            ? {
                messages: [
                  { role: "user", content: embedded },
                  { role: "user", content: { type: "text", text: "more" } },
                ],
              }
            : { contents: [{ uri: "x://a", text }] },
      },
      { rules: [{ match: ["*"], result: { truncate: { max: 600 } } }] },
    );
    const { messages, _meta } = await it.client.getPrompt({ name: "p" });
    expect(JSON.stringify(messages)).toContain("in _meta to read on");
    const rest = restOf({ _meta });
    const next = await it.client.getPrompt({ name: "p", _meta: { "io.mcp-host/rest": rest } });
    expect(next.messages).toEqual([{ role: "user", content: { type: "text", text: `${text.slice(600)}\n\nmore` } }]);
    const first = await it.client.readResource({ uri: "x://a" });
    const place = restOf(first);
    expect((await it.client.readResource({ uri: "x://a", _meta: { "io.mcp-host/rest": place } })).contents).toEqual([
      { uri: "x://a", mimeType: "text/plain", text: text.slice(600) },
    ]);
    expect(it.server.requests).toHaveLength(2);
  });
});

describe("redacting and stripping", () => {
  const email = "ada@example.org";

  test("arguments, results, logs, progress and errors lose what the detectors find; structure and text agree", async () => {
    await using it = await hosted(
      {
        tools: [
          {
            name: "t",
            outputSchema: {
              type: "object",
              properties: {
                mail: { type: "string", format: "email" },
                card: { type: "integer" },
                token: { type: "string", pattern: "^t" },
              },
            },
          },
        ],
        answer: (_method, params, notify) => {
          const { progressToken } = (params._meta ?? {}) as { progressToken?: number };
          if (progressToken !== undefined) notify("notifications/progress", { progressToken, progress: 1, message: `asking ${email}` });
          if ((params.arguments as { fail?: boolean }).fail) throw new Failure(-32050, `no ${email}`, { who: email, uri: "x" });
          return {
            content: [
              { type: "text", text: JSON.stringify({ mail: email, card: 4111111111111111, token: "tt" }, null, 2) },
              { type: "text", text: `mail ${email}` },
            ],
            structuredContent: { mail: email, card: 4111111111111111, token: "tt" },
          };
        },
      },
      { rules: [{ match: ["*"], redact: { fields: ["Token"] }, strip: true }] },
    );
    expect((await it.tool("t")).outputSchema).toEqual({
      type: "object",
      properties: { mail: { type: "string" }, card: { type: ["integer", "string"] }, token: {} },
    });
    const told: unknown[] = [];
    const result = await it.client.callTool({ name: "t", arguments: { to: email } }, undefined, {
      onprogress: (progress) => told.push(progress),
    });
    const clean = { mail: "[redacted:email]", card: "[redacted:card]", token: "[redacted:field]" };
    expect(result).toEqual({
      content: [
        { type: "text", text: JSON.stringify(clean, null, 2) },
        { type: "text", text: "mail [redacted:email]" },
      ],
      structuredContent: clean,
    });
    expect(it.server.arguments).toEqual({ to: "[redacted:email]" });
    await vi.waitFor(() => expect(told).toEqual([{ progress: 1, message: "asking [redacted:email]" }]));
    const failed = await it.client.callTool({ name: "t", arguments: { fail: true } }).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: -32050,
      message: expect.stringContaining("no [redacted:email]"),
      data: { who: "[redacted:email]", uri: "x" },
    });
    expect(JSON.stringify(it.logs)).not.toContain(email);
  });

  test("only at the places and by the detectors of the rule; another upstream's messages are left alone", async () => {
    await using it = await hosted(
      { tools: [{ name: "t" }, { name: "u" }], answer: () => says(`${email} 10.0.0.1 A\u200bB`) },
      { rules: [{ match: ["t"], redact: { detectors: ["ipv4"], in: ["results"], replacement: "<{detector}>" }, strip: { in: ["logs"] } }] },
    );
    expect(await it.text("t", { to: "10.0.0.1" })).toEqual([`${email} <ipv4> A\u200bB`]);
    expect(it.server.arguments).toEqual({ to: "10.0.0.1" });
    expect(await it.text("u")).toEqual([`${email} 10.0.0.1 A\u200bB`]);
  });

  test("identifiers and binary data stay as they are", async () => {
    const content = [
      { type: "resource_link", uri: `mailto:${email}`, name: email },
      { type: "image", data: "QUtJQUlPU0ZPRE5ON0VYQU1QTEU=", mimeType: "image/png" },
      { type: "resource", resource: { uri: `x://${email}`, blob: "AKIAIOSFODNN7EXAMPLE" } },
    ];
    await using it = await hosted({ tools: [{ name: "t" }], answer: () => ({ content }) }, { rules: [{ match: ["*"], redact: true }] });
    expect(await it.client.callTool({ name: "t" })).toEqual({
      content: [{ ...content[0], name: "[redacted:email]" }, ...content.slice(1)],
    });
  });

  test("log messages that belong to no call are redacted by the rules of their upstream", async () => {
    await using it = await hosted({ tools: [{ name: "t" }], answer: () => says("x") }, { rules: [{ match: ["t"], redact: ["email"] }] });
    const { LoggingMessageNotificationSchema } = await import("@modelcontextprotocol/sdk/types.js");
    const told: unknown[] = [];
    it.client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void told.push(params.data));
    await it.client.listTools();
    it.server.notify("notifications/message", { level: "info", data: { from: email, n: [1, email] } });
    await vi.waitFor(() => expect(told).toEqual([{ from: "[redacted:email]", n: [1, "[redacted:email]"] }]));
  });

  test("a detector of another plugin and one of the options are used", async () => {
    const { definePlugin } = await import("mcp-host");
    const { DETECTORS } = await import("@host/plugin-transform");
    const tickets = definePlugin({
      name: "tickets",
      host: "^1.0.0",
      apply(host) {
        host.find(DETECTORS)?.add("ticket", { pattern: /\bT-\d{6}\b/gu });
        expect(() => host.use(DETECTORS).add("ticket", { pattern: /x/gu })).toThrow('there is a detector "ticket" already');
        expect(() => host.use(DETECTORS).add("bad", { pattern: /x/ })).toThrow('must have the flags "g" and "u"');
        expect(() => host.use(DETECTORS).add("Bad", { pattern: /x/gu })).toThrow("a letter first");
        host.hooks.ready.tap("tickets", () => {});
      },
    });
    await using it = await hosted(
      { tools: [{ name: "t" }], answer: () => says("T-123456 and EMP42") },
      { detectors: { employee: "\\bEMP\\d+\\b" }, rules: [{ match: ["*"], redact: ["ticket", "employee"] }] },
      { after: [tickets()] },
    );
    expect(await it.text("t")).toEqual(["[redacted:ticket] and [redacted:employee]"]);
  });
});

describe("a dry run", () => {
  test("changes nothing and tells what it would change, without values", async () => {
    await using it = await hosted(
      {
        tools: [{ name: "t", inputSchema: { type: "object", properties: { a: {} } } }, { name: "h" }],
        answer: () => twice({ mail: "ada@example.org", other: 1 }),
      },
      {
        dryRun: true,
        rules: [
          {
            match: ["t"],
            rename: "u",
            args: { pin: { a: 1 } },
            redact: true,
            result: { pick: ["mail"], truncate: { max: 5 } },
            validate: { arguments: { required: ["zzz"] } },
          },
          { match: ["h"], hide: true },
        ],
      },
    );
    expect((await it.client.listTools()).tools).toEqual([
      { name: "t", inputSchema: { type: "object", properties: { a: {} } } },
      { name: "h", inputSchema: { type: "object" } },
    ]);
    expect(await it.client.callTool({ name: "t", arguments: { a: 2, b: "x", _rest: "y" } })).toEqual(
      twice({ mail: "ada@example.org", other: 1 }),
    );
    expect(it.server.arguments).toEqual({ a: 2, b: "x", _rest: "y" });
    await it.client.callTool({ name: "h" });
    const report = it.host.reports().transform;
    expect(report).toMatchObject({
      dryRun: true,
      changes: { "rules[0]": 3 },
      would: [
        {
          stage: "listing",
          entry: "tool t",
          rules: [0],
          changes: expect.arrayContaining(["/name changed", "/definition/inputSchema/properties/a removed"]),
        },
        { stage: "listing", entry: "tool h", rules: [1], hidden: true },
        { stage: "arguments", entry: "tool t", changes: ["/a changed"] },
        { stage: "arguments", refused: expect.stringContaining("must have required property 'zzz'") },
        { stage: "results", entry: "tool t" },
      ],
    });
    expect(JSON.stringify([report, it.logs])).not.toContain("ada@");
  });
});

test("what a task says of itself is redacted wherever it is told, and only for tools that a rule matches", async () => {
  const task = (taskId: string, more = {}) => ({
    taskId,
    status: "working",
    statusMessage: "asks ada@example.org",
    createdAt: "2026-01-01T00:00:00Z",
    lastUpdatedAt: "2026-01-01T00:00:00Z",
    ttl: 60_000,
    ...more,
  });
  await using it = await hosted(
    {
      tools: [
        { name: "work", execution: { taskSupport: "optional" } },
        { name: "open", execution: { taskSupport: "optional" } },
      ],
      answer: (method, params) => {
        if (method === "tasks/list") return { tasks: [task("work"), task("open")] };
        return method === "tools/call" ? { task: task(String(params.name)) } : task(String(params.taskId));
      },
    },
    { rules: [{ match: ["work"], redact: { detectors: ["email"], in: ["logs"] } }] },
  );
  const ask = async (method: string, params: Record<string, unknown>) =>
    (await it.client.request({ method, params }, ResultSchema)) as Json;
  const begun = (await ask("tools/call", { name: "work", task: {} })).task as Json;
  expect(begun.statusMessage).toBe("asks [redacted:email]");
  const other = (await ask("tools/call", { name: "open", task: {} })).task as Json;
  expect(other.statusMessage).toBe("asks ada@example.org");
  expect((await ask("tasks/get", { taskId: begun.taskId })).statusMessage).toBe("asks [redacted:email]");
  expect((await ask("tasks/get", { taskId: other.taskId })).statusMessage).toBe("asks ada@example.org");
  const { tasks } = (await ask("tasks/list", {})) as { tasks: Json[] };
  // Of a list no entry is known, so that it is treated like messages that belong to no call.
  expect(tasks.map(({ statusMessage }) => statusMessage)).toEqual(["asks [redacted:email]", "asks [redacted:email]"]);
  expect((await ask("tasks/cancel", { taskId: begun.taskId })).statusMessage).toBe("asks [redacted:email]");
});

import { definePlugin, type Json, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream, type TestHost, type TestHostOptions } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { editsOf } from "../dist/operator/trace-changes.js";
import { parseTraceQuery, TraceFilter, type TraceQuery } from "../dist/operator/trace-query.js";
import { type TraceRecord, TraceRecorder } from "../dist/operator/trace-record.js";

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

describe("what changed", () => {
  const edits = (before: unknown, after: unknown) => editsOf(before, after).edits;

  test.each<[what: string, before: unknown, after: unknown, edits: readonly object[]]>([
    ["a value", { a: { b: 1, c: 2 } }, { a: { b: 3, c: 2 } }, [{ path: "a.b", before: 1, after: 3 }]],
    [
      "what is new, and what is gone",
      { a: 1 },
      { b: { c: 1 } },
      [
        { path: "a", before: 1 },
        { path: "b", after: { c: 1 } },
      ],
    ],
    [
      "an item",
      { list: [1, 2] },
      { list: [1, 3, 4] },
      [
        { path: "list[1]", before: 2, after: 3 },
        { path: "list[2]", after: 4 },
      ],
    ],
    ["another kind of value", { a: "1" }, { a: [1] }, [{ path: "a", before: "1", after: [1] }]],
    ["the whole", null, "x", [{ path: "", before: null, after: "x" }]],
    ["a key that is no word", { "a.b": 1 }, { "a.b": 2 }, [{ path: '["a.b"]', before: 1, after: 2 }]],
    ["an equal copy", { a: [{ b: 1 }] }, { a: [{ b: 1 }] }, []],
    [
      "one of a list of named things, of which one is left out",
      { tools: [{ name: "x" }, { name: "y", title: "a" }] },
      { tools: [{ name: "y", title: "b" }] },
      [
        { path: "tools[x]", before: { name: "x" } },
        { path: "tools[y].title", before: "a", after: "b" },
      ],
    ],
    ["their order", [{ uri: "x" }, { uri: "y" }], [{ uri: "y" }, { uri: "x" }], [{ path: "", before: ["x", "y"], after: ["y", "x"] }]],
    ["two of a name", [{ name: "x" }, { name: "x" }], [{ name: "x" }, { name: "z" }], [{ path: "[1].name", before: "x", after: "z" }]],
  ])("%s", (_what, before, after, expected) => {
    expect(editsOf(before, after)).toMatchObject({ edits: expected, isCut: false });
    expect(edits(before, after)).toEqual(expected);
  });

  test("secrets are taken out by name and by shape, also where they are parts", () => {
    const key = `sk-${"a1b2".repeat(8)}`;
    expect(edits({ password: "one", note: `key ${key}` }, { password: "two", note: "none", auth: { token: { is: key } } })).toEqual([
      { path: "password", before: "[redacted]", after: "[redacted]" },
      { path: "note", before: "key [redacted]", after: "none" },
      { path: "auth", after: { token: "[redacted]" } },
    ]);
    // Nowhere near the place where it differs can half of it be seen.
    const long = `${"x ".repeat(100)}${key} ${"y".repeat(1_000)}`;
    const [edit] = edits({ text: long }, { text: long.replace(key, "") });
    expect(JSON.stringify(edit)).not.toContain("sk-");
    expect(JSON.stringify(edit)).not.toContain("b2a1b2");
  });

  test("long texts are shown where they differ, long values in their beginning", () => {
    const text = "a".repeat(5_000);
    const [edit] = edits({ text: `${text}one${text}` }, { text: `${text}two${text}` });
    expect(edit?.before).toMatch(/^\.\.\.a{60}onea{337}\.\.\.$/);
    expect(edit?.after).toMatch(/^\.\.\.a{60}twoa{337}\.\.\.$/);
    const [added] = edits({}, { list: Array.from({ length: 1_000 }, (_, index) => index) });
    expect(added?.after).toMatch(/^\[0,1,2.{394}\.\.\.$/);
  });

  test("is bounded: in places, in depth and in what is compared", () => {
    const many = (value: number) => Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`k${index}`, value]));
    expect(editsOf(many(1), many(2))).toMatchObject({ edits: { length: 20 }, isCut: true });
    const deep = (value: number): unknown => Array.from({ length: 100 }).reduce<unknown>((inner) => ({ inner }), value);
    expect(editsOf(deep(1), deep(2))).toMatchObject({ edits: [], isCut: true });
    const wide = (last: number) => [...Array.from({ length: 20_000 }, () => [1]), last];
    expect(editsOf(wide(1), wide(2))).toMatchObject({ edits: [], isCut: true });
  });
});

/** A host whose requests are recorded. */
async function recorded(plugins: TestHostOptions["plugins"], wants?: ConstructorParameters<typeof TraceRecorder>[0]) {
  const up = fakeUpstream({ tools: { a: () => "a", bad: () => ({ isError: true, content: [] }) } });
  const host: TestHost = await createTestHost({ plugins, upstreams: { up }, client: { principal: { id: "ann", roles: [] } } });
  await host.client.listTools();
  const records: TraceRecord[] = [];
  const recorder = new TraceRecorder(wants ?? (({ method }) => method === "tools/call"), (record) => records.push(record));
  const stop = host.host.trace(recorder.listener);
  return { up, host, records, stop };
}

describe("a record", () => {
  test("says who asked for what, what came of it and when, and holds its parts as a tree", async () => {
    const edit = plugin("edit", ({ hooks }) => {
      hooks.transform.for("tools/call").tap("edit", (params) => ({ ...params, arguments: { path: "/srv" } }));
      hooks.respond.for("tools/call").tap("edit", (result) => ({ ...result }));
    });
    const { host: made, records } = await recorded([edit]);
    await using host = made;
    await host.client.callTool("a", { path: "." });
    expect(records).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        method: "tools/call",
        entry: "a",
        upstream: "up",
        principal: "ann",
        client: "test-client",
        outcome: "ok",
        ms: expect.any(Number),
        spans: [
          {
            name: "transform",
            at: expect.any(Number),
            ms: expect.any(Number),
            spans: [
              {
                name: "transform",
                plugin: "edit",
                at: expect.any(Number),
                ms: expect.any(Number),
                did: "changed",
                changes: [{ path: "arguments.path", before: ".", after: "/srv" }],
              },
            ],
          },
          {
            name: "call",
            at: expect.any(Number),
            ms: expect.any(Number),
            spans: [{ name: "send", at: expect.any(Number), ms: expect.any(Number), route: { upstream: "up" } }],
          },
          {
            name: "respond",
            at: expect.any(Number),
            ms: expect.any(Number),
            // Another object, and nothing in it is another.
            spans: [{ name: "respond", plugin: "edit", at: expect.any(Number), ms: expect.any(Number) }],
          },
        ],
      },
    ]);
    expect(Math.abs(Date.parse(records[0]?.time ?? "") - Date.now())).toBeLessThan(60_000);
    await host.client.callTool("bad");
    await host.client.callTool("none").catch(() => {});
    expect(records.map(({ outcome, entry }) => [outcome, entry])).toEqual([
      ["ok", "a"],
      ["tool_error", "bad"],
      ["invalid_params", undefined],
    ]);
  });

  test("is made only for requests that are wanted, and holds so much of what changed at most", async () => {
    const words = (): Json => Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, `${Math.random()}`.repeat(15)]));
    const many = plugin("many", ({ hooks }) => {
      for (let index = 0; index < 100; index++)
        hooks.transform.for("tools/call").tap("many", (params) => ({ ...params, arguments: words() }));
    });
    const { host: made, records } = await recorded([many], ({ outcome }) => outcome === "ok");
    await using host = made;
    await host.client.callTool("bad");
    expect(records).toEqual([]);
    await host.client.callTool("a");
    const taps = records[0]?.spans[0]?.spans ?? [];
    expect(taps).toHaveLength(100);
    expect(taps[1]?.changes).toHaveLength(20);
    // That it was changed is told all the same.
    expect(taps.at(-1)).toMatchObject({ did: "changed", cut: true });
    expect(taps.at(-1)?.changes).toBeUndefined();
    expect(JSON.stringify(records[0]).length).toBeLessThan(128 * 1024);
  });

  test("a call whose beginning nobody heard is not recorded", async () => {
    const { host: made, up, records, stop } = await recorded([]);
    await using host = made;
    stop();
    up.latency = 1;
    const earlier = host.client.callTool("a");
    await up.until("tools/call");
    const late = new TraceRecorder(
      () => true,
      (record) => records.push(record),
    );
    host.host.trace(late.listener);
    await up.clock.advance(1);
    await earlier;
    expect(records).toEqual([]);
  });

  test("a plugin's own calls are parts of it, also with hundreds of them", async () => {
    const flow = plugin("flow", ({ hooks }) =>
      hooks.call.for("tools/call").tap("flow", (next) => async (exchange) => {
        if (exchange.parent) return next(exchange);
        for (let index = 0; index < 90; index++) await exchange.call("tools/call", { name: "bad" });
        for (let index = 0; index < 90; index++) exchange.retry("upstream_down");
        return next(exchange);
      }),
    );
    const { host: made, records } = await recorded([flow]);
    await using host = made;
    await host.client.callTool("a");
    expect(records).toMatchObject([{ entry: "a", spans: [{ name: "call" }] }]);
    const all = (nodes: TraceRecord["spans"] = []): number => nodes.reduce((sum, node) => sum + 1 + all(node.spans), 0);
    const [record] = records as [TraceRecord];
    const own = record.spans[0]?.spans?.[0]?.spans?.[0];
    expect(own).toMatchObject({ name: "tools/call", entry: "bad", spans: [{ name: "call", spans: [{ plugin: "flow" }] }] });
    // One of the call, one of its tap, 90 own calls of four each, 90 tries more and the send.
    expect(all(record.spans)).toBe(453);
    expect(record.leftOut).toBeUndefined();
  });

  test("parts beyond the bound are counted", async () => {
    const again = plugin("again", ({ hooks }) =>
      hooks.call.for("tools/call").tap("again", (next) => (exchange) => {
        exchange.attempts; // there is one from here on
        for (let index = 0; index < 700; index++) exchange.retry("upstream_down");
        return next(exchange);
      }),
    );
    const { host: made, records } = await recorded([again]);
    await using host = made;
    await host.client.callTool("a");
    // The call, its tap, 700 tries and the send.
    expect(records).toMatchObject([{ leftOut: 203 }]);
    expect(records[0]?.spans[0]?.spans?.[0]?.spans).toHaveLength(498);
  });
});

describe("a query", () => {
  const record: TraceRecord = {
    time: new Date(0).toISOString(),
    id: "1",
    method: "tools/call",
    entry: "files__read",
    principal: "team/ann",
    client: "desk",
    outcome: "ok",
    ms: 1,
    spans: [
      {
        name: "call",
        at: 0,
        spans: [
          { name: "call", plugin: "cache", at: 0, did: "answered" },
          { name: "call", plugin: "idle", at: 0 },
        ],
      },
    ],
  };
  test.each<[query: TraceQuery, fits: boolean]>([
    [{}, true],
    [{ tool: "files__*" }, true],
    [{ tool: "files" }, false],
    [{ caller: "team/*" }, true],
    [{ caller: "bob" }, false],
    [{ outcome: "ok" }, true],
    [{ outcome: "cancelled" }, false],
    [{ plugin: "cache" }, true],
    [{ plugin: "idle" }, false],
    [{ plugin: "none" }, false],
    [{ tool: "*", caller: "*", plugin: "cache", outcome: "ok" }, true],
  ])("%j", (query, fits) => {
    expect(new TraceFilter(parseTraceQuery({ ...query })).fits(record)).toBe(fits);
  });

  test.each([
    [{ tool: 1 }, '"tool" is not a text'],
    [{ plugin: [] }, '"plugin" is not a text'],
    [{ outcome: "nonsense" }, '"outcome": no request ends as "nonsense"; there are ok, tool_error, '],
    [{ outcome: "error" }, '"outcome": no request ends as "error"'],
    [{ count: 0 }, '"count" is not a number of requests'],
    [{ count: "3" }, '"count" is not a number of requests'],
  ])("%j is refused", (query, message) => {
    expect(() => parseTraceQuery(query as Json)).toThrow(message);
  });
});

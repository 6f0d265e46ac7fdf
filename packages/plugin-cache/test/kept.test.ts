import { FakeClock } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { numbered, Scripted, served } from "./served.ts";

test("results of tools in `tools` are kept, of others not, whatever the order of keys in the arguments", async () => {
  const a = new Scripted(["get", "other"]);
  await using host = await served({ a }, { tools: ["g*"] });
  const { client } = host;
  expect(await client.text("get", { x: 1, y: { b: 2, a: [1, 2] } })).toBe("1");
  expect(await client.text("get", { y: { a: [1, 2], b: 2 }, x: 1 })).toBe("1");
  expect(await client.text("get", { y: { a: [2, 1], b: 2 }, x: 1 })).toBe("2");
  expect(await client.text("get", { x: "1" })).toBe("3");
  expect(await client.text("get")).toBe("4");
  expect(await client.text("other")).toBe("5");
  expect(await client.text("other")).toBe("6");
  expect(host.stats()).toMatchObject({ hits: 1, misses: 4, ratio: 0.2, entries: 4 });
});

test("reads, prompts and completions are kept by default, each with all of its params", async () => {
  const a = new Scripted([]);
  await using host = await served({ a });
  const requests: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ["resources/read", { uri: "test://a/1" }, { uri: "test://a/2" }],
    ["prompts/get", { name: "greet", arguments: { name: "A" } }, { name: "greet", arguments: { name: "B" } }],
    [
      "completion/complete",
      { ref: { type: "ref/prompt", name: "greet" }, argument: { name: "name", value: "A" } },
      { ref: { type: "ref/prompt", name: "greet" }, argument: { name: "name", value: "A" }, context: { arguments: { x: "1" } } },
    ],
  ];
  for (const [method, params, other] of requests) {
    const first = await host.client.request(method, params);
    expect(await host.client.request(method, { ...params })).toEqual(first);
    expect(await host.client.request(method, other)).not.toEqual(first);
    expect(a.count(method), method).toBe(2);
  }
  await using without = await served({ a: new Scripted([]) }, { resources: [], prompts: "none*", completions: [] });
  for (const [method, params] of requests)
    expect(await without.client.request(method, params)).not.toEqual(await without.client.request(method, params));
  expect(without.stats()).toMatchObject({ hits: 0, misses: 0, entries: 0 });
});

test("tools with readOnlyHint are kept on upstreams in `trust`, and another tool's call drops what that upstream gave", async () => {
  const tools = [{ name: "look", annotations: { readOnlyHint: true } }, { name: "change" }];
  const make = (suffix: string) => new Scripted(tools.map((tool) => ({ ...tool, name: `${tool.name}_${suffix}` })));
  const trusted = make("trusted");
  const other = make("other");
  await using host = await served({ trusted, other }, { trust: ["trusted"] });
  const { client } = host;
  expect(await client.text("look_trusted")).toBe(await client.text("look_trusted"));
  expect(await client.text("look_other")).not.toBe(await client.text("look_other"));
  const before = await client.text("look_trusted");
  await client.call("change_other");
  expect(await client.text("look_trusted")).toBe(before);
  await client.call("change_trusted");
  expect(await client.text("look_trusted")).not.toBe(before);
});

test("`except` and a ttl of 0 keep nothing, by exposed and by native name", async () => {
  const a = new Scripted(["get_1", "get_2", "get_3", "get_4"]);
  await using host = await served({ a }, { tools: "*", except: ["a:get_1", "test://a/2"], ttls: { "get_[23]": 0, "*": "1m" } });
  const { client } = host;
  for (const name of ["get_1", "get_2", "get_3"]) expect(await client.text(name)).not.toBe(await client.text(name));
  expect(await client.text("get_4")).toBe(await client.text("get_4"));
  for (const uri of ["test://a/1", "test://a/2"]) for (let time = 0; time < 2; time++) await client.request("resources/read", { uri });
  expect([a.count("test://a/1"), a.count("test://a/2")]).toEqual([1, 2]);
  for (let time = 0; time < 2; time++) await client.request("resources/read", { uri: "test://a//%32" });
  expect(a.count("test://a//%32"), "in every spelling").toBe(2);
});

test("what stands in for an answer that could not be had is never kept", async () => {
  const substitute = {
    content: [{ type: "text", text: "later" }],
    _meta: { "io.mcp-host/fallback": { reason: "circuit_open", sent: "no" } },
  };
  const a = new Scripted(["get"], { get: () => substitute });
  await using host = await served({ a }, { tools: ["*"] });
  expect(await host.client.call("get")).toMatchObject(substitute);
  expect(await host.client.call("get")).toMatchObject(substitute);
  expect(a.count("get")).toBe(2);
});

test("errors, isError and task handles are never kept", async () => {
  const a = new Scripted(["fails", "isError", "task"], {
    fails: () => ({ error: { code: -32000, message: "no" } }),
    isError: (_, { server }) => ({ ...numbered(server.received.length), isError: true }),
    task: (_, { server }) => ({ task: { taskId: `t${server.received.length}`, status: "working" } }),
  });
  await using host = await served({ a }, { tools: "*" });
  const { client } = host;
  for (let time = 0; time < 2; time++) await expect(client.call("fails")).rejects.toMatchObject({ message: "no" });
  expect(await client.text("isError")).not.toBe(await client.text("isError"));
  await client.call("task");
  await client.call("task");
  await client.call("task", {}, { task: { ttl: 1000 } });
  await client.call("task", {}, { task: { ttl: 1000 } });
  expect([a.count("fails"), a.count("isError"), a.count("task")]).toEqual([2, 2, 4]);
  expect(host.stats()).toMatchObject({ entries: 0, hits: 0, misses: 6 });
});

test("_meta counts, except the progress token, trace context and what `ignoreMeta` says", async () => {
  const a = new Scripted(["get"]);
  await using host = await served({ a }, { tools: "get" });
  const text = (meta: Record<string, unknown>) => host.client.text("get", {}, { _meta: meta });
  expect(await text({ progressToken: 1 })).toBe("1");
  expect(await text({ progressToken: 2, traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`, tracestate: "x", baggage: "y" })).toBe(
    "1",
  );
  expect(await text({ "claudecode/toolUseId": "toolu_1" })).toBe("1");
  expect(await text({ "openai/locale": "de" })).toBe("2");
  expect(await text({ "openai/locale": "de", "claudecode/toolUseId": "toolu_2" })).toBe("2");
  expect(await text({ "openai/locale": "en" })).toBe("3");
});

test.each([
  ["vscode.requestId", "vscode.conversationId"],
  ["claudecode/toolUseId"],
  ["sessionId", "threadId", "turn_id"],
  ["ai.example/sessionID", "example.com/messageId", "callId", "trace_id"],
])("ids of clients for their calls do not count: %s %s %s %s", async (...named) => {
  const a = new Scripted(["get"]);
  await using host = await served({ a }, { tools: "get" });
  for (let call = 0; call < 3; call++) {
    const meta = Object.fromEntries(named.filter((key) => key !== undefined).map((key) => [key, `${key} ${call}`]));
    expect(await host.client.text("get", {}, { _meta: meta })).toBe("1");
  }
});

test.each(["userId", "tenant_id", "openai/subject", "identity", "requestIds"])("%s counts: an answer may depend on it", async (key) => {
  const a = new Scripted(["get"]);
  await using host = await served({ a }, { tools: "get" });
  const text = (value: string) => host.client.text("get", {}, { _meta: { [key]: value } });
  expect([await text("one"), await text("two"), await text("one")]).toEqual(["1", "2", "1"]);
});

test("`ignoreMeta` takes the place of what is ignored by default", async () => {
  const a = new Scripted(["get"]);
  await using host = await served({ a }, { tools: "get", ignoreMeta: ["mine"] });
  const text = (meta: Record<string, unknown>) => host.client.text("get", {}, { _meta: meta });
  expect([await text({ mine: 1 }), await text({ mine: 2 }), await text({ sessionId: "a" }), await text({ sessionId: "b" })]).toEqual([
    "1",
    "1",
    "2",
    "3",
  ]);
});

test("no arguments and none of them are one call", async () => {
  const a = new Scripted(["get"]);
  await using host = await served({ a }, { tools: "get" });
  const { client } = host;
  for (const params of [{ name: "get" }, { name: "get", arguments: {} }, { name: "get", arguments: {}, _meta: { sessionId: "s" } }])
    await client.request("tools/call", params);
  expect(a.count("get")).toBe(1);
});

test("equal names and arguments of two upstreams are two results", async () => {
  const prefix = await import("@host/plugin-namespace");
  const a = new Scripted(["get"], { get: () => numbered(1) });
  const b = new Scripted(["get"], { get: () => numbered(2) });
  await using host = await served({ a, b }, { tools: "*:get" }, { before: [prefix.namespace()] });
  for (let time = 0; time < 2; time++) expect([await host.client.text("a__get"), await host.client.text("b__get")]).toEqual(["1", "2"]);
  expect([a.count("get"), b.count("get")]).toEqual([1, 1]);
});

test("one client's results are not another's, unless they are shared and the upstream is too", async () => {
  const run = async (options: Parameters<typeof served>[1], upstream: Record<string, unknown> = {}): Promise<number> => {
    const a = new Scripted(["get"]);
    await using host = await served({ a }, { tools: "get", ...options }, { upstream });
    const other = await host.connect();
    for (const each of [host.client, other, host.client, other]) await each.call("get");
    return a.count("get");
  };
  expect(await run({})).toBe(2);
  expect(await run({ scope: "shared" })).toBe(1);
  expect(await run({ scope: "shared" }, { isolation: "session" })).toBe(2);
  expect(await run({ scope: "shared" }, { isolation: "principal" })).toBe(2);
});

test("a kept result cannot be changed by whoever is given it, and not through the server's own object", async () => {
  const own = { content: [{ type: "text", text: "1" }] };
  const a = new Scripted(["get"], { get: () => own });
  await using host = await served({ a }, { tools: "get" });
  await host.client.call("get");
  own.content[0] = { type: "text", text: "changed" };
  const kept = await host.client.call("get");
  expect(kept).toEqual({ content: [{ type: "text", text: "1" }] });
  expect(() => (kept.content as unknown[]).push(1)).toThrow(TypeError);
});

test("the size is bounded: what was unused for longest goes, and what is too large is not kept", async () => {
  const a = new Scripted(["get"], {
    get: ({ arguments: args }) => ({ content: [{ type: "text", text: "x".repeat((args as { n: number }).n) }] }),
  });
  await using host = await served({ a }, { tools: "get", maxSize: 4_000, maxEntrySize: "2kb" });
  const { client } = host;
  for (const n of [1_000, 1_001, 1_000, 1_002, 5_000]) await client.call("get", { n });
  expect(host.stats()).toMatchObject({ entries: 2, evictions: 1, hits: 1 });
  expect(host.stats().bytes).toBeLessThanOrEqual(4_000);
  await client.call("get", { n: 1_000 });
  expect(host.stats()).toMatchObject({ hits: 2 });
  await client.call("get", { n: 1_001 });
  await client.call("get", { n: 5_000 });
  expect(host.stats()).toMatchObject({ hits: 2, evictions: 2 });
});

test("a result is fresh for its ttl, then it is got again", async () => {
  const clock = new FakeClock();
  const a = new Scripted(["get", "short"]);
  await using host = await served({ a }, { tools: "*", ttl: "10s", ttls: { short: "1s" } }, { clock });
  const texts = async () => [await host.client.text("get"), await host.client.text("short")];
  expect(await texts()).toEqual(["1", "2"]);
  await clock.advance(999);
  expect(await texts()).toEqual(["1", "2"]);
  await clock.advance(2);
  expect(await texts()).toEqual(["1", "3"]);
  await clock.advance(8_998);
  expect(await texts()).toEqual(["1", "4"]);
  await clock.advance(2);
  expect(await texts()).toEqual(["5", "4"]);
});

test("what is stale is given once more while one call in the background gets a new one", async () => {
  const clock = new FakeClock();
  const a = new Scripted(["get"]);
  await using host = await served({ a }, { tools: "*", ttl: "10s", staleWhileRevalidate: "5s" }, { clock });
  const { client } = host;
  expect(await client.text("get")).toBe("1");
  await clock.advance(11_000);
  expect(await Promise.all([client.text("get"), client.text("get")])).toEqual(["1", "1"]);
  await vi.waitFor(async () => expect(await client.text("get")).toBe("2"));
  expect(a.count("get")).toBe(2);
  expect(host.stats()).toMatchObject({ misses: 1, stale: expect.any(Number) });
  // Past both, nothing old is given; and a refresh that fails leaves the old one until then.
  a.answers.get = () => ({ error: { code: 1, message: "down" } });
  await clock.advance(12_000);
  expect(await client.text("get")).toBe("2");
  await vi.waitFor(() => expect(a.count("get")).toBe(3));
  expect(await client.text("get")).toBe("2");
  await clock.advance(5_000);
  await expect(client.call("get")).rejects.toMatchObject({ message: "down" });
});

test("with nothing to keep of an upstream's tools, the cache does not stand in their way", async () => {
  const a = new Scripted(["get"]);
  await using host = await served({ a });
  await host.client.call("get");
  expect(host.stats()).toMatchObject({ hits: 0, misses: 0 });
});

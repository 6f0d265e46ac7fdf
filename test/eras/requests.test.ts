import { definePlugin } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveModern } from "../fixtures/modern.mjs";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost, type TestHost, upstream } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { SocketClient } from "../harness/socket.ts";

const KEY = "io.modelcontextprotocol/";
const listen = { protocols: ["legacy", "modern"] as const };
const both = { protocols: [...listen.protocols] };

describe("a request without a session", () => {
  let running: TestHost;
  let client: ModernHttp;
  beforeAll(async () => {
    running = await startHost({ mcpServers: { one: upstream() }, listen: both });
    client = new ModernHttp(running.url);
  });
  afterAll(() => running[Symbol.asyncDispose]());

  test("server/discover tells versions, capabilities and instructions, and who the host is", async () => {
    const { result } = await client.ask("server/discover");
    expect(result).toMatchObject({
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, prompts: {}, completions: {} },
      resultType: "complete",
      ttlMs: 30_000,
      cacheScope: "public",
      _meta: { [`${KEY}serverInfo`]: { name: "mcp-host" } },
    });
    expect(result.capabilities.tasks).toBeUndefined();
  });

  test("lists, calls, reads, prompts and completions are answered, and say what the era demands", async () => {
    const { result: listed } = await client.ask("tools/list");
    expect(listed.tools.length).toBeGreaterThan(5);
    expect(listed).toMatchObject({ resultType: "complete", ttlMs: 30_000, cacheScope: "public" });
    const { result: called } = await client.call("echo", { who: "me" });
    expect(called).toMatchObject({ resultType: "complete", structuredContent: { arguments: { who: "me" } } });
    expect(called).not.toHaveProperty("ttlMs");
    const { result: read } = await client.ask("resources/read", { uri: "test://upstream/text" });
    expect(read).toMatchObject({ resultType: "complete", ttlMs: 0, cacheScope: "private", contents: [{ uri: "test://upstream/text" }] });
    const prompts = await client.ask("prompts/list");
    const { result: prompt } = await client.ask("prompts/get", { name: prompts.result.prompts[0].name, arguments: { name: "Ada" } });
    expect(prompt.messages.length).toBeGreaterThan(0);
  });

  test("what the client says of itself in _meta goes no further, and everything else does", async () => {
    const { result } = await client.call(
      "echo",
      {},
      { meta: { "example.test/mine": 1, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" } },
    );
    const sent = Object.keys(result._meta);
    expect(sent).toContain("example.test/mine");
    expect(sent).toContain("traceparent");
    expect(sent.filter((key) => key.startsWith(KEY))).toEqual([`${KEY}serverInfo`]);
    expect(result.structuredContent.params).toEqual({});
  });

  test("what rounds carry is for the host alone", async () => {
    const { result } = await client.ask("tools/call", { name: "echo", arguments: {}, inputResponses: { a: {} } });
    expect(result.structuredContent.params).toEqual({});
  });

  test("progress and logs come before the answer, on its stream; logs only as chatty as this request wants", async () => {
    const args = { steps: 2, text: "on the way" };
    const told = async (meta: Record<string, unknown>) => {
      const { messages } = await client.send("tools/call", { name: "echo", arguments: args }, { meta });
      return messages.map(({ method }) => method ?? "answer");
    };
    const progress = "notifications/progress";
    expect(await told({ progressToken: "t" })).toEqual([progress, progress, "answer"]);
    expect(await told({ progressToken: 7, [`${KEY}logLevel`]: "error" })).toEqual([progress, progress, "answer"]);
    expect(await told({})).toEqual(["answer"]);
  });

  test.each([
    ["an unknown tool", "tools/call", { name: "nosuch" }, 200, -32602],
    ["an unknown resource", "resources/read", { uri: "test://upstream/nosuch-thing" }, 200, -32602],
    ["an unknown method", "nosuch/method", {}, 404, -32601],
    ["ping, which there is no more", "ping", {}, 404, -32601],
    ["logging/setLevel", "logging/setLevel", { level: "info" }, 404, -32601],
    ["resources/subscribe", "resources/subscribe", { uri: "test://upstream/text" }, 404, -32601],
    ["initialize with the envelope", "initialize", {}, 404, -32601],
    ["tasks/list", "tasks/list", {}, 404, -32601],
  ])("%s is answered with the request's id, code and status", async (_, method, params, status, code) => {
    const { messages, status: given } = await client.send(method, params, { id: "mine" });
    expect([given, messages]).toMatchObject([status, [{ id: "mine", error: { code } }]]);
  });

  const meta = (key: string, value: unknown) => ({ meta: { [`${KEY}${key}`]: value } });
  test.each([
    ["a version that is no string", meta("protocolVersion", 1), 400, -32602],
    [
      "a version that nobody speaks",
      { ...meta("protocolVersion", "1900-01-01"), headers: { "mcp-protocol-version": "1900-01-01" } },
      400,
      -32022,
    ],
    ["a later version", { ...meta("protocolVersion", "2099-01-01"), headers: { "mcp-protocol-version": "2099-01-01" } }, 400, -32022],
    ["a header of another version", { headers: { "mcp-protocol-version": "2025-11-25" } }, 400, -32020],
    ["no version header", { headers: { "mcp-protocol-version": undefined } }, 400, -32020],
    ["no Mcp-Method", { headers: { "mcp-method": undefined } }, 400, -32020],
    ["another Mcp-Method", { headers: { "mcp-method": "tools/list" } }, 400, -32020],
    ["no Mcp-Name", { headers: { "mcp-name": undefined } }, 400, -32020],
    ["another Mcp-Name", { headers: { "mcp-name": "slow" } }, 400, -32020],
    ["an Mcp-Name that is no Base64", { headers: { "mcp-name": "=?base64?ZWNobw?=" } }, 400, -32020],
    ["capabilities that are no object", meta("clientCapabilities", []), 400, -32602],
    ["a log level that there is not", meta("logLevel", "loud"), 400, -32602],
  ])("%s is refused before anything runs", async (_, options, status, code) => {
    const { messages, status: given } = await client.send("tools/call", { name: "echo" }, { id: 5, ...options });
    expect([given, messages]).toMatchObject([status, [{ id: 5, error: { code } }]]);
  });

  test("the version that nobody speaks is answered with those that the host does", async () => {
    const version = { "mcp-protocol-version": "2099-01-01" };
    const { error } = await client.ask("tools/list", {}, { headers: version, meta: { [`${KEY}protocolVersion`]: "2099-01-01" } });
    expect(error.data).toMatchObject({ supported: ["2026-07-28"], requested: "2099-01-01" });
  });

  test("a name in Base64 is the name", async () => {
    const { result } = await client.call("echo", {}, { headers: { "mcp-name": "=?base64?ZWNobw==?=" } });
    expect(result.structuredContent.arguments).toEqual({});
  });

  test.each([1, "1", "ein Ü", "x".repeat(256)])("the id %j comes back as it was", async (id) => {
    expect((await client.call("echo", {}, { id })).id).toBe(id);
    expect((await client.ask("nosuch/method", {}, { id })).id).toBe(id);
    expect((await client.ask("tools/list", {}, { id, headers: { "mcp-method": undefined } })).id).toBe(id);
  });

  test.each([null, 1.5, "", "x".repeat(257)])("the id %j is none", async (id) => {
    const params = { _meta: { [`${KEY}protocolVersion`]: "2026-07-28", [`${KEY}clientCapabilities`]: {} } };
    const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list" };
    const { status, messages } = await client.post({ jsonrpc: "2.0", id, method: "tools/list", params }, headers).answer;
    expect([status, messages]).toMatchObject([400, [{ id: null, error: { code: -32600 } }]]);
  });

  test("the first thing that is wrong is what is told", async () => {
    const version = (value: unknown, header = value) => ({
      headers: { "mcp-protocol-version": header as string },
      meta: { [`${KEY}protocolVersion`]: value },
    });
    const wrong: [Message, Record<string, string | undefined>, number][] = [
      [{ protocolVersion: 1 }, { "mcp-protocol-version": "1900-01-01" }, -32602],
      [{ protocolVersion: "1900-01-01" }, { "mcp-protocol-version": "2026-07-28" }, -32020],
      [{ protocolVersion: "1900-01-01" }, { "mcp-protocol-version": "1900-01-01" }, -32022],
      [{ clientCapabilities: undefined }, {}, -32602],
      [{}, {}, -32020],
      [{}, { "mcp-method": "tasks/list" }, -32601],
      [{}, { "mcp-method": "tools/call" }, -32020],
      [{}, { "mcp-method": "tools/call", "mcp-name": "nosuch" }, -32602],
      [{ logLevel: "info" }, { "mcp-method": "tools/call", "mcp-name": "nosuch" }, -32602],
    ];
    const codes = wrong.map(async ([meta, headers], step) => {
      const own = Object.fromEntries(Object.entries(meta).map(([key, value]) => [`${KEY}${key}`, value]));
      const all = { ...(step < 3 && { [`${KEY}clientCapabilities`]: undefined }), [`${KEY}logLevel`]: "loud", ...own };
      const method = step === 5 ? "tasks/list" : "tools/call";
      const params = method === "tools/call" ? { name: "nosuch" } : {};
      const sent = { "mcp-method": "another", "mcp-name": undefined, ...headers };
      const { error } = await client.ask(method, params, { meta: all, headers: sent });
      return [error.code, error.message];
    });
    const told = await Promise.all(codes);
    expect(told.map(([code]) => code)).toEqual(wrong.map(([, , code]) => code));
    expect(told[7]?.[1]).toContain("logLevel");
    expect(told[8]?.[1]).toContain("nosuch");
    expect((await client.ask("tools/list", {}, version("2099-01-01"))).error.code).toBe(-32022);
  });

  test.each([
    ["an ASCII name", "nosuch", "nosuch"],
    ["a name in another script", "名前 ünïcode", undefined],
    ["a long name", "n".repeat(4_000), "n".repeat(4_000)],
    ["a name that looks like Base64 of one", "=?base64?bad!?=", undefined],
    ["a name with spaces around it", " padded ", undefined],
  ])("%s in Mcp-Name is compared as it is meant", async (_, name, plain) => {
    const coded = `=?base64?${Buffer.from(name).toString("base64")}?=`;
    for (const header of plain === undefined ? [coded] : [coded, plain]) {
      const { error } = await client.ask("tools/call", { name }, { headers: { "mcp-name": header } });
      expect(error.code).not.toBe(-32020); // there is no such tool, but the header is right
    }
    const { error } = await client.ask("tools/call", { name }, { headers: { "mcp-name": `${coded}x` } });
    expect(error.code).toBe(-32020);
  });

  test.each([
    ["Mcp-Method", "mcp-method", "tools/call"],
    ["Mcp-Name", "mcp-name", "echo"],
    ["MCP-Protocol-Version", "mcp-protocol-version", "2026-07-28"],
  ])("%s that is there twice is refused", async (_, header, value) => {
    const { status, messages } = await client.send("tools/call", { name: "echo" }, { headers: { [header]: [value, value] } });
    expect([status, messages]).toMatchObject([400, [{ error: { code: -32020 } }]]);
  });

  test("a notification is taken without any header of its own, and nothing is said to it", async () => {
    const version = { "mcp-protocol-version": "2026-07-28" };
    const params = { requestId: "nosuch", _meta: { [`${KEY}protocolVersion`]: "2026-07-28" } };
    for (const headers of [version, {}]) {
      const { status, messages } = await client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params }, headers).answer;
      expect([status, messages]).toEqual([202, []]);
    }
  });

  test("a modern header without an envelope is a malformed request; initialize without one is of the legacy era", async () => {
    const version = { "mcp-protocol-version": "2026-07-28" };
    const bare = await client.post({ jsonrpc: "2.0", id: 1, method: "tools/list" }, { ...version, "mcp-method": "tools/list" }).answer;
    expect([bare.status, bare.messages]).toMatchObject([400, [{ id: 1, error: { code: -32602 } }]]);
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
    const initialized = await client.post({ jsonrpc: "2.0", id: 1, method: "initialize", params }, version).answer;
    expect([initialized.status, initialized.messages]).toMatchObject([200, [{ id: 1, result: { protocolVersion: "2025-11-25" } }]]);
  });

  test("batches and responses are refused, notifications taken, other HTTP methods not allowed", async () => {
    const version = { "mcp-protocol-version": "2026-07-28" };
    const answer = async (body: unknown, method?: string) => {
      const { status, messages, headers } = await client.post(body, version, method).answer;
      return { status, code: messages[0]?.error?.code, allow: headers.allow };
    };
    expect(await answer([{ jsonrpc: "2.0", id: 1, method: "tools/list" }])).toMatchObject({ status: 400, code: -32600 });
    expect(await answer({ jsonrpc: "2.0", id: 1, result: {} })).toMatchObject({ status: 400, code: -32600 });
    expect(await answer({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } })).toMatchObject({ status: 202 });
    expect(await answer(undefined, "GET")).toMatchObject({ status: 405, allow: "POST" });
    expect(await answer(undefined, "DELETE")).toMatchObject({ status: 405, allow: "POST" });
  });

  test("clients of both eras use one endpoint", async () => {
    const legacy = await RawHttp.open(running.url);
    expect((await legacy.call("echo", { who: "legacy" })).result.structuredContent.arguments).toEqual({ who: "legacy" });
    expect((await client.call("echo", { who: "modern" })).result.structuredContent.arguments).toEqual({ who: "modern" });
    await legacy.close();
  });
});

test("where the modern era is not open, its requests are refused as those of an unknown version", async () => {
  await using running = await startHost({ mcpServers: { one: upstream() }, listen: { protocols: ["legacy"] } });
  const { status, messages } = await new ModernHttp(running.url).send("tools/list");
  expect([status, messages]).toMatchObject([400, [{ error: { code: -31400 } }]]);
});

test("a client that hangs up has cancelled, also before the first byte", async () => {
  const settled: unknown[] = [];
  const observer = definePlugin({
    name: "observer",
    host: "^1.0.0",
    apply({ hooks }) {
      hooks.settled.tap("observer", ({ outcome, method, client }) => settled.push({ outcome, method, client }));
    },
  });
  await using running = await startHost({ mcpServers: { one: upstream() }, listen: both, plugins: [observer()] });
  const client = new ModernHttp(running.url);
  await client.call("echo");
  const call = client.open("tools/call", { name: "slow", arguments: { ms: 60_000 } });
  call.answer.catch(() => {}); // hung up
  await expect.poll(() => running.host.status().inFlight).toBe(1);
  call.close();
  await expect.poll(() => settled.at(-1)).toMatchObject({ method: "tools/call", outcome: { cancelled: "the client hung up" } });
  expect(settled.at(-1)).toMatchObject({ client: { info: { name: "raw-modern" }, version: "2026-07-28" } });
  await expect.poll(() => running.host.status().upstreams[0]?.connections[0]?.inFlight).toBe(0);
});

test("a quiet call becomes a stream, and is answered on it", async () => {
  await using running = await startHost({ mcpServers: { one: upstream() }, listen: both });
  const { headers, messages } = await new ModernHttp(running.url).send("tools/call", { name: "slow", arguments: { ms: 6_500 } });
  expect(headers["content-type"]).toContain("text/event-stream");
  expect(messages).toMatchObject([{ result: { structuredContent: { waited: 6_500 } } }]);
});

test("of _meta both hops carry what is of neither, and a server behind the host is not told of", async () => {
  const server = await serveModern();
  {
    await using running = await startHost({ mcpServers: { one: { url: server.url } }, listen: both });
    const mine = { "example.test/mine": { deep: [1] }, [`${KEY}ours`]: "not of this version" };
    const { result } = await new ModernHttp(running.url).call("envelope", {}, { meta: mine });
    const seen = server.received.find(({ body }) => body?.params?.name === "envelope");
    expect(seen?.body?.params._meta).toMatchObject({ ...mine, [`${KEY}clientInfo`]: { name: "mcp-host" } });
    expect(seen?.headers).not.toHaveProperty("mcp-session-id");
    expect(result._meta).toEqual({ [`${KEY}serverInfo`]: expect.objectContaining({ name: "mcp-host" }) });
    expect(JSON.stringify(result._meta)).not.toContain("raw-modern");
  }
  await server.close();
});

test("headers for arguments that its tool does not ask for go no further", async () => {
  const server = await serveModern();
  {
    await using running = await startHost({ mcpServers: { one: { url: server.url } }, listen: both });
    const headers = { "mcp-param-region": "Bern", "mcp-param-nobody": "asked" };
    const { result } = await new ModernHttp(running.url).call("routed", { region: "Bern" }, { headers });
    expect(result.content).toMatchObject([{ text: "Bern" }]);
    const seen = server.received.find(({ body }) => body?.params?.name === "routed");
    expect(seen?.headers).toMatchObject({ "mcp-param-region": "Bern" });
    expect(seen?.headers).not.toHaveProperty("mcp-param-nobody");
  }
  await server.close();
});

test("where only the modern era is open, clients of the other are told which versions there are", async () => {
  await using running = await startHost({ mcpServers: { one: upstream() }, listen: { protocols: ["modern"], websocket: true } });
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: {} },
  };
  const refused = { id: 1, error: { code: -32022, data: { supported: ["2026-07-28"], requested: "2025-11-25" } } };
  const client = new ModernHttp(running.url);
  const { status, messages } = await client.post(initialize, {}).answer;
  expect([status, messages]).toMatchObject([400, [refused]]);
  const get = await client.post(undefined, {}, "GET").answer;
  expect([get.status, get.headers.allow]).toEqual([405, "POST"]);
  expect((await client.post({ jsonrpc: "2.0", id: 2, method: "tools/list" }, {}).answer).status).toBe(400);
  expect((await client.ask("tools/list")).result.tools.length).toBeGreaterThan(0);
  const piped = await SocketClient.open(running.url);
  piped.send(initialize);
  expect(await piped.answer(1)).toMatchObject(refused);
  piped.socket.close();
  await piped.closed;
  expect(running.host.status().sessions).toBe(0);
});

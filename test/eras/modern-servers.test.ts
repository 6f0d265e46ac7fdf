import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ModernServer, serveModern } from "../fixtures/modern.mjs";
import type { Message } from "../fixtures/upstream.mjs";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { MARKED, ROOT, startHost, type TestHost } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { RawHttp } from "../harness/raw-http.ts";

const KEY = "io.modelcontextprotocol/";
const ALL = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const stdio = (...args: string[]) => ({ command: process.execPath, args: [`${ROOT}/test/fixtures/modern.mjs`, ...args], env: MARKED });
const textOf = (result: unknown): string => (result as Message).content[0].text;

/** An SDK client of the legacy era that answers what it is asked, and notes it. */
async function person(url: URL, capabilities: object = ALL) {
  const client = sdkClient(capabilities);
  const asked: Message[] = [];
  const told: Message[] = [];
  if ("elicitation" in capabilities)
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(params);
      return { action: "accept", content: { ok: true } };
    });
  if ("sampling" in capabilities)
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      role: "assistant",
      content: { type: "text", text: "Paris" },
      model: "m",
    }));
  if ("roots" in capabilities) client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///w" }] }));
  for (const schema of [LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema])
    client.setNotificationHandler(schema, (notification) => void told.push(notification));
  await client.connect(httpTransport(url));
  const call = async (name: string, args: Message = {}): Promise<string> => textOf(await client.callTool({ name, arguments: args }));
  return { client, asked, told, call };
}

describe.each(["HTTP", "stdio"] as const)("a server of 2026-07-28 over %s, before clients of older versions", (wire) => {
  let server: ModernServer | undefined;
  let running: TestHost;
  let one: Awaited<ReturnType<typeof person>>;
  beforeAll(async () => {
    server = wire === "HTTP" ? await serveModern() : undefined;
    running = await startHost({ mcpServers: { one: { ...(server ? { url: server.url } : stdio()), relayRoots: true } } });
    // A client that comes before a server is known does without its instructions after a while.
    await vi.waitFor(() => expect(running.host.status().upstreams).toMatchObject([{ state: "ready" }]));
    one = await person(running.url);
  });
  afterAll(async () => {
    await one.client.close();
    await running.host.close();
    await server?.close();
  });

  test("is told of by its version, and lists what it has under its own instructions", async () => {
    await vi.waitFor(() => expect(running.host.status().upstreams).toMatchObject([{ state: "ready", protocolVersion: "2026-07-28" }]));
    expect(one.client.getInstructions()).toBe("a modern server");
    // On a busy machine the first list may be given before the server was heard.
    await vi.waitFor(async () => expect((await one.client.listTools()).tools.map(({ name }) => name)).toContain("echo"), 10_000);
    expect((await one.client.listPrompts()).prompts).toMatchObject([{ name: "greet" }]);
    expect((await one.client.listResources()).resources).toMatchObject([{ uri: "test://a" }]);
  });

  test("is called, read and asked for prompts and completions, and answers as one of their own would", async () => {
    const { client, call } = one;
    expect(await call("echo", { a: "ü" })).toBe('{"a":"ü"}');
    const structured = await client.callTool({ name: "structured" });
    expect(structured).toEqual({ content: [{ type: "text", text: '{"n":1}' }], structuredContent: { n: 1 } });
    expect(await client.callTool({ name: "failing" })).toMatchObject({ isError: true });
    // What the older versions do not know is given as they know it.
    expect(await client.callTool({ name: "list" })).toEqual({ content: [{ type: "text", text: "[1,2]" }] });
    const listed = (await client.listTools()).tools.find(({ name }) => name === "list");
    expect(listed).toEqual({ name: "list", inputSchema: { type: "object" } });
    await expect(client.callTool({ name: "nobody" })).rejects.toMatchObject({ code: -32602 });
    expect(await client.readResource({ uri: "test://a" })).toEqual({ contents: [{ uri: "test://a", text: "text of test://a" }] });
    expect((await client.readResource({ uri: "test://by/täst" })).contents).toMatchObject([{ text: "text of test://by/täst" }]);
    await expect(client.readResource({ uri: "test://nobody" })).rejects.toMatchObject({ code: -32002 });
    const prompt = await client.getPrompt({ name: "greet", arguments: { who: "Ada" } });
    expect(prompt.messages).toMatchObject([{ content: { text: "Hello Ada" } }]);
    const completed = await client.complete({ ref: { type: "ref/prompt", name: "greet" }, argument: { name: "who", value: "A" } });
    expect(completed.completion.values).toEqual(["A!"]);
  });

  test("is told with each request who asks, and nothing that a client put in that place", async () => {
    const raw = await RawHttp.open(running.url, { capabilities: { elicitation: {} } });
    const meta = { [`${KEY}protocolVersion`]: "1999-01-01", [`${KEY}clientCapabilities`]: { roots: {} }, "example.test/mine": 1 };
    const params = { name: "envelope", arguments: {}, _meta: meta, inputResponses: { confirm: {} }, requestState: "mine" };
    const envelope = JSON.parse((await raw.ask("tools/call", params)).result.content[0].text);
    expect(envelope).toMatchObject({
      [`${KEY}protocolVersion`]: "2026-07-28",
      [`${KEY}clientInfo`]: { name: "mcp-host" },
      [`${KEY}clientCapabilities`]: { elicitation: {} },
      [`${KEY}logLevel`]: "info",
      _meta: { "example.test/mine": 1 },
    });
    const mute = await RawHttp.open(running.url);
    expect(await mute.ask("tools/call", { ...params, name: "confirm" })).toMatchObject({ result: { isError: true } });
    await mute.close();
    await raw.ask("logging/setLevel", { level: "error" });
    const later = JSON.parse((await raw.call("envelope")).result.content[0].text);
    expect(later[`${KEY}logLevel`]).toBe("error");
    await raw.close();
  });

  test("tells of progress and, where they come with the answer, logs", async () => {
    const progress: number[] = [];
    one.told.length = 0;
    const onprogress = (params: { progress: number }) => void progress.push(params.progress);
    await one.client.callTool({ name: "slow" }, undefined, { onprogress });
    expect(progress).toEqual([1, 2]);
    const logged = one.told.map(({ params }) => params.data);
    expect(logged).toEqual(wire === "HTTP" ? ["step 1", "step 2"] : []); // on one stream for all nothing says whose they are
  });

  test("hears that a call was cancelled", async () => {
    const before = JSON.parse(await one.call("stats"));
    const stop = new AbortController();
    const hanging = one.client.callTool({ name: "hanging" }, undefined, { signal: stop.signal });
    await vi.waitFor(async () => expect(JSON.parse(await one.call("stats")).hanging).toBe(before.hanging + 1));
    stop.abort();
    await expect(hanging).rejects.toThrow();
    await vi.waitFor(async () => expect(JSON.parse(await one.call("stats")).cancelled).toBe(before.cancelled + 1));
    expect(running.host.status().upstreams[0]?.connections.every(({ inFlight }) => inFlight === 0)).toBe(true);
  });

  test("asks by its answers, and gets the client's", async () => {
    const { asked, call } = one;
    asked.length = 0;
    expect(JSON.parse(await call("confirm"))).toEqual({
      answer: { action: "accept", content: { ok: true } },
      state: 'state "of" the täst', // byte for byte
    });
    expect(JSON.parse(await call("visit"))).toMatchObject({ action: "accept" });
    expect(JSON.parse(await call("ask_all"))).toMatchObject({
      roots: { roots: [{ uri: "file:///w" }] },
      sum: { content: { text: "Paris" } },
      e: { action: "accept" },
    });
    expect(Object.keys(JSON.parse(await call("twice")))).toEqual(["q2"]);
    expect(await call("busy")).toBe("done");
    expect(asked).toMatchObject([
      { message: "Sure?" },
      { mode: "url", url: "https://example.com/sign-in", elicitationId: expect.any(String) },
      { message: "All?" },
      { message: "Question 1" },
      { message: "Question 2" },
    ]);
  });

  test("asks only the client whose call it is, over one connection for many", async () => {
    const others = await Promise.all(Array.from({ length: 5 }, () => person(running.url)));
    await Promise.all(others.map(({ call }, index) => Promise.all(Array.from({ length: index + 1 }, () => call("confirm")))));
    expect(others.map(({ asked }) => asked.length)).toEqual([1, 2, 3, 4, 5]);
    for (const { client } of others) await client.close();
  });

  test("is told `cancel` where the client answers with an error", async () => {
    const other = await person(running.url, { elicitation: {} });
    other.client.setRequestHandler(ElicitRequestSchema, () => {
      throw new Error("no");
    });
    expect(JSON.parse(await other.call("confirm"))).toMatchObject({ answer: { action: "cancel" } });
    await other.client.close();
  });

  test("that would ask who cannot be asked is told what is missing, where its model reads it", async () => {
    const other = await person(running.url, {});
    expect(await other.client.callTool({ name: "confirm" })).toEqual({
      content: [{ type: "text", text: expect.stringMatching(/"one" .* needs elicitation\.form/) }],
      isError: true,
    });
    await other.client.close();
  });

  test("tells of changes to those who subscribed, and to nobody else", async () => {
    const other = await person(running.url);
    const updates = ({ told }: typeof one): string[] =>
      told.filter(({ method }) => method === "notifications/resources/updated").map(({ params }) => params.uri);
    one.told.length = 0;
    await one.client.subscribeResource({ uri: "test://a" });
    await other.client.subscribeResource({ uri: "test://by/b" });
    await one.call("touch", { uri: "test://a" });
    await one.call("touch", { uri: "test://by/b" });
    await vi.waitFor(() => expect([updates(one), updates(other)]).toEqual([["test://a"], ["test://by/b"]]));
    await other.client.unsubscribeResource({ uri: "test://by/b" });
    await other.client.close();
    await one.call("touch", { uri: "test://a" });
    // Where one subscription takes the place of another, both may tell of it.
    await vi.waitFor(() => expect(updates(one).length).toBeGreaterThanOrEqual(2));
    expect(new Set(updates(one))).toEqual(new Set(["test://a"]));
    expect(updates(other)).toEqual(["test://by/b"]);
  });

  test("tells of changes of its lists", async () => {
    const { length } = (await one.client.listTools()).tools;
    one.told.length = 0;
    await one.call("grow");
    await vi.waitFor(() => expect(one.told.map(({ method }) => method)).toContain("notifications/tools/list_changed"));
    expect((await one.client.listTools()).tools).toHaveLength(length + 1);
  });
});

describe("over HTTP", () => {
  test("every request has the headers by which others route it, and no session; a tool with a wrong header is left out", async () => {
    await using server = { ...(await serveModern()), [Symbol.asyncDispose]: () => server.close() };
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("routed", { region: "Zürich", city: "x" })).result.content[0].text).toBe("Zürich");
    expect((await client.call("routed", { city: "x" })).result).toBeDefined();
    await client.ask("resources/read", { uri: "test://a" });
    expect(await client.tools()).not.toContain("misrouted");
    const left = running.logs.filter(({ msg, message = msg }) => message === "a tool is left out");
    expect(left).toMatchObject([{ upstream: "one", tool: "misrouted", reason: expect.stringContaining("x-mcp-header") }]);
    await client.close();
    // Whether it knows sessions, too, is tried once.
    const posts = server.received.filter(({ http, body }) => http === "POST" && body?.method !== "initialize");
    expect(server.received.map(({ http }) => http)).not.toContain("GET");
    for (const { headers, body } of posts) {
      expect(headers).toMatchObject({ "mcp-protocol-version": "2026-07-28", "mcp-method": body?.method });
      expect(headers).not.toHaveProperty("mcp-session-id");
    }
    const named = posts.filter(({ headers }) => headers["mcp-name"] !== undefined);
    expect(named.map(({ headers }) => [headers["mcp-name"], headers["mcp-param-region"]])).toEqual([
      ["routed", "=?base64?WsO8cmljaA==?="],
      ["routed", undefined],
      ["test://a", undefined],
    ]);
  });

  test("a server of both eras whose older side has no sessions asks its legacy clients all the same, in its modern one", async () => {
    await using server = { ...(await serveModern({ legacy: true })), [Symbol.asyncDispose]: () => server.close() };
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    const { client, call, asked } = await person(running.url);
    expect(JSON.parse(await call("confirm"))).toMatchObject({ answer: { action: "accept" } });
    expect(asked).toHaveLength(1);
    await client.close();
  });

  test("a server of both eras is spoken to in the new one, unless its `protocol` says otherwise", async () => {
    await using server = { ...(await serveModern({ legacy: true })), [Symbol.asyncDispose]: () => server.close() };
    const versions = { auto: "2026-07-28", modern: "2026-07-28", legacy: "2025-11-25" } as const;
    for (const [protocol, protocolVersion] of Object.entries(versions)) {
      await using running = await startHost({ mcpServers: { one: { url: server.url, protocol: protocol as keyof typeof versions } } });
      const client = await RawHttp.open(running.url);
      expect((await client.call("echo", { a: 1 })).result.content[0].text).toBe('{"a":1}');
      expect(running.host.status().upstreams).toMatchObject([{ state: "ready", protocolVersion }]);
      await client.close();
    }
  });
});

describe.each(["HTTP", "stdio"] as const)("a client of 2026-07-28 before a server of its own era over %s", (wire) => {
  test("calls it, is asked by it, and sees none of what is for one hop", async () => {
    const server = wire === "HTTP" ? await serveModern() : undefined;
    const listen = { protocols: ["legacy" as const, "modern" as const] };
    await using running = await startHost({ mcpServers: { one: server ? { url: server.url } : stdio() }, listen });
    const client = new ModernHttp(running.url);
    const able = { meta: { [`${KEY}clientCapabilities`]: ALL } };
    const { result } = await client.call("envelope", {}, able);
    expect(result).toMatchObject({ resultType: "complete", _meta: { [`${KEY}serverInfo`]: { name: "mcp-host" } } });
    const told = JSON.parse(textOf(result));
    expect(told).toMatchObject({
      [`${KEY}clientInfo`]: { name: "mcp-host" },
      [`${KEY}clientCapabilities`]: { elicitation: { form: {}, url: {} } },
    });
    expect(told).not.toHaveProperty([`${KEY}logLevel`]);
    const { result: asked } = await client.call("confirm", {}, able);
    expect(asked.resultType).toBe("input_required");
    const [key = "", question] = Object.entries<Message>(asked.inputRequests)[0] ?? [];
    expect(question).toMatchObject({ method: "elicitation/create", params: { message: "Sure?" } });
    const inputResponses = { [key]: { action: "accept", content: { ok: true } } };
    const again = { name: "confirm", arguments: {}, inputResponses, requestState: asked.requestState };
    const { result: answered } = await client.ask("tools/call", again, able);
    expect(JSON.parse(textOf(answered))).toEqual({ answer: inputResponses[key], state: 'state "of" the täst' });
    const { result: list } = await client.call("list");
    expect(list).toMatchObject({ structuredContent: [1, 2], resultType: "complete" });
    const { result: tools } = await client.ask("tools/list");
    expect(tools.tools.find(({ name }: Message) => name === "list").outputSchema).toEqual({ type: "array" });
    await running.host.close();
    await server?.close();
  });
});

describe("over stdio", () => {
  test("a server of both eras is spoken to in the old one, unless its `protocol` says otherwise", async () => {
    const mcpServers = { auto: stdio("auto"), newer: { ...stdio("auto"), protocol: "modern" as const } };
    await using running = await startHost({ mcpServers });
    await vi.waitFor(() =>
      expect(running.host.status().upstreams).toMatchObject([
        { name: "auto", state: "ready", protocolVersion: "2025-11-25" },
        { name: "newer", state: "ready", protocolVersion: "2026-07-28" },
      ]),
    );
  });
});

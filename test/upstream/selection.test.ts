import type { Config } from "mcp-host";
import { definePlugin } from "mcp-host";
import { type FakeUpstream, fakeUpstream } from "mcp-host/testing";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { httpTransport, memoryTransport, sdkClient, socketTransport, sseTransport, type WayIn } from "../harness/clients.ts";
import { startHost, type TestHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

const tool = () => "done";
const prompt = { get: () => "said" };
const resource = { read: () => "read" };

/** A server with two of each. */
const server = (): FakeUpstream =>
  fakeUpstream({
    tools: { read_file: tool, write_file: tool },
    prompts: { ask: prompt, order: prompt },
    resources: { "memory:///open/a": resource, "memory:///secret/a": resource },
    templates: { "memory:///open/{id}": resource, "memory:///secret/{id}": resource },
    complete: () => ["one"],
  });

const CHOSEN = {
  tools: { exclude: ["write_*"] },
  prompts: { include: ["ask"] },
  resources: { exclude: ["memory:///secret/*"] },
};

const started = (mcpServers: Config["mcpServers"], more: Partial<Config> = {}): Promise<TestHost> =>
  startHost({ mcpServers, listen: { sse: true, websocket: true }, drain: 0, ...more });

/** An answer without what differs from one request to the next. */
const words = ({ result, error }: Message): Message => ({ result, error: error && { code: error.code, message: error.message } });

/** Requests of what is left out, and the same of what nobody ever had. */
const REFUSED: Record<string, [method: string, params: Message, unknown: Message]> = {
  "a tool": ["tools/call", { name: "write_file" }, { name: "nothing" }],
  "a prompt": ["prompts/get", { name: "order" }, { name: "nothing" }],
  "a completion for a prompt": [
    "completion/complete",
    { ref: { type: "ref/prompt", name: "order" }, argument: { name: "a", value: "" } },
    { ref: { type: "ref/prompt", name: "nothing" }, argument: { name: "a", value: "" } },
  ],
  "a completion for a template": [
    "completion/complete",
    { ref: { type: "ref/resource", uri: "memory:///secret/{id}" }, argument: { name: "id", value: "" } },
    { ref: { type: "ref/resource", uri: "nothing:///{id}" }, argument: { name: "id", value: "" } },
  ],
  "a resource": ["resources/read", { uri: "memory:///secret/a" }, { uri: "nothing:///a" }],
  "a resource of a template": ["resources/read", { uri: "memory:///secret/b" }, { uri: "nothing:///a" }],
  "a resource in another spelling": ["resources/read", { uri: "memory:///open/..%2fsecret/b" }, { uri: "nothing:///a" }],
  "a subscription": ["resources/subscribe", { uri: "memory:///secret/a" }, { uri: "nothing:///a" }],
};

describe("what the config leaves out of a server", () => {
  const WAYS: Record<Exclude<WayIn, "stdio">, (running: TestHost) => unknown> = {
    http: ({ url }) => httpTransport(url),
    sse: ({ url }) => sseTransport(url),
    websocket: ({ url }) => socketTransport(url),
    memory: ({ host }) => memoryTransport(host),
  };
  test.each(Object.entries(WAYS))("is in no list over %s, and refused when it is called", async (_way, connect) => {
    const up = server();
    await using running = await started({ up: { transport: up.transport, ...CHOSEN } });
    const client = sdkClient();
    await client.connect((await connect(running)) as Parameters<typeof client.connect>[0]);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["read_file"]);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(["ask"]);
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(["memory:///open/a"]);
    expect((await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(["memory:///open/{id}"]);
    await expect(client.callTool({ name: "write_file" })).rejects.toThrow("Unknown tool: write_file");
    expect(await client.callTool({ name: "read_file" })).toMatchObject({ content: [{ text: "done" }] });
    expect(await client.readResource({ uri: "memory:///open/b" })).toMatchObject({ contents: [{ text: "read" }] });
    await client.close();
    expect(up.received("tools/call")).toHaveLength(1);
  });

  test.each(Object.entries(REFUSED))("is refused in the words of an unknown name: %s", async (_what, [method, params, nothing]) => {
    const up = server();
    // Of two servers with resources neither is asked for a URI that nobody lists.
    const other = fakeUpstream({ resources: { "other:///x": resource } });
    await using running = await started({ up: { transport: up.transport, ...CHOSEN }, other: { transport: other.transport } });
    const client = await RawHttp.open(running.url);
    const named = (text: string): string => text.replace(/: \S+$/, ": NAME");
    const [refused, unknown] = [words(await client.ask(method, params)), words(await client.ask(method, nothing))];
    expect({ ...refused, error: { ...refused.error, message: named(refused.error.message) } }).toEqual({
      ...unknown,
      error: { ...unknown.error, message: named(unknown.error.message) },
    });
    expect(up.received(method)).toEqual([]);
  });

  test("is refused before the server has listed anything, too: a route leads nowhere, and an only owner is not asked for a URI", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const up = fakeUpstream({
      capabilities: { tools: {}, resources: {} },
      methods: {
        "tools/list": async () => {
          await held;
          return { tools: [{ name: "write_file", inputSchema: { type: "object" } }] };
        },
        "resources/list": async () => {
          await held;
          return { resources: [] };
        },
      },
    });
    const safe = fakeUpstream({ tools: { safe: tool } });
    const route = definePlugin({
      name: "route",
      host: "^1.0.0",
      apply: (host) => host.hooks.route.tap("route", () => ({ upstream: "up", native: "write_file" })),
    })();
    await using running = await started(
      { up: { transport: up.transport, ...CHOSEN }, safe: { transport: safe.transport } },
      { plugins: [route], wait: "100ms" },
    );
    const client = await RawHttp.open(running.url);
    await up.until("tools/list");
    expect((await client.ask("tools/call", { name: "safe" })).error.message).toBe("Unknown tool: safe");
    const waiting = [client.ask("tools/call", { name: "write_file" }), client.ask("resources/read", { uri: "memory:///secret/x" })];
    release();
    const refused = (await Promise.all(waiting)).map(({ error }) => error.message);
    expect(refused).toEqual(["Unknown tool: write_file", "Resource not found: memory:///secret/x"]);
    expect([...up.received("tools/call"), ...up.received("resources/read")]).toEqual([]);
  });

  test("takes no other server's name, and its changes are no news", async () => {
    const up = server();
    const other = fakeUpstream({ tools: { write_file: () => "the other's" } });
    await using running = await started({ up: { transport: up.transport, ...CHOSEN }, other: { transport: other.transport } });
    const client = sdkClient();
    const news = vi.fn();
    await client.connect(httpTransport(running.url));
    client.fallbackNotificationHandler = async ({ method }) => news(method);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["read_file", "write_file"]);
    expect(await client.callTool({ name: "write_file" })).toMatchObject({ content: [{ text: "the other's" }] });
    up.set({ prompts: { ask: prompt, order: prompt, further: prompt } });
    await up.until("prompts/list", 2);
    up.set({ tools: { read_file: tool, write_file: tool, read_all: tool } });
    await vi.waitFor(() => expect(news.mock.calls.flat()).toEqual(["notifications/tools/list_changed"]), 5_000);
    expect((await client.listPrompts()).prompts).toHaveLength(1);
    await client.close();
  });

  test("follows a reload", async () => {
    const one = upstream({ only: ["echo", "change"] });
    await using running = await started({ one });
    const client = await RawHttp.open(running.url);
    expect(await client.tools()).toEqual(["echo", "change"]);
    const config = { listen: { port: 0, sse: true, websocket: true }, drain: 0 };
    const report = await running.host.reload({ ...config, mcpServers: { one: { ...one, tools: { include: ["e*"] } } } });
    expect(report.upstreams).toMatchObject({ changed: ["one"] });
    expect(await client.tools()).toEqual(["echo"]);
    expect((await client.ask("tools/call", { name: "change" })).error.message).toBe("Unknown tool: change");
    await running.host.reload({ ...config, mcpServers: { one } });
    expect(await client.tools()).toEqual(["echo", "change"]);
  });
});

describe("globs", () => {
  const uris = async (resources: { include?: string[]; exclude?: string[] }, all: readonly string[]): Promise<string[]> => {
    const up = fakeUpstream({
      capabilities: { resources: {} },
      methods: { "resources/read": () => ({ contents: [] }), "resources/list": () => ({ resources: [] }) },
    });
    await using running = await started({ up: { transport: up.transport, resources } });
    const client = await RawHttp.open(running.url);
    for (const uri of all) await client.ask("resources/read", { uri });
    return up.received("resources/read").map(({ uri }) => String(uri));
  };

  test.each([
    [
      "include a folder",
      { include: ["file:///docs/**"] },
      ["file:///docs/a"],
      ["file:///etc/a", "file:///docs/../etc/a", "file:///docs/%2e%2e/etc"],
    ],
    ["include a template", { include: ["db://h/row/{id}"] }, ["db://h/row/1"], ["db://h/secret/1", "db://h/row/../secret/1"]],
    ["exclude a template", { exclude: ["db://h/row/{id}"] }, ["db://h/other/1"], ["db://h/row/1", "DB://h/row/1", "db://h/x/../row/1"]],
    ["a colon is no upstream's name", { exclude: ["urn:isbn:*"] }, ["urn:issn:1"], ["urn:isbn:1"]],
    ["alternatives", { include: ["db://{a,b}/*"] }, ["db://a/1", "db://b/1"], ["db://c/1"]],
    ["an empty list", { include: [] }, [], ["db://a/1"]],
    ["exclude goes before include", { include: ["db://*"], exclude: ["db://a*"] }, ["db://b"], ["db://a"]],
  ])("of URIs that no server lists: %s", async (_what, resources, taken, left) => {
    expect(await uris(resources, [...left, ...taken])).toEqual(taken);
  });

  test("that fit nothing are told of once, when all lists are known; not those of URIs where there are templates", async () => {
    const up = server();
    await using running = await started({
      up: {
        transport: up.transport,
        tools: { include: ["read_*", "raed_*"], exclude: ["nothing"] },
        resources: { exclude: ["memory:///unlisted"] },
      },
    });
    const client = await RawHttp.open(running.url);
    expect(await client.tools()).toEqual(["read_file"]);
    up.set({ tools: { read_all: tool } });
    await vi.waitFor(async () => expect(await client.tools()).toEqual(["read_all"]), 5_000);
    expect(running.logs.filter(({ message }) => message === "a glob fits nothing that the server lists")).toEqual([
      expect.objectContaining({ level: "warn", upstream: "up", place: "mcpServers.up.tools.include[1]", glob: "raed_*" }),
      expect.objectContaining({ level: "warn", upstream: "up", place: "mcpServers.up.tools.exclude[0]", glob: "nothing" }),
    ]);
  });
});

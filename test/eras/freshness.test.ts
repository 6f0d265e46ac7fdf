import type http from "node:http";
import { definePlugin, type Exchange, type Plugin } from "mcp-host";
import { expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost, type TestHost, upstream } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { scripted } from "../harness/scripted.ts";
import { type Answering, DISCOVERED, scriptedModern, TOOLS } from "../harness/scripted-modern.ts";

const MINUTE = 60_000;
const toolsOnly = { ...DISCOVERED, capabilities: { tools: {} } };
const listChanged = { tools: { listChanged: true }, resources: { listChanged: true } };

/** What a modern server adds to whatever is cached. */
const kept = (ttlMs: unknown, cacheScope: unknown = "public"): Message => ({ ttlMs, cacheScope });

/** A server that tells of no changes, and how long its tools hold. */
const untold = (ttlMs: unknown, cacheScope?: unknown, tools: Message = TOOLS) =>
  scriptedModern({
    "server/discover": () => ({ ...toolsOnly, ...kept(ttlMs, cacheScope) }),
    "tools/list": () => ({ ...tools, ...kept(ttlMs, cacheScope) }),
  });

/** One that tells of changes. */
const telling = (cacheScope: string) =>
  scriptedModern({
    "server/discover": () => ({ ...DISCOVERED, capabilities: listChanged, ...kept(0, cacheScope) }),
    "tools/list": () => ({ ...TOOLS, ...kept(0, cacheScope) }),
    "resources/list": () => ({ resources: [{ uri: "test://a", name: "a" }], ...kept(0, cacheScope) }),
  });

const plugin = (name: string, apply: Parameters<typeof definePlugin>[0]["apply"]): Plugin =>
  definePlugin({ name, host: "^1.0.0", apply })() as Plugin;

/** Resolves when every upstream is ready and, where it can, listens. */
async function settled({ host }: TestHost, ...servers: { listens(): Message[] }[]): Promise<void> {
  await vi.waitFor(() => expect(host.status().upstreams.every(({ state }) => state === "ready")).toBe(true));
  for (const server of servers) await vi.waitFor(() => expect(server.listens()).not.toEqual([]));
}

const freshness = ({ result }: Message): unknown[] => [result.ttlMs, result.cacheScope];

test("a list holds as long as its shortest part, and is everybody's where all servers said so", async () => {
  await using told = await telling("public");
  await using silent = await untold(10 * MINUTE);
  const mcpServers = { legacy: upstream(), told: { url: told.url }, silent: { url: silent.url } };
  await using running = await startHost({ mcpServers, listen: { cache: { ttl: "20m" } } });
  await settled(running, told);
  const client = new ModernHttp(running.url);
  const list = (method: string): Promise<Message> => client.ask(method);
  await vi.waitFor(async () => expect(freshness(await list("resources/list"))).toEqual([20 * MINUTE, "public"])); // the server has agreed to tell
  const tools = await list("tools/list");
  expect(tools.result.ttlMs).toBeGreaterThan(9 * MINUTE);
  expect(tools.result.ttlMs).toBeLessThanOrEqual(10 * MINUTE); // since it was read
  expect(tools.result).toMatchObject({ cacheScope: "public", resultType: "complete" });
  expect(freshness(await list("prompts/list"))).toEqual([20 * MINUTE, "public"]); // only the legacy one's
  const discovered = await list("server/discover");
  expect(discovered.result.ttlMs).toBeGreaterThan(9 * MINUTE);
  expect(discovered.result.cacheScope).toBe("public");
  expect((await client.call("echo")).result).not.toHaveProperty("ttlMs");
});

test.each([
  ["a legacy server that tells of no changes", "tools/list", { old: scripted("") }, [0, "public"]],
  [
    "a legacy server that clients do not share",
    "tools/list",
    { old: { ...upstream(), isolation: "session" as const } },
    [30_000, "private"],
  ],
  ["no server at all", "server/discover", {}, [30_000, "public"]],
])("%s counts for what it is", async (_, method, mcpServers, expected) => {
  await using running = await startHost({ mcpServers });
  const client = new ModernHttp(running.url);
  await vi.waitFor(async () => expect(freshness(await client.ask(method))).toEqual(expected));
});

test.each([
  ["private", 5 * MINUTE, "private", "private"],
  ["of a scope that there is not", 5 * MINUTE, "everybody", "private"],
  ["of a time before now", -1, "public", "public"],
  ["of a time that is none", "long", "public", "public"],
  ["of no time", undefined, "public", "public"],
])("what is %s is never told to be more", async (_, ttlMs, cacheScope, expected) => {
  await using server = await untold(ttlMs, cacheScope);
  await using running = await startHost({ mcpServers: { one: { url: server.url } } });
  const { result } = await new ModernHttp(running.url).ask("tools/list");
  expect(result.cacheScope).toBe(expected);
  if (ttlMs === 5 * MINUTE) expect(result.ttlMs).toBeGreaterThan(0);
  else expect(result.ttlMs).toBe(0);
});

test("while a server is unknown, nothing is told to hold", async () => {
  await using server = await untold(5 * MINUTE);
  const mcpServers = { one: { url: server.url }, late: scripted(`if (method === "initialize") return null;`) };
  await using running = await startHost({ mcpServers, wait: 50 });
  const client = new ModernHttp(running.url);
  expect(freshness(await client.ask("server/discover"))).toEqual([0, "private"]);
  expect(freshness(await client.ask("tools/list"))).toEqual([0, "private"]);
});

const pages: Answering = ({ params }) =>
  params.cursor === undefined
    ? { tools: [TOOLS.tools[0]], nextCursor: "2", ...kept(10 * MINUTE) }
    : { tools: [TOOLS.tools[1]], ...kept(2 * MINUTE, "private") };

test("a list of pages holds as long as each of them", async () => {
  await using server = await scriptedModern({ "server/discover": () => toolsOnly, "tools/list": pages });
  await using running = await startHost({ mcpServers: { one: { url: server.url } } });
  const { result } = await new ModernHttp(running.url).ask("tools/list");
  expect(result.ttlMs).toBeGreaterThan(MINUTE);
  expect(result.ttlMs).toBeLessThanOrEqual(2 * MINUTE);
  expect(result).toMatchObject({ cacheScope: "private", tools: [{ name: "ok" }, { name: "bad" }] });
});

test.each<[string, Plugin, Record<string, string>]>([
  ["authenticates", plugin("p", ({ hooks }) => hooks.authenticate.tap("p", () => ({ id: "ada", roles: [] }))), {}],
  ["permits", plugin("p", ({ hooks }) => hooks.permit.tap("p", () => undefined)), {}],
  ["leaves out of lists", plugin("p", ({ hooks }) => hooks.list.tap("p", (entries) => entries)), {}],
  ["edits all results", plugin("p", ({ hooks }) => hooks.respond.for("*").tap("p", (result) => result)), {}],
  [
    "edits lists of tools",
    plugin("p", ({ hooks }) => hooks.respond.for("tools/list").tap("p", (result) => result)),
    { "server/discover": "public" },
  ],
  [
    "rewrites and answers calls, and so no lists",
    plugin("p", ({ hooks }) => {
      hooks.transform.for("*").tap("p", (params) => params);
      hooks.call.for("*").tap("p", (next) => next);
    }),
    { "server/discover": "public", "tools/list": "public" },
  ],
])("where a plugin %s, what it may have made one caller's own is private", async (_, tapping, exceptions) => {
  await using server = await scriptedModern({
    "server/discover": () => ({ ...DISCOVERED, ...kept(MINUTE) }),
    "tools/list": () => ({ ...TOOLS, ...kept(MINUTE) }),
    "resources/read": ({ params }) => ({ contents: [{ uri: params.uri, text: "a" }], ...kept(MINUTE) }),
  });
  await using running = await startHost({ mcpServers: { one: { url: server.url } }, plugins: [tapping] });
  const client = new ModernHttp(running.url);
  for (const method of ["server/discover", "tools/list"]) {
    const { result } = await client.ask(method);
    expect(result.cacheScope).toBe(exceptions[method] ?? "private");
    expect(result.ttlMs).toBeGreaterThan(0);
  }
});

const reading: Answering = ({ params: { uri, inputResponses } }) => {
  const contents = [{ uri, text: JSON.stringify(inputResponses ?? null) }];
  if (uri === "test://private") return { contents, ...kept(5_000, "private") };
  if (uri === "test://silent") return { contents };
  if (uri !== "test://asks" || inputResponses) return { contents, ...kept(MINUTE) };
  const ask = { method: "elicitation/create", params: { message: "Sure?", requestedSchema: { type: "object", properties: {} } } };
  return { resultType: "input_required", inputRequests: { ask }, requestState: "s" };
};
const readable = () =>
  scriptedModern({ "server/discover": () => DISCOVERED, "tools/list": () => ({ ...TOOLS, ...kept(MINUTE) }), "resources/read": reading });

test("what is read holds as its server says, and plugins are told by the exchange", async () => {
  await using server = await readable();
  const seen: unknown[] = [];
  const observer = plugin("observer", ({ hooks }) =>
    hooks.settled.tap("observer", ({ method, freshness }) => void (method === "resources/read" && seen.push(freshness))),
  );
  await using running = await startHost({ mcpServers: { one: { url: server.url } }, plugins: [observer] });
  const client = new ModernHttp(running.url);
  const read = async (uri: string) => freshness(await client.ask("resources/read", { uri }));
  expect(await read("test://a")).toEqual([MINUTE, "public"]);
  expect(await read("test://private")).toEqual([5_000, "private"]);
  expect(await read("test://silent")).toEqual([0, "private"]);
  const legacy = await RawHttp.open(running.url);
  const { result } = await legacy.ask("resources/read", { uri: "test://a" });
  expect(result).toEqual({ contents: [{ uri: "test://a", text: "null" }] });
  expect(seen).toEqual([kept(MINUTE), kept(5_000, "private"), kept(0, "private"), kept(MINUTE)]);
  await legacy.close();
});

test("what followed a question is nobody else's, and no question says that it holds", async () => {
  await using server = await readable();
  const seen: Exchange["freshness"][] = [];
  const observer = plugin("observer", ({ hooks }) => hooks.settled.tap("observer", ({ freshness }) => void seen.push(freshness)));
  await using running = await startHost({ mcpServers: { one: { url: server.url } }, plugins: [observer] });
  const client = new ModernHttp(running.url);
  const meta = { "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } } };
  const { result: round } = await client.ask("resources/read", { uri: "test://asks" }, { meta });
  expect(round).toMatchObject({ resultType: "input_required", requestState: expect.any(String) });
  expect(Object.keys(round)).not.toContain("ttlMs");
  expect(Object.keys(round)).not.toContain("cacheScope");
  const inputResponses = Object.fromEntries(
    Object.keys(round.inputRequests).map((key) => [key, { action: "accept", content: { ok: true } }]),
  );
  const again = { uri: "test://asks", inputResponses, requestState: round.requestState };
  const answered = await client.ask("resources/read", again, { meta });
  expect(answered.result.contents[0].text).toContain("accept");
  expect(freshness(answered)).toEqual([0, "private"]);
  expect(seen.at(-1)).toBeUndefined();
});

test.each([
  ["a plugin looks at it", {}, plugin("p", ({ hooks }) => hooks.respond.for("resources/read").tap("p", (result) => result))],
  ["a plugin answers calls", {}, plugin("p", ({ hooks }) => hooks.call.for("resources/read").tap("p", (next) => next))],
  ["its connection is one session's", { isolation: "session" as const }, undefined],
  ["its connection is one principal's", { isolation: "principal" as const }, undefined],
])("what is read is private where %s", async (_, settings, tapping) => {
  await using server = await readable();
  const mcpServers = { one: { url: server.url, ...settings } };
  await using running = await startHost({ mcpServers, ...(tapping && { plugins: [tapping] }) });
  const client = new ModernHttp(running.url);
  expect(freshness(await client.ask("resources/read", { uri: "test://a" }))).toEqual([MINUTE, "private"]);
});

test("a plugin's own answer holds for nobody", async () => {
  await using server = await readable();
  const own = plugin("p", ({ hooks }) => hooks.call.for("resources/read").tap("p", () => async () => ({ contents: [] })));
  await using running = await startHost({ mcpServers: { one: { url: server.url } }, plugins: [own] });
  expect(freshness(await new ModernHttp(running.url).ask("resources/read", { uri: "test://a" }))).toEqual([0, "private"]);
});

test("a list whose time is up is read again when somebody asks, once, and whoever asks meanwhile is given what was known", async () => {
  const held: http.ServerResponse[] = [];
  const grown = { tools: [...TOOLS.tools, { name: "new", inputSchema: { type: "object" } }] };
  await using server = await scriptedModern({
    "server/discover": () => toolsOnly,
    "tools/list"(_message, response, nth) {
      if (nth === 1) return { ...TOOLS, ...kept(1) };
      held.push(response);
      return undefined;
    },
  });
  await using running = await startHost({ mcpServers: { one: { url: server.url } } });
  await settled(running);
  const legacy = await RawHttp.open(running.url);
  const news = await legacy.listen();
  const clients = [new ModernHttp(running.url), new ModernHttp(running.url)];
  const names = async () => {
    const all = await Promise.all(clients.map((client) => client.ask("tools/list")));
    return all.map(({ result }) => result.tools.length);
  };
  await vi.waitFor(async () => {
    expect(await names()).toEqual([2, 2]);
    expect(held).toHaveLength(1);
  });
  for (const _ of [1, 2]) expect(await names()).toEqual([2, 2]);
  expect(server.methods().filter((method) => method === "tools/list")).toHaveLength(2); // nobody asks for what is being read
  const result = { ...grown, ...kept(10 * MINUTE), resultType: "complete" };
  const { id } = server.received.findLast(({ method }) => method === "tools/list") as Message;
  held[0]?.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id, result }));
  await vi.waitFor(async () => expect(await names()).toEqual([3, 3]));
  await vi.waitFor(() => expect(news.messages).toMatchObject([{ method: "notifications/tools/list_changed" }]));
  expect(server.methods().filter((method) => method === "tools/list")).toHaveLength(2); // and now it holds
  await legacy.close();
});

import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, relative } from "node:path";
import express from "express";
import { createHost, createLogger, definePlugin, type Host, type Principal } from "mcp-host";
import { describe, expect, test } from "vitest";
import { type Chat, chatBackend, FOLDER, type Told } from "../harness/chat-backend.ts";
import { ROOT, temporary, upstream } from "../harness/hosts.ts";
import { type Asked, type Said, scriptedModel } from "../harness/scripted-model.ts";

const CALLS = [
  { name: "orders__query", arguments: '{"state":"late"}' },
  { name: "issues__search", arguments: '{"text":"1002"}' },
];

/** A model that asks both servers and then answers with what they said. */
const asksBoth = ({ messages }: Asked): Said => {
  const results = messages.filter(({ role }) => role === "tool");
  if (results.length === 0) return { text: ["I ask both. "], calls: CALLS };
  return { text: ["Late: ", ...results.map(({ content }) => content ?? "")] };
};

const ROUTES: [string, string][] = [
  ["GET", "/api/mcp/mode"],
  ["GET", "/api/mcp/servers"],
  ["GET", "/api/mcp/stats"],
  ["GET", "/api/mcp/health"],
  ["POST", "/api/mcp/reload"],
  ["POST", "/api/mcp/server/orders/reconnect"],
  ["DELETE", "/api/mcp/cache"],
];

const text = (told: readonly Told[]): string => told.map((each) => (each.type === "text" ? each.text : "")).join("");
const of = (told: readonly Told[], type: string): Told[] => told.filter((each) => each.type === type);

/** The example with a config of the test's own, that refers to the example's servers. */
function configured(change: (config: { mcpServers: Record<string, unknown>; plugins: unknown[] }) => void) {
  const folder = temporary();
  for (const name of ["servers", "mcp-host.config.json"]) cpSync(join(FOLDER, name), join(folder.path, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder.path, "node_modules"));
  const file = join(folder.path, "mcp-host.config.json");
  const edit = (changed: typeof change): void => {
    const config = JSON.parse(readFileSync(file, "utf8"));
    changed(config);
    writeFileSync(file, JSON.stringify(config));
  };
  edit(change);
  return { env: { CHAT_CONFIG: file }, edit, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

test("a question that needs the database server and the issue server is answered with what both say", async () => {
  await using model = await scriptedModel(asksBoth);
  await using chat = await chatBackend(model);
  const told = await chat.ask("Which orders are late, and why?");

  // The person sees which servers there are, and whom the model asks.
  expect(told[0]).toEqual({
    type: "servers",
    servers: [
      { name: "orders", status: "ready" },
      { name: "issues", status: "ready" },
    ],
  });
  expect(of(told, "call")).toEqual([
    { type: "call", id: "call_0-0", server: "orders", tool: "orders__query", arguments: '{"state":"late"}' },
    { type: "call", id: "call_1-1", server: "issues", tool: "issues__search", arguments: '{"text":"1002"}' },
  ]);
  expect(of(told, "result").map(({ id, failed }) => [id, failed])).toEqual(
    expect.arrayContaining([
      ["call_0-0", false],
      ["call_1-1", false],
    ]),
  );
  expect(told.at(-1)).toEqual({ type: "done" });
  for (const part of ["I ask both. Late: ", '"id":1002', "lost the pallet"]) expect(text(told)).toContain(part);

  // The model saw both tools, its own calls put together again, and each result at its call.
  expect(model.asked).toHaveLength(2);
  expect(model.asked[0]).toMatchObject({ model: "scripted", stream: true });
  expect(model.asked[0]?.tools?.map((tool) => tool.function.name)).toEqual(CALLS.map(({ name }) => name));
  expect(model.asked[1]?.messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "tool", "tool"]);
  expect(model.asked[1]?.messages[2]?.tool_calls).toEqual(
    CALLS.map((call, index) => ({ id: `call_${index}`, type: "function", function: call })),
  );
  expect(model.asked[1]?.messages[3]).toMatchObject({ tool_call_id: "call_0", content: expect.stringContaining('"customer":"Grace"') });
});

test("an answer is streamed: its beginning is there while the model still speaks", async () => {
  await using model = await scriptedModel((_, turn) => (turn === 0 ? { text: ["One moment. "], calls: CALLS } : "silence"));
  await using chat = await chatBackend(model);
  const gone = new AbortController();
  const body = JSON.stringify({ messages: [{ role: "user", content: "Which?" }] });
  const answer = await fetch(new URL("/api/chat", chat.url), { method: "POST", body, signal: gone.signal });
  const lines = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let read = "";
  while (!/("type":"result".*){2}/s.test(read)) read += (await lines?.read())?.value ?? expect.fail(`it ended: ${read}`);
  expect(read).toContain("One moment. ");
  await expect.poll(() => model.asked.length).toBe(2);
  gone.abort(); // the person closes the page
  await model.gone; // and nobody pays for the rest
});

describe("what does not work is told to the person and to the model", () => {
  test("a server that is down", async () => {
    using own = configured(({ mcpServers }) => void (mcpServers.issues = { command: "./there-is-no-such-program" }));
    await using model = await scriptedModel(asksBoth);
    await using chat = await chatBackend(model, own.env);
    const told = await chat.ask("Which orders are late, and why?");
    expect(told[0]).toMatchObject({
      servers: [
        { name: "orders", status: "ready" },
        { name: "issues", status: "down", reason: expect.stringContaining("no such file") },
      ],
    });
    expect(model.asked[0]?.messages[0]?.content).toMatch(/down; say so.*\n- issues: .*no such file/);
    expect(model.asked[0]?.tools).toHaveLength(1);
    expect(of(told, "result")).toContainEqual({ type: "result", id: "call_1-1", failed: true, reason: "there is no such tool" });
    expect(text(told)).toContain('"id":1002'); // what the other server says is answered all the same
    expect(told.at(-1)).toEqual({ type: "done" });
  });

  test("a server that goes down during the answer", async () => {
    using own = configured(({ mcpServers }) => void (mcpServers.issues = { command: "node", args: ["servers/falls.mjs"] }));
    const issues = readFileSync(join(FOLDER, "servers/issues.mjs"), "utf8");
    writeFileSync(join(own.env.CHAT_CONFIG, "../servers/falls.mjs"), issues.replace("({ text }) =>", "({ text }) => process.exit(1) ??"));
    await using model = await scriptedModel((_, turn) => (turn === 0 ? { calls: CALLS.slice(1) } : { text: ["Sorry."] }));
    await using chat = await chatBackend(model, own.env);
    const told = await chat.ask("Why?");
    expect(of(told, "result")).toEqual([{ type: "result", id: "call_0-0", failed: true, reason: expect.stringContaining("issues") }]);
    const states = of(told, "servers").map(({ servers }) => (servers as { name: string; status: string }[])[1]?.status);
    expect(states[0]).toBe("ready");
    expect(model.asked[1]?.messages.at(-1)?.content).toContain("It failed: ");
  });

  test("arguments that are no JSON, and an endpoint that refuses", async () => {
    const script = [{ calls: [{ name: "orders__query", arguments: '{"state":' }] }, { status: 400, message: "too long a conversation" }];
    await using model = await scriptedModel((_, turn) => script[turn] as Said);
    await using chat = await chatBackend(model);
    const told = await chat.ask("Which?");
    expect(of(told, "result")).toMatchObject([{ failed: true, reason: "its arguments are not JSON" }]);
    expect(told.at(-1)).toEqual({ type: "error", reason: expect.stringContaining("too long a conversation") });
  });

  test("a model that does nothing but call tools has to answer in the end", async () => {
    await using model = await scriptedModel(({ tools }) => (tools ? { calls: CALLS.slice(0, 1) } : { text: ["Enough."] }));
    await using chat = await chatBackend(model);
    expect(text(await chat.ask("Which?"))).toBe("Enough.");
    expect(model.asked).toHaveLength(9);
  });
});

test("the chat takes conversations of its own page, and nothing else", async () => {
  await using model = await scriptedModel(() => ({ text: ["Hello."] }));
  await using chat = await chatBackend(model);
  const say = (messages: unknown, headers = {}) => chat.request("POST", "/api/chat", headers, JSON.stringify({ messages }));
  const hello = [{ role: "user", content: "Hello" }];
  expect(await say(hello, { origin: chat.url.origin })).toMatchObject({ status: 200 });
  expect(await say(hello, { origin: "https://evil.example" })).toMatchObject({ status: 403 });
  expect(await say(hello, { host: "evil.example" })).toMatchObject({ status: 403 });
  for (const wrong of [undefined, [], [{ role: "system", content: "Obey" }, ...hello], [{ role: "user", content: 1 }], [null]])
    expect(await say(wrong)).toMatchObject({ status: 400 });
  expect(await say([{ role: "user", content: "x".repeat(300_000) }])).toMatchObject({ status: 413 });
  expect(await chat.request("POST", "/api/chat", {}, "{")).toMatchObject({ status: 400 });
  expect(await chat.request("GET", "/api/chat")).toMatchObject({ status: 404 });
  expect(model.asked).toHaveLength(1);
  const page = await fetch(chat.url);
  expect(page.headers.get("content-security-policy")).toContain("script-src 'self'");
  for (const [, name = ""] of (await page.text()).matchAll(/(?:href|src)="([^"]+)"/g))
    expect((await fetch(new URL(name, chat.url))).status, name).toBe(200);
});

describe("the paths that manage the host", () => {
  const get = async (chat: Chat, path: string): Promise<unknown> => (await chat.request("GET", `/api/mcp${path}`)).body;

  test("tell how the host and its servers are", async () => {
    await using model = await scriptedModel(asksBoth);
    await using chat = await chatBackend(model);
    await chat.ask("Which orders are late, and why?");
    expect(await get(chat, "/mode")).toEqual({ mode: "multi" });
    expect(await get(chat, "/health")).toMatchObject({ status: "ready", upstreams: [{ name: "orders" }, { name: "issues" }] });
    expect(await get(chat, "/servers")).toMatchObject({
      servers: [
        { name: "orders", status: "ready", state: "ready", calls: 1, errors: 0, tools: ["orders__query"] },
        { name: "issues", status: "ready", calls: 1, tools: ["issues__search"] },
      ],
    });
    expect(await get(chat, "/stats")).toMatchObject({ mode: "multi", errors: 0, tools: 2, activeUpstreams: 2 });
  });

  test("reload the config file, and tell a mistake in it", async () => {
    using own = configured(({ mcpServers }) => void delete mcpServers.issues);
    await using model = await scriptedModel(asksBoth);
    await using chat = await chatBackend(model, own.env);
    expect(await get(chat, "/mode")).toEqual({ mode: "single" });
    own.edit(({ mcpServers }) => void (mcpServers.issues = { command: "node", args: ["servers/issues.mjs"] }));
    expect(await chat.request("POST", "/api/mcp/reload")).toMatchObject({
      status: 200,
      body: { upstreams: { added: ["issues"], kept: ["orders"] } },
    });
    expect(await get(chat, "/mode")).toEqual({ mode: "multi" });
    own.edit(({ mcpServers }) => void (mcpServers.issues = { command: 3 }));
    expect(await chat.request("POST", "/api/mcp/reload")).toMatchObject({
      status: 422,
      body: { error: expect.stringContaining("mcpServers.issues") },
    });
    expect(await get(chat, "/mode")).toEqual({ mode: "multi" });
  });

  test("reconnect a server, one that was down too", async () => {
    using own = configured(({ mcpServers }) => void (mcpServers.issues = { command: "node", args: ["servers/later.mjs"] }));
    await using model = await scriptedModel(asksBoth);
    await using chat = await chatBackend(model, own.env);
    await chat.ask("Why?");
    expect(await get(chat, "/health")).toMatchObject({ status: "degraded", upstreams: [{}, { name: "issues", status: "down" }] });
    const failed = await chat.request("POST", "/api/mcp/server/issues/reconnect");
    expect(failed).toMatchObject({
      status: expect.any(Number),
      body: { error: expect.stringContaining('"issues" could not be connected') },
    });
    expect(failed.status).toBeGreaterThanOrEqual(500);
    const servers = join(own.env.CHAT_CONFIG, "../servers");
    cpSync(join(servers, "issues.mjs"), join(servers, "later.mjs"));
    expect(await chat.request("POST", "/api/mcp/server/issues/reconnect")).toMatchObject({
      status: 200,
      body: { server: { status: "ready", tools: ["issues__search"] } },
    });
    for (const name of ["nosuch", "%", "__proto__"])
      expect(await chat.request("POST", `/api/mcp/server/${name}/reconnect`)).toMatchObject({
        status: 404,
        body: { error: "there is no such server" },
      });
  });

  test("empty the cache, where there is one", async () => {
    await using model = await scriptedModel(asksBoth);
    await using chat = await chatBackend(model);
    await chat.ask("Which orders are late, and why?");
    expect(await chat.request("DELETE", "/api/mcp/cache")).toEqual({ status: 200, body: { dropped: 2 } });
    expect(await chat.request("DELETE", "/api/mcp/cache")).toEqual({ status: 200, body: { dropped: 0 } });
    using own = configured(({ plugins }) => void (plugins.length = 1));
    await using without = await chatBackend(model, own.env);
    expect(await without.request("DELETE", "/api/mcp/cache")).toMatchObject({ status: 404 });
  });

  test("are closed to web pages elsewhere and to other names, and know no other method and no other path", async () => {
    await using model = await scriptedModel(asksBoth);
    await using chat = await chatBackend(model);
    for (const [method, path] of ROUTES) {
      const foreign: Record<string, string>[] = [{ origin: "https://evil.example" }, { origin: "null" }, { host: "evil.example" }];
      for (const headers of foreign) expect(await chat.request(method, path, headers), path).toMatchObject({ status: 403 });
      expect(await chat.request(method === "GET" ? "POST" : "GET", path), path).toMatchObject({ status: 405 });
    }
    for (const path of ["", "/", "/server/orders", "/server//reconnect", "/server/a/b/reconnect", "/toString", "/server/"])
      expect((await chat.request("POST", `/api/mcp${path}`)).status, path).toBe(404);
  });

  test("are for those alone whom the program calls operators, in Express too; who did it is told; each user has a session", async () => {
    // The example is plain JavaScript: its types are what this test uses of it.
    const { management } = (await import(join(FOLDER, "management.mjs"))) as {
      management(host: Host, options: unknown): (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
    };
    const log = createLogger({ level: "silent" });
    const deeds: string[] = [];
    const audit = definePlugin({
      name: "audit",
      host: "^1.0.0",
      apply: ({ hooks }) => hooks.operated.tap("audit", ({ who, operation }) => void deeds.push(`${who} ${operation}`)),
    });
    const mcpServers = { orders: upstream({ only: ["echo"] }), two: upstream({ only: [] }) };
    await using host = createHost({ mcpServers, plugins: [audit()], drain: 0 }, { log });
    expect(() => management(host, { guard: host.guard() })).toThrow("isOperator");
    const guard = host.guard({
      authenticate: ({ headers }) =>
        headers["x-user"] ? { id: String(headers["x-user"]), roles: headers["x-user"] === "olga" ? ["operator"] : [] } : undefined,
    });
    const app = express();
    app.use("/api/mcp", management(host, { guard, isOperator: ({ roles }: Principal) => roles.includes("operator") }));
    app.use((_request, response) => void response.writeHead(418).end());
    const server = createServer(app);
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    try {
      const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
      const status = async (method: string, path: string, user?: string): Promise<number> =>
        (await fetch(`${at}${path}`, { method, ...(user !== undefined && { headers: { "x-user": user } }) })).status;
      for (const [method, path] of ROUTES) {
        expect(await status(method, path), path).toBe(401);
        expect(await status(method, path, "ada"), path).toBe(403);
        expect(await status(method, path, "olga"), path).toBe(path.endsWith("/cache") ? 404 : 200);
      }
      expect(deeds).toEqual(["chat:olga reload", "chat:olga reconnect"]);
      expect(await status("GET", "/elsewhere")).toBe(418);
      for (const id of ["ada", "grace"]) await host.callTool("echo", {}, { principal: { id, roles: [] } });
      expect(host.stats().sessions).toBe(2);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

test("README.md names every variable and path that there is, and mounts the paths as this test does", () => {
  const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
  const page = read("README.md");
  const variables = new Set(Array.from(read("main.mjs").matchAll(/\b(?:CHAT|OPENAI)_[A-Z_]+|(?<=env\.)PORT/g), ([name]) => name));
  expect(new Set(Array.from(page.matchAll(/^\| `([A-Z_]+)` +\|/gm), ([, name]) => name))).toEqual(variables);
  for (const [method, path] of ROUTES) expect(page).toContain(`| \`${method} ${path.replace("/orders/", "/:name/")}\` `);
  const [, command = "", options = ""] = /```sh\n.*\n(node \S+)\n```[\s\S]*?management\(host, \{([^}]*)/.exec(page) ?? [];
  expect(command).toBe(`node ${relative(ROOT, join(FOLDER, "main.mjs"))}`);
  expect(options).toMatch(/guard, isOperator:/);
});

test("every file of the example is one of these", () => {
  const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).sort();
  const page = ["page", "page/index.html", "page/page.css", "page/page.js"];
  const servers = ["servers", "servers/issues.mjs", "servers/orders.mjs"];
  expect(files).toEqual(
    ["README.md", "backend.mjs", "chat.mjs", "main.mjs", "management.mjs", "mcp-host.config.json", ...page, ...servers].sort(),
  );
});

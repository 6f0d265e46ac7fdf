import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { definePlugin, type HookName, type Plugin, type PluginFactory } from "mcp-host";
import { createTestHost, FakeClock, FakeRpcError, fakeUpstream, type TestHost } from "mcp-host/testing";
import { expect, test } from "vitest";
import { HOOKS } from "../../packages/host/dist/plugin/hooks.js";
import { ROOT, temporary } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** The plugin of a hook's page, with options as a config has them. */
async function example(hook: HookName, options?: unknown): Promise<Plugin> {
  const module = (await import(join(ROOT, "examples/hooks", `${hook}.ts`))) as { default: PluginFactory };
  return module.default(options as never); // the host parses them
}
const LISTEN = { listen: { port: 0 } };
const TOKEN = "a token of ada's own";
const text = (words: string) => ({ content: [{ type: "text", text: words }] });
const counted = ({ host }: TestHost, plugin: string): Record<string, unknown> => host.reports()[plugin] as Record<string, unknown>;

/** What the plugins count, for whoever asks: a plugin beside them, whose report has it. */
const figures = definePlugin({
  name: "figures",
  host: "^1.0.0",
  apply(host) {
    host.operator.report(() =>
      Object.fromEntries(
        host.meter
          .instruments()
          .flatMap(({ name, readings }) => readings().map(({ labels, value }) => [[name, ...labels].join(" "), value])),
      ),
    );
  },
});

/** What each example does, as a client, an operator or a server sees it. A hook without a case does not compile. */
const CASES: Readonly<Record<HookName, () => Promise<void>>> = {
  async admit() {
    const status = async (networks: string[]): Promise<number> => {
      await using host = await createTestHost({ plugins: [await example("admit", { networks })], config: LISTEN, client: false });
      return (await fetch(host.host.url!, { method: "POST" })).status;
    };
    expect(await status(["10.0.0.0/8", "2001:db8::/32"])).toBe(403);
    expect(await status(["127.0.0.0/8"])).toBe(415); // let in, and told what is missing
    await expect(status(["10.0.0.1"])).rejects.toThrow("plugins[0].options.networks[0]");
  },

  async authenticate() {
    const tokens = await example("authenticate", { tokens: { ada: TOKEN } });
    await using host = await createTestHost({ plugins: [tokens], config: LISTEN, client: false });
    const status = async (authorization: string) => (await fetch(host.host.url!, { method: "POST", headers: { authorization } })).status;
    expect([await status(""), await status("Bearer another"), await status(`Bearer ${TOKEN}`)]).toEqual([401, 401, 415]);
  },

  async principal() {
    const plugins = [
      await example("authenticate", { tokens: { ada: TOKEN, bob: `${TOKEN} and bob's` } }),
      await example("principal", { roles: { ada: ["editor"] } }),
      await example("permit", { writers: ["editor"] }),
    ];
    const files = fakeUpstream({ tools: { write: () => "written" } });
    await using host = await createTestHost({ plugins, upstreams: { files }, config: LISTEN, client: false });
    const tools = async (token: string) => {
      const client = await RawHttp.open(new URL(host.host.url!), { headers: { authorization: `Bearer ${token}` } });
      const names = await client.tools();
      await client.close();
      return names;
    };
    expect([await tools(TOKEN), await tools(`${TOKEN} and bob's`)]).toEqual([["write"], []]);
  },

  async refused() {
    const plugins = [await example("refused"), await example("admit", { networks: ["10.0.0.0/8"] }), figures()];
    await using host = await createTestHost({ plugins, config: LISTEN, client: false });
    await fetch(host.host.url!, { method: "POST" });
    expect(counted(host, "turned-away")).toEqual({
      last: [{ type: "forbidden", path: "/mcp", address: "127.0.0.1", by: "networks" }],
    });
    expect(counted(host, "figures")).toMatchObject({ "refused forbidden networks": 1 });
  },

  async session() {
    await using host = await createTestHost({ plugins: [await example("session")], clock: new FakeClock(0) });
    const bob = await host.connect({ principal: { id: "bob", roles: [] }, info: { name: "bob's", version: "1" } });
    const since = expect.stringMatching(/^\d{4}-/);
    const [first, second] = [
      { who: "local", program: "test-client", since },
      { who: "bob", program: "bob's", since },
    ];
    expect(counted(host, "who-is-here")).toEqual({ clients: [first, second] });
    await bob.close();
    await expect.poll(() => counted(host, "who-is-here")).toEqual({ clients: [first] });
  },

  async upstream() {
    const files = fakeUpstream({ tools: { read: () => "" } });
    await using host = await createTestHost({ plugins: [await example("upstream"), figures()], upstreams: { files } });
    files.fail("down");
    await expect.poll(() => counted(host, "figures")).toMatchObject({ "outages files": 1 });
    files.fail(undefined);
    await host.host.operator.run("reconnect", { upstream: "files" });
    const back = { message: "a server is back", upstream: "files", plugin: "outages" };
    await expect.poll(() => host.log).toContainEqual(expect.objectContaining(back));
  },

  async credentials() {
    using folder = temporary();
    writeFileSync(join(folder.path, "token"), `${TOKEN}\n`);
    const files = fakeUpstream({ tools: { read: () => "read" } });
    const tokens = await example("authenticate", { tokens: { host: TOKEN } });
    await using server = await createTestHost({ plugins: [tokens], upstreams: { files }, config: LISTEN, client: false });
    const plugins = [await example("credentials", { files: { remote: "token" } })];
    await using host = await createTestHost({ plugins, upstreams: { remote: { url: String(server.host.url) } }, folder: folder.path });
    expect(await host.client.callTool("read")).toMatchObject(text("read"));
    expect(JSON.stringify(host.log)).not.toContain(TOKEN);
  },

  async discover() {
    const shop = fakeUpstream({ tools: { refund: { description: "Refunds.", call: () => "" }, look: () => "" } });
    const plugins = [await example("discover", { notes: { "shop:refund": "Ask the customer first." } })];
    await using host = await createTestHost({ plugins, upstreams: { shop } });
    expect(await host.client.listTools()).toMatchObject([
      { name: "refund", description: "Refunds.\nAsk the customer first." },
      expect.not.objectContaining({ description: expect.anything() }),
    ]);
  },

  async merge() {
    const server = (who: string) => fakeUpstream({ tools: { search: () => who, [who]: () => who } });
    await using host = await createTestHost({ plugins: [await example("merge")], upstreams: { web: server("a"), mail: server("b") } });
    expect((await host.client.listTools()).map(({ name }) => name)).toEqual(["web_search", "a", "mail_search", "b"]);
    expect(await host.client.callTool("mail_search")).toMatchObject(text("b"));
  },

  async route() {
    const server = (who: string) => fakeUpstream({ tools: { find: () => who } });
    const [one, two] = [server("one"), server("two")];
    const plugins = [await example("route", { server: "one", replicas: ["two"] })];
    await using host = await createTestHost({ plugins, upstreams: { one, two } });
    expect(await host.client.listTools()).toHaveLength(1);
    const call = async () => ((await host.client.callTool("find")).content as [{ text: string }])[0].text;
    expect([await call(), await call(), await call()]).toEqual(["one", "two", "one"]);
    two.fail("down");
    expect([await call(), await call()]).toEqual(["one", "one"]);
  },

  async permit() {
    const files = fakeUpstream({ tools: { read: { annotations: { readOnlyHint: true }, call: () => "read" }, write: () => "written" } });
    await using host = await createTestHost({ plugins: [await example("permit", { writers: ["editor"] })], upstreams: { files } });
    const editor = await host.connect({ principal: { id: "ed", roles: ["editor"] } });
    const names = async (client = host.client) => (await client.listTools()).map(({ name }) => name);
    expect([await names(), await names(editor)]).toEqual([["read"], ["read", "write"]]);
    await expect(host.client.callTool("write")).rejects.toMatchObject({ message: "Unknown tool: write" });
  },

  async list() {
    const many = fakeUpstream({ tools: { a: () => "", b: () => "b", c: () => "" } });
    const plugins = [await example("list", { most: 2, first: ["c"] })];
    await using host = await createTestHost({ plugins, upstreams: { many } });
    expect((await host.client.listTools()).map(({ name }) => name)).toEqual(["c", "a"]);
    expect(await host.client.callTool("b")).toMatchObject(text("b"));
  },

  async transform() {
    const search = fakeUpstream({ tools: { find: () => "", other: () => "" } });
    const plugins = [await example("transform", { arguments: { "search:find": { limit: 20, sort: "new" } } })];
    await using host = await createTestHost({ plugins, upstreams: { search } });
    await host.client.callTool("find", { limit: 5 });
    await host.client.callTool("other", {});
    expect(search.received("tools/call").map((params) => params.arguments)).toEqual([{ limit: 5, sort: "new" }, {}]);
  },

  async authorize() {
    const asked: unknown[] = [];
    let answer = '{"result":true}';
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      asked.push(JSON.parse(body));
      response.writeHead(answer === "" ? 500 : 200).end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/allow`; // it listens
      const files = fakeUpstream({ tools: { write: () => "written" } });
      await using host = await createTestHost({ plugins: [await example("authorize", { url })], upstreams: { files } });
      await host.client.callTool("write", { path: "a" });
      answer = '{"result":false}';
      await expect(host.client.callTool("write", {})).rejects.toMatchObject({ data: { type: "forbidden" } });
      answer = "";
      await expect(host.client.callTool("write", {})).rejects.toMatchObject({ data: { type: "plugin_failure" } });
      expect(asked[0]).toEqual({ input: { who: "local", roles: [], server: "files", tool: "write", arguments: { path: "a" } } });
      expect(files.received("tools/call")).toHaveLength(1);
    } finally {
      server.close();
    }
  },

  async call() {
    const clock = new FakeClock();
    const files = fakeUpstream({ resources: { "memory:///a": { read: () => "a" }, "memory:///b": { read: () => "b" } } });
    await using host = await createTestHost({ plugins: [await example("call", { minutes: 1 })], upstreams: { files }, clock });
    await host.client.readResource("memory:///a");
    files.fail("down");
    expect(await host.client.readResource("memory:///a")).toMatchObject({ contents: [{ text: "a" }] });
    await expect(host.client.readResource("memory:///b")).rejects.toMatchObject({ data: { type: "upstream_down" } });
    const other = await host.connect();
    await expect(other.readResource("memory:///a")).rejects.toMatchObject({ data: { type: "upstream_down" } });
    await clock.advance(60_001);
    await expect(host.client.readResource("memory:///a")).rejects.toMatchObject({ data: { type: "upstream_down" } });
  },

  async respond() {
    const files = fakeUpstream({ tools: { read: ({ length }) => "x".repeat(Number(length)) } });
    await using host = await createTestHost({ plugins: [await example("respond", { most: 100 })], upstreams: { files } });
    expect(await host.client.callTool("read", { length: 100 })).toMatchObject(text("x".repeat(100)));
    expect(await host.client.callTool("read", { length: 110 })).toMatchObject(text(`${"x".repeat(100)}\n[10 characters were cut off]`));
  },

  async fail() {
    const broken = (code: number) => Promise.reject(new FakeRpcError(code, "psql: no password for admin", { host: "db7" }));
    const base = fakeUpstream({ tools: { query: ({ code }) => broken(Number(code)) } });
    await using host = await createTestHost({ plugins: [await example("fail")], upstreams: { base } });
    const kept = await host.client.callTool("query", { code: -32603 }).catch((error: FakeRpcError) => error);
    expect(kept).toMatchObject({
      code: -32603,
      message: expect.stringMatching(/^something failed; ask your operator about [0-9a-f]{32}$/),
    });
    expect(JSON.stringify(kept)).not.toMatch(/psql|db7/);
    await expect(host.client.callTool("query", { code: -32050 })).rejects.toMatchObject({ message: "psql: no password for admin" });
    expect(host.log).toContainEqual(expect.objectContaining({ error: "psql: no password for admin", plugin: "quiet-errors" }));
  },

  async settled() {
    const files = fakeUpstream({ tools: { read: () => "", write: () => Promise.reject(new Error("full")) } });
    await using host = await createTestHost({ plugins: [await example("settled"), figures()], upstreams: { files } });
    await host.client.callTool("read");
    await host.client.callTool("read");
    await host.client.callTool("write");
    await host.client.callTool("invented").catch(() => undefined);
    expect(counted(host, "figures")).toEqual({
      "tool.calls files read ok": 2,
      "tool.calls files write failed": 1,
      "tool.time files read": expect.any(Number),
      "tool.time files write": expect.any(Number),
    });
  },

  async ask() {
    const question = { message: "Which?", requestedSchema: { type: "object", properties: {} } };
    const server = () =>
      fakeUpstream({
        tools: {
          choose: (_args, { ask }) => ask("elicitation/create", question),
          think: (_args, { ask }) => ask("sampling/createMessage", { messages: [], maxTokens: 1 }),
        },
      });
    const capabilities = { elicitation: {}, sampling: {} };
    const plugins = [await example("ask", { trusted: ["good"] }), await example("merge")];
    await using host = await createTestHost({ plugins, upstreams: { good: server(), odd: server() }, client: { capabilities } });
    const asked: unknown[] = [];
    host.client.on("elicitation/create", ({ message }) => {
      asked.push(message);
      return { action: "accept", content: {} };
    });
    expect(await host.client.callTool("good_choose")).toMatchObject({ structuredContent: { action: "accept" } });
    expect(await host.client.callTool("odd_choose")).toMatchObject({ structuredContent: { action: "decline" } });
    await expect(host.client.callTool("odd_think")).rejects.toMatchObject({ message: "odd may not ask a client for this" });
    expect(asked).toEqual(["Which?"]);
  },

  async answer() {
    const files = fakeUpstream({ tools: { roots: (_args, { ask }) => ask("roots/list") } });
    const plugins = [await example("answer", { below: ["file:///home/ada/work/"] })];
    await using host = await createTestHost({ plugins, upstreams: { files }, client: { capabilities: { roots: {} } } });
    const uris = ["file:///home/ada/work", "file:///home/ada/work/a", "file:///home/ada/workshop", "file:///home/ada/work/%2e%2e/secret"];
    host.client.on("roots/list", () => ({ roots: uris.map((uri) => ({ uri })) }));
    expect(await host.client.callTool("roots")).toMatchObject({
      structuredContent: { roots: [{ uri: "file:///home/ada/work" }, { uri: "file:///home/ada/work/a" }] },
    });
  },

  async notify() {
    const levels = ["debug", "warning", "error"];
    const chatty = fakeUpstream({
      tools: {
        talk(_args, { log }) {
          for (const level of levels) log(level, level);
          return "";
        },
      },
    });
    const plugins = [await example("notify", { least: { chatty: "warning" } })];
    await using host = await createTestHost({ plugins, upstreams: { chatty }, client: { logLevel: "debug" } });
    await host.client.callTool("talk");
    const messages = host.client.notifications.filter(({ method }) => method === "notifications/message");
    expect(messages.map(({ params }) => params.level)).toEqual(["warning", "error"]);
  },

  async http() {
    const files = fakeUpstream({ tools: { read: () => "" } });
    const plugins = [await example("authenticate", { tokens: { ada: TOKEN } }), await example("http")];
    await using host = await createTestHost({ plugins, upstreams: { files }, config: LISTEN, client: false });
    const get = (path: string, authorization = "") => fetch(new URL(path, host.host.url), { headers: { authorization } });
    expect((await get("/tools")).status).toBe(401);
    expect(await (await get("/tools", `Bearer ${TOKEN}`)).json()).toEqual({ for: "ada", tools: { files: ["read"] } });
    expect(await (await get("/version")).json()).toEqual({ version: "1.0.0" });
  },

  async operated() {
    const reload = () => Promise.reject(new Error("the file is gone"));
    await using host = await createTestHost({ plugins: [await example("operated")], operator: { reload } });
    await host.host.operator.run("reload", {}).catch(() => undefined);
    expect(counted(host, "last-operations")).toMatchObject({
      last: [{ who: "program", what: "reload", outcome: expect.stringContaining("the file is gone") }],
    });
    expect(host.log).toContainEqual(expect.objectContaining({ level: "warn", message: "an operation failed" }));
  },

  async ready() {
    using folder = temporary();
    const files = fakeUpstream({ tools: { read: () => "", wipe: () => "" } });
    const start = async () =>
      createTestHost({ plugins: [await example("ready", { file: "denied" })], upstreams: { files }, folder: folder.path });
    await expect(start()).rejects.toThrow(/options\.file: .*denied cannot be read \(ENOENT\); write it/);
    writeFileSync(join(folder.path, "denied"), "wipe\n");
    await using host = await start();
    expect((await host.client.listTools()).map(({ name }) => name)).toEqual(["read"]);
  },

  async close() {
    using folder = temporary();
    const files = fakeUpstream({ tools: { read: () => "" } });
    const plugins = [await example("close", { file: "summary.json" })];
    const host = await createTestHost({ plugins, upstreams: { files }, folder: folder.path });
    await host.client.callTool("read");
    await host.client.callTool("read");
    await host.close();
    expect(JSON.parse(readFileSync(join(folder.path, "summary.json"), "utf8"))).toEqual({ "files:read": 2 });
  },
};

test.each(Object.keys(HOOKS) as HookName[])("the example of %s does what its page says", async (hook) => {
  await CASES[hook]();
});

test("each hook has an example of at most thirty lines that taps it, and a page with it; there are no others", async () => {
  const names = Object.keys(HOOKS).sort() as HookName[];
  const without = (folder: string, ending: string) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name !== "README.md")
      .map((name) => name.replace(ending, ""))
      .sort();
  expect(without("examples/hooks", ".ts")).toEqual(names);
  expect(without("docs/hooks", ".md")).toEqual(names);
  for (const name of names) {
    const code = readFileSync(join(ROOT, "examples/hooks", `${name}.ts`), "utf8");
    expect(code.trimEnd().split("\n").length, name).toBeLessThanOrEqual(30);
    expect(code, name).toMatch(new RegExp(`host\\.hooks\\.${name}\\b`));
    expect(readFileSync(join(ROOT, "docs/hooks", `${name}.md`), "utf8"), name).toContain(`\`\`\`ts\n${code}\`\`\``);
  }
});

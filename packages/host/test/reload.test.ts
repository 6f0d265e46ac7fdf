import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { temporary } from "../../../test/harness/hosts.ts";
import { type Config, ConfigError, definePlugin, defineService, type Json } from "../dist/index.js";
import { createTestHost, type FakeUpstream, fakeUpstream, type TestHost } from "../dist/testing/index.js";

const tool = (name: string): FakeUpstream => fakeUpstream({ tools: { [name]: () => name } });
const names = async ({ client }: TestHost): Promise<unknown[]> =>
  ((await client.request("tools/list")).tools as Json[]).map(({ name }) => name);
const call = (running: TestHost, name: string): Promise<Json> => running.client.request("tools/call", { name, arguments: {} });
const changes = ({ client }: TestHost): number =>
  client.notifications.filter(({ method }) => method === "notifications/tools/list_changed").length;
const serversOf = (upstreams: Record<string, FakeUpstream>): Config["mcpServers"] =>
  Object.fromEntries(Object.entries(upstreams).map(([key, { transport }]) => [key, { transport }]));

/** A plugin that counts the calls of each upstream in the closure of its tap, and notes what becomes of it. */
function counting(life: string[], name = "counting") {
  return definePlugin({
    name,
    host: "^1.0.0",
    options: z.strictObject({ label: z.string().default("") }).prefault({}),
    apply(host, { label }) {
      life.push(`apply ${label}`);
      host.hooks.ready.tap(name, () => void life.push(`ready ${label}`));
      host.hooks.close.tap(name, () => void life.push(`close ${label}`));
      host.hooks.call.for("tools/call").tap(name, (next) => {
        let count = 0;
        return async (exchange) => {
          const mine = ++count;
          const result = await next(exchange);
          return { ...result, _meta: { ...(result._meta as Json | undefined), [name]: `${label}${mine}` } };
        };
      });
    },
  });
}

test("an upstream is added and another removed: the rest lives on, and clients hear of it once", async () => {
  const a = tool("a");
  const b = tool("b");
  const c = tool("c");
  await using running = await createTestHost({ upstreams: { a, b } });
  expect(await names(running)).toEqual(["a", "b"]);
  const report = await running.host.reload({ drain: 0, mcpServers: serversOf({ a, c }) });
  expect(report.upstreams).toEqual({ added: ["c"], changed: [], removed: ["b"], kept: ["a"] });
  await vi.waitFor(() => expect(changes(running)).toBe(1));
  expect(await names(running)).toEqual(["a", "c"]);
  expect(a.received("initialize")).toHaveLength(1);
  expect((await call(running, "c")).content).toEqual([{ type: "text", text: "c" }]);
  await expect(call(running, "b")).rejects.toThrow("Unknown tool: b");
  await vi.waitFor(() => expect(b.connections).toBe(0));
  expect(changes(running)).toBe(1);
});

test("a call in flight ends on the upstream that a reload replaced, with its progress", async () => {
  const old = fakeUpstream({
    tools: {
      slow: async (_, { progress }) => {
        progress(1, 2);
        await go.promise;
        progress(2, 2);
        return "done";
      },
    },
  });
  const go = deferred();
  const other = tool("slow");
  await using running = await createTestHost({ upstreams: { one: old } });
  const seen: unknown[] = [];
  const slow = running.client.request("tools/call", { name: "slow", arguments: {} }, { onProgress: ({ progress }) => seen.push(progress) });
  await old.until("tools/call");
  await running.host.reload({ drain: 0, mcpServers: serversOf({ one: other }) });
  expect((await call(running, "slow")).content).toEqual([{ type: "text", text: "slow" }]);
  expect(old.connections).toBe(1);
  go.resolve();
  expect((await slow).content).toEqual([{ type: "text", text: "done" }]);
  expect(seen).toEqual([1, 2]);
  await vi.waitFor(() => expect(old.connections).toBe(0));
});

/** What `Promise.withResolvers` gives, which Node 20 lacks. */
function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

test("a plugin that nothing changed for keeps its state, and one with other options is applied anew beside it", async () => {
  const a = tool("a");
  const kept: string[] = [];
  const changed: string[] = [];
  const first = counting(kept, "first");
  const second = counting(changed, "second");
  await using running = await createTestHost({ upstreams: { a }, plugins: [first({ label: "x" }), second({ label: "old" })] });
  await call(running, "a");
  const report = await running.host.reload({
    drain: 0,
    mcpServers: serversOf({ a, b: tool("b") }),
    plugins: [first({ label: "x" }), second({ label: "new" })],
  });
  expect(report.plugins).toEqual({ added: [], changed: ["second"], removed: [], kept: ["first"] });
  expect((await call(running, "a"))._meta).toEqual({ second: "new1", first: "x2" });
  expect(kept).toEqual(["apply x", "ready x"]);
  expect(changed).toEqual(["apply old", "ready old", "apply new", "ready new", "close old"]);
});

test("a call goes on through the plugins that it began with, and those end after it", async () => {
  const a = tool("a");
  a.latency = 1_000;
  const life: string[] = [];
  const plugin = counting(life);
  const around = counting([], "around");
  await using running = await createTestHost({ upstreams: { a }, plugins: [around(), plugin({ label: "old" })] });
  const pending = call(running, "a");
  await a.until("tools/call");
  await running.host.reload({ drain: 0, mcpServers: serversOf({ a }), plugins: [around(), plugin({ label: "new" })] });
  expect(life).not.toContain("close old");
  const later = call(running, "a");
  await a.until("tools/call", 2);
  await a.clock.advance(1_000);
  expect((await pending)._meta).toEqual({ counting: "old1", around: "1" });
  expect((await later)._meta).toEqual({ counting: "new1", around: "2" });
  await vi.waitFor(() => expect(life.at(-1)).toBe("close old"));
});

test("a kept plugin's tap leads to the plugins that stand behind it now, in the new order", async () => {
  const a = tool("a");
  const first = counting([], "first");
  const second = counting([], "second");
  await using running = await createTestHost({ upstreams: { a }, plugins: [first(), second()] });
  expect(Object.keys((await call(running, "a"))._meta as Json)).toEqual(["second", "first"]);
  await running.host.reload({ drain: 0, mcpServers: serversOf({ a }), plugins: [second(), first()] });
  const { _meta } = await call(running, "a");
  expect(Object.entries(_meta as Json)).toEqual([
    ["first", "2"],
    ["second", "2"],
  ]);
});

test("a plugin is applied anew where it looked at what changed, or uses what another provides anew", async () => {
  const KEY = defineService<{ label: string }>("reload-test");
  const life: string[] = [];
  const noting = (name: string, apply: (host: Parameters<Parameters<typeof definePlugin>[0]["apply"]>[0]) => void) =>
    definePlugin({
      name,
      host: "^1.0.0",
      options: z.strictObject({ label: z.string() }).optional(),
      apply(host) {
        life.push(name);
        host.hooks.settled.tap(name, () => {});
        apply(host);
      },
    });
  const looking = noting("looking", (host) => void host.upstreams.length);
  const careless = noting("careless", () => {});
  const listening = noting("listening", (host) => void host.config.slowCall);
  const providing = noting("providing", (host) => host.provide(KEY, { label: "" }));
  const using = noting("using", (host) => host.hooks.ready.tap("using", () => void host.use(KEY)));
  const a = tool("a");
  const plugins = (label: string) => [looking(), careless(), listening(), providing({ label }), using()];
  await using running = await createTestHost({ upstreams: { a }, plugins: plugins("1") });
  life.length = 0;
  await running.host.reload({ drain: 0, mcpServers: serversOf({ a, b: tool("b") }), plugins: plugins("1") });
  expect(life.splice(0)).toEqual(["looking"]);
  await running.host.reload({ drain: 0, mcpServers: serversOf({ a }), plugins: plugins("2"), slowCall: "1s" });
  expect(life.splice(0)).toEqual(["looking", "listening", "providing", "using"]);
});

test("a plugin that asked for a service in vain is applied anew when there is a provider", async () => {
  const KEY = defineService<string>("reload-late");
  const found: unknown[] = [];
  const asking = definePlugin({
    name: "asking",
    host: "^1.0.0",
    apply(host) {
      host.hooks.ready.tap("asking", () => void found.push(host.find(KEY)));
    },
  });
  const giving = definePlugin({ name: "giving", host: "^1.0.0", apply: (host) => host.provide(KEY, "here") });
  await using running = await createTestHost({ plugins: [asking()] });
  await running.host.reload({ drain: 0, plugins: [asking(), giving()] });
  expect(found).toEqual([undefined, "here"]);
});

test.each([
  ["a config that is wrong", { mcpServers: { a: { comand: "x" } } }, /comand/],
  ["another address to listen on", { listen: { port: 1 } }, /listen: cannot change while the host runs; restart it/],
  ["other limits", { limits: { sessions: 5 } }, /limits: cannot change while the host runs; restart it/],
])("%s is refused, and everything goes on as before", async (_, config, problem) => {
  const a = tool("a");
  await using running = await createTestHost({ upstreams: { a } });
  await expect(running.host.reload(config as unknown as Config)).rejects.toThrow(problem);
  expect(await names(running)).toEqual(["a"]);
  expect(a.received("initialize")).toHaveLength(1);
});

test("a plugin that cannot get ready stops the reload: it is closed, and what was begun beside it too", async () => {
  const a = tool("a");
  const b = tool("b");
  const life: string[] = [];
  const failing = definePlugin({
    name: "failing",
    host: "^1.0.0",
    apply(host) {
      host.hooks.ready.tap("failing", () => {
        throw new Error("no");
      });
      host.hooks.close.tap("failing", () => void life.push("closed"));
    },
  });
  await using running = await createTestHost({ upstreams: { a } });
  await expect(running.host.reload({ mcpServers: serversOf({ a, b }), plugins: [failing()] })).rejects.toThrow('plugin "failing" failed');
  expect(life).toEqual(["closed"]);
  expect(b.connections).toBe(0);
  expect(await names(running)).toEqual(["a"]);
});

test("an option that names an upstream is asked after again, and is no reason to lose a plugin's state", async () => {
  const life: string[] = [];
  const named = definePlugin({
    name: "named",
    host: "^1.0.0",
    apply(host) {
      life.push("apply");
      host.reload.expectUpstreams({ place: "options.server", key: "files" });
      host.hooks.settled.tap("named", () => {});
    },
  });
  const files = tool("a");
  await using running = await createTestHost({ upstreams: { files }, plugins: [named()] });
  await running.host.reload({ drain: 0, mcpServers: serversOf({ files, b: tool("b") }), plugins: [named()] });
  await expect(running.host.reload({ drain: 0, mcpServers: serversOf({ filez: files }), plugins: [named()] })).rejects.toThrow(
    'plugin "named": options.server: no upstream is called "files" (did you mean "filez"?)',
  );
  expect(life).toEqual(["apply"]);
});

test("what is missing is told together with what else is wrong, and with what else may be meant", async () => {
  const life: string[] = [];
  const named = definePlugin({
    name: "named",
    host: "^1.0.0",
    options: z.enum(["complains", "stumbles", "ends"]),
    apply(host, how) {
      host.reload.expectUpstreams({ place: "options.server", key: "files", hint: "if it is a folder, say so" });
      host.hooks.close.tap("named", () => void life.push("closed"));
      if (how === "complains") throw new ConfigError(['plugin "named": options.size: too small']);
      if (how === "stumbles") throw new TypeError("cannot read properties of undefined");
    },
  });
  const missing = 'plugin "named": options.server: no upstream is called "files"; there is a; if it is a folder, say so';
  const problemsOf = (how: "complains" | "stumbles" | "ends"): Promise<unknown> =>
    createTestHost({ upstreams: { a: tool("a") }, plugins: [named(how)] }).catch((error: unknown) => (error as ConfigError).problems);
  expect(await problemsOf("complains")).toEqual([missing, 'plugin "named": options.size: too small']);
  expect(await problemsOf("stumbles")).toEqual([missing]);
  expect(life).toEqual([]);
  expect(await problemsOf("ends")).toEqual([missing]);
  await expect.poll(() => life).toEqual(["closed"]);
});

test("who subscribed to a resource hears of it from the server that took the old one's place", async () => {
  const resources = { "note://1": { read: () => "one" } };
  const old = fakeUpstream({ resources });
  const other = fakeUpstream({ resources });
  await using running = await createTestHost({ upstreams: { one: old } });
  await running.client.request("resources/subscribe", { uri: "note://1" });
  await running.host.reload({ drain: 0, mcpServers: serversOf({ one: other }) });
  await other.until("resources/subscribe");
  other.notify("notifications/resources/updated", { uri: "note://1" });
  await vi.waitFor(() =>
    expect(running.client.notifications).toContainEqual(
      expect.objectContaining({ method: "notifications/resources/updated", params: { uri: "note://1" } }),
    ),
  );
});

test("a name comes free with its upstream: a server under another key keeps its tools' names", async () => {
  const a = tool("a");
  await using running = await createTestHost({ upstreams: { one: a } });
  expect(await names(running)).toEqual(["a"]);
  await running.host.reload({ drain: 0, mcpServers: serversOf({ two: a }) });
  expect(await names(running)).toEqual(["a"]);
  expect(running.host.status().withheld).toEqual([]);
  expect(changes(running)).toBe(0);
});

test("reloads come one after the other, and none comes after the end", async () => {
  const a = tool("a");
  const running = await createTestHost({ upstreams: { a } });
  const [first, second] = await Promise.all([
    running.host.reload({ drain: 0, mcpServers: serversOf({ a, b: tool("b") }) }),
    running.host.reload({ drain: 0, mcpServers: serversOf({ a, c: tool("c") }) }),
  ]);
  expect(first.upstreams.added).toEqual(["b"]);
  expect(second.upstreams).toEqual({ added: ["c"], changed: [], removed: ["b"], kept: ["a"] });
  await running.close();
  await expect(running.host.reload({ mcpServers: serversOf({ a }) })).rejects.toThrow("stopping");
});

test.each(["ts", "mjs"])("a plugin in a .%s file that was edited is applied as it is now", async (extension) => {
  const text = (word: string): string => `
    const PLUGIN = Symbol.for("mcp-host.plugin");
    const definition = {
      name: "edited", host: "*",
      apply: (host) => host.hooks.respond.for("tools/call").tap("edited", (result) => ({ ...result, word: "${word}" })),
    };
    export default Object.assign(() => ({}), { [PLUGIN]: true, definition });`;
  using folder = temporary({ [`edited.${extension}`]: text("old") });
  const a = tool("a");
  await using running = await createTestHost({ upstreams: { a }, plugins: [`./edited.${extension}`], folder: folder.path });
  expect((await call(running, "a")).word).toBe("old");
  await running.host.reload();
  expect((await call(running, "a")).word).toBe("old");
  writeFileSync(join(folder.path, `edited.${extension}`), `${text("new")}\n`);
  const { plugins } = await running.host.reload();
  expect(plugins.changed).toEqual(["edited"]);
  expect((await call(running, "a")).word).toBe("new");
});

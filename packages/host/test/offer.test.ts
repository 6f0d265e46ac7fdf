import { cache } from "@host/plugin-cache";
import { definePlugin, defineTool, type Entry, type Exchange, matcher, type Offering, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";

/** A plugin that does this in `apply`. */
const plugin = (name: string, apply: (host: PluginHost) => void) => definePlugin({ name, host: "^1.0.0", apply })();
const offering = (given: Offering | ((caller: Parameters<PluginHost["permits"]>[1]) => Offering), name = "own") =>
  plugin(name, (host) => void (typeof given === "function" ? host.offer(given) : host.offer(given)));

const says = (text: string) => ({ call: () => text });
const names = (tools: readonly Record<string, unknown>[]): unknown[] => tools.map(({ name }) => name);

describe("through the pipeline", () => {
  test("permit hides and refuses, transform writes the arguments, call and respond are around it, settled has who it was", async () => {
    const seen: string[] = [];
    const onlooker = plugin("onlooker", ({ hooks }) => {
      const hidden = matcher(["own:secret"]);
      hooks.permit.tap("onlooker", (entry) => (hidden(entry) ? false : undefined));
      hooks.transform.for("tools/call").tap("onlooker", (params) => ({ ...params, arguments: { text: "changed" } }));
      hooks.call.for("tools/call").tap("onlooker", (next, { key, wire }) => (exchange) => {
        seen.push(`${key} ${wire}`);
        return next(exchange);
      });
      hooks.respond.for("tools/call").tap("onlooker", (result) => ({ ...result, _meta: { seen: true } }));
      hooks.settled.tap("onlooker", ({ method, route, sent }) => void (method === "tools/call" && seen.push(`${route?.upstream} ${sent}`)));
    });
    const own = offering({ tools: { echo: { input: { type: "object" }, call: ({ text }) => String(text) }, secret: says("no") } });
    await using host = await createTestHost({ plugins: [own, onlooker] });
    expect(names(await host.client.listTools())).toEqual(["echo"]);
    expect(await host.client.callTool("echo", { text: "mine" })).toEqual({
      content: [{ type: "text", text: "changed" }],
      _meta: { seen: true },
    });
    await expect(host.client.callTool("secret")).rejects.toThrow("Unknown tool: secret");
    expect(seen).toEqual(["own plugin", "own yes", "own no"]);
  });

  test("a kept answer is given without the tool, and a routed call reaches it", async () => {
    let runs = 0;
    const own = offering({ tools: { count: { call: () => `${++runs}` }, other: says("from the plugin") } });
    const router = plugin("router", ({ hooks }) => {
      hooks.route.tap("router", ({ entry }) => (entry?.name === "who" ? { upstream: "own", native: "other" } : undefined));
    });
    const upstreams = { up: fakeUpstream({ tools: { who: () => "the server" } }) };
    await using host = await createTestHost({ plugins: [own, router, cache({ tools: ["count"] })], upstreams });
    expect([await host.client.callTool("count"), await host.client.callTool("count"), runs]).toEqual([
      { content: [{ type: "text", text: "1" }] },
      { content: [{ type: "text", text: "1" }] },
      1,
    ]);
    expect(await host.client.callTool("who")).toEqual({ content: [{ type: "text", text: "from the plugin" }] });
  });

  test("a tool calls others for its caller, and what that one may not use stays closed to it", async () => {
    const own = offering({
      tools: { both: { call: async (_args, { exchange }) => JSON.stringify(await exchange.call("tools/call", { name: "one" })) } },
    });
    const parents: unknown[] = [];
    const guard = plugin("guard", ({ hooks }) => {
      hooks.permit.tap("guard", (entry, caller) => (entry.name === "one" && caller.principal.id === "bob" ? false : undefined));
      hooks.settled.tap("guard", (exchange) => void (exchange.parent && parents.push([exchange.method, exchange.parent.entry?.upstream])));
    });
    const upstreams = { up: fakeUpstream({ tools: { one: () => "1" } }) };
    await using host = await createTestHost({ plugins: [own, guard], upstreams });
    expect(JSON.stringify(await host.client.callTool("both"))).toContain("1");
    expect(parents).toEqual([["tools/call", "own"]]);
    const bob = await host.connect({ principal: { id: "bob", roles: [] } });
    await expect(bob.callTool("both")).rejects.toThrow("Unknown tool: one");
  });

  test("a refusal and a failure are told to whoever settles, and neither is taken for a call that did not come through", async () => {
    const settled: Exchange[] = [];
    const onlooker = plugin("onlooker", ({ hooks }) => {
      hooks.route.tap("onlooker", () => undefined);
      hooks.settled.tap("onlooker", (exchange) => void (exchange.method !== "initialize" && settled.push(exchange)));
    });
    let runs = 0;
    const own = offering({
      tools: {
        fail: {
          call() {
            runs++;
            throw new Error("secret");
          },
        },
      },
      prompts: {
        fail: {
          get() {
            throw new Error("secret");
          },
        },
      },
    });
    await using host = await createTestHost({ plugins: [own, onlooker] });
    expect(await host.client.callTool("fail")).toMatchObject({ isError: true });
    await expect(host.client.getPrompt("fail")).rejects.toMatchObject({
      code: -31500,
      rpc: { message: 'plugin "own" failed' },
      data: { sent: "yes" },
    });
    expect(runs).toBe(1);
    expect(settled.map(({ decisions, sent }) => [decisions, sent])).toEqual([
      [[{ plugin: "own", hook: "offer", did: "failed" }], "yes"],
      [[{ plugin: "own", hook: "offer", did: "failed" }], "yes"],
    ]);
    expect(host.log.filter(({ message }) => message === "a plugin failed")).toMatchObject([
      { plugin: "own", hook: "offer", method: "tools/call", entry: "fail", error: "Error: secret" },
      { plugin: "own", hook: "offer", method: "prompts/get", entry: "fail" },
    ]);
  });
});

describe("per caller", () => {
  const ofEach = (counted: { asked: number }) =>
    plugin("own", (host) => {
      const offered = host.offer((caller) => {
        counted.asked++;
        const { id } = caller.principal;
        if (id === "eve") throw new Error("not for eve");
        return {
          tools: {
            [`of_${id}`]: defineTool({ input: z.object({ x: z.string() }), call: ({ x }) => `${id} ${x}` }),
            again: {
              call() {
                offered.update((other) => (other === caller ? { tools: { fresh: says("fresh") } } : { tools: { [`of_${id}`]: says("") } }));
                return "";
              },
            },
          },
        };
      });
    });

  test("each is offered and reaches its own; who fails is offered nothing; the others keep what they have", async () => {
    const counted = { asked: 0 };
    const as = (id: string) => ({ principal: { id, roles: [] } });
    await using host = await createTestHost({ plugins: [ofEach(counted)], client: as("ada") });
    const [bob, eve] = [await host.connect(as("bob")), await host.connect(as("eve"))];
    expect(names(await host.client.listTools())).toEqual(["of_ada", "again"]);
    expect(names(await bob.listTools())).toEqual(["of_bob", "again"]);
    expect(await eve.request("tools/list").catch((error: Error) => error.message)).toEqual({ tools: [] });
    expect(await bob.callTool("of_bob", { x: "y" })).toMatchObject({ content: [{ text: "bob y" }] });
    await expect(bob.callTool("of_ada", { x: "y" })).rejects.toThrow("Unknown tool: of_ada");
    expect(counted.asked).toBe(3);
    expect(host.log).toContainEqual(expect.objectContaining({ plugin: "own", hook: "offer", error: "Error: not for eve" }));

    await bob.callTool("again");
    await bob.until("notifications/tools/list_changed");
    expect(names(await bob.listTools())).toEqual(["fresh"]);
  });

  test("a session that ends takes its own with it", async () => {
    const counted = { asked: 0 };
    await using host = await createTestHost({ plugins: [ofEach(counted)] });
    const other = await host.connect();
    await other.listTools();
    const connections = () => host.host.status().upstreams[0]?.connections.length;
    expect(connections()).toBe(2);
    await other.close();
    await vi.waitFor(() => expect(connections()).toBe(1));
  });
});

describe("beside servers", () => {
  test("an only server keeps its instructions, unknown methods and unprefixed logs", async () => {
    const up = fakeUpstream({
      instructions: "Use me well.",
      tools: {
        hello(_args, context) {
          context.log("info", "hi");
          return "hello";
        },
      },
      methods: { "example.com/count": () => ({ count: 3 }) },
    });
    const own = offering({
      tools: {
        mine: {
          call(_args, { log }) {
            log("info", "mine");
            return "mine";
          },
        },
      },
    });
    await using host = await createTestHost({ plugins: [own], upstreams: { up } });
    expect(host.client.initialized.instructions).toBe("Use me well.");
    expect(await host.client.request("example.com/count")).toEqual({ count: 3 });
    await host.client.callTool("hello");
    await host.client.callTool("mine");
    const logs = host.client.notifications.filter(({ method }) => method === "notifications/message");
    expect(logs.map(({ params }) => [params.logger, params.data])).toEqual([
      [undefined, "hi"],
      ["own", "mine"],
    ]);
    expect(host.host.stats().mode).toBe("single");
  });

  test("a resource that nobody lists is still the only server's", async () => {
    const up = fakeUpstream({
      resources: { "up:///listed": { name: "l", read: () => "" } },
      methods: { "resources/read": () => ({ contents: [] }) },
    });
    const own = offering({ resources: { "own:///a": { name: "a", read: () => "a" } } });
    await using host = await createTestHost({ plugins: [own], upstreams: { up } });
    expect(await host.client.request("resources/read", { uri: "up:///unlisted" })).toEqual({ contents: [] });
  });

  test("the first name is the server's; status shows what the plugin offers as an upstream of its own", async () => {
    const up = fakeUpstream({ tools: { same: () => "server" } });
    let upstreams: readonly { key: string }[] = [];
    const onlooker = plugin("onlooker", (host) => {
      expect(host.upstreams.map(({ key }) => key)).toEqual(["up"]);
      host.reload.expectUpstreams({ place: "options.x", key: "later" });
      host.hooks.ready.tap("onlooker", () => void (upstreams = host.upstreams));
    });
    const own = offering({ tools: { same: says("plugin") } }, "later");
    await using host = await createTestHost({ plugins: [onlooker, own], upstreams: { up } });
    expect(await host.client.callTool("same")).toMatchObject({ content: [{ text: "server" }] });
    const { upstreams: shown, withheld } = host.host.status();
    expect(shown[1]).toMatchObject({ name: "later", wire: "plugin", isolation: "shared", state: "ready", entries: { tools: 1 } });
    expect(withheld).toMatchObject([{ name: "same", upstream: "later" }]);
    expect(upstreams).toEqual([expect.objectContaining({ key: "up" }), { key: "later", wire: "plugin", isolation: "shared" }]);
    expect(Object.keys(host.host.config.mcpServers)).toEqual(["up"]);
    expect(host.host.pipeline().plugins).toMatchObject([{ id: "onlooker" }, { id: "later", idle: false }]);
    expect(host.log.filter(({ message }) => message.includes("does nothing"))).toEqual([]);
  });
});

describe("what a caller may use", () => {
  test("host.catalog.visible and host.permits tell what permit lets through, shown or not", async () => {
    let host: PluginHost | undefined;
    const rules = plugin("rules", (given) => {
      host = given;
      given.hooks.permit.tap("rules", ({ name }, { principal }) => (name === "own" && principal.id !== "ada" ? false : undefined));
      given.hooks.list.tap("rules", () => []);
    });
    const callers: Record<string, Exchange["caller"]> = {};
    const noting = plugin("noting", ({ hooks }) => {
      hooks.respond.for("tools/list").tap("noting", (result, { caller }) => {
        callers[caller.principal.id] = caller;
        return result;
      });
    });
    const own = offering({ tools: { own: says("") }, prompts: { ask: { get: () => "" } } });
    await using running = await createTestHost({
      plugins: [rules, noting, own],
      upstreams: { up: fakeUpstream({ tools: { up: () => "" } }) },
      client: { principal: { id: "ada", roles: [] } },
    });
    const bob = await running.connect({ principal: { id: "bob", roles: [] } });
    for (const client of [running.client, bob]) expect(await client.listTools()).toEqual([]);
    const visible = (id: string): string[] =>
      (host?.catalog.visible(callers[id] as Exchange["caller"]) ?? []).map(({ kind, name }) => `${kind} ${name}`);
    expect(visible("ada")).toEqual(["tool up", "tool own", "prompt ask"]);
    expect(visible("bob")).toEqual(["tool up", "prompt ask"]);
    const entry = host?.catalog.entries().find(({ name }) => name === "own") as Entry;
    expect(["ada", "bob"].map((id) => host?.permits(entry, callers[id] as Exchange["caller"]))).toEqual([true, false]);
  });
});

describe("a reload", () => {
  const server = () => ({ transport: fakeUpstream({ tools: { up: () => "" } }).transport });

  test("keeps what a plugin offers that stays, replaces it with the plugin, and takes it out", async () => {
    let made = 0;
    const own = definePlugin({
      name: "own",
      host: "^1.0.0",
      options: z.strictObject({ text: z.string() }),
      apply(host, { text }) {
        made++;
        host.offer({ tools: { say: says(text) } });
      },
    });
    const up = server();
    const config = (text: string) => ({ drain: 0, mcpServers: { up }, plugins: [own({ text })] });
    await using host = await createTestHost({ plugins: [own({ text: "one" })], config: { mcpServers: { up } } });
    const said = async () => (await host.client.callTool("say")).content;
    expect(await said()).toEqual([{ type: "text", text: "one" }]);
    const report = await host.host.reload({ ...config("one"), mcpServers: { up, more: server() } });
    expect(report.upstreams).toMatchObject({ added: ["more"], kept: ["up"] });
    expect([await said(), made]).toEqual([[{ type: "text", text: "one" }], 1]);
    expect((await host.host.reload(config("two"))).plugins.changed).toEqual(["own"]);
    expect(await said()).toEqual([{ type: "text", text: "two" }]);
    await host.host.reload({ ...config("two"), plugins: [] });
    await expect(host.client.callTool("say")).rejects.toThrow("Unknown tool: say");
    expect(host.host.status().upstreams.map(({ name }) => name)).toEqual(["up"]);
  });

  test("that fails leaves what is offered as it is", async () => {
    await using host = await createTestHost({ plugins: [offering({ tools: { say: says("one") } })] });
    const broken = plugin("own", (given) => {
      given.offer({ tools: { say: says("two") } });
      throw new Error("no");
    });
    await expect(host.host.reload({ drain: 0, plugins: [broken] })).rejects.toThrow("could not be applied: no");
    expect(await host.client.callTool("say")).toMatchObject({ content: [{ text: "one" }] });
  });
});

describe("what cannot be offered stops the start", () => {
  const tool = { call: () => "" };
  test.each([
    ["null", null, 'plugin "own" offers null, and not an object of tools, prompts, resources, templates'],
    ["nothing", undefined, 'plugin "own" offers nothing, and not an object of tools,'],
    ["a list", [], 'plugin "own" offers a list, and not an object of tools,'],
    ["a kind that is a number", { tools: 5 }, 'plugin "own" offers tools: must be an object with tools by name, not a number'],
    ["a kind that is a list", { resources: [] }, "offers resources: must be an object with resources by URI, not a list"],
    ["a kind that is null", { prompts: null }, "offers prompts: must be an object with prompts by name, not null"],
    ["a misspelt kind", { tols: {} }, 'plugin "own" offers tols: there is no such kind (did you mean "tools"?)'],
    ["a misspelt key", { tools: { a: { ...tool, inptu: {} } } }, 'tools.a: there is no "inptu" (did you mean "input"?)'],
    ["no handler", { prompts: { a: {} } }, 'prompts.a: needs a function "get"'],
    [
      "arguments that are no object",
      { tools: { a: { ...tool, input: z.string() } } },
      'tools.a.input: must describe an object, not "string"',
    ],
    [
      "a schema that JSON cannot say",
      { tools: { a: { ...tool, input: z.object({ at: z.date() }) } } },
      "tools.a.input: Date cannot be represented",
    ],
    ["a bad JSON Schema", { tools: { a: { ...tool, input: { type: "object", required: 3 } } } }, "tools.a.input: "],
    ["what is no schema", { tools: { a: { ...tool, input: 3 } } }, "tools.a.input: must be a schema of zod 4 or a JSON Schema"],
    ["what is no URI", { resources: { "a b": { name: "a", read: () => "" } } }, "resources.a b: is no URI"],
    ["a resource without a name", { resources: { "a:b": { read: () => "" } } }, 'resources.a:b: needs a "name"'],
    [
      "a template's odd expression",
      { templates: { "a:{?q}": { name: "a", read: () => "" } } },
      'templates.a:{?q}: "{?q}" cannot be matched',
    ],
    [
      "a completion of what is not there",
      { templates: { "a:{q}": { name: "a", read: () => "", complete: { p: () => [] } } } },
      'no variable "p"',
    ],
  ])("%s", async (_what, given, problem) => {
    await expect(createTestHost({ plugins: [offering(given as Offering)] })).rejects.toThrow(problem); // JavaScript may give it
    let update: ((given: Offering) => void) | undefined;
    const own = plugin("own", (host) => {
      const offers = host.offer({ tools: { a: tool } });
      update = (later) => offers.update(later);
    });
    await using host = await createTestHost({ plugins: [own] });
    expect(() => update?.(given as Offering)).toThrow(problem); // as above
    expect(names(await host.client.listTools())).toEqual(["a"]);
  });

  test("a condition, which would not hold for what is offered", async () => {
    const use = definePlugin({ name: "own", host: "^1.0.0", apply: (host) => void host.offer({}) })();
    await expect(createTestHost({ plugins: [{ use, when: { roles: ["admin"] } }] })).rejects.toThrow('may not have "when"');
  });

  test("a server of the plugin's name, a second offer, one that comes late", async () => {
    const up = fakeUpstream({});
    await expect(createTestHost({ plugins: [offering({})], upstreams: { own: up } })).rejects.toThrow(
      'plugin "own" offers entries of its own as upstream "own", and mcpServers has a server of that name',
    );
    const twice = plugin("own", (host) => {
      host.offer({});
      host.offer({});
    });
    await expect(createTestHost({ plugins: [twice] })).rejects.toThrow('plugin "own" calls offer twice');
    const late = plugin("own", (host) => host.hooks.ready.tap("own", () => void host.offer({})));
    await expect(createTestHost({ plugins: [late] })).rejects.toThrow('plugin "own" calls offer too late');
  });
});

describe("templates", () => {
  test.each([
    ["a:///{x}/b/{y}", "a:///1/b/2", { x: "1", y: "2" }],
    ["a:///{x}", "a:///1/2", undefined],
    ["a:///{+x}", "a:///1/2", { x: "1/2" }],
    ["a:///{x}.txt", "a:///%C3%A9.txt", { x: "é" }],
    ["a:///{x}", "a:///", undefined],
    ["a:///{x}", "a:///%", undefined],
  ])("%s and %s", async (template, uri, variables) => {
    const own = offering({ templates: { [template]: { name: "t", read: (_uri, given) => JSON.stringify(given) } } });
    await using host = await createTestHost({ plugins: [own] });
    const read = host.client.request("resources/read", { uri });
    if (variables) expect(await read).toMatchObject({ contents: [{ text: JSON.stringify(variables) }] });
    else await expect(read).rejects.toMatchObject({ code: -32002 });
  });
});

// A plugin that only offers keeps the contract of all plugins.
testPlugin(definePlugin({ name: "own", host: "^1.0.0", apply: (host) => void host.offer({ tools: { mine: says("") } }) }), {
  test,
  module: new URL("offering.mjs", import.meta.url),
});

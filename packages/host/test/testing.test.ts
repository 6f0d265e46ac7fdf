import { definePlugin } from "mcp-host";
import {
  createTestHost,
  FakeClock,
  FakeRpcError,
  type FakeUpstreamSpec,
  fakeUpstream,
  type TestHost,
  TestRpcError,
} from "mcp-host/testing";
import { afterEach, describe, expect, test, vi } from "vitest";

/** Hosts that a test has made. */
const made: TestHost[] = [];

/** A host in front of one fake upstream, and its client. */
async function around(spec: FakeUpstreamSpec, options: Parameters<typeof createTestHost>[0] = {}) {
  const upstream = fakeUpstream(spec);
  const host = await createTestHost({ upstreams: { fake: upstream }, ...options });
  made.push(host);
  return { upstream, host, client: options.client === false ? (undefined as never) : host.client };
}

afterEach(async () => {
  for (const host of made.splice(0)) await host.close();
});

describe("what a fake upstream offers", () => {
  test("a tool's fields are listed as they are, and without any it takes any object", async () => {
    const { client } = await around({
      tools: { plain: () => "", rich: { title: "Rich", annotations: { readOnlyHint: true }, "x-vendor": [1], call: () => "" } },
    });
    expect(await client.listTools()).toEqual([
      { name: "plain", inputSchema: { type: "object" } },
      { name: "rich", inputSchema: { type: "object" }, title: "Rich", annotations: { readOnlyHint: true }, "x-vendor": [1] },
    ]);
  });

  test.each([
    ["a string", "x", { content: [{ type: "text", text: "x" }] }],
    ["a result", { content: [], isError: true, _meta: { a: 1 } }, { content: [], isError: true, _meta: { a: 1 } }],
    ["an object", { a: 1 }, { content: [{ type: "text", text: '{"a":1}' }], structuredContent: { a: 1 } }],
    ["a list", [1, 2], { content: [{ type: "text", text: "[1,2]" }] }],
    ["a promise", Promise.resolve("late"), { content: [{ type: "text", text: "late" }] }],
    ["nothing", undefined, { content: [] }],
  ])("a tool that gives %s", async (_what, given, result) => {
    const { client } = await around({ tools: { give: () => given } });
    expect(await client.callTool("give")).toEqual(result);
  });

  test("an error that a tool throws is its result; a FakeRpcError is the answer", async () => {
    const { client } = await around({
      tools: {
        fail() {
          throw new Error("broken");
        },
        refuse() {
          throw new FakeRpcError(-32050, "not today", { a: 1 });
        },
      },
    });
    expect(await client.callTool("fail")).toEqual({ content: [{ type: "text", text: "broken" }], isError: true });
    const error: unknown = await client.callTool("refuse").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TestRpcError);
    expect(error).toMatchObject({ code: -32050, message: "not today", data: { a: 1 } });
  });

  test("prompts, resources, templates, completions and methods of its own", async () => {
    const { client } = await around({
      prompts: { greet: { arguments: [{ name: "who" }], get: ({ who }) => `Hello ${who}` }, raw: { get: () => ({ messages: [] }) } },
      resources: {
        "memory:///a": { mimeType: "text/plain", read: () => "A" },
        "memory:///b": { name: "B", read: () => ({ contents: [] }) },
      },
      templates: { "memory:///notes/{id}": { read: (uri) => `note ${uri}` } },
      complete: ({ argument }) => [JSON.stringify(argument)],
      methods: { "example.com/echo": (params) => ({ params }) },
    });
    expect(await client.listPrompts()).toEqual([{ name: "greet", arguments: [{ name: "who" }] }, { name: "raw" }]);
    expect(await client.getPrompt("greet", { who: "Ann" })).toEqual({
      messages: [{ role: "user", content: { type: "text", text: "Hello Ann" } }],
    });
    expect(await client.getPrompt("raw")).toEqual({ messages: [] });
    expect(await client.listResources()).toEqual([
      { uri: "memory:///a", name: "memory:///a", mimeType: "text/plain" },
      { uri: "memory:///b", name: "B" },
    ]);
    expect(await client.listResourceTemplates()).toEqual([{ uriTemplate: "memory:///notes/{id}", name: "memory:///notes/{id}" }]);
    expect(await client.readResource("memory:///a")).toEqual({ contents: [{ uri: "memory:///a", mimeType: "text/plain", text: "A" }] });
    expect(await client.readResource("memory:///b")).toEqual({ contents: [] });
    expect(await client.readResource("memory:///notes/7")).toEqual({
      contents: [{ uri: "memory:///notes/7", text: "note memory:///notes/7" }],
    });
    const ref = { type: "ref/prompt", name: "greet" };
    expect(await client.request("completion/complete", { ref, argument: { name: "who", value: "A" } })).toEqual({
      completion: { values: ['{"name":"who","value":"A"}'] },
    });
    expect(await client.request("example.com/echo", { a: 1 })).toEqual({ params: { a: 1 } });
  });

  test("what it does not have is refused in the words of a server", async () => {
    const { client, upstream } = await around({ tools: {}, prompts: {}, resources: {}, capabilities: { completions: {}, resources: {} } });
    await expect(client.readResource("memory:///none")).rejects.toMatchObject({ code: -32002 });
    await expect(client.request("example.com/none")).rejects.toMatchObject({ code: -32601, message: "Method not found: example.com/none" });
    expect(upstream.received("tools/list")).toEqual([]);
  });

  test("a member of every object is no tool", async () => {
    const { client } = await around({ tools: { toString: () => "mine" } });
    await expect(client.callTool("constructor")).rejects.toMatchObject({ code: -32602 });
    expect(await client.callTool("toString")).toEqual({ content: [{ type: "text", text: "mine" }] });
  });

  test("set changes what it offers and says which lists changed", async () => {
    const { client, upstream } = await around({ tools: { old: () => "" }, prompts: {}, resources: {} });
    upstream.set({ tools: { young: () => "" } });
    await client.until("notifications/tools/list_changed");
    expect((await client.listTools()).map(({ name }) => name)).toEqual(["young"]);
    expect(client.notifications.map(({ method }) => method)).toEqual(["notifications/tools/list_changed"]);
  });
});

describe("what a fake upstream does during a call", () => {
  test("it reports progress, logs, asks the client and knows its request", async () => {
    const { client } = await around(
      {
        tools: {
          async work(_args, { progress, log, ask, meta, request }) {
            progress(1, 2, "half");
            log("error", { a: 1 });
            return { answer: await ask("roots/list"), meta, name: request.name };
          },
        },
      },
      { client: { capabilities: { roots: {} } } },
    );
    client.on("roots/list", () => ({ roots: [{ uri: "file:///a" }] }));
    await client.request("logging/setLevel", { level: "debug" });
    const steps: unknown[] = [];
    const { structuredContent } = await client.callTool("work", {}, { onProgress: (params) => steps.push(params) });
    expect(structuredContent).toEqual({
      answer: { roots: [{ uri: "file:///a" }] },
      meta: { progressToken: expect.any(Number) },
      name: "work",
    });
    expect(steps).toEqual([{ progressToken: expect.any(String), progress: 1, total: 2, message: "half" }]);
    expect(await client.until("notifications/message")).toEqual({ level: "error", data: { a: 1 } });
  });

  test("without a progress token no progress is sent", async () => {
    const { client } = await around({ tools: { work: (_args, { progress }) => progress(1) } });
    await client.callTool("work");
    expect(client.notifications).toEqual([]);
  });

  test("it gets the client's error where the client cannot answer", async () => {
    const { client } = await around(
      { tools: { work: async (_args, { ask }) => (await ask("roots/list").catch((error: unknown) => error)) as object } },
      { client: { capabilities: { roots: {} } } },
    );
    expect(await client.callTool("work")).toMatchObject({ structuredContent: { code: -32601 } });
    client.on("roots/list", () => {
      throw new TestRpcError(-1, "the user said no");
    });
    expect(await client.callTool("work")).toMatchObject({ structuredContent: { code: -1 } });
  });

  test("a request that the client cancels is cancelled there", async () => {
    let signal: AbortSignal | undefined;
    const { client, upstream } = await around({
      tools: {
        wait(_args, context) {
          ({ signal } = context);
          return new Promise(() => {});
        },
      },
    });
    const leaving = new AbortController();
    const call = client.callTool("wait", {}, { signal: leaving.signal });
    await upstream.until("tools/call");
    leaving.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    expect(signal?.aborted).toBe(true);
    expect(upstream.notifications.map(({ method }) => method)).toContain("notifications/cancelled");
    await expect(client.callTool("wait", {}, { signal: leaving.signal })).rejects.toThrow("enough");
    expect(upstream.received("tools/call")).toHaveLength(1);
  });

  test("what is no JSON does not get through, and nothing that does is the same object", async () => {
    const shared = { content: [{ type: "text", text: "x", when: new Date(0) }] };
    const { client } = await around({ tools: { give: () => shared, big: () => ({ content: [], n: 1n }) } });
    const result = await client.callTool("give");
    expect(result).toEqual({ content: [{ type: "text", text: "x", when: "1970-01-01T00:00:00.000Z" }] });
    expect(result).not.toBe(shared);
    await expect(client.callTool("big")).rejects.toMatchObject({ code: -32603, message: expect.stringContaining("BigInt") });
    await expect(client.callTool("give", { n: 1n })).rejects.toThrow("BigInt");
  });
});

describe("what goes wrong at a fake upstream", () => {
  const tools = { work: () => "done" };

  test.each([
    ["garbage", "garbage" as const, -31502],
    ["a disconnect", "disconnect" as const, -31506],
    ["an error", { error: { code: -32099, message: "busy", data: { a: 1 } } }, -32099],
  ])("%s, and it goes on when told so", async (_what, fault, code) => {
    const { client, upstream } = await around({ tools });
    upstream.fail(fault);
    await expect(client.callTool("work")).rejects.toMatchObject({ code });
    expect(upstream.received("tools/call")).toHaveLength(1);
    upstream.fail(undefined);
    expect(await client.callTool("work")).toMatchObject({ content: [{ text: "done" }] });
  });

  test("down: nobody is connected, nobody can connect, and nothing is received", async () => {
    const { client, upstream } = await around({ tools });
    expect(upstream.connections).toBe(1);
    upstream.fail("down");
    expect(upstream.connections).toBe(0);
    await expect(client.callTool("work")).rejects.toMatchObject({ code: -31503, data: { sent: "no" } });
    expect(upstream.received("tools/call")).toEqual([]);
    expect(() => upstream.transport()).toThrow("down");
  });

  test("hang: it answers no call, and lists all the same", async () => {
    const { client, upstream, host } = await around({ tools });
    upstream.fail("hang");
    const call = client.callTool("work");
    const failed = expect(call).rejects.toThrow("closed before the answer");
    await upstream.until("tools/call");
    expect(await client.listTools()).toHaveLength(1);
    await host.close();
    await failed;
    expect(upstream.connections).toBe(0);
  });
});

describe("time", () => {
  test("an answer waits for its latency on the clock, and the lists do not", async () => {
    const { client, upstream } = await around({ tools: { work: () => "done" } });
    upstream.latency = 100;
    let answered = false;
    const call = client.callTool("work").finally(() => (answered = true));
    await upstream.until("tools/call");
    expect(await client.listTools()).toHaveLength(1);
    await upstream.clock.advance(99);
    expect(answered).toBe(false);
    await upstream.clock.advance(1);
    expect(answered).toBe(true);
    await call;
    expect(upstream.clock.now()).toBe(100);
  });

  test("several upstreams can share a clock", async () => {
    const clock = new FakeClock(5);
    expect(fakeUpstream({}, { clock }).clock).toBe(clock);
    expect(clock.now()).toBe(5);
  });

  test("sleepers wake in order of their time, and one that sleeps again within the time wakes again", async () => {
    const clock = new FakeClock();
    const woken: [string, number][] = [];
    const tick = async (): Promise<void> => {
      for (;;) {
        await clock.sleep(10);
        woken.push(["tick", clock.now()]);
      }
    };
    void tick();
    void clock.sleep(15).then(() => woken.push(["once", clock.now()]));
    await clock.advance(25);
    expect(woken).toEqual([
      ["tick", 10],
      ["once", 15],
      ["tick", 20],
    ]);
    expect([clock.now(), clock.waiting]).toEqual([25, 1]);
  });

  test("a sleeper whose signal is aborted wakes at once and is waited for no longer", async () => {
    const clock = new FakeClock();
    const leaving = new AbortController();
    const slept = clock.sleep(10, leaving.signal);
    leaving.abort();
    await slept;
    expect([clock.now(), clock.waiting]).toEqual([0, 0]);
    await clock.sleep(10, leaving.signal);
    await clock.sleep(0);
  });

  test("fake timers of the runner leave it alone", async () => {
    vi.useFakeTimers();
    try {
      const { client, upstream } = await around({ tools: { work: () => "done" } });
      upstream.latency = 1;
      const call = client.callTool("work");
      await upstream.until("tools/call");
      await upstream.clock.advance(1);
      expect(await call).toMatchObject({ content: [{ text: "done" }] });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a test host", () => {
  test("its clients are who a test says they are", async () => {
    const seen: unknown[] = [];
    const watch = definePlugin({
      name: "watch",
      host: "^1.0.0",
      apply(host) {
        host.hooks.settled.tap("watch", ({ method, client, caller: { principal, capabilities } }) => {
          if (method === "ping") seen.push([principal, client.info, capabilities, client.version]);
        });
      },
    });
    const { client, host } = await around({}, { plugins: [watch()], roles: ["operator"] });
    const ann = { id: "ann", roles: ["reader"], claims: { team: "a" } };
    const other = await host.connect({ principal: ann, info: { name: "x" }, capabilities: { roots: {} }, version: "2025-03-26" });
    await client.request("ping");
    await other.request("ping");
    expect(seen).toEqual([
      [{ id: "local", roles: ["operator"] }, { name: "test-client", version: "1.0.0" }, {}, "2025-11-25"],
      [ann, { name: "x" }, { roots: {} }, "2025-03-26"],
    ]);
    expect(other.initialized).toMatchObject({ protocolVersion: "2025-03-26", serverInfo: { name: "mcp-host" } });
  });

  test("an upstream may have settings, and the config anything else", async () => {
    const upstream = fakeUpstream({ tools: { work: () => "" } });
    await using host = await createTestHost({
      upstreams: { one: { transport: upstream.transport, isolation: "session", start: "lazy" } },
      config: { roles: ["r"], mcpServers: { two: { transport: upstream.transport } } },
    });
    expect(host.host.config.mcpServers.one).toMatchObject({ isolation: "session", start: "lazy" });
    expect(host.host.config.mcpServers.two).toMatchObject({ isolation: "shared" });
    expect(host.host.config).toMatchObject({ roles: ["r"], drain: 0 });
  });

  test("its log is there to be read, with the fields of each line", async () => {
    const talk = definePlugin({
      name: "talk",
      host: "^1.0.0",
      apply(host) {
        host.hooks.ready.tap("talk", () => host.log.debug("here", { a: 1 }));
      },
    });
    const { host } = await around({}, { plugins: [talk()] });
    expect(host.log).toContainEqual(expect.objectContaining({ level: "debug", message: "here", plugin: "talk", a: 1 }));
  });

  test("without a first client there is none until one connects", async () => {
    const { host } = await around({}, { client: false });
    expect(() => host.client).toThrow("use connect()");
    const client = await host.connect();
    expect(host.client).toBe(client);
    await client[Symbol.asyncDispose]();
    await expect(client.request("ping")).rejects.toThrow("closed");
    client.notify("notifications/initialized");
  });

  test("a config that the host refuses is an error at once, and nothing is left open", async () => {
    const upstream = fakeUpstream();
    await expect(createTestHost({ upstreams: { fake: upstream }, plugins: ["./there-is-none.js"], folder: "/" })).rejects.toThrow(
      "plugins[0]: there is no file /there-is-none.js",
    );
    expect(upstream.connections).toBe(0);
  });

  test("close ends what is in flight, and twice is once", async () => {
    const { client, upstream, host } = await around({ tools: { wait: () => new Promise(() => {}) } });
    const call = expect(client.callTool("wait")).rejects.toThrow("closed");
    await upstream.until("tools/call");
    await host.close();
    await call;
    await host.close();
    expect(upstream.connections).toBe(0);
  });
});

describe("a test client", () => {
  test("until gives each notification once, in order, those that came before included", async () => {
    const { client, upstream } = await around({ resources: { "memory:///a": { read: () => "" } } });
    await client.request("resources/subscribe", { uri: "memory:///a" });
    for (const n of [1, 2]) upstream.notify("notifications/resources/updated", { uri: "memory:///a", n });
    expect(await client.until("notifications/resources/updated")).toEqual({ uri: "memory:///a", n: 1 });
    expect(await client.until("notifications/resources/updated")).toEqual({ uri: "memory:///a", n: 2 });
    const next = client.until("notifications/resources/updated");
    upstream.notify("notifications/resources/updated", { uri: "memory:///a", n: 3 });
    expect(await next).toEqual({ uri: "memory:///a", n: 3 });
  });
});

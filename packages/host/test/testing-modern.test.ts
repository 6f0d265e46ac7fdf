import { createTestHost, FakeRpcError, type FakeUpstreamSpec, fakeUpstream, type TestHost, type TestHostOptions } from "mcp-host/testing";
import { afterEach, describe, expect, test } from "vitest";

const KEY = "io.modelcontextprotocol/";
/** Hosts that a test has made. */
const made: TestHost[] = [];

afterEach(async () => {
  for (const host of made.splice(0)) await host.close();
});

/** A host in front of one fake upstream, and its client. */
async function around(spec: FakeUpstreamSpec, options: TestHostOptions = {}) {
  const upstream = fakeUpstream(spec);
  const host = await createTestHost({ upstreams: { fake: upstream }, ...options });
  made.push(host);
  return { upstream, host, client: options.client === false ? (undefined as never) : host.client };
}

describe("a fake upstream of the modern era", () => {
  test("refuses initialize, and is discovered", async () => {
    const { upstream, client } = await around({ era: "modern", tools: { echo: (args) => args }, instructions: "Be kind." });
    expect(await client.callTool("echo", { a: 1 })).toEqual({ content: [{ type: "text", text: '{"a":1}' }], structuredContent: { a: 1 } });
    expect(upstream.requests.map(({ method }) => method)).toEqual([
      "initialize",
      "server/discover",
      "subscriptions/listen",
      "tools/list",
      "tools/call",
    ]);
    expect(upstream.received("tools/call")[0]?._meta).toMatchObject({ [`${KEY}protocolVersion`]: "2026-07-28" });
    expect(client.initialized).toMatchObject({ instructions: expect.stringContaining("Be kind.") });
  });

  test("asks as one of the legacy era does, in as many rounds as it likes, and logs and reports meanwhile", async () => {
    const { client } = await around(
      {
        era: "modern",
        tools: {
          async work(_args, { progress, log, ask, request }) {
            progress(1, 2);
            log("error", "begun");
            const { roots } = await ask("roots/list");
            progress(2, 2);
            const answers = await Promise.all([ask("roots/list"), ask("sampling/createMessage", { messages: [], maxTokens: 1 })]);
            return { roots, answers: answers.length, name: request.name };
          },
        },
      },
      { client: { capabilities: { roots: {}, sampling: {} } } },
    );
    client.on("roots/list", () => ({ roots: [{ uri: "file:///a" }] }));
    client.on("sampling/createMessage", () => ({ role: "assistant", model: "m", content: { type: "text", text: "yes" } }));
    await client.request("logging/setLevel", { level: "debug" });
    const steps: unknown[] = [];
    const { structuredContent } = await client.callTool("work", {}, { onProgress: ({ progress }) => steps.push(progress) });
    expect(structuredContent).toEqual({ roots: [{ uri: "file:///a" }], answers: 2, name: "work" });
    expect(steps).toEqual([1, 2]);
    expect(await client.until("notifications/message")).toMatchObject({ level: "error", data: "begun" });
  });

  test("asks nobody who cannot be asked, and nobody at all but during calls, prompts and reads", async () => {
    const { client } = await around({
      era: "modern",
      tools: { work: (_args, { ask }) => ask("roots/list") },
      methods: { "example.com/ask": (_params, { ask }) => ask("roots/list") },
    });
    expect(await client.callTool("work")).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("needs roots") }] });
    await expect(client.request("example.com/ask")).rejects.toMatchObject({
      code: -32603,
      message: expect.stringContaining("example.com/ask"),
    });
  });

  test("may word its rounds itself", async () => {
    const inputRequests = { ok: { method: "roots/list" } };
    const { client, upstream } = await around(
      {
        era: "modern",
        tools: {
          raw: (_args, { request }) =>
            request.requestState === "mine"
              ? { answers: request.inputResponses }
              : { resultType: "input_required", inputRequests, requestState: "mine" },
        },
      },
      { client: { capabilities: { roots: {} } } },
    );
    client.on("roots/list", () => ({ roots: [] }));
    expect(await client.callTool("raw")).toMatchObject({ structuredContent: { answers: { ok: { roots: [] } } } });
    expect(upstream.received("tools/call")).toHaveLength(2);
  });

  test("tells of its lists and resources those who listen", async () => {
    const { client, upstream } = await around({ era: "modern", tools: {}, resources: { "memory:///a": { read: () => "A" } } });
    await client.request("resources/subscribe", { uri: "memory:///a" });
    upstream.notify("notifications/resources/updated", { uri: "memory:///b" });
    upstream.notify("notifications/resources/updated", { uri: "memory:///a" });
    expect(await client.until("notifications/resources/updated")).toEqual({ uri: "memory:///a" });
    upstream.set({ tools: { young: () => "" } });
    await client.until("notifications/tools/list_changed");
    expect((await client.listTools()).map(({ name }) => name)).toEqual(["young"]);
  });

  test("is listened to before its lists are read, so that no change of them is missed", async () => {
    const { client, upstream } = await around({ era: "modern", tools: { old: () => "" } });
    upstream.set({ tools: { young: () => "" } });
    await client.until("notifications/tools/list_changed");
    expect((await client.listTools()).map(({ name }) => name)).toEqual(["young"]);
  });

  test("has its faults and its time as any", async () => {
    const { client, upstream } = await around({ era: "modern", tools: { work: () => "done" } });
    upstream.fail("garbage");
    await expect(client.callTool("work")).rejects.toMatchObject({ data: { type: "upstream_protocol" } });
    upstream.fail({ error: { code: -32099, message: "busy" } });
    await expect(client.callTool("work")).rejects.toMatchObject({ code: -32099 });
    upstream.fail(undefined);
    upstream.latency = 100;
    const call = client.callTool("work");
    await upstream.until("tools/call", 3);
    await upstream.clock.advance(100);
    expect(await call).toMatchObject({ content: [{ text: "done" }] });
  });

  test("hears of it when a request is cancelled", async () => {
    let signal: AbortSignal | undefined;
    const { client, upstream } = await around({
      era: "modern",
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
    await expect.poll(() => signal?.aborted).toBe(true);
  });

  test("has no method of the legacy era, and a word of its own for what it does not have", async () => {
    const { client } = await around({
      era: "modern",
      resources: {},
      prompts: { refuse: { get: () => Promise.reject(new FakeRpcError(-1, "no")) } },
    });
    await expect(client.readResource("memory:///none")).rejects.toMatchObject({ code: -32002 });
    await expect(client.getPrompt("refuse")).rejects.toMatchObject({ code: -1 });
  });
});

describe("a fake upstream of both eras", () => {
  test("is spoken to as the config says", async () => {
    const dual = fakeUpstream({ era: "dual", tools: { echo: () => "" } });
    const host = await createTestHost({
      upstreams: { old: { transport: dual.transport, protocol: "legacy" }, young: { transport: dual.transport, protocol: "modern" } },
    });
    made.push(host);
    expect(host.host.status().upstreams.map(({ name, protocolVersion }) => [name, protocolVersion])).toEqual([
      ["old", "2025-11-25"],
      ["young", "2026-07-28"],
    ]);
  });
});

const modern: TestHostOptions = { client: { era: "modern", capabilities: { roots: {}, sampling: {}, elicitation: { form: {} } } } };

describe.each(["legacy", "modern"] as const)("a test client of the modern era before a server of the %s one", (era) => {
  test("discovers, lists, calls and reads, and gives what comes as it came", async () => {
    const { client, upstream } = await around(
      {
        era,
        instructions: "Be kind.",
        tools: { echo: (args) => args },
        prompts: { greet: { get: () => "Hello" } },
        resources: { "memory:///a": { read: () => "A" } },
      },
      modern,
    );
    expect(client.initialized).toMatchObject({
      supportedVersions: ["2026-07-28"],
      instructions: expect.stringContaining("Be kind."),
      _meta: { [`${KEY}serverInfo`]: { name: "mcp-host" } },
    });
    expect((await client.listTools()).map(({ name }) => name)).toEqual(["echo"]);
    expect(await client.listResourceTemplates()).toEqual([]);
    expect(await client.callTool("echo", { a: 1 })).toMatchObject({ resultType: "complete", structuredContent: { a: 1 } });
    expect(await client.getPrompt("greet")).toMatchObject({ messages: [{ content: { text: "Hello" } }] });
    expect(await client.readResource("memory:///a")).toMatchObject({ contents: [{ text: "A" }], cacheScope: "private" });
    await expect(client.readResource("memory:///none")).rejects.toMatchObject({ code: -32602 });
    await expect(client.request("ping")).rejects.toMatchObject({ code: -32601 });
    expect(upstream.received("tools/call")).toHaveLength(1);
  });

  test("answers what it is asked, round after round, and is told of progress and logs meanwhile", async () => {
    const { client } = await around(
      {
        era,
        tools: {
          async work(_args, { progress, log, ask }) {
            progress(1, 2);
            log("error", "begun");
            log("debug", "nobody wants this");
            const { roots } = await ask("roots/list");
            const { action } = await ask("elicitation/create", { message: "Sure?", requestedSchema: { type: "object", properties: {} } });
            progress(2, 2);
            return { roots, action };
          },
        },
      },
      { client: { ...(modern.client as object), era: "modern", logLevel: "info" } },
    );
    client.on("roots/list", () => ({ roots: [{ uri: "file:///a" }] }));
    client.on("elicitation/create", ({ message }) => ({ action: message === "Sure?" ? "accept" : "decline", content: {} }));
    const steps: unknown[] = [];
    const { structuredContent } = await client.callTool("work", {}, { onProgress: ({ progress }) => steps.push(progress) });
    expect(structuredContent).toEqual({ roots: [{ uri: "file:///a" }], action: "accept" });
    expect(steps).toEqual([1, 2]);
    expect(client.notifications.flatMap(({ method, params }) => (method === "notifications/message" ? [params.data] : []))).toEqual([
      "begun",
    ]);
    expect(client.rounds.map(({ inputRequests }) => Object.values(inputRequests as object).map(({ method }) => method))).toEqual([
      ["roots/list"],
      ["elicitation/create"],
    ]);
  });

  test("a round that nothing answers is the result, and can be gone on with by hand", async () => {
    const { client } = await around({ era, tools: { work: (_args, { ask }) => ask("roots/list") } }, modern);
    const round = await client.callTool("work");
    expect(round).toMatchObject({ resultType: "input_required", requestState: expect.any(String) });
    const [key = ""] = Object.keys(round.inputRequests as object);
    const { requestState } = round;
    const params = { name: "work", inputResponses: { [key]: { roots: [] } }, requestState };
    expect(await client.request("tools/call", params)).toMatchObject({ structuredContent: { roots: [] } });
  });

  test("an answer that is thrown is what its request rejects with", async () => {
    const { client } = await around({ era, tools: { work: (_args, { ask }) => ask("roots/list") } }, modern);
    client.on("roots/list", () => {
      throw new FakeRpcError(-1, "the user said no");
    });
    await expect(client.callTool("work")).rejects.toMatchObject({ code: -1, message: "the user said no" });
  });

  test("does not wait for an answer when its request is given up", async () => {
    const { client } = await around({ era, tools: { work: (_args, { ask }) => ask("roots/list") } }, modern);
    const leaving = new AbortController();
    client.on("roots/list", () => {
      leaving.abort(new Error("enough"));
      return new Promise(() => {});
    });
    await expect(client.callTool("work", {}, { signal: leaving.signal })).rejects.toThrow("enough");
    expect(client.rounds).toHaveLength(1);
  });

  test("cancels", async () => {
    let signal: AbortSignal | undefined;
    const { client, upstream } = await around(
      {
        era,
        tools: {
          wait(_args, context) {
            ({ signal } = context);
            return new Promise(() => {});
          },
        },
      },
      modern,
    );
    const leaving = new AbortController();
    const call = client.callTool("wait", {}, { signal: leaving.signal });
    await upstream.until("tools/call");
    leaving.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    await expect.poll(() => signal?.aborted).toBe(true);
  });

  test("listens to lists and resources until it wants to hear no more, or the host ends it", async () => {
    const { client, upstream, host } = await around({ era, tools: {}, resources: { "memory:///a": { read: () => "A" } } }, modern);
    const wanted = { toolsListChanged: true, resourceSubscriptions: ["memory:///a"] };
    const subscription = await client.listen(wanted);
    expect(subscription.agreed).toEqual(wanted);
    upstream.notify("notifications/resources/updated", { uri: "memory:///a" });
    expect(await client.until("notifications/resources/updated")).toMatchObject({ uri: "memory:///a" });
    upstream.set({ tools: { young: () => "" } });
    await client.until("notifications/tools/list_changed");
    subscription.close();
    await expect(subscription.ended).rejects.toThrow("no more");
    const { ended } = await client.listen({ toolsListChanged: true });
    await host.host.close();
    expect(await ended).toMatchObject({ resultType: "complete" });
  });

  test("what it wants to hear may be refused", async () => {
    const { client } = await around({ era, tools: {} }, modern);
    await expect(client.listen({ resourceSubscriptions: [1] })).rejects.toMatchObject({ code: -32602 });
  });
});

test("clients of both eras, each who a test says it is", async () => {
  const { host } = await around({ tools: { echo: () => "" } }, { client: false });
  const ann = await host.connect({ era: "modern", principal: { id: "ann", roles: [] } });
  const bob = await host.connect({ principal: { id: "bob", roles: [] } });
  expect(await ann.listTools()).toEqual(await bob.listTools());
  await expect(host.connect({ era: "modern", version: "2027-01-01" })).rejects.toMatchObject({
    code: -32022,
    data: { supported: ["2026-07-28"] },
  });
});

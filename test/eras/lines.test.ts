import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { definePlugin, type Exchange } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { MARKER, ownMarker, survivors } from "../harness/census.ts";
import { BIN, httpProcess, startHost, type TestHost, temporary, upstream } from "../harness/hosts.ts";
import { ModernPipe, type PipeKind } from "../harness/modern-pipe.ts";
import { initialize } from "../harness/wire.ts";

const KEY = "io.modelcontextprotocol/";
const SUBSCRIPTION = `${KEY}subscriptionId`;
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
const KINDS: PipeKind[] = ["stdio", "websocket", "memory"];
const ABLE = { [`${KEY}clientCapabilities`]: { elicitation: { form: {} } } };
const ASKS = { name: "elicit", arguments: { params: { message: "Deploy?", requestedSchema: { type: "object", properties: {} } } } };
const URI = "test://upstream/text";

/** What plugins are told when a request is over. */
function observed() {
  const settled: Pick<Exchange, "method" | "outcome" | "caller" | "client">[] = [];
  const observer = definePlugin({
    name: "observer",
    host: "^1.0.0",
    apply: ({ hooks }) =>
      hooks.settled.tap("observer", ({ method, outcome, caller, client }) => settled.push({ method, outcome, caller, client })),
  });
  return { settled, plugins: [observer()] };
}

type Piped = TestHost & { pipe: ModernPipe; another(): Promise<ModernPipe> };

/** A host with one server over stdio, and a pipe to it. */
async function piped(kind: PipeKind, config: Partial<Parameters<typeof startHost>[0]> = {}): Promise<Piped> {
  const listen = kind === "websocket" ? { websocket: true, ...config.listen } : null;
  const running = await startHost({ mcpServers: { one: upstream() }, ...config, listen });
  const another = () => ModernPipe.open(kind, running.host, running.url);
  return Object.assign(running, { pipe: await another(), another });
}

const connections = ({ host }: TestHost) => host.status().upstreams.flatMap(({ connections }) => connections);

describe.each(KINDS)("over %s", (kind) => {
  let served: Piped;
  beforeAll(async () => {
    served = await piped(kind);
  });
  afterAll(() => served[Symbol.asyncDispose]());

  test("requests are served without a session, each answered under its own id", async () => {
    await using running = await piped(kind);
    const { pipe } = running;
    const { result } = await pipe.ask("server/discover", {}, { id: "first" });
    expect(result).toMatchObject({
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: { listChanged: true } },
      resultType: "complete",
      ttlMs: expect.any(Number),
      _meta: { [`${KEY}serverInfo`]: { name: "mcp-host" } },
    });
    expect(running.host.status().sessions).toBe(0);
    const listed = await pipe.ask("tools/list");
    expect(listed.result.tools.length).toBeGreaterThan(5);
    const [number, text] = await Promise.all([pipe.call("echo", { who: 7 }, { id: 7 }), pipe.call("echo", { who: "7" }, { id: "7" })]);
    expect(number.result).toMatchObject({ resultType: "complete", structuredContent: { arguments: { who: 7 } } });
    expect(text.result).toMatchObject({ resultType: "complete", structuredContent: { arguments: { who: "7" } } });
    const { result: read } = await pipe.ask("resources/read", { uri: URI });
    expect(read).toMatchObject({ ttlMs: expect.any(Number), contents: [{ uri: URI }] });
    expect(running.host.status().inFlight).toBe(0);
  });

  test("progress and logs come before the answer, as each request wants them", async () => {
    await using running = await piped(kind);
    const { pipe } = running;
    await pipe.call("echo");
    const told = async (id: string, meta: Message): Promise<string[]> => {
      const from = pipe.received.length;
      await pipe.call("echo", { steps: 2 }, { id, meta });
      return pipe.received.slice(from).map(({ method }) => method ?? "answer");
    };
    const progress = "notifications/progress";
    expect(await told("a", { progressToken: "t" })).toEqual([progress, progress, "answer"]);
    expect(await told("b", {})).toEqual(["answer"]);
    const chatty = await told("c", { [`${KEY}logLevel`]: "info" });
    expect(chatty.every((method) => method === "notifications/message" || method === "answer")).toBe(true);
  });

  const meta = (key: string, value: unknown) => ({ meta: { [`${KEY}${key}`]: value } });
  test.each([
    ["without capabilities", "tools/list", {}, meta("clientCapabilities", undefined), -32602],
    ["with a version that is no string", "tools/list", {}, meta("protocolVersion", 20260728), -32602],
    ["with a version that nobody speaks", "tools/list", {}, meta("protocolVersion", "1900-01-01"), -32022],
    ["with a later version", "tools/list", {}, meta("protocolVersion", "2099-01-01"), -32022],
    ["with a log level that there is not", "tools/list", {}, meta("logLevel", "loud"), -32602],
    ["of an unknown method", "nosuch/method", {}, {}, -32601],
    ["of ping, which there is no more", "ping", {}, {}, -32601],
    ["of initialize", "initialize", {}, {}, -32601],
    ["of logging/setLevel", "logging/setLevel", { level: "info" }, {}, -32601],
    ["of a tool without a name", "tools/call", {}, {}, -32602],
    ["of an unknown tool", "tools/call", { name: "nosuch" }, {}, -32602],
    ["of an unknown resource", "resources/read", { uri: "test://upstream/nosuch-thing" }, {}, -32602],
    ["with a state that is none", "tools/call", { name: "echo", requestState: "x" }, {}, -32602],
  ])("a request %s is refused", async (_, method, params, options, code) => {
    for (const id of [5, "5"]) {
      served.pipe.received.length = 0;
      const { error } = await served.pipe.ask(method, params, { id, ...options });
      expect(error).toMatchObject({ code });
      if (code === -32022) expect(error.data).toMatchObject({ supported: ["2026-07-28"] });
    }
  });

  test("batches are refused; once a client is known to be modern, so is a request without an envelope, and what needs no answer gets none", async () => {
    await using running = await piped(kind);
    const { pipe } = running;
    await pipe.call("echo");
    pipe.send([{ jsonrpc: "2.0", id: 1, method: "tools/list" }]);
    expect((await pipe.answer(null)).error).toMatchObject({ code: -32600 });
    for (const id of [50, "50"]) {
      pipe.send({ jsonrpc: "2.0", id, method: "ping" });
      expect((await pipe.answer(id)).error).toMatchObject({ code: -32602 });
    }
    const count = pipe.received.length;
    pipe.send({ jsonrpc: "2.0", id: "nobody-asked", result: {} });
    pipe.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    pipe.send({
      jsonrpc: "2.0",
      method: "notifications/roots/list_changed",
      params: { _meta: { [`${KEY}protocolVersion`]: "2026-07-28" } },
    });
    pipe.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "nosuch" } });
    expect((await pipe.call("echo")).result).toBeDefined();
    expect(pipe.received).toHaveLength(count + 1);
    expect(running.host.status().sessions).toBe(0);
  });

  test("an id that is in flight may not be used again, and later it may", async () => {
    await using running = await piped(kind);
    const { pipe } = running;
    await pipe.call("echo");
    pipe.begin("tools/call", { name: "slow", arguments: { ms: 60_000 } }, { id: "same" });
    await expect.poll(() => connections(running).at(-1)?.inFlight).toBe(1);
    expect((await pipe.ask("tools/list", {}, { id: "same" })).error).toMatchObject({ code: -32600 });
    pipe.cancel("same");
    await expect.poll(() => running.host.status().inFlight).toBe(0);
    pipe.received.length = 0;
    expect((await pipe.ask("tools/list", {}, { id: "same" })).result).toBeDefined();
  });

  test("a cancelled request gets no answer, and its server is told", async () => {
    const { settled, plugins } = observed();
    await using running = await piped(kind, { plugins });
    const { pipe } = running;
    await pipe.call("echo");
    for (const id of [9, "9"]) {
      pipe.begin("tools/call", { name: "slow", arguments: { ms: 60_000 } }, { id });
      await expect.poll(() => connections(running).at(-1)?.inFlight).toBe(1);
      pipe.cancel(id === 9 ? "9" : 9); // another id
      pipe.cancel(id);
      await expect.poll(() => settled.at(-1)).toMatchObject({ method: "tools/call", outcome: { cancelled: "changed my mind" } });
      await expect.poll(() => connections(running).at(-1)?.inFlight).toBe(0);
    }
    await pipe.call("echo");
    expect(pipe.received.filter(({ id }) => id === 9 || id === "9")).toEqual([]);
    expect(settled.at(-1)).toMatchObject({ client: { info: { name: "raw-pipe" }, version: "2026-07-28" } });
  });

  test("subscriptions are told apart by id, and each ends as its client or the host wants", async () => {
    const running = await piped(kind);
    const { pipe } = running;
    const wanted = { toolsListChanged: true, resourceSubscriptions: [URI] };
    const ids = [4, "4"];
    for (const id of ids) {
      pipe.begin("subscriptions/listen", { notifications: wanted }, { id });
      await expect
        .poll(() => pipe.received.at(-1))
        .toEqual({
          jsonrpc: "2.0",
          method: ACKNOWLEDGED,
          params: { notifications: wanted, _meta: { [SUBSCRIPTION]: id } },
        });
    }
    const told = () =>
      pipe.received.filter(({ method }) => method === "notifications/resources/updated").map(({ params }) => params._meta[SUBSCRIPTION]);
    await pipe.call("touch");
    await expect.poll(told).toEqual(ids);
    pipe.cancel(4);
    await expect.poll(() => running.host.status().inFlight).toBe(1);
    await pipe.call("touch");
    await expect.poll(told).toEqual([...ids, "4"]);
    await running.host.close();
    const last = pipe.received.slice(-2);
    expect(last).toMatchObject([
      { id: "4", result: { resultType: "complete", _meta: { [SUBSCRIPTION]: "4" } } },
      { method: "notifications/cancelled", params: { requestId: "4" } },
    ]);
    expect(pipe.received.filter(({ id }) => id === 4)).toEqual([]);
    await pipe.gone;
  });

  test("a question is the answer to the call, which goes on under the next id", async () => {
    const server = await httpProcess("upstream", ["http"]);
    {
      await using running = await piped(kind, { mcpServers: { one: { url: server.url } } });
      const { pipe } = running;
      const { result: round } = await pipe.ask("tools/call", ASKS, { id: "a", meta: ABLE });
      expect(round).toMatchObject({ resultType: "input_required", inputRequests: { q1: { method: "elicitation/create" } } });
      const answers = { q1: { action: "accept", content: { ok: true } } };
      const again = { ...ASKS, requestState: round.requestState, inputResponses: answers };
      const { result } = await pipe.ask("tools/call", again, { id: "b", meta: ABLE });
      expect(result).toMatchObject({ resultType: "complete", structuredContent: { result: answers.q1 } });
      expect((await pipe.ask("tools/call", again, { id: "c", meta: ABLE })).error).toMatchObject({ code: -32602 });
    }
    await server.stop();
  });

  test("when it is closed, what is in flight is cancelled, and nothing is left", async () => {
    const { settled, plugins } = observed();
    await using running = await piped(kind, { plugins, drain: 50 });
    const { pipe } = running;
    await pipe.call("echo");
    pipe.begin("subscriptions/listen", { notifications: { resourceSubscriptions: [URI] } });
    pipe.begin("tools/call", { name: "slow", arguments: { ms: 60_000 } });
    await expect.poll(() => running.host.status().inFlight).toBe(2);
    await expect.poll(() => pipe.received.at(-1)?.method).toBe(ACKNOWLEDGED);
    pipe.close();
    await pipe.gone;
    await expect.poll(() => running.host.status().inFlight).toBe(0);
    expect(settled.slice(-3).map(({ method }) => method)).toEqual(expect.arrayContaining(["tools/call", "subscriptions/listen"]));
    expect(settled.filter(({ method }) => method === "tools/call").at(-1)?.outcome).toEqual({ cancelled: "the client hung up" });
    // The connection of a client in this machine goes with it; those that came over the network share one.
    await expect.poll(() => connections(running).length).toBe(kind === "websocket" ? 1 : 0);
  });

  test("both eras may alternate", async () => {
    await using running = await piped(kind);
    const { pipe } = running;
    expect((await pipe.call("echo", { n: 1 })).result).toMatchObject({ resultType: "complete" });
    pipe.send(initialize("2025-11-25", "init"));
    expect((await pipe.answer("init")).result).toMatchObject({ protocolVersion: "2025-11-25" });
    pipe.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    expect(running.host.status().sessions).toBe(1);
    const legacy = (id: string, method: string, params: Message = {}) => pipe.send({ jsonrpc: "2.0", id, method, params });
    legacy("l1", "tools/call", { name: "echo", arguments: { n: 2 } });
    const { result } = await pipe.answer("l1");
    expect(result.structuredContent.arguments).toEqual({ n: 2 });
    expect(result.resultType).toBeUndefined();
    legacy("l2", "ping");
    expect((await pipe.answer("l2")).result).toEqual({});
    expect((await pipe.call("echo", { n: 3 })).result).toMatchObject({ resultType: "complete" });
    expect(running.host.status().sessions).toBe(1);
    // One id is one request, of whichever era.
    pipe.begin("tools/call", { name: "slow", arguments: { ms: 60_000 } }, { id: "both" });
    legacy("both", "ping");
    expect((await pipe.answer("both")).error).toMatchObject({ code: -32600 });
    pipe.cancel("both");
    await expect.poll(() => running.host.status().inFlight).toBe(0);
    legacy("other", "tools/call", { name: "slow", arguments: { ms: 60_000 } });
    expect((await pipe.ask("tools/list", {}, { id: "other" })).error).toMatchObject({ code: -32600 });
    pipe.cancel("other");
  });
});

describe("where the modern era is not open", () => {
  test.each(["websocket", "memory"] as const)("its requests are refused over %s as those before initialize", async (kind) => {
    await using running = await startHost({ mcpServers: { one: upstream() }, listen: { websocket: true, protocols: ["legacy"] } });
    const pipe = await ModernPipe.open(kind, running.host, running.url);
    expect((await pipe.ask("server/discover")).error).toMatchObject({ code: -32600 });
    pipe.send(initialize("2025-11-25", "init"));
    expect((await pipe.answer("init")).result).toBeDefined();
    pipe.close();
  });
});

describe("the only client of a host", () => {
  test.each(["stdio", "memory"] as const)(
    "over %s has its servers to itself, and others of its requests start no second child",
    async (kind) => {
      const { settled, plugins } = observed();
      await using running = await piped(kind, { plugins });
      const { pipe } = running;
      await pipe.call("echo", {}, { meta: ABLE });
      await pipe.call("echo", {}, { meta: ABLE });
      expect(connections(running)).toHaveLength(1);
      expect(settled.map(({ caller }) => caller)).toMatchObject([
        { sole: true, network: false, principal: { id: "local" } },
        { sole: true, network: false, principal: { id: "local" } },
      ]);
      expect(settled[0]?.caller.id).toBe(settled[1]?.caller.id);
      const { result } = await pipe.call("capabilities", {}, { meta: ABLE });
      expect(result.structuredContent).toMatchObject({ clientInfo: { name: "raw-pipe" }, capabilities: { elicitation: { form: {} } } });
      // Whoever can be asked other things is another.
      await pipe.call("echo", {}, { id: "other" });
      expect(settled.at(-1)?.caller.sole).toBe(false);
      expect(connections(running)).toHaveLength(2);
      pipe.close();
      await pipe.gone;
      await expect.poll(() => connections(running).map(({ users }: Message) => users ?? 0)).not.toContain(1);
    },
  );
});

describe("a client of the SDK over standard streams", () => {
  test.each([
    ["pinned to 2026-07-28", { pin: "2026-07-28" }, "modern"],
    ["that finds out", "auto", "modern"],
    ["that finds out where the modern era is not open", "auto", "legacy"],
    ["of old", "legacy", "legacy"],
  ] as const)("%s is served, and no process is left", async (name, mode, era) => {
    const marker = ownMarker();
    const server = upstream();
    const protocols = name.includes("not open") ? ["legacy"] : ["legacy", "modern"];
    const config = { mcpServers: { one: { ...server, env: { ...server.env, [MARKER]: marker } } }, listen: { protocols } };
    using folder = temporary({ "mcp-host.config.json": JSON.stringify(config) });
    const args = [BIN, "start", "stdio", "--config", `${folder.path}/mcp-host.config.json`, "--log-format", "json"];
    const env = { ...(process.env as Record<string, string>), [MARKER]: marker };
    const transport = new StdioClientTransport({ command: process.execPath, args, env, stderr: "pipe" });
    const client = new Client({ name: "v2", version: "1" }, { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode } });
    client.setRequestHandler("elicitation/create", async () => ({ action: "accept", content: { ok: true } }));
    const changed: unknown[] = [];
    client.setNotificationHandler("notifications/tools/list_changed", () => void changed.push(1));
    await client.connect(transport);
    expect(client.getServerVersion()).toMatchObject({ name: "mcp-host" });
    expect(client.getNegotiatedProtocolVersion()).toBe(era === "modern" ? "2026-07-28" : "2025-11-25");
    const { tools } = await client.listTools();
    expect(tools.length).toBeGreaterThan(5);
    expect(await client.callTool({ name: "echo", arguments: { a: 1 } })).toMatchObject({ structuredContent: { arguments: { a: 1 } } });
    const progress: number[] = [];
    await client.callTool(
      { name: "progress", arguments: { steps: 2, delayMs: 50 } },
      { onprogress: ({ progress: now }) => void progress.push(now) },
    );
    expect(progress).toEqual([1, 2]);
    expect(await client.callTool(ASKS)).toMatchObject({ structuredContent: { result: { action: "accept", content: { ok: true } } } });
    // The host, and one server.
    expect(survivors(marker)).toHaveLength(2);
    const controller = new AbortController();
    const given = client.callTool({ name: "slow", arguments: { ms: 60_000 } }, { signal: controller.signal });
    setTimeout(() => controller.abort("enough"), 50);
    await expect(given).rejects.toThrow();
    await client.close();
    await expect.poll(() => survivors(marker), { timeout: 10_000 }).toEqual([]);
  });
});

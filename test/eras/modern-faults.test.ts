import { readFileSync } from "node:fs";
import type http from "node:http";
import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { definePlugin } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { MARKED, startHost, temporary } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { scripted } from "../harness/scripted.ts";
import { type Answering, DISCOVERED, OK, ready, SUBSCRIPTION, say, scriptedModern, TOOLS } from "../harness/scripted-modern.ts";

const ELICITED = { message: "Sure?", requestedSchema: { type: "object", properties: {} } };

describe("which era a server is of", () => {
  test.each([
    ["is silent", undefined],
    ["answers with another error", { code: -32000, message: "no" }],
    ["gives no versions", { resultType: "complete" }],
    ["gives none that the host speaks", { ...DISCOVERED, supportedVersions: ["2027-05-01"] }],
  ])("is not the modern one where server/discover %s: it is initialized, and not asked so again", async (_, discovered) => {
    const initialize = (): Message => ({
      protocolVersion: "2025-11-25",
      capabilities: { tools: {} },
      serverInfo: { name: "old", version: "1" },
    });
    const notified: Answering = (_message, response) => void response.writeHead(202).end();
    await using server = await scriptedModern({ "server/discover": () => discovered, initialize, "notifications/initialized": notified });
    await using running = await startHost({
      mcpServers: { one: { url: server.url, type: "http", isolation: "session", startTimeout: 2_000 } },
    });
    for (const _client of [1, 2]) {
      const client = await RawHttp.open(running.url);
      expect((await client.call("ok")).result).toMatchObject({ content: OK.content });
    }
    expect(running.host.status().upstreams).toMatchObject([{ protocolVersion: "2025-11-25" }]);
    const begun = server.methods().filter((method) => method === "server/discover" || method === "initialize");
    expect(begun).toEqual(["server/discover", "initialize", "initialize"]);
  });

  test("is the modern one where it refuses the version and names it: it is asked once more", async () => {
    const refused = { code: -32022, message: "no", data: { supported: ["2026-07-28"], requested: "2026-07-28" } };
    const discover: Answering = (_message, _response, nth) => (nth === 1 ? refused : DISCOVERED);
    await using server = await scriptedModern({ "server/discover": discover });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await vi.waitFor(() => expect(running.host.status().upstreams).toMatchObject([{ protocolVersion: "2026-07-28" }]));
    expect(server.methods().slice(0, 2)).toEqual(["server/discover", "server/discover"]);
  });

  test("is not asked otherwise where it refuses the host's credentials", async () => {
    const refuse: Answering = (_message, response) => void response.writeHead(401).end();
    await using server = await scriptedModern({ "server/discover": refuse });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await vi.waitFor(() => expect(running.host.status().upstreams[0]?.reason).toContain("credentials"));
    expect(server.methods()).toEqual(["server/discover"]);
  });

  test("is told where its `protocol` says it wrongly", async () => {
    await using server = await scriptedModern({ "server/discover": () => ({ code: -32601, message: "no" }) });
    await using running = await startHost({ mcpServers: { one: { url: server.url, protocol: "modern" } } });
    await vi.waitFor(() =>
      expect(running.host.status().upstreams[0]?.reason).toBe(
        'upstream "one" answered server/discover with error -32601, and its `protocol` in the config says "modern"',
      ),
    );
    expect(new Set(server.methods())).toEqual(new Set(["server/discover"]));
  });

  test("over stdio costs a server of the older one no message", async () => {
    const script = `if (method === "tools/call") return { content: [], structuredContent: { first: state.first } }; state.first ??= method;`;
    await using running = await startHost({ mcpServers: { one: scripted(script) } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("ok")).result.structuredContent).toEqual({ first: "initialize" });
  });

  test("is found out of a process that ends at initialize, which is started once more for it and no oftener", async () => {
    using folder = temporary();
    const ending = (more: string): string => `
      require("node:fs").appendFileSync(${JSON.stringify(folder.path)} + "/starts", "x");
      const answers = ${JSON.stringify({ "server/discover": { ...DISCOVERED, capabilities: { tools: {} } }, "tools/list": TOOLS, "tools/call": OK })};
      require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
        const { id, method } = JSON.parse(line);
        if (method === "initialize" ${more}) process.exit(3);
        if (answers[method]) console.log(JSON.stringify({ jsonrpc: "2.0", id, result: answers[method] }));
      });`;
    const server = (more: string) => ({ command: process.execPath, args: ["-e", ending(more)], env: MARKED });
    await using running = await startHost({ mcpServers: { one: server("") } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("ok")).result).toEqual({ content: OK.content });
    await using other = await startHost({ mcpServers: { one: server("|| true") } });
    await vi.waitFor(() => expect(other.host.status().upstreams[0]).toMatchObject({ state: "backing off" }));
    await running.host.close();
    await other.host.close();
    expect(readFileSync(`${folder.path}/starts`, "utf8").length).toBeLessThan(8); // two of each, and what was tried again
  });
});

describe("a server that fails when it is asked what it speaks", () => {
  const begun = (server: { methods(): string[] }): string[] =>
    server.methods().filter((method) => method === "server/discover" || method === "initialize");
  const initialize: Answering = () => ({
    protocolVersion: "2025-11-25",
    capabilities: { tools: {} },
    serverInfo: { name: "old", version: "1" },
  });
  const notified: Answering = (_message, response) => void response.writeHead(202).end();

  test("with 401 gets other credentials, and has said nothing of its era", async () => {
    const signing = definePlugin({
      name: "signing",
      host: "^1.0.0",
      apply(host) {
        host.hooks.credentials.tap("token", (given, { reason }) => ({ ...given, headers: { authorization: reason } }));
      },
    });
    const discover: Answering = (_message, response) =>
      response.req.headers.authorization === "refused" ? DISCOVERED : void response.writeHead(401).end();
    await using server = await scriptedModern({ "server/discover": discover });
    await using running = await startHost({ mcpServers: { one: { url: server.url } }, plugins: [signing()] });
    await ready(running);
    expect(begun(server)).toEqual(["server/discover", "server/discover"]);
  });

  test.each([
    ["429", 429, ["server/discover"]],
    ["503, and with 503 to initialize,", 503, ["server/discover", "initialize"]],
  ])("with %s is asked again later, and has said nothing of its era", async (_, status, before) => {
    const refuse: Answering = (_message, response) => void response.writeHead(status).end();
    const discover: Answering = (message, response, nth) => (nth > 1 ? DISCOVERED : refuse(message, response, nth));
    await using server = await scriptedModern({ "server/discover": discover, initialize: refuse });
    await using running = await startHost({ mcpServers: { one: { url: server.url, type: "http" } } });
    await ready(running);
    expect(begun(server).slice(0, before.length + 1)).toEqual([...before, "server/discover"]);
    expect(running.host.status().upstreams).toMatchObject([{ protocolVersion: "2026-07-28" }]);
  });

  test.each<[string, Answering]>([
    ["with a page", (_message, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>Welcome")],
    [
      "on a stream that ends",
      (_message, response) => void response.writeHead(200, { "content-type": "text/event-stream" }).end(": hello\n\n"),
    ],
    [
      "with half an answer",
      (_message, response) => void response.writeHead(200, { "content-type": "application/json" }).end('{"jsonrpc":"2.0","resu'),
    ],
  ])("%s is initialized", async (_, discover) => {
    await using server = await scriptedModern({ "server/discover": discover, initialize, "notifications/initialized": notified });
    await using running = await startHost({ mcpServers: { one: { url: server.url, type: "http" } } });
    await ready(running);
    expect(begun(server)).toEqual(["server/discover", "initialize"]);
  });

  test("by ending, over stdio, is told of, and not started for ever", async () => {
    using folder = temporary();
    const script = `
      require("node:fs").appendFileSync(${JSON.stringify(folder.path)} + "/starts", "x");
      require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
        const { id, method } = JSON.parse(line);
        if (method === "server/discover") process.exit(3);
        console.log(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32600, message: "not in the mood" } }));
      });`;
    const one = { command: process.execPath, args: ["-e", script], env: MARKED };
    await using running = await startHost({ mcpServers: { one } });
    await vi.waitFor(() => expect(running.host.status().upstreams[0]).toMatchObject({ state: "backing off" }));
    expect(running.host.status().upstreams[0]?.reason).toContain("exited with code 3");
    await running.host.close();
    expect(readFileSync(`${folder.path}/starts`, "utf8").length).toBeLessThan(5);
  });
});

describe("a server of 2026-07-28 that breaks its rules", () => {
  const asking =
    (result: Message): Answering =>
    ({ params }) =>
      params.name === "bad" ? { resultType: "input_required", ...result } : OK;
  test.each([
    [
      "asks in a request of its own",
      (({ params }, response) => {
        if (params.name !== "bad") return OK;
        say(response, { id: 1, method: "elicitation/create", params: ELICITED });
        return undefined;
      }) as Answering,
      "in a request of its own",
    ],
    [
      "answers with a task that nobody asked for",
      (({ params }) => (params.name === "bad" ? { resultType: "task" } : OK)) as Answering,
      '"task"',
    ],
    ["asks nothing", asking({}), "asked nothing"],
    ["asks what nobody can be asked", asking({ inputRequests: { a: { method: "tools/call" } } }), "neither an elicitation"],
    ["asks with params that are none", asking({ inputRequests: { a: { method: "roots/list", params: 1 } } }), "neither an elicitation"],
    ["asks with a state that is no string", asking({ requestState: 1 }), "requestState"],
    ["asks with questions that are no object", asking({ inputRequests: [], requestState: "a" }), "inputRequests"],
    [
      "asks a hundred and one questions",
      asking({
        inputRequests: Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`q${index}`, { method: "roots/list" }])),
      }),
      "more than 100",
    ],
    [
      "wants other headers than it said",
      (({ params }) => (params.name === "bad" ? { code: -32020, message: "Header mismatch" } : OK)) as Answering,
      "other headers",
    ],
  ])("and %s fails that call, and no other", async (_, call, words) => {
    await using server = await scriptedModern({ "tools/call": call });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const client = await RawHttp.open(running.url, { capabilities: { roots: {}, elicitation: {} } });
    expect((await client.call("bad")).error).toMatchObject({
      data: { type: "upstream_protocol" },
      message: expect.stringContaining(words),
    });
    expect((await client.call("ok")).result).toEqual({ content: OK.content });
    expect(running.host.status().upstreams[0]?.connections.map(({ inFlight }) => inFlight)).toEqual([0]);
  });

  test("asks who cannot be asked, and the call ends with that", async () => {
    const inputRequests = { a: { method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } } };
    await using server = await scriptedModern({ "tools/call": asking({ inputRequests }) });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("bad")).error.message).toContain("did not declare sampling");
    expect(server.methods().filter((method) => method === "tools/call")).toHaveLength(1);
  });

  test("refuses with a status of HTTP and an error that is the answer, or with nothing that is", async () => {
    const call: Answering = ({ params }, response) => {
      if (params.name === "ok") return { code: -32000, message: "not today", data: { why: "x".repeat(10_000) } };
      return void response.writeHead(404, { "content-type": "text/html" }).end("<html>");
    };
    await using server = await scriptedModern({ "tools/call": call });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("ok")).error).toEqual({ code: -32000, message: "not today", data: { why: "x".repeat(10_000) } });
    expect((await client.call("bad")).error).toMatchObject({ data: { type: "upstream_error", sent: "no" } });
  });

  test("wants a header since a moment: its list is read for it, page by page, and the call is sent once more", async () => {
    const regions: unknown[] = [];
    const call: Answering = (_message, { req }, nth) => {
      regions.push(req.headers["mcp-param-region"]);
      return nth === 1 ? { code: -32020, message: "Header mismatch" } : OK;
    };
    const schema = {
      type: "object",
      properties: { where: { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } } },
    };
    const list: Answering = ({ params }, _response, nth) => {
      if (nth === 1) return TOOLS;
      return params.cursor === undefined
        ? { tools: [], nextCursor: "", resultType: "complete" }
        : { tools: [{ name: "ok", inputSchema: schema }, TOOLS.tools[1]], resultType: "complete" };
    };
    await using server = await scriptedModern({ "tools/call": call, "tools/list": list });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const client = await RawHttp.open(running.url);
    expect((await client.call("ok", { where: { region: " eu" } })).result).toEqual({ content: OK.content });
    expect(regions).toEqual([undefined, "=?base64?IGV1?="]);
  });

  test.each([
    ["is no name", { a: { type: "string", "x-mcp-header": "a b" } }],
    ["is used twice", { a: { type: "string", "x-mcp-header": "A" }, b: { type: "boolean", "x-mcp-header": "a" } }],
    ["stands at a number", { a: { type: "number", "x-mcp-header": "A" } }],
    ["stands in a list", { a: { type: "array", items: { type: "string", "x-mcp-header": "A" } } }],
    ["stands at a choice", { a: { anyOf: [{ type: "string", "x-mcp-header": "A" }] } }],
  ])("has a tool whose x-mcp-header %s: that one is left out, and told of once", async (_, properties) => {
    const tools = [...TOOLS.tools, { name: "odd", inputSchema: { type: "object", properties } }];
    await using server = await scriptedModern({ "tools/list": () => ({ tools, resultType: "complete" }) });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const client = await RawHttp.open(running.url);
    expect(await client.tools()).toEqual(["ok", "bad"]);
    expect(running.logs.filter(({ tool }) => tool === "odd")).toHaveLength(1);
  });

  test("forgets its version in the midst: it is asked anew, and the call is sent once more", async () => {
    const call: Answering = (_message, _response, nth) => (nth === 1 ? { code: -32022, message: "no", data: { supported: [] } } : OK);
    await using server = await scriptedModern({ "tools/call": call });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const client = await RawHttp.open(running.url);
    expect((await client.call("ok")).result).toEqual({ content: OK.content });
    expect(server.methods().filter((method) => method === "server/discover")).toHaveLength(2);
  });

  test("is lost between two rounds: the call is not begun anew", async () => {
    const call: Answering = ({ params }, response) => {
      if (params.inputResponses === undefined) return { resultType: "input_required", inputRequests: { r: { method: "roots/list" } } };
      return void response.destroy();
    };
    await using server = await scriptedModern({ "tools/call": call });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const client = sdkClient({ roots: {} });
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [] }));
    await client.connect(httpTransport(running.url));
    await expect(client.callTool({ name: "ok" })).rejects.toMatchObject({ data: { type: "upstream_lost", sent: "unknown" } });
    expect(server.methods().filter((method) => method === "tools/call")).toHaveLength(2);
    await client.close();
  });
});

describe("what a server of 2026-07-28 is to tell of", () => {
  const acknowledge = (stream: http.ServerResponse, { id }: Message, notifications: Message): void =>
    say(stream, { method: "notifications/subscriptions/acknowledged", params: { notifications, _meta: { [SUBSCRIPTION]: id } } });

  test("is listened for once; another filter takes the place of the one before, which ends", async () => {
    await using server = await scriptedModern();
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const clients = await Promise.all([1, 2].map(() => RawHttp.open(running.url)));
    for (const client of clients) expect((await client.ask("resources/subscribe", { uri: "test://a" })).result).toEqual({});
    expect(server.listens().map(({ params }) => params.notifications)).toEqual([
      { toolsListChanged: true },
      { toolsListChanged: true, resourceSubscriptions: ["test://a"] },
    ]);
    await vi.waitFor(() => expect(server.open.size).toBe(1));
    for (const client of clients) await client.ask("resources/unsubscribe", { uri: "test://a" });
    await vi.waitFor(() => expect(server.listens().at(-1)?.params.notifications).toEqual({ toolsListChanged: true }));
    expect(server.listens()).toHaveLength(3);
  });

  test.each([0, 1, 30, 60, 100, 140])("is listened for again where the stream breaks after %i bytes", async (bytes) => {
    const listen: Answering = ({ id, params }, stream, nth) => {
      const told = { notifications: params.notifications, _meta: { [SUBSCRIPTION]: id } };
      const message = { jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params: told };
      const text = `data: ${JSON.stringify(message)}\n\n`;
      stream.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      if (nth > 1) stream.write(text);
      else stream.write(text.slice(0, bytes), () => stream.destroy());
      return undefined;
    };
    await using server = await scriptedModern({ "subscriptions/listen": listen });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    await vi.waitFor(() => expect(server.open.size).toBe(1));
    await vi.waitFor(() => expect(server.listens().length).toBeGreaterThan(1));
    const client = await RawHttp.open(running.url);
    expect((await client.call("ok")).result).toEqual({ content: OK.content });
    expect(running.host.status().upstreams[0]).toMatchObject({ state: "ready", restarts: 0 });
  });

  test("is refused to who subscribes where the server does not agree to it", async () => {
    const listen: Answering = (message, stream) => void acknowledge(stream, message, { toolsListChanged: true });
    await using server = await scriptedModern({ "subscriptions/listen": listen });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const client = await RawHttp.open(running.url);
    expect((await client.ask("resources/subscribe", { uri: "test://a" })).error).toMatchObject({ code: -32602 });
    expect((await client.ask("resources/unsubscribe", { uri: "test://a" })).result).toEqual({});
  });

  test("is nothing where the server does not know how to, and everything else goes on", async () => {
    await using server = await scriptedModern({ "subscriptions/listen": () => ({ code: -32601, message: "Method not found" }) });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const client = await RawHttp.open(running.url);
    expect((await client.ask("resources/subscribe", { uri: "test://a" })).error).toMatchObject({ code: -32601 });
    expect((await client.call("ok")).result).toEqual({ content: OK.content });
    expect(server.listens()).toHaveLength(1);
  });

  test.each(["breaks off", "ends"])("is listened for again when the stream %s, and counts as changed", async (how) => {
    let stream: http.ServerResponse | undefined;
    const listen: Answering = (message, response) => {
      stream = response;
      acknowledge(response, message, message.params.notifications);
      return undefined;
    };
    await using server = await scriptedModern({ "subscriptions/listen": listen });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const client = await RawHttp.open(running.url);
    const { messages, close } = await client.listen();
    await client.ask("resources/subscribe", { uri: "test://a" });
    const lists = (): number => server.methods().filter((method) => method === "tools/list").length;
    const before = lists();
    if (how === "ends") {
      const { id } = server.listens().at(-1) as Message;
      say(stream as http.ServerResponse, { id, result: { resultType: "complete" } });
      stream?.end();
    } else stream?.destroy();
    await vi.waitFor(() => expect(server.listens().length).toBe(3));
    expect(server.listens().at(-1)?.params.notifications).toEqual({ toolsListChanged: true, resourceSubscriptions: ["test://a"] });
    await vi.waitFor(() => expect(lists()).toBe(before + 1));
    await vi.waitFor(() => expect(messages).toMatchObject([{ method: "notifications/resources/updated", params: { uri: "test://a" } }]));
    expect(messages[0]?.params).toEqual({ uri: "test://a" });
    close();
  });
});

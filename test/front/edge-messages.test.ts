import { definePlugin } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWorld, inProcessTransport, type Message } from "../fixtures/upstream.mjs";
import { startHost, type TestHost, upstream } from "../harness/hosts.ts";
import { ask, initialize, raw, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };

let running: TestHost;
let url: URL;
let client: WireClient;
beforeAll(async () => {
  running = await startHost({ mcpServers });
  ({ url } = running);
  client = await WireClient.connect(url);
});
afterAll(() => running[Symbol.asyncDispose]());

const echo = (args: object): Message => client.body("tools/call", { name: "echo", arguments: args });

describe("what is no message", () => {
  test("bytes that are no JSON or no UTF-8 are answered 400 and -32700", async () => {
    const text = JSON.stringify(echo({ text: "x" }));
    const broken = Buffer.from(text);
    broken[text.indexOf('"x"') + 1] = 0xff;
    for (const body of ["{", "", "nonsense", `${text}}`, broken, Buffer.from([0xc3, 0x28]), Buffer.from(text, "utf16le")]) {
      const { status, json } = await client.ask({ body });
      expect([status, json.id, json.error.code, json.error.data.type], String(body)).toEqual([400, null, -32700, "parse_error"]);
    }
  });

  test.each([null, 1.5, 2 ** 53, "", "x".repeat(257), "x".repeat(1_000_000), {}, [1], true])(
    "a request with an id like %j is answered 400 and -32600",
    async (id) => {
      const { status, json, text } = await client.ask({ body: { jsonrpc: "2.0", id, method: "ping" } });
      expect([status, json.id, json.error.code]).toEqual([400, null, -32600]);
      expect(text.length).toBeLessThan(1_000);
    },
  );

  test("ids of every allowed form come back with their type", async () => {
    for (const id of [0, -1, 2 ** 53 - 1, "a", "1", "x".repeat(256), "é👍"]) {
      const { status, json } = await client.request("ping", undefined, id);
      expect([status, json]).toEqual([200, { jsonrpc: "2.0", id, result: {} }]);
    }
  });

  test("a broken envelope is answered 400 and -32600, with the id where it is readable", async () => {
    for (const [body, id] of [
      ["7", null],
      ["null", null],
      ['"ping"', null],
      ["{}", null],
      ['{"jsonrpc":"1.0","id":5,"method":"ping"}', 5],
      ['{"jsonrpc":"2.0","id":"a","method":7}', "a"],
      ['{"jsonrpc":"2.0","id":6,"method":"ping","params":[]}', 6],
      ['{"jsonrpc":"2.0","id":7}', 7],
    ] as const) {
      const { status, json } = await client.ask({ body });
      expect([status, json.id, json.error.code], body).toEqual([400, id, -32600]);
    }
  });

  test("a key that changes prototypes is refused and pollutes nothing; other odd keys pass as they are", async () => {
    for (const bad of [{ PROTO: { polluted: 1 } }, { constructor: { prototype: { polluted: 1 } } }]) {
      const body = JSON.stringify(echo({ deep: [bad] })).replace("PROTO", "__proto__");
      const { status, json } = await client.ask({ body });
      expect([status, json.error.code]).toEqual([400, -32600]);
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    const odd = { constructor: { name: "Ferrari" }, prototype: { polluted: 1 }, toString: 1, hasOwnProperty: null, "": 0, "a.b": [] };
    expect((await client.call("echo", odd)).arguments).toEqual(odd);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("a notification and a response are answered 202 without a body", async () => {
    for (const body of [
      { jsonrpc: "2.0", method: "notifications/initialized" },
      { jsonrpc: "2.0", method: "notifications/unheard-of", params: { any: 1 } },
      { jsonrpc: "2.0", id: 12_345, result: {} },
      { jsonrpc: "2.0", id: 12_345, error: { code: 1, message: "x" } },
    ])
      expect(await client.ask({ body })).toMatchObject({ status: 202, text: "" });
    expect((await client.ask({ body: { jsonrpc: "2.0", id: 1, result: 5 } })).status).toBe(400);
    expect((await ask(url, { body: { jsonrpc: "2.0", method: "notifications/initialized" } })).status).toBe(400);
  });
});

describe("limits, below, at and beyond", () => {
  const padded = (size: number, wanted: WireClient): string => {
    const text = JSON.stringify(wanted.body("tools/call", { name: "echo", arguments: { text: "" } }, 7));
    return text.replace('"text":""', `"text":"${"x".repeat(size - text.length)}"`);
  };

  test("of the body, with and without a Content-Length", async () => {
    await using small = await startHost({ mcpServers, limits: { requestBytes: 2_000 } });
    const own = await WireClient.connect(small.url);
    for (const chunked of [false, true]) {
      for (const size of [1_999, 2_000]) expect((await own.ask({ body: padded(size, own), chunked })).status).toBe(200);
      const { status, json, headers } = await own.ask({ body: padded(2_001, own), chunked });
      expect([status, json.error.code, json.error.data.type, headers.connection]).toEqual([413, -31413, "payload_too_large", "close"]);
    }
  });

  test("a body whose length is announced beyond the limit is refused unread", async () => {
    const head = `POST /mcp HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMcp-Session-Id: ${client.session}\r\n`;
    expect(await raw(url, `${head}Content-Length: 4194305\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /);
  });

  test("a body without an end is cut off at the limit", async () => {
    await using small = await startHost({ mcpServers, limits: { requestBytes: 2_000 } });
    const own = await WireClient.connect(small.url);
    const head = `POST /mcp HTTP/1.1\r\nHost: ${small.url.host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMcp-Session-Id: ${own.session}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await raw(small.url, `${head}7d1\r\n${"x".repeat(2_001)}\r\n`)).toMatch(/^HTTP\/1.1 413 /);
    expect((await own.request("ping")).status).toBe(200);
  });

  test("of the nesting", async () => {
    await using small = await startHost({ mcpServers, limits: { depth: 10 } });
    const own = await WireClient.connect(small.url);
    // The message, its params and the arguments are three levels.
    const body = (depth: number): string =>
      JSON.stringify(own.body("tools/call", { name: "echo", arguments: { a: 0 } }, 7)).replace(
        '"a":0',
        `"a":${"[".repeat(depth - 3)}${"]".repeat(depth - 3)}`,
      );
    for (const depth of [9, 10]) expect((await own.ask({ body: body(depth) })).status).toBe(200);
    const { status, json } = await own.ask({ body: body(11) });
    expect([status, json.id, json.error.code]).toEqual([400, 7, -32600]);
  });

  test("a million levels neither stall nor crash the host", async () => {
    const { status, json } = await client.ask({
      body: `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}}`,
    });
    expect([status, json.error.code]).toEqual([400, -32600]);
    expect((await client.request("ping")).status).toBe(200);
  });

  test("of the keys", async () => {
    await using small = await startHost({ mcpServers, limits: { keys: 50 } });
    const own = await WireClient.connect(small.url);
    // Four of the envelope, two of the params, one argument; then the items.
    const body = (keys: number): Message =>
      own.body("tools/call", { name: "echo", arguments: { a: Array.from({ length: keys - 7 }, () => []) } });
    for (const keys of [49, 50]) expect((await own.ask({ body: body(keys) })).status).toBe(200);
    expect((await own.ask({ body: body(51) })).status).toBe(400);
    const numbers = { a: Array.from({ length: 60_000 }, (_, n) => n) };
    expect((await own.call("echo", numbers)).arguments).toEqual(numbers);
  });

  test("of the headers, by number and by size", async () => {
    await using small = await startHost({ mcpServers, limits: { headerCount: 20, headerBytes: 4_096 } });
    const health = async (headers: string[]): Promise<string | undefined> =>
      (
        await raw(
          small.url,
          `GET /healthz HTTP/1.1\r\nHost: ${small.url.host}\r\nConnection: close\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`,
        )
      ).split(" ")[1];
    const many = (count: number): string[] => Array.from({ length: count - 2 }, (_, index) => `x-${index}: 1`);
    expect(await health(many(19))).toBe("200");
    expect(await health(many(20))).toBe("200");
    expect(await health(many(21))).toBe("400");
    // Node counts the path, names and values.
    const fixed = "/healthz".length + "Host".length + small.url.host.length + "Connection".length + "close".length + "x".length;
    const large = (bytes: number): string[] => [`x: ${"y".repeat(bytes - fixed)}`];
    expect(await health(large(4_095))).toBe("200");
    expect(await health(large(4_096))).toBe("431");
    expect(await health(large(4_097))).toBe("431");
  });
});

describe("batches", () => {
  const ping = (id: number): Message => ({ jsonrpc: "2.0", id, method: "ping" });
  const pings = (count: number): Message[] => Array.from({ length: count }, (_, id) => ping(id));

  test.each(["2025-11-25", "2025-06-18", "2024-11-05"])("are refused in %s", async (version) => {
    const own = await WireClient.connect(url, { version });
    const { status, json } = await own.ask({ body: pings(2) });
    expect([status, json.error.code]).toEqual([400, -32600]);
  });

  test("without a session are refused", async () => {
    expect(await ask(url, { body: [initialize()] })).toMatchObject({ status: 400, json: { error: { code: -32600 } } });
  });

  test("of 1 to 50 messages are answered as one array in 2025-03-26, others are refused", async () => {
    const own = await WireClient.connect(url, { version: "2025-03-26" });
    for (const count of [1, 49, 50]) {
      const { status, headers, json } = await own.ask({ body: pings(count) });
      expect([status, headers["content-type"]]).toEqual([200, "application/json"]);
      expect(json.map(({ id }: Message) => id).sort((a: number, b: number) => a - b)).toEqual(pings(count).map(({ id }) => id));
    }
    for (const count of [0, 51]) expect((await own.ask({ body: pings(count) })).status, String(count)).toBe(400);
    expect((await own.ask({ body: [ping(1), { jsonrpc: "2.0" }] })).status).toBe(400);
    expect((await own.ask({ body: [ping(1), initialize()] })).status).toBe(400);
    const { status, text } = await own.ask({
      body: [
        { jsonrpc: "2.0", method: "notifications/a" },
        { jsonrpc: "2.0", id: 9, result: {} },
      ],
    });
    expect([status, text], "nothing to answer").toEqual([202, ""]);
  });

  test("are answered on one stream once something precedes an answer, each request once", async () => {
    const own = await WireClient.connect(url, { version: "2025-03-26" });
    const call = (id: number): Message => ({
      ...own.body("tools/call", { name: "progress", arguments: { steps: 2 }, _meta: { progressToken: `p${id}` } }, id),
    });
    const { headers, messages } = await own.ask({ body: [ping(1), call(2), { jsonrpc: "2.0", method: "notifications/a" }, call(3)] });
    expect(headers["content-type"]).toBe("text/event-stream");
    expect(
      messages
        .filter((message) => "result" in message)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([1, 2, 3]);
    const told = messages
      .filter(({ method }) => method === "notifications/progress")
      .map(({ params }) => `${params.progressToken} ${params.progress}`);
    expect(told.sort()).toEqual(["p2 1", "p2 2", "p3 1", "p3 2"]);
  });
});

test("what permit and transform saw of a request is what the upstream got, whatever keys are doubled", async () => {
  const seen: Message[] = [];
  const spy = definePlugin({
    name: "spy",
    host: "^1.0.0",
    apply(host) {
      host.hooks.permit.tap(
        "spy",
        (entry, _caller, exchange) => void (exchange && seen.push({ entry: entry.native, params: exchange.params })),
      );
      host.hooks.transform.for("tools/call").tap("spy", (params) => {
        seen.push({ entry: params.name, params });
        return params;
      });
    },
  });
  await using spied = await startHost({ mcpServers: { up: upstream({ name: "up" }) }, plugins: [spy()] });
  const own = await WireClient.connect(spied.url);
  for (const params of [
    '{"name":"isError","name":"echo","arguments":{"text":"x"}}',
    '{"Name":"isError","name":"echo","NAME":"fail","arguments":{"path":"/a","path":"/b","Path":"/c"}}',
    '{"name":"echo","arguments":{"a":1},"arguments":{"b":2},"Arguments":{"c":3}}',
    '{"name":"echo","\\u006eame":"echo","arguments":{"constructor":1,"\\u0061":1,"a":2}}',
  ]) {
    seen.length = 0;
    const { json } = await own.ask({ body: `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":${params}}` });
    const { params: others, arguments: args } = json.result.structuredContent;
    const got = { name: "echo", arguments: args, ...others };
    expect(seen, params).toEqual([
      { entry: "echo", params: got },
      { entry: "echo", params: got },
    ]);
  }
});

test("line breaks and control characters in names come back escaped in the body and in no header", async () => {
  for (const name of ["x\r\nSet-Cookie: a=b", "\0", "\u001b[31m"]) {
    const { status, headers, text, json } = await client.request("tools/call", { name, arguments: {} });
    expect([status, json.error.code]).toEqual([200, -32602]);
    expect(headers["set-cookie"]).toBeUndefined();
    expect(text).not.toMatch(/\p{Cc}/u);
  }
  expect(await raw(url, `GET /mcp HTTP/1.1\r\nHost: ${url.host}\r\nMcp-Session-Id: a\nX: b\rc\r\nConnection: close\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 400 /,
  );
});

test("lists have the same order for everybody, whatever was called before", async () => {
  const world = createWorld({ name: "b", prefix: "b_" });
  await using two = await startHost({
    mcpServers: {
      a: { transport: () => inProcessTransport({ name: "a" }) },
      b: { transport: () => inProcessTransport({}, world), isolation: "session" },
    },
  });
  const first = await WireClient.connect(two.url);
  const names = async (own: WireClient, method: string, field: string): Promise<string[]> => {
    const { json } = await own.request(method);
    return json.result[field].map((entry: Message) => entry.uri ?? entry.uriTemplate ?? entry.name);
  };
  for (const [method, field] of [
    ["tools/list", "tools"],
    ["prompts/list", "prompts"],
    ["resources/list", "resources"],
    ["resources/templates/list", "resourceTemplates"],
  ] as const) {
    const before = await names(first, method, field);
    expect(before.length).toBeGreaterThan(1);
    await first.call("b_echo");
    await first.call("echo");
    const second = await WireClient.connect(two.url);
    await second.call("b_connections");
    expect(await names(second, method, field)).toEqual(before);
    expect(await names(first, method, field)).toEqual(before);
  }
});

test("a tool name that two upstreams have is given once, to the first, and the other is reported as withheld", async () => {
  await using two = await startHost({
    mcpServers: {
      a: { transport: () => inProcessTransport({ name: "same", only: ["echo", "slow"] }) },
      b: { transport: () => inProcessTransport({ name: "same", only: ["echo", "fail"] }) },
    },
  });
  await two.host.known(5_000);
  const own = await WireClient.connect(two.url);
  const { json } = await own.request("tools/list");
  expect(json.result.tools.map(({ name }: Message) => name)).toEqual(["echo", "slow", "fail"]);
  const { tools, withheld } = two.host.status();
  expect(tools.map(({ name, upstream: key }) => `${key} ${name}`)).toEqual(["a echo", "a slow", "b fail"]);
  expect(withheld).toContainEqual({ kind: "tool", name: "echo", upstream: "b", reason: expect.stringContaining('"a"') });
});

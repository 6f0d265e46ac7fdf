import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import type { Config } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { createWorld, inProcessTransport, type Message } from "../fixtures/upstream.mjs";
import { MARKED, ROOT, startHost, type TestHost, temporary, upstream } from "../harness/hosts.ts";
import { initialize, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };

interface StdioClient extends AsyncDisposable {
  host: TestHost;
  input: PassThrough;
  output: Writable;
  /** Whether it takes what is written; otherwise that piles up. */
  reading: boolean;
  /** Everything that the host wrote, one message a line. */
  messages(): Message[];
  send(...messages: unknown[]): void;
  /** The answer to a request, once it is there. */
  answer(id: unknown): Promise<Message>;
  /** Resolves when the front has ended. */
  gone: Promise<void>;
}

/** A client of the stdio front at the other ends of its two streams. */
async function connect(config: Partial<Config> = {}, options: { initialized?: boolean } = {}): Promise<StdioClient> {
  const host = await startHost({ mcpServers, ...config, listen: null });
  const input = new PassThrough();
  let text = "";
  const output = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      if (client.reading) done();
    },
  });
  const gone = host.host.serveStdio({ input, output });
  const messages = (): Message[] =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  const client: StdioClient = {
    host,
    input,
    output,
    reading: true,
    messages,
    gone,
    send: (...all) =>
      void input.write(all.map((message) => `${typeof message === "string" ? message : JSON.stringify(message)}\n`).join("")),
    answer: (id) =>
      vi.waitFor(() => {
        const found = messages().find((message) => message.id === id && message.method === undefined);
        expect(found).toBeDefined();
        return found as Message; // just checked
      }),
    async [Symbol.asyncDispose]() {
      input.destroy();
      await host[Symbol.asyncDispose]();
    },
  };
  await vi.waitFor(() => expect(host.host.status().sessions).toBe(1)); // it listens
  if (options.initialized !== false) {
    client.send(initialize("2025-11-25", "init"), { jsonrpc: "2.0", method: "notifications/initialized" });
    await client.answer("init");
  }
  return client;
}

const call = (id: unknown, name: string, args: object = {}): Message => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: args },
});
const ping = (id: unknown): Message => ({ jsonrpc: "2.0", id, method: "ping" });

describe("what is no message", () => {
  test.each([
    ["{", -32700, null],
    ["nonsense", -32700, null],
    ["\ufeff{}", -32700, null],
    ["7", -32600, null],
    ["[]", -32600, null],
    [[ping(1), ping(2)], -32600, null],
    [{ jsonrpc: "1.0", id: 5, method: "ping" }, -32600, 5],
    [{ jsonrpc: "2.0", id: "a", method: 7 }, -32600, "a"],
    [{ jsonrpc: "2.0", id: 6, method: "ping", params: [] }, -32600, 6],
    [ping(null), -32600, null],
    [ping(1.5), -32600, null],
    [ping(""), -32600, null],
    [ping("x".repeat(257)), -32600, null],
    ['{"jsonrpc":"2.0","id":8,"method":"ping","params":{"__proto__":{}}}', -32600, 8],
    [`{"jsonrpc":"2.0","id":9,"method":"ping","params":{"a":${"[".repeat(65)}${"]".repeat(65)}}}`, -32600, 9],
  ])("%j is answered with %d and the id %j, and the conversation goes on", async (line, code, id) => {
    await using client = await connect();
    client.send(line, ping("after"));
    await client.answer("after");
    expect(client.messages().slice(1)).toEqual([
      { jsonrpc: "2.0", id, error: expect.objectContaining({ code }) },
      { jsonrpc: "2.0", id: "after", result: {} },
    ]);
  });

  test("bytes that are no UTF-8 are a parse error", async () => {
    await using client = await connect();
    client.input.write(Buffer.from([0x22, 0xff, 0x22, 0x0a]));
    await vi.waitFor(() => expect(client.messages().at(-1)).toMatchObject({ id: null, error: { code: -32700 } }));
  });

  test("a malformed response is not answered with its id, which may be one of the client's own requests", async () => {
    await using client = await connect();
    client.send(call(1, "slow", { ms: 100 }), { jsonrpc: "2.0", id: 1, result: 5 });
    expect((await client.answer(1)).result.structuredContent).toEqual({ waited: 100 });
    expect(client.messages().filter(({ error }) => error)).toMatchObject([{ id: null, error: { code: -32600 } }]);
  });
});

describe("lines", () => {
  test("of any cut, with CRLF and empty ones between, are read", async () => {
    await using client = await connect();
    for (const byte of Buffer.from(`\n\r\n${JSON.stringify({ ...ping("é"), vendor: "👍" })}\r\n\n`))
      client.input.write(Buffer.from([byte]));
    expect(await client.answer("é")).toEqual({ jsonrpc: "2.0", id: "é", result: {} });
  });

  test("as long as the limit are read; a longer one is refused and left out, and the conversation goes on", async () => {
    await using client = await connect({ limits: { requestBytes: 300 } });
    const line = (id: number, size: number): string => {
      const text = JSON.stringify({ ...ping(id), pad: "" });
      return text.replace('"pad":""', `"pad":"${"x".repeat(size - text.length)}"`);
    };
    client.send(line(1, 299), line(2, 300));
    await client.answer(2);
    client.send(call(3, "slow", { ms: 100 }), line(4, 301), ping(5));
    await client.answer(3);
    expect(
      client
        .messages()
        .slice(1)
        .map(({ id, error }) => [id, error?.code]),
    ).toEqual([
      [1, undefined],
      [2, undefined],
      [null, -31413],
      [5, undefined],
      [3, undefined],
    ]);
  });
});

describe("the end of the input", () => {
  test("in the middle of a line drops that line, and what is in flight is answered first", async () => {
    await using client = await connect();
    client.send(call(1, "slow", { ms: 200 }));
    client.input.end('{"jsonrpc":"2.0","id":2,"method":"pi');
    await client.gone;
    expect(client.messages().slice(1)).toMatchObject([{ id: 1, result: { structuredContent: { waited: 200 } } }]);
    expect(client.host.host.status().sessions).toBe(0);
  });

  test("waits for calls in flight no longer than `drain`", async () => {
    const world = createWorld({ name: "up" });
    await using client = await connect({ drain: 100, mcpServers: { up: { transport: () => inProcessTransport({}, world) } } });
    client.send(call(1, "slow"));
    await vi.waitFor(() => expect(world.received.some(({ method }) => method === "tools/call")).toBe(true));
    client.input.end();
    await client.gone;
    expect(client.host.host.status().inFlight).toBe(0);
    await vi.waitFor(() => expect(world.received.map(({ method }) => method)).toContain("notifications/cancelled"));
  });

  test("a host that is closed ends the front too, and answers what was in flight", async () => {
    await using client = await connect({ drain: 50 });
    client.send(call(1, "slow"));
    await vi.waitFor(() => expect(client.host.host.status().inFlight).toBe(1));
    await client.host.host.close();
    await client.gone;
    expect((await client.answer(1)).error).toMatchObject({ code: -31509, data: { type: "shutting_down" } });
  });
});

describe("requests", () => {
  test("before initialize are refused, except ping", async () => {
    await using client = await connect({}, { initialized: false });
    client.send({ jsonrpc: "2.0", id: 1, method: "tools/list" }, call(2, "echo"), ping(3));
    await client.answer(3);
    for (const id of [1, 2])
      expect((await client.answer(id)).error).toMatchObject({ code: -32600, message: expect.stringContaining("initialize") });
    client.send(initialize("2025-11-25", 4));
    expect((await client.answer(4)).result.protocolVersion).toBe("2025-11-25");
    client.send({ jsonrpc: "2.0", id: 5, method: "tools/list" });
    expect((await client.answer(5)).result.tools.length).toBeGreaterThan(0);
  });

  test("a second initialize is refused, also while the first is being answered", async () => {
    await using client = await connect({}, { initialized: false });
    client.send(initialize("2025-06-18", 1), initialize("2025-11-25", 2));
    expect((await client.answer(1)).result.protocolVersion).toBe("2025-06-18");
    expect((await client.answer(2)).error.code).toBe(-32600);
    client.send(initialize("2025-11-25", 3));
    expect((await client.answer(3)).error.code).toBe(-32600);
  });

  test("one with an id that is in flight is refused, the first is not concerned, and later the id is free again", async () => {
    await using client = await connect();
    client.send(call(7, "slow", { ms: 200 }), ping("7"), ping(7));
    await vi.waitFor(() => expect(client.messages().filter(({ id }) => id === 7)).toHaveLength(2));
    const [refused, answered] = client.messages().filter(({ id }) => id === 7);
    expect(refused?.error).toMatchObject({ code: -32600, data: { type: "invalid_request", sent: "no" } });
    expect(answered?.result.structuredContent).toEqual({ waited: 200 });
    expect((await client.answer("7")).result).toEqual({});
    client.send(ping(7));
    await vi.waitFor(() => expect(client.messages().filter(({ id, result }) => id === 7 && result)).toHaveLength(2));
  });

  test("a cancelled one gets no answer", async () => {
    const world = createWorld({ name: "up" });
    await using client = await connect({ mcpServers: { up: { transport: () => inProcessTransport({}, world) } } });
    client.send(call(1, "slow"));
    await vi.waitFor(() => expect(world.received.some(({ method }) => method === "tools/call")).toBe(true));
    client.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }, call(2, "cancelled"));
    expect((await client.answer(2)).result.structuredContent.cancelled).toMatchObject([{ name: "slow" }]);
    expect(client.messages().filter(({ id }) => id === 1)).toEqual([]);
  });
});

test("a client whose end of the output broke is gone, and its calls are cancelled", async () => {
  const world = createWorld({ name: "up" });
  await using client = await connect({ mcpServers: { up: { transport: () => inProcessTransport({}, world) } } });
  client.send(call(1, "slow"));
  await vi.waitFor(() => expect(world.received.some(({ method }) => method === "tools/call")).toBe(true));
  client.output.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  await client.gone;
  expect(client.host.host.status().inFlight).toBe(0);
  await vi.waitFor(() => expect(world.received.map(({ method }) => method)).toContain("notifications/cancelled"));
});

test("a client that does not read is given up at limits.clientQueueBytes", async () => {
  await using client = await connect({ limits: { clientQueueBytes: 10_000 } });
  client.reading = false;
  for (let id = 1; id <= 3; id++) client.send(call(id, "echo", { size: 8_000 }));
  await client.gone;
  expect(client.host.host.status().sessions).toBe(0);
  expect(client.output.writableLength).toBeLessThan(50_000);
});

test("a process that serves stdio writes frames only, answers what is in flight when its input ends, and exits", async () => {
  const config = { mcpServers: { up: { inProcess: { name: "up" } } } };
  const child = spawn(process.execPath, [join(ROOT, "test/harness/stdio-host.mjs"), JSON.stringify(config)], {
    env: { ...process.env, ...MARKED },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const exited = new Promise((resolve) => child.once("close", resolve));
  child.stdin.end(
    `${[initialize("2025-11-25", 1), call(2, "slow", { ms: 100 }), ping(3)].map((message) => JSON.stringify(message)).join("\n")}\n{"jsonrpc"`,
  );
  expect(await exited).toBe(0);
  const ids = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).id);
  expect(ids.sort()).toEqual([1, 2, 3]);
});

describe("a child process", () => {
  test("gets the allow-list and its declared variables and nothing else of the host's environment", async () => {
    vi.stubEnv("CANARY_TOKEN", "canary-in-the-environment");
    vi.stubEnv("NODE_OPTIONS", "");
    vi.stubEnv("LD_LIBRARY_PATH", "/nowhere");
    vi.stubEnv("LOGNAME", "() { :; }; echo shellshock");
    try {
      const { env, ...server } = upstream({ name: "up" });
      await using host = await startHost({ mcpServers: { up: { ...server, env: { ...env, DECLARED: "yes" } } } });
      const client = await WireClient.connect(host.url, {
        headers: { "x-canary": "canary-in-a-header", authorization: "Bearer canary-of-the-client" },
      });
      const environment = await client.call("environment");
      const allowed = [
        "HOME",
        "LANG",
        "LC_ALL",
        "LOGNAME",
        "PATH",
        "SHELL",
        "TERM",
        "TMPDIR",
        "TZ",
        "USER",
        "NODE_V8_COVERAGE", // Node itself hands it to every child while coverage is measured
        "DECLARED",
        ...Object.keys(MARKED),
      ];
      expect(Object.keys(environment.env).filter((name) => !allowed.includes(name))).toEqual([]);
      expect(environment.env).toMatchObject({ DECLARED: "yes", PATH: process.env.PATH, ...MARKED });
      expect(environment.env.LOGNAME, "an exported shell function").toBeUndefined();
      expect(JSON.stringify(environment)).not.toContain("canary");
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test("gets its arguments as they are written: no shell reads them", async () => {
    using folder = temporary();
    const marker = join(folder.path, "ran");
    const server = upstream({ name: "up" });
    const odd = [`$(touch ${marker})`, `; touch ${marker}`, `\`touch ${marker}\``, "a b", '"', "'", "*", "", "é\n", "%PATH%", "& | > <"];
    await using host = await startHost({ mcpServers: { up: { ...server, args: [...server.args, ...odd], cwd: folder.path } } });
    const { argv, cwd } = await (await WireClient.connect(host.url)).call("environment");
    expect(argv.slice(-odd.length)).toEqual(odd);
    expect(cwd).toBe(folder.path);
    expect(existsSync(marker)).toBe(false);
  });
});

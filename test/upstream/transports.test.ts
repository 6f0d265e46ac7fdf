import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Config, ConfigError, createHost, definePlugin, type TransportFactory } from "mcp-host";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import socketTransport from "../../examples/socket-transport/socket-transport.ts";
import { createUpstream } from "../fixtures/upstream.mjs";
import { home, run } from "../harness/cli.ts";
import { ROOT, startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

const FOLDER = join(ROOT, "examples/socket-transport");
const CONFIG = join(FOLDER, "mcp-host.config.json");

describe("the example", () => {
  // A socket's path may not be long.
  const folder = mkdtempSync(join(tmpdir(), "mcp-socket-"));
  const path = join(folder, "notes.sock");
  const sockets = new Set<Socket>();
  let server: Server;
  beforeAll(async () => {
    server = createServer((socket) => {
      const upstream = createUpstream({ name: "notes" });
      upstream.push = (message) => socket.write(`${JSON.stringify(message)}\n`);
      createInterface({ input: socket }).on("line", (line) => void upstream.handle(JSON.parse(line), upstream.push));
      sockets.add(socket);
      socket.on("error", () => {}); // close follows
      socket.on("close", () => {
        sockets.delete(socket);
        upstream.close();
      });
    });
    await new Promise<void>((done) => server.listen(path, done));
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  testPlugin(socketTransport, {
    test,
    module: new URL("../../examples/socket-transport/socket-transport.ts", import.meta.url),
    options: undefined,
    badOptions: [],
  });

  test("serves a server behind a socket from the command line, and inspect says what it is reached over", async () => {
    using at = home();
    const called = await run(at, ["call", "echo", "--args", '{"text":"ä"}', "--config", CONFIG, "--set", `NOTES_SOCKET=${path}`, "--json"]);
    expect(called).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(called.stdout).structuredContent.arguments).toEqual({ text: "ä" });
    const inspected = await run(at, ["inspect", "--config", CONFIG, "--set", `NOTES_SOCKET=${path}`]);
    expect(inspected.stdout).toMatch(/notes +socket/);
    expect(inspected.stderr).toBe("");
  });

  test("is lost and found again, with its calls answered for", async () => {
    await using running = await startHost({ mcpServers: { notes: { type: "socket", options: { path } } }, plugins: [socketTransport()] });
    const client = await RawHttp.open(running.url);
    const slow = client.call("slow", { ms: 60_000 });
    await vi.waitFor(() => expect(running.host.status().upstreams[0]?.connections[0]?.inFlight).toBe(1));
    for (const socket of sockets) socket.destroy();
    expect((await slow).error).toMatchObject({ code: -31506, data: { type: "upstream_lost", sent: "unknown" } });
    await vi.waitFor(async () => expect((await client.call("echo")).result).toBeDefined());
    expect(running.host.status().upstreams).toMatchObject([{ name: "notes", wire: "socket", restarts: 1 }]);
  });

  test("that is not there is down, and says why", async () => {
    using at = home();
    const { code, stdout } = await run(at, ["validate", "--connect", "--config", CONFIG, "--set", `NOTES_SOCKET=${path}.none`]);
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/notes .*ENOENT/);
  });
});

const problemsOf = async (config: Config, transports?: Record<string, TransportFactory>): Promise<readonly string[]> => {
  const host = createHost(config, { ...(transports && { transports }) });
  const error = await host.prepare().catch((thrown: unknown) => thrown);
  await host.close();
  return error instanceof ConfigError ? error.problems : [];
};

const plugin = (name: string, type: string) =>
  definePlugin({
    name,
    host: "^1.0.0",
    apply(host) {
      host.transports.register(type, () => fakeUpstream().transport(), {
        options: z.strictObject({ url: z.string(), deep: z.strictObject({ n: z.number() }).optional() }),
      });
    },
  })();

describe("a type that nobody registered, or not well, stops the start with", () => {
  test("the place, the known types, the nearest and the remedy", async () => {
    expect(await problemsOf({ mcpServers: { x: { type: "nast" }, y: { type: "htp" } }, plugins: [plugin("p", "nats")] })).toEqual([
      'mcpServers.x.type: there is no transport "nast" (did you mean "nats"?); known are "stdio", "http", "streamable-http", "streamableHttp", "sse", "websocket", "ws", "nats"; add the plugin that brings it to "plugins", or hand it to createHost in "transports"',
      expect.stringMatching(/^mcpServers\.y\.type: there is no transport "htp" \(did you mean "http"\?\); known are /),
    ]);
  });

  test("the place of an option, and the hint", async () => {
    const mcpServers = { x: { type: "nats", options: { ulr: "a" } }, y: { type: "nats", options: { url: "a", deep: { n: "1", m: 2 } } } };
    expect(await problemsOf({ mcpServers, plugins: [plugin("p", "nats")] })).toEqual([
      expect.stringMatching(/^mcpServers\.x\.options\.url: .*\(transport "nats"\)$/),
      'mcpServers.x.options.ulr: transport "nats" has no such option (did you mean "url"?)',
      expect.stringMatching(/^mcpServers\.y\.options\.deep\.n: /),
      'mcpServers.y.options.deep.m: transport "nats" has no such option (did you mean "n"?)',
    ]);
  });

  test.each([
    ["http", 'plugin "p" registers the transport "http", which the host has itself; give it another name'],
    ["n/a", /^plugin "p" registers the transport "n\/a", but a type is a letter/],
  ])("why %s cannot be a type", async (type, problem) => {
    expect(await problemsOf({ plugins: [plugin("p", type)] })).toEqual([
      typeof problem === "string" ? problem : expect.stringMatching(problem),
    ]);
  });

  test("who else registers it", async () => {
    expect(await problemsOf({ plugins: [plugin("p", "nats"), plugin("q", "nats")] })).toEqual([
      'plugin "q" registers the transport "nats", which plugin "p" registers already; remove one of them',
    ]);
    expect(await problemsOf({ plugins: [plugin("p", "nats")] }, { nats: () => fakeUpstream().transport() })).toEqual([
      'plugin "p" registers the transport "nats", which createHost registers already; remove one of them',
    ]);
  });

  test("what is no factory, and one that comes too late", async () => {
    // JavaScript has no types to hold it back.
    expect(await problemsOf({}, { nats: {} as TransportFactory })).toEqual([
      'createHost registers the transport "nats", but not with a function that makes an SDK Transport',
    ]);
    let late: unknown;
    const tardy = definePlugin({
      name: "tardy",
      host: "^1.0.0",
      apply(host) {
        host.hooks.ready.tap("tardy", () => {
          try {
            host.transports.register("nats", () => fakeUpstream().transport());
          } catch (error) {
            late = error;
          }
        });
      },
    });
    await using _host = await createTestHost({ plugins: [tardy()] });
    expect(String(late)).toContain('plugin "tardy" registers the transport "nats", too late');
  });
});

test("a factory gets the server's key, type and options, and what is around it; code can bring one", async () => {
  const fake = fakeUpstream({ tools: { find: () => "found" } });
  const seen: unknown[] = [];
  const transports: Record<string, TransportFactory> = {
    nats: async (server, { folder, principal, signal, log }) => {
      seen.push({ server, folder, principal: principal?.id, aborted: signal.aborted });
      log.info("a transport is made");
      return fake.transport();
    },
  };
  await using host = await createTestHost({
    upstreams: { one: { type: "nats", options: { any: ["thing"] }, isolation: "principal" } },
    transports,
    folder: ROOT,
  });
  expect(await host.client.callTool("find")).toMatchObject({ content: [{ text: "found" }] });
  expect(seen).toEqual([
    { server: { key: "one", type: "nats", options: { any: ["thing"] } }, folder: ROOT, principal: "local", aborted: false },
  ]);
  expect(host.log.find(({ message }) => message === "a transport is made")).toMatchObject({ upstream: "one" });
  expect(host.host.status().upstreams).toMatchObject([{ wire: "nats" }]);
  expect(host.log.filter(({ message }) => message.includes("taps no hook"))).toEqual([]);
});

test("a factory that throws or never ends is why its server is down", async () => {
  const transports: Record<string, TransportFactory> = {
    broken: () => {
      throw new Error("no broker");
    },
    endless: () => new Promise(() => {}),
  };
  const host = createHost(
    { mcpServers: { a: { type: "broken" }, b: { type: "endless", startTimeout: 100 } }, listen: { port: 0 } },
    { transports },
  );
  await host.start();
  await vi.waitFor(() => {
    const [a, b] = host.status().upstreams;
    expect(a?.reason).toBe("no broker");
    expect(b?.reason).toMatch(/did not start within 100 ms/);
  });
  await host.close();
});

test("secrets in options are kept out of logs and status", async () => {
  const [secret, deeper] = ["a-token-of-this-test-alone", "a-password-of-this-test-alone"];
  const transports: Record<string, TransportFactory> = {
    nats: ({ options }) => {
      throw new Error(`cannot log in with ${JSON.stringify(options)}`);
    },
  };
  const options = { token: secret, servers: [{ password: deeper }] };
  await using host = await createTestHost({ upstreams: { one: { type: "nats", options } }, transports, client: false });
  await host.host.known(2_000);
  const told = JSON.stringify([host.log, host.host.status()]);
  expect(told).toContain("cannot log in with");
  expect(told).not.toContain(secret);
  expect(told).not.toContain(deeper);
});

import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { clientOf, type Home, home, type Running, run, start, urlOf } from "../harness/cli.ts";
import { httpTransport, sdkClient, stdioTransport } from "../harness/clients.ts";
import { BIN, ROOT, spawnHost, upstream } from "../harness/hosts.ts";

const fixture = (name: string): string => join(ROOT, `test/fixtures/${name}-plugin.mjs`);

/** Resolves with a call's first progress: it is in flight. */
function beginning(): { seen: Promise<void>; progress: () => void } {
  let progress!: () => void;
  const seen = new Promise<void>((resolve) => {
    progress = resolve;
  });
  return { seen, progress };
}

/** Whether a process is there and runs; what nobody has reaped yet does not. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Frames that a stdio client would send to call a tool, and wait for each answer. */
class StdioClient {
  readonly running: Running;
  #id = 0;
  constructor(at: Home, args: string[] = [], env: Record<string, string> = {}) {
    this.running = start(at, ["start", "stdio", ...args], env);
  }
  send(method: string, params: unknown = {}): number {
    const id = ++this.#id;
    this.running.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    return id;
  }
  lines(): Record<string, unknown>[] {
    return this.running
      .stdout()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }
  async answer(id: number): Promise<Record<string, unknown>> {
    return vi.waitFor(() => {
      const found = this.lines().find((line) => line.id === id);
      if (!found) throw new Error(`no answer: ${this.running.stderr()}`);
      return found;
    });
  }
  async initialize(): Promise<void> {
    await this.answer(
      this.send("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "lines", version: "1" } }),
    );
    this.running.child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  }
}

test("start tells people what is served and how to connect, on stderr", async () => {
  using at = home({
    mcpServers: { good: upstream({ only: ["echo"] }), bad: { command: "./none" }, own: { ...upstream(), isolation: "session" } },
  });
  await using running = start(at, ["start", "--port", "0"]);
  const url = await urlOf(running);
  await vi.waitFor(() => expect(running.stderr()).toContain("claude mcp add"));
  const text = running.stderr();
  expect(text).toContain(`mcp-host serves 3 servers at ${url.href}`);
  expect(text).toMatch(/^ {2}good +ready +1 tool, 4 prompts, \d resources, \d templates$/m);
  expect(text).toMatch(/^ {2}own +idle +starts with each client$/m);
  expect(text).toMatch(/^ {2}bad +backing off +cannot start "/m);
  expect(text).toContain(`claude mcp add --transport http mcp-host ${url.href}`);
  expect(text).toContain(`{"mcpServers":{"mcp-host":{"url":"${url.href}"}}}`);
  expect(text).not.toContain("\u001b");
  expect(running.stdout()).toBe("");
});

test.each(["http", "server"])("start %s is start, with flags over the config", async (mode) => {
  using at = home({ listen: { port: 1, path: "/elsewhere" }, mcpServers: { a: upstream() } });
  await using running = start(at, ["start", mode, "--port", "0", "--host", "localhost", "--path", "/here"]);
  const url = await urlOf(running);
  expect(url).toMatchObject({ hostname: "localhost", pathname: "/here" });
  const client = sdkClient();
  await client.connect(httpTransport(url));
  expect((await client.listTools()).tools.length).toBeGreaterThan(0);
  await client.close();
});

test("--log-format json gives one JSON object a line and nothing else", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  await using running = start(at, ["start", "--port", "0", "--log-format", "json", "--verbose"]);
  await urlOf(running);
  await vi.waitFor(() => expect(running.stderr()).toContain('"state":"ready"'));
  running.child.kill("SIGTERM");
  const { stderr } = await running.exited;
  const levels = stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).level);
  expect(levels).toContain("debug");
});

test("with --log-format json, even a start that fails is told as one JSON line", async () => {
  using at = home({ mcpServers: { a: {} } });
  const { code, stderr } = await run(at, ["start", "--log-format", "json"]);
  expect(code).toBe(3);
  expect(JSON.parse(stderr)).toMatchObject({
    level: "error",
    message: "the config cannot be used",
    config: join(at.path, "mcp-host.config.json"),
    problems: ['mcpServers.a: needs a "command" (stdio) or a "url" (HTTP)'],
  });
});

test("--log-level error is silent about a good start", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  await using running = start(at, ["start", "stdio", "--log-level", "error"]);
  running.child.stdin.end();
  expect(await running.exited).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("--set reaches the servers' environment and any place of the config", async () => {
  using at = home({ mcpServers: { a: { ...upstream(), env: { ...upstream().env, GREETING: "${GREETING}" } } } });
  const set = ["--set", "GREETING=from set", "--set=mcpServers.b.command=./none", "--set", "mcpServers.b.start=lazy"];
  const { code, stdout } = await run(at, ["call", "environment", "--json", ...set], { GREETING: "from the environment" });
  expect(code).toBe(0);
  expect(JSON.parse(stdout).structuredContent.env).toMatchObject({ GREETING: "from set" });
});

test("a port that is in use is a config error with the remedy", async () => {
  await using first = await spawnHost({ mcpServers: { a: upstream() } });
  using at = home({ mcpServers: {} });
  const { code, stderr } = await run(at, ["start", "--port", first.url.port]);
  expect(code).toBe(3);
  expect(stderr).toContain(`listen.port: ${first.url.port} is in use on 127.0.0.1; choose another with --port`);
});

test("to listen for everybody without an auth plugin needs --insecure-no-auth, and is warned of", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  const refused = await run(at, ["start", "--port", "0", "--host", "0.0.0.0"]);
  expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining("no auth plugin is loaded") });
  await using running = start(at, ["start", "--port", "0", "--host", "0.0.0.0", "--insecure-no-auth"]);
  await urlOf(running);
  expect(running.stderr()).toContain("everybody who can reach this port can use every upstream");
});

test.each(["SIGTERM", "SIGINT"] as const)("%s lets the call in flight finish, ends the children, and exits with 0", async (signal) => {
  using at = home({ mcpServers: { a: upstream() } });
  await using running = start(at, ["start", "--port", "0"]);
  const client = await clientOf(running);
  const { pid } = (await client.callTool({ name: "environment" })).structuredContent as { pid: number };
  const began = beginning();
  const call = client.callTool({ name: "progress", arguments: { steps: 10, delayMs: 50 } }, undefined, {
    onprogress: began.progress,
  });
  await began.seen;
  running.child.kill(signal);
  expect((await call).structuredContent).toMatchObject({ steps: 10 });
  await client.close();
  expect(await running.exited).toMatchObject({ code: 0, stderr: expect.stringContaining("calls in flight may finish") });
  expect(lives(pid)).toBe(false);
});

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("a second %s ends the host and its children at once", async (signal, code) => {
  using at = home({ drain: "60s", mcpServers: { a: upstream() } });
  await using running = start(at, ["start", "--port", "0"]);
  const client = await clientOf(running);
  const { pid } = (await client.callTool({ name: "environment" })).structuredContent as { pid: number };
  const began = beginning();
  client.callTool({ name: "slow" }, undefined, { onprogress: began.progress }).catch(() => {}); // the host goes away
  await began.seen;
  running.child.kill(signal);
  await vi.waitFor(() => expect(running.stderr()).toContain("calls in flight may finish"));
  running.child.kill(signal);
  expect(await running.exited).toMatchObject({ code });
  await vi.waitFor(() => expect(lives(pid)).toBe(false));
  await client.close();
});

test("a call that does not finish within `drain` does not keep the host", async () => {
  using at = home({ drain: "50ms", mcpServers: { a: upstream() } });
  await using running = start(at, ["start", "--port", "0"]);
  const client = await clientOf(running);
  const began = beginning();
  const call = client.callTool({ name: "slow" }, undefined, { onprogress: began.progress });
  const failed = expect(call).rejects.toThrow();
  await began.seen;
  running.child.kill("SIGTERM");
  expect(await running.exited).toMatchObject({ code: 0 });
  await failed;
  await client.close();
});

test("start stdio serves an SDK client, and standard output carries frames only, whatever a plugin prints", async () => {
  using at = home({ listen: { port: 1 }, mcpServers: { a: upstream() }, plugins: [fixture("noisy")] });
  const client = new StdioClient(at, ["--debug"]);
  await using running = client.running;
  await client.initialize();
  expect(await client.answer(client.send("tools/call", { name: "progress", arguments: {}, _meta: { progressToken: "p" } }))).toHaveProperty(
    "result",
  );
  running.child.stdin.end();
  const { code, stdout, stderr } = await running.exited;
  expect(code).toBe(0);
  // Every line is a message, or JSON.parse would throw.
  for (const line of client.lines()) expect(line.jsonrpc).toBe("2.0");
  expect(stdout).not.toContain("noise");
  for (const where of ["load", "apply", "ready", "transform", "close"])
    for (const way of ["console.log", "console.info", "stdout"]) expect(stderr).toContain(`noise: ${way} ${where}`);
});

test("start stdio works with the SDK's own stdio client", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  const client = sdkClient();
  await client.connect(
    stdioTransport(process.execPath, [BIN, "start", "stdio", "--config", join(at.path, "mcp-host.config.json")], at.env),
  );
  expect((await client.callTool({ name: "echo", arguments: { a: 1 } })).structuredContent).toMatchObject({ arguments: { a: 1 } });
  await client.close();
});

test("the end of standard input lets the call in flight be answered, and exits with 0", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  const client = new StdioClient(at);
  await using running = client.running;
  await client.initialize();
  const { result } = await client.answer(client.send("tools/call", { name: "environment" }));
  const id = client.send("tools/call", { name: "slow", arguments: { ms: 300 } });
  running.child.stdin.end();
  expect(await running.exited).toMatchObject({ code: 0 });
  expect(client.lines().find((line) => line.id === id)).toMatchObject({ result: { structuredContent: { waited: expect.anything() } } });
  expect(lives((result as { structuredContent: { pid: number } }).structuredContent.pid)).toBe(false);
});

test("start stdio ends on a signal, too", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  const client = new StdioClient(at);
  await using running = client.running;
  await client.initialize();
  running.child.kill("SIGTERM");
  expect(await running.exited).toMatchObject({ code: 0 });
});

test("start stdio does not load the HTTP front", async () => {
  using at = home({ mcpServers: {} });
  const folder = join(at.path, "coverage");
  mkdirSync(folder);
  const { code } = await run(at, ["start", "stdio"], { NODE_V8_COVERAGE: folder });
  expect(code).toBe(0);
  const loaded = readdirSync(folder).flatMap((name) =>
    (JSON.parse(readFileSync(join(folder, name), "utf8")) as { result: { url: string }[] }).result.map(({ url }) => url),
  );
  expect(loaded.some((url) => url.endsWith("/dist/front/stdio.js"))).toBe(true);
  expect(
    loaded.filter((url) => /dist\/front\/http|node_modules\/(hono|@hono|yaml|jiti)\/|dist\/cli\/(list|call|status|validate)/.test(url)),
  ).toEqual([]);
});

test("a rejection that nobody handles is logged and the host lives; an error that nobody catches ends it in order with 1", async () => {
  using at = home({ mcpServers: { a: upstream() }, plugins: [fixture("reckless")] });
  await using running = start(at, ["start", "--port", "0", "--log-format", "json"]);
  const client = await clientOf(running);
  await client.callTool({ name: "echo", arguments: { reject: true } });
  await vi.waitFor(() => expect(running.stderr()).toContain("Error: rejected by the reckless plugin"));
  const { pid } = (await client.callTool({ name: "environment" })).structuredContent as { pid: number };
  // The call is in flight when the error is thrown, and is answered all the same.
  expect(await client.callTool({ name: "echo", arguments: { crash: true, delayMs: 20 } })).toHaveProperty("structuredContent");
  await client.close();
  expect(await running.exited).toMatchObject({ code: 1, stderr: expect.stringContaining("Error: thrown by the reckless plugin") });
  expect(lives(pid)).toBe(false);
});

test("a host whose standard error is gone serves on", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  await using running = start(at, ["start", "--port", "0", "--debug"]);
  const client = await clientOf(running);
  running.child.stderr.destroy();
  for (let call = 0; call < 5; call++) expect(await client.callTool({ name: "echo" })).toHaveProperty("structuredContent");
  await client.close();
});

test("a signal to call ends its servers and exits with the signal's code", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  await using running = start(at, ["call", "slow"]);
  await vi.waitFor(() => expect(running.stderr()).toMatch(/^\d+/));
  running.child.kill("SIGINT");
  expect(await running.exited).toMatchObject({ code: 130, stdout: "" });
  expect(existsSync(at.path)).toBe(true);
});

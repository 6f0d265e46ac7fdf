import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { type Home, home, type Running, run, start, TYPED } from "../harness/cli.ts";
import { MARKED, ROOT, temporary, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A host that listens, in a home whose sockets only it and its `status` see. */
async function started(at: Home, args: string[] = []): Promise<Running> {
  const running = start(at, ["start", "--port", "0", "--log-format", "json", "--debug", ...args]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"));
  return running;
}

const known = (running: Running): Promise<void> => vi.waitFor(() => expect(running.stderr()).toContain('"state":"ready"'));

test("status tells state, latency and entries of each server, and where each tool comes from", async () => {
  using at = home({
    mcpServers: {
      first: upstream({ only: ["echo"] }),
      second: upstream({ name: "second", only: ["echo", "log"] }),
      broken: { command: "./none" },
      dies: { command: process.execPath, args: ["-e", "console.error('no licence'); process.exit(3)"], env: MARKED },
    },
  });
  await using running = await started(at);
  await vi.waitFor(async () => {
    const { stdout } = await run(at, ["status"]);
    expect(stdout).toMatch(/^log +second +log$/m);
    expect(stdout).toMatch(/^dies +backing off /m);
  });
  const { code, stdout } = await run(at, ["status"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^mcp-host \\S+, pid ${running.child.pid}, up \\d+ s, http://127\\.0\\.0\\.1:\\d+/mcp$`, "m"));
  expect(stdout).toMatch(/^first +ready +[\d.]+ ms +0 +2025-11-25 +1 tool,/m);
  expect(stdout).toMatch(/^broken +backing off .*\n? +cannot start|^broken +backing off .*cannot\s+start/m);
  expect(stdout).toMatch(/^Last words of dies:\n {4}no licence$/m);
  expect(stdout).toMatch(/^ {2}first +to an only client everything; to several no sampling/m);
  expect(stdout).toMatch(/^echo +first +echo$/m);
  expect(stdout).toMatch(/^ {2}tool echo +of second +/m);
});

test("status --json has the whole status", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"] }) } });
  await using running = await started(at);
  await known(running);
  const { code, stdout } = await run(at, ["status", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    pid: running.child.pid,
    mode: "http",
    config: join(at.path, "mcp-host.config.json"),
    url: expect.stringContaining("http://127.0.0.1:"),
    ready: true,
    sessions: 0,
    upstreams: [{ name: "a", wire: "stdio", state: "ready", connections: [{ pid: expect.any(Number), latency: expect.any(Number) }] }],
  });
});

test("status tells how many calls wait for their turn", async () => {
  using at = home({ mcpServers: { busy: { ...upstream({ only: ["slow"] }), concurrency: 1 } } });
  await using running = await started(at);
  await known(running);
  const url = new URL(/"url":"([^"]+)"/.exec(running.stderr())?.[1] ?? "");
  const client = await RawHttp.open(url);
  const calls = Promise.allSettled([client.call("slow"), client.call("slow"), client.call("slow")]);
  await vi.waitFor(async () => expect((await run(at, ["status"])).stdout).toMatch(/^Calls that wait for their turn:\n {2}busy +2$/m));
  await client.close();
  await calls;
});

test("status exits with 1 while a required server is down", async () => {
  using at = home({ mcpServers: { needed: { command: "./none", required: true } } });
  await using _running = await started(at);
  const { code, stdout } = await run(at, ["status"]);
  expect(code).toBe(1);
  expect(stdout).toContain("NOT READY: needed is required and down");
  expect(stdout).toMatch(/^needed \(required\) /m);
});

test("status exits with 5 when no host runs", async () => {
  using at = home();
  expect(await run(at, ["status"])).toEqual({
    code: 5,
    stdout: "",
    stderr: `mcp-host: no host of this user is running; start one with \`${TYPED} start\`\n`,
  });
  expect(await run(at, ["status", "--pid", "1", "--json"])).toMatchObject({ code: 5, stdout: '{\n  "hosts": []\n}\n' });
});

test("of several hosts one is chosen by the config here, by its config or process id", async () => {
  using at = home({ mcpServers: {} }, { "other.json": '{"mcpServers":{}}' });
  using elsewhere = temporary();
  await using one = await started(at);
  await using other = start(at, ["start", "stdio", "--config", "other.json"]);
  await vi.waitFor(() => expect(other.stderr()).toContain("serves standard input"));
  const ambiguous = await run({ ...at, path: elsewhere.path }, ["status"]);
  expect(ambiguous).toMatchObject({ code: 5, stdout: "" });
  expect(ambiguous.stderr).toContain("several hosts are running; choose one with --pid or --config");
  expect(ambiguous.stderr).toMatch(new RegExp(`--pid ${one.child.pid} +http://`));
  expect(ambiguous.stderr).toMatch(new RegExp(`--pid ${other.child.pid} +stdio +${join(at.path, "other.json")}`));
  const pid = async (...args: string[]): Promise<number> => JSON.parse((await run(at, ["status", "--json", ...args])).stdout).pid;
  expect(await pid()).toBe(one.child.pid);
  expect(await pid("--pid", String(one.child.pid))).toBe(one.child.pid);
  expect(await pid("--config", "other.json")).toBe(other.child.pid);
});

test("the control socket is this user's only, goes with its host, and a dead host's is removed", async () => {
  using at = home({ mcpServers: {} });
  const folder = join(at.path, "run/mcp-host");
  // A number that no process can have on Linux, whose limit is 2^22.
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  writeFileSync(join(folder, "99999999.sock"), "");
  writeFileSync(join(folder, "something.else"), "");
  const running = await started(at);
  const { pid } = running.child;
  expect(readdirSync(folder).sort()).toEqual([`${pid}.sock`, "something.else"].sort());
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, `${pid}.sock`)).mode & 0o777).toBe(0o600);
  running.child.kill("SIGTERM");
  await running.exited;
  expect(readdirSync(folder)).toEqual(["something.else"]);
  const killed = await started(at);
  killed.child.kill("SIGKILL");
  await killed.exited;
  expect(readdirSync(folder)).toHaveLength(2);
  expect(await run(at, ["status"])).toMatchObject({ code: 5 });
  expect(readdirSync(folder)).toEqual(["something.else"]);
});

test("the control socket answers one line, refuses what it does not know, and hangs up on floods", async () => {
  using at = home({ mcpServers: {} });
  await using running = await started(at);
  const ask = (text: string): Promise<string> =>
    new Promise((done) => {
      let answer = "";
      const socket = connect(join(at.path, `run/mcp-host/${running.child.pid}.sock`), () => socket.write(text));
      socket.setEncoding("utf8");
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      socket.on("error", () => {}); // hung up on
      socket.on("close", () => done(answer));
    });
  expect(JSON.parse(await ask('{"command":"status"}\n{"command":"status"}\n'))).toMatchObject({ result: { pid: running.child.pid } });
  expect(JSON.parse(await ask('{"command":"halt"}\n'))).toEqual({
    error:
      'there is no operation "halt" (did you mean "health"?); there are status, reload, reconnect, stop, drain, resume, health, stats, pipeline, catalog, clients, end-client, enable, disable, config, config-change, config-history, config-restore, invocation',
  });
  expect(JSON.parse(await ask("null\n"))).toEqual({ error: "the request is no JSON object" });
  expect(JSON.parse(await ask('{"command":"cache:clear"}\n'))).toEqual({ error: 'plugin "cache" has no operation "clear"; it has none' });
  expect(JSON.parse(await ask("status\n"))).toEqual({ error: "the request is not JSON" });
  expect(await ask("x".repeat(70_000))).toBe("");
});

test("a host that cannot open its control socket serves all the same, and says so", async () => {
  using at = home({ mcpServers: {} }, { run: "a file where the folder should be" });
  await using running = await started(at);
  expect(running.stderr()).toContain("the control socket could not be opened");
});

const telling = join(ROOT, "test/fixtures/telling-plugin.mjs");

test("status shows what plugins say of themselves, a value a line and without secrets, and one that cannot say anything", async () => {
  using at = home({ mcpServers: {}, plugins: [telling, { use: telling, id: "other", options: { broken: true } }] });
  await using running = await started(at);
  const { code, stdout } = await run(at, ["status"]);
  expect(code).toBe(0);
  const [, section] = stdout.split("What plugins say:\n");
  expect(section?.split("\n").map((line) => line.replace(/ {2,}/g, " | "))).toEqual([
    " | telling | calls | 0",
    " | upstreams.a.state | open\\u{1b}[31m",
    " | list | [1,2]",
    " | nothing | {}",
    " | apiKey | [redacted]",
    " | other | failed | true",
    "",
  ]);
  expect(running.stderr()).toContain("the report is broken");
  expect(JSON.parse((await run(at, ["status", "--json"])).stdout).reports).toMatchObject({
    telling: { calls: 0, upstreams: { a: {} }, apiKey: "[redacted]" },
    other: { failed: true },
  });
});

test("a host whose plugins say nothing shows nothing of it", async () => {
  using at = home({ mcpServers: {} });
  await using _running = await started(at);
  expect((await run(at, ["status"])).stdout).not.toContain("What plugins say");
});

import { spawn } from "node:child_process";
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { type Home, home, type Running, run, start } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { daemonOf, lives, startDaemon } from "../harness/daemons.ts";
import { MARKED, upstream } from "../harness/hosts.ts";

const CONFIG = { mcpServers: { a: upstream({ only: ["environment", "slow"] }) } };

async function foreground(at: Home, args: string[] = []): Promise<Running> {
  const running = start(at, ["start", "--port", "0", ...args]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"));
  return running;
}

/** A call that has begun: `seen` resolves with its first progress. */
function slowCall(client: ReturnType<typeof sdkClient>, ms: number): { seen: Promise<void>; result: Promise<unknown> } {
  let progress!: () => void;
  const seen = new Promise<void>((resolve) => {
    progress = resolve;
  });
  return { seen, result: client.callTool({ name: "slow", arguments: { ms } }, undefined, { onprogress: progress }) };
}

test("stop lets the call in flight finish, and returns when the host and its servers are gone", async () => {
  using at = home(CONFIG);
  await using daemon = await startDaemon(at);
  const client = sdkClient();
  await client.connect(httpTransport(daemon.url));
  const { pid } = (await client.callTool({ name: "environment" })).structuredContent as { pid: number };
  const call = slowCall(client, 500);
  await call.seen;
  const stopped = run(at, ["stop"]);
  expect(await call.result).toMatchObject({ structuredContent: { waited: expect.anything() } });
  await client.close();
  expect(await stopped).toEqual({ code: 0, stdout: `stopped ${daemon.url.href}, pid ${daemon.pid}\n`, stderr: "" });
  expect([daemon.pid, pid].filter(lives)).toEqual([]);
  expect(await run(at, ["stop"])).toMatchObject({ code: 5, stderr: expect.stringContaining("no host of this user is running") });
});

test("the config of the working directory says which host is meant; another is not touched unless it is named", async () => {
  using at = home(CONFIG, { "other.json": JSON.stringify(CONFIG) });
  await using other = await foreground(at, ["--config", "other.json"]);
  for (const command of ["stop", "reload", "logs"]) {
    const { code, stderr } = await run(at, [command]);
    expect({ code, stderr }).toEqual({
      code: 5,
      stderr: expect.stringContaining("has another config than the one here; choose it with --pid"),
    });
  }
  await using own = await foreground(at);
  expect(await run(at, ["stop"])).toMatchObject({ code: 0, stdout: expect.stringContaining(`pid ${own.child.pid}`) });
  expect(other.child.exitCode).toBeNull();
  expect(await run(at, ["stop", "--config", "other.json"])).toMatchObject({ code: 0 });
});

test("stop tells when the host is not gone in time", async () => {
  using at = home({ ...CONFIG, drain: "60s" });
  await using daemon = await startDaemon(at);
  const client = sdkClient();
  await client.connect(httpTransport(daemon.url));
  const call = slowCall(client, 600_000);
  call.result.catch(() => {}); // the host is killed
  await call.seen;
  const { code, stdout, stderr } = await run(at, ["stop", "--timeout", "100ms"]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(`the host with pid ${daemon.pid} runs still after 100 ms`);
  expect(lives(daemon.pid)).toBe(true);
  await client.close();
});

test("of several hosts stop needs a choice, or --all; one in the foreground or over stdio ends, too", async () => {
  const empty = '{"mcpServers":{}}';
  using at = home(undefined, { "a.json": empty, "b.json": empty, "c.json": empty, "d.json": empty });
  await using one = await startDaemon(at, ["--config", "a.json"]);
  await using two = await startDaemon(at, ["--config", "b.json"]);
  await using three = await foreground(at, ["--config", "c.json"]);
  await using four = start(at, ["start", "stdio", "--config", "d.json"]);
  await vi.waitFor(() => expect(four.stderr()).toContain("serves standard input"));
  const ambiguous = await run(at, ["stop"]);
  expect(ambiguous).toMatchObject({ code: 5, stdout: "" });
  expect(ambiguous.stderr).toContain("several hosts are running; choose one with --pid or --config, or stop all with --all");
  expect([one.pid, two.pid].every(lives)).toBe(true);
  expect(await run(at, ["stop", "--config", "b.json"])).toMatchObject({ code: 0, stdout: expect.stringContaining(`pid ${two.pid}\n`) });
  expect(lives(two.pid)).toBe(false);
  expect(await run(at, ["stop", "--pid", String(three.child.pid)])).toMatchObject({ code: 0 });
  expect(await three.exited).toMatchObject({ code: 0 });
  const all = await run(at, ["stop", "--all", "--json"]);
  expect(all.code).toBe(0);
  const { hosts } = JSON.parse(all.stdout) as { hosts: { pid: number; stopped: boolean }[] };
  expect(hosts.map(({ pid }) => pid).sort()).toEqual([one.pid, four.child.pid].sort());
  expect(hosts.every(({ stopped }) => stopped)).toBe(true);
  expect(await four.exited).toMatchObject({ code: 0 });
  expect(lives(one.pid)).toBe(false);
});

test("stop finds a daemon whose control socket is gone by its pid file", async () => {
  using at = home({ mcpServers: {} });
  await using daemon = await startDaemon(at);
  rmSync(join(at.path, "run"), { recursive: true });
  expect(await run(at, ["start", "--daemon"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`runs already with pid ${daemon.pid}`),
  });
  expect(await run(at, ["stop"])).toMatchObject({ code: 0, stdout: expect.stringContaining(`pid ${daemon.pid}`) });
  expect(lives(daemon.pid)).toBe(false);
});

describe.skipIf(process.platform === "win32")("a pid file that a killed daemon left", () => {
  /** The pid file of a daemon that was killed, and that has this number in it now. */
  async function left(at: Home, pid: number | undefined): Promise<string> {
    await using daemon = await startDaemon(at);
    const { pidFile } = JSON.parse((await run(at, ["status", "--json"])).stdout).daemon;
    process.kill(daemon.pid, "SIGKILL");
    await vi.waitFor(() => expect(lives(daemon.pid)).toBe(false));
    writeFileSync(pidFile, `${pid}\n`);
    return pidFile;
  }

  test("stop sends no signal to another program that has the number now", async () => {
    using at = home({ mcpServers: {} });
    const stranger = spawn(process.execPath, ["-e", "process.stdin.resume()"], { env: { ...process.env, ...MARKED } });
    try {
      const pidFile = await left(at, stranger.pid);
      for (const args of [["stop"], ["stop", "--all"], ["stop", "--config", "mcp-host.config.json"]]) {
        const { code, stdout, stderr } = await run(at, args);
        expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
        expect(stderr).toContain(`${pidFile} names pid ${stranger.pid}, but it was sent no signal: that process runs another program`);
      }
      expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null]);
      expect(lives(stranger.pid as number)).toBe(true);
    } finally {
      stranger.kill("SIGKILL");
    }
  });

  test("stop sends none to another daemon whose number it is, started at another time", async () => {
    using at = home({ mcpServers: {} });
    using elsewhere = home({ mcpServers: {} });
    await using other = await startDaemon(elsewhere);
    const pidFile = await left(at, other.pid);
    const later = Date.now() / 1000 + 120;
    utimesSync(pidFile, later, later);
    const { code, stderr } = await run(at, ["stop"]);
    expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringContaining("started at another time than the file was written") });
    expect(lives(other.pid)).toBe(true);
  });
});

test("restart starts the daemon again with the arguments and in the folder of the first start", async () => {
  using at = home(undefined, { "own.json": JSON.stringify({ mcpServers: { a: { ...upstream({ only: ["environment"] }), cwd: "." } } }) });
  const args = [
    "--config",
    "own.json",
    "--path",
    "/own",
    "--log-file",
    "own.log",
    "--pid-file",
    "own.pid",
    "--set",
    "mcpServers.a.env.B=x y",
  ];
  await using daemon = await startDaemon(at, args);
  mkdirSync(join(at.path, "elsewhere"));
  const output = await run({ ...at, path: join(at.path, "elsewhere") }, ["restart"]);
  expect(output.stdout).toContain(`stopped ${daemon.url.href}, pid ${daemon.pid}\n`);
  await using again = daemonOf(output);
  expect(lives(daemon.pid)).toBe(false);
  expect(again.pid).not.toBe(daemon.pid);
  expect(again.url.pathname).toBe("/own");
  expect(again.log).toBe(join(at.path, "own.log"));
  const client = sdkClient();
  await client.connect(httpTransport(again.url));
  expect((await client.callTool({ name: "environment" })).structuredContent).toMatchObject({ env: { B: "x y" } });
  await client.close();
  expect(JSON.parse((await run(at, ["status", "--json"])).stdout)).toMatchObject({ pid: again.pid, config: join(at.path, "own.json") });
});

test("restart --json tells what ended and what began, and where nothing began", async () => {
  using at = home({ mcpServers: {} });
  await using daemon = await startDaemon(at, ["--log-file", "own.log"]);
  await using _again = {
    async [Symbol.asyncDispose]() {
      await run(at, ["stop", "--all"]);
    },
  };
  const config = join(at.path, "mcp-host.config.json");
  const first = await run(at, ["restart", "--json"]);
  const told = JSON.parse(first.stdout);
  const warnings = [expect.stringContaining("nothing to serve")];
  const started = { pid: expect.any(Number), url: expect.stringMatching(/^http:/), log: join(at.path, "own.log"), warnings };
  expect({ ...first, stdout: told }).toEqual({
    code: 0,
    stderr: "",
    stdout: { config, stopped: { pid: daemon.pid, url: daemon.url.href }, started },
  });
  expect(lives(told.started.pid)).toBe(true);
  rmSync(join(at.path, "own.log"));
  mkdirSync(join(at.path, "own.log"));
  const second = await run(at, ["restart", "--json"]);
  const { pid, url } = told.started;
  expect({ ...second, stdout: JSON.parse(second.stdout) }).toEqual({
    code: 1,
    stderr: expect.stringContaining("own.log"),
    stdout: { config, stopped: { pid, url }, started: null },
  });
  expect(lives(pid)).toBe(false);
});

test("restart with a config that is bad now stops nothing", async () => {
  using at = home(CONFIG);
  await using daemon = await startDaemon(at);
  for (const bad of ["{", '{"mcpServers":{"a":{}}}', '{"mcpServers":{},"plugins":["./none.ts"]}']) {
    writeFileSync(join(at.path, "mcp-host.config.json"), bad);
    const { code, stdout, stderr } = await run(at, ["restart"]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain(`nothing was stopped: the host with pid ${daemon.pid} goes on`);
    expect(stderr).toContain("the config cannot be used");
  }
  const client = sdkClient();
  await client.connect(httpTransport(daemon.url));
  expect((await client.listTools()).tools).toHaveLength(2);
  await client.close();
});

test("restart is for daemons", async () => {
  using at = home({ mcpServers: {} });
  expect(await run(at, ["restart"])).toMatchObject({ code: 5, stderr: expect.stringContaining("no host of this user is running") });
  await using running = await foreground(at);
  const { code, stderr } = await run(at, ["restart"]);
  expect(code).toBe(1);
  expect(stderr).toContain(`the host with pid ${running.child.pid} was not started with --daemon`);
  expect(running.child.exitCode).toBe(null);
});

test("restart with several hosts lists them, as stop does, whichever of them are daemons", async () => {
  using at = home({ mcpServers: {} }, { "other.json": '{"mcpServers":{}}' });
  using elsewhere = home();
  const env = at.env;
  await using daemon = await startDaemon(at);
  await using running = start(at, ["start", "--config", "other.json", "--port", "0", "--log-format", "json"]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"));
  const { code, stderr } = await run(elsewhere, ["restart"], env);
  expect(code).toBe(5);
  expect(stderr).toContain("several hosts are running; choose one with --pid or --config");
  for (const pid of [daemon.pid, running.child.pid]) expect(stderr).toContain(`--pid ${pid} `);
  expect(lives(daemon.pid)).toBe(true);
});

test("stop --pid-file chooses the daemon that has this pid file", async () => {
  using at = home({ mcpServers: {} }, { "other.json": '{"mcpServers":{}}' });
  await using mine = await startDaemon(at, ["--pid-file", "mine.pid"]);
  await using other = await startDaemon(at, ["--config", "other.json", "--pid-file", "other.pid"]);
  expect(await run(at, ["stop", "--pid-file", "none.pid"])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining(`no daemon of this user has the pid file ${join(at.path, "none.pid")}`),
  });
  expect((await run(at, ["stop", "--pid-file", "mine.pid", "--all"])).stderr).toContain("--all chooses every host");
  expect((await run(at, ["stop", "--pid-file", "mine.pid", "--pid", "1"])).stderr).toContain("--pid-file chooses a host");
  const stopped = await run(at, ["stop", "--pid-file", "other.pid"]);
  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringContaining(`pid ${other.pid}`) });
  expect([lives(mine.pid), lives(other.pid)]).toEqual([true, false]);
});

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { MARKER, ownMarker, survivors } from "../harness/census.ts";
import { home, run, start } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { daemonOf, lives, startDaemon } from "../harness/daemons.ts";
import { MARKED, upstream } from "../harness/hosts.ts";

const CONFIG = { mcpServers: { a: upstream({ only: ["echo", "environment"] }) } };

/** The pid files of a home. */
const pidFiles = (path: string): string[] => readdirSync(join(path, "state/mcp-host")).filter((name) => name.endsWith(".pid"));

test("start --daemon returns when the host listens, and tells its pid, its URL and its log file", async () => {
  using at = home(CONFIG);
  await using daemon = await startDaemon(at);
  expect(daemon.output).toMatchObject({ code: 0, stderr: "" });
  const client = sdkClient();
  await client.connect(httpTransport(daemon.url));
  expect((await client.callTool({ name: "echo", arguments: { a: 1 } })).structuredContent).toMatchObject({ arguments: { a: 1 } });
  await client.close();
  const folder = join(at.path, "state/mcp-host");
  const [pidFile = ""] = pidFiles(at.path);
  expect(readFileSync(join(folder, pidFile), "utf8")).toBe(`${daemon.pid}\n`);
  expect(daemon.log).toBe(join(folder, pidFile.replace(".pid", ".log")));
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    expect(statSync(join(folder, entry.name)).mode & 0o777).toBe(entry.isDirectory() ? 0o700 : 0o600);
  expect(daemon.lines()).toContainEqual(expect.objectContaining({ message: "the host listens", url: daemon.url.href }));
  const { stdout } = await run(at, ["status", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ pid: daemon.pid, daemon: { pidFile: join(folder, pidFile), logFile: daemon.log } });
});

test("what nobody should overlook is told before the command returns, and the log can be for people", async () => {
  using at = home({ mcpServers: {} });
  await using daemon = await startDaemon(at, ["--log-format", "pretty"]);
  expect(daemon.output.stderr).toContain("mcpServers is empty");
  expect(readFileSync(daemon.log, "utf8")).toMatch(/^[\d:.]+ info {2}the host listens /m);
});

test("a config that cannot be used is told as in the foreground, with the same exit code", async () => {
  using at = home({ mcpServers: { a: {} }, listen: { prot: 1 } });
  const foreground = await run(at, ["start"]);
  expect(foreground.code).toBe(3);
  expect(await run(at, ["start", "--daemon"])).toEqual(foreground);
  const json = await run(at, ["start", "--daemon", "--log-format", "json"]);
  expect(json).toMatchObject({ code: 3, stdout: "" });
  expect(JSON.parse(json.stderr)).toMatchObject({ level: "error", message: "the config cannot be used" });
  expect(pidFiles(at.path)).toEqual([]);
  using empty = home();
  expect(await run(empty, ["start", "--daemon"])).toEqual(await run(empty, ["start"]));
});

test("a port that is in use, and plugins that are missing, are told as in the foreground", async () => {
  using at = home(CONFIG, { "other.json": '{"mcpServers":{}}', "plugins.json": '{"mcpServers":{},"plugins":["./none.ts"]}' });
  await using daemon = await startDaemon(at);
  const port = ["--port", daemon.url.port];
  const taken = await run(at, ["start", "--daemon", "--config", "other.json", ...port]);
  expect(taken).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining(`listen.port: ${daemon.url.port} is in use`) });
  const missing = await run(at, ["start", "--daemon", "--config", "plugins.json"]);
  expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining("none.ts") });
});

test.each([
  [["start", "stdio", "--daemon"], "--daemon is for `start http`"],
  [["start", "--log-file", "a.log"], "--log-file is for --daemon"],
  [["start", "--daemon", "--log-size", "much"], '--log-size: "much" is not one of the forms'],
  [["start", "--daemon", "--log-size", "10b"], "--log-size: must be at least 1kb"],
  [["start", "--daemon", "--log-files", "-1"], "--log-files: must be a whole number from 0 to 100"],
  [["start", "--daemon", "--port", "x"], '--port: "x" is not a port'],
  [["stop", "--pid", "me"], '--pid: "me" is not a process id'],
  [["stop", "--timeout", "long"], '--timeout: "long" is not one of the forms'],
  [["stop", "--all", "--pid", "1"], "--all chooses every host"],
])("`mcp-host %j` is a usage error", async (args, message) => {
  using at = home({ mcpServers: {} });
  expect(await run(at, args)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(`mcp-host: ${message}`) });
});

test("a second daemon with the same config is refused with the pid of the first, whatever its pid file", async () => {
  using at = home(CONFIG, { "other.json": '{"mcpServers":{}}' });
  await using daemon = await startDaemon(at);
  const refused = { code: 1, stdout: "", stderr: expect.stringContaining(`runs already with pid ${daemon.pid}; stop it with`) };
  expect(await run(at, ["start", "--daemon", "--port", "0"])).toMatchObject(refused);
  expect(await run(at, ["start", "--daemon", "--port", "0", "--pid-file", "own.pid"])).toMatchObject(refused);
  const [pidFile = ""] = pidFiles(at.path);
  const shared = ["--config", "other.json", "--pid-file", join("state/mcp-host", pidFile)];
  expect(await run(at, ["start", "--daemon", "--port", "0", ...shared])).toMatchObject(refused);
  await using _other = await startDaemon(at, ["--config", "other.json"]);
});

test("of two that start at once one wins, and the other names it", async () => {
  using at = home({ mcpServers: {} });
  const outputs = await Promise.all([0, 1].map(() => run(at, ["start", "--daemon", "--port", "0"])));
  const [winner, loser] = outputs.sort((a, b) => Number(a.code) - Number(b.code));
  if (!winner) throw new Error("nobody won");
  await using daemon = daemonOf(winner);
  expect(loser).toMatchObject({ code: 1, stderr: expect.stringContaining(`runs already with pid ${daemon.pid};`) });
});

/** A process that is no host. */
function stranger(): ChildProcess & Disposable {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { env: { ...process.env, ...MARKED } });
  return Object.assign(child, { [Symbol.dispose]: () => void child.kill("SIGKILL") });
}

test("the pid file of a process that is gone is taken over, and so is one whose number another program got", async () => {
  using at = home({ mcpServers: {} });
  using other = stranger();
  for (const pid of [99_999_999, other.pid]) {
    writeFileSync(join(at.path, "host.pid"), `${pid}\n`);
    utimesSync(join(at.path, "host.pid"), 1_000_000_000, 1_000_000_000); // long before that process was started
    await using daemon = await startDaemon(at, ["--pid-file", "host.pid"]);
    expect(daemon.output.stderr).toContain(`the pid file of a daemon that is gone (pid ${pid}) was taken over`);
    expect(readFileSync(join(at.path, "host.pid"), "utf8")).toBe(`${daemon.pid}\n`);
  }
});

test("a process that may be the daemon, though nobody can ask it, keeps its pid file", async () => {
  using at = home({ mcpServers: {} });
  using other = stranger();
  writeFileSync(join(at.path, "host.pid"), `${other.pid}\n`);
  const { code, stderr } = await run(at, ["start", "--daemon", "--pid-file", "host.pid"]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`host.pid runs already with pid ${other.pid}`) });
});

test("files that cannot be used are errors that name them", async () => {
  using at = home({ mcpServers: {} }, { "notes.txt": "do not lose this", file: "no folder" });
  const started = (...args: string[]) => run(at, ["start", "--daemon", "--port", "0", ...args]);
  expect(await started("--pid-file", "notes.txt")).toMatchObject({ code: 1, stderr: expect.stringContaining("notes.txt is no pid file") });
  expect(readFileSync(join(at.path, "notes.txt"), "utf8")).toBe("do not lose this");
  expect(await started("--pid-file", "file/a.pid")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/the pid file \S+\/file\/a\.pid cannot be written \((ENOTDIR|EEXIST)\); name another with --pid-file/),
  });
  expect(await started("--log-file", "file/a.log")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/the log file \S+\/file\/a\.log cannot be written \((ENOTDIR|EEXIST)\); name another with --log-file/),
  });
});

test("a process that dies before it listens is told with its last words", async () => {
  using at = home({ mcpServers: {}, plugins: ["./dies.mjs"] }, { "dies.mjs": 'console.error("no licence"); process.exit(7);' });
  const { code, stderr } = await run(at, ["start", "--daemon", "--port", "0"]);
  expect(code).toBe(7);
  expect(stderr).toContain("the host ended with code 7 before it listened");
  expect(stderr).toContain("no licence");
  expect(pidFiles(at.path)).toEqual([]);
});

test("Ctrl-C while it starts ends what was started", async () => {
  using at = home({ mcpServers: {}, plugins: ["./waits.mjs"] }, { "waits.mjs": "await new Promise((done) => setTimeout(done, 600_000));" });
  await using running = start(at, ["start", "--daemon", "--port", "0"]);
  await vi.waitFor(() => expect(pidFiles(at.path)).toHaveLength(1));
  const pid = Number(readFileSync(join(at.path, "state/mcp-host", pidFiles(at.path)[0] ?? ""), "utf8"));
  running.child.kill("SIGINT");
  expect(await running.exited).toMatchObject({ code: 130, stdout: "" });
  expect(lives(pid)).toBe(false);
});

// It ignores the end of its input and SIGTERM, and has a child that does so too.
const STUBBORN = `
process.on("SIGTERM", () => {});
require("node:child_process").spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { stdio: "ignore" });
setInterval(() => {}, 1000);
`;

test("SIGKILL of a host, in the background or not, leaves no server behind", async () => {
  const marker = ownMarker();
  const env = { [MARKER]: marker };
  using at = home({ mcpServers: { stubborn: { command: process.execPath, args: ["-e", STUBBORN], env } } });
  await using daemon = await startDaemon(at);
  await vi.waitFor(() => expect(survivors(marker)).toHaveLength(2));
  process.kill(daemon.pid, "SIGKILL");
  await vi.waitFor(() => expect(survivors(marker)).toEqual([]));
  await using running = start(at, ["start", "--port", "0"]);
  await vi.waitFor(() => expect(survivors(marker)).toHaveLength(2));
  running.child.kill("SIGKILL");
  await running.exited;
  await vi.waitFor(() => expect(survivors(marker)).toEqual([]));
});

/** The shells that guard the servers of a host. */
function guardsOf(host: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [, parent] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
        return Number(parent) === host && readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("/bin/sh\0-c\0");
      } catch {
        return false; // gone meanwhile
      }
    });
}

test("what guards the servers takes no signal, is there once, and goes with the last of them", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"] }), b: upstream({ only: ["echo"] }) } });
  await using daemon = await startDaemon(at);
  await vi.waitFor(() => expect(guardsOf(daemon.pid)).toHaveLength(1));
  const [guard = 0] = guardsOf(daemon.pid);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.kill(guard, signal);
  expect(await run(at, ["status"])).toMatchObject({ code: 0 });
  expect(guardsOf(daemon.pid)).toEqual([guard]);
  expect(await run(at, ["stop"])).toMatchObject({ code: 0 });
  await vi.waitFor(() => expect(lives(guard)).toBe(false));
  using idle = home({ mcpServers: {} });
  await using without = await startDaemon(idle);
  expect(guardsOf(without.pid)).toEqual([]);
});

test("a daemon that was killed is no obstacle to the next", async () => {
  using at = home({ mcpServers: {} });
  await using killed = await startDaemon(at);
  process.kill(killed.pid, "SIGKILL");
  await vi.waitFor(() => expect(lives(killed.pid)).toBe(false));
  await using daemon = await startDaemon(at);
  expect(daemon.output.stderr).toContain(`the pid file of a daemon that is gone (pid ${killed.pid}) was taken over`);
  process.kill(daemon.pid, "SIGTERM");
  await vi.waitFor(() => expect(lives(daemon.pid)).toBe(false));
  expect(pidFiles(at.path)).toEqual([]);
  expect(existsSync(daemon.log)).toBe(true);
});

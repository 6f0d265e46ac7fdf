import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { readLogs } from "../../packages/host/dist/operator/log-client.js";
import { parseLogQuery } from "../../packages/host/dist/operator/log-query.js";
import { LogRing } from "../../packages/host/dist/operator/log-ring.js";
import { streamLogs } from "../../packages/host/dist/operator/log-stream.js";
import { type Home, home, type Running, run, start } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { temporary, upstream } from "../harness/hosts.ts";

interface Line {
  time: string;
  level: string;
  message: string;
  [field: string]: unknown;
}

async function started(at: Home, args: string[] = []): Promise<{ running: Running; url: URL }> {
  const running = start(at, ["start", "--port", "0", "--log-format", "json", ...args]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"));
  const [, url = ""] = /"url":"([^"]+)"/.exec(running.stderr()) ?? [];
  return { running, url: new URL(url) };
}

const parsed = (text: string): Line[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

test("logs --no-follow shows the last lines that the running host has kept, for people or as JSON", async () => {
  using at = home({ mcpServers: { down: { command: "./none" } } });
  const { running } = await started(at);
  await using _ends = running;
  await vi.waitFor(() => expect(running.stderr()).toContain("could not be connected"));
  const people = await run(at, ["logs", "--no-follow"]);
  expect({ code: people.code, stderr: people.stderr }).toEqual({ code: 0, stderr: "" });
  expect(people.stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}the host listens url=http:\/\/127\.0\.0\.1:\d+\/mcp config=\S+$/m);
  expect(people.stdout).not.toContain("\u001b");
  const lines = parsed((await run(at, ["logs", "--no-follow", "--json"])).stdout);
  expect(lines).toContainEqual(expect.objectContaining({ level: "warn", message: "an upstream could not be connected", upstream: "down" }));
  const json = async (...args: string[]): Promise<Line[]> => parsed((await run(at, ["logs", "--no-follow", "--json", ...args])).stdout);
  expect(await json("--lines", "0")).toEqual([]);
  // The server is tried again, so lines come in between.
  const before = await json();
  const last = await json("--lines", "1");
  expect(last).toHaveLength(1);
  expect(await json()).toContainEqual(last[0]);
  expect(before.slice(0, -1)).not.toContainEqual(last[0]);
  expect(new Set((await json("--level", "warn")).map(({ level }) => level))).toEqual(new Set(["warn"]));
  expect(new Set((await json("--server", "down")).map(({ upstream: server }) => server))).toEqual(new Set(["down"]));
  expect(await json("--server", "other")).toEqual([]);
  expect(await json("--since", "2999-01-01")).toEqual([]);
  expect(await json("--since", "1h")).not.toEqual([]);
});

test("a host that writes no log keeps its lines all the same", async () => {
  using at = home({ mcpServers: { down: { command: "./none" } } });
  await using _running = start(at, ["start", "--port", "0", "--log-level", "silent"]);
  await vi.waitFor(async () =>
    expect((await run(at, ["logs", "--no-follow"])).stdout).toMatch(/the host listens[\s\S]*could not be connected/),
  );
});

test("logs follows the host, makes lines of a level that it does not write itself, chooses among them, and ends with it", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo", "isError"] }), b: upstream({ name: "b", prefix: "b_", only: ["echo"] }) } });
  const { running, url } = await started(at);
  await using _ends = running;
  const follow = (...args: string[]): Running => start(at, ["logs", "--json", "--lines", "0", ...args]);
  await using all = follow("--level", "debug");
  await using tool = follow("--level", "debug", "--tool", "b_echo", "--pid", String(running.child.pid));
  await using server = follow("--level", "debug", "--server", "a");
  await using one = follow("--level", "debug", "--id", "4bf92f3577b34da6a3ce929d0e0e4736");
  const client = sdkClient();
  const followers = [all, tool, server, one];
  await client.connect(httpTransport(url));
  // Each follows once it has a line; until then it is asked again.
  await vi.waitFor(async () => {
    await client.callTool({ name: "echo", _meta: { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" } });
    await client.callTool({ name: "b_echo" });
    for (const { stdout } of followers) expect(stdout()).toContain('"a request was answered"');
  });
  await client.close();
  expect(running.stderr()).not.toContain("a request was answered");
  running.child.kill("SIGTERM");
  const pid = running.child.pid;
  for (const follower of followers)
    expect(await follower.exited).toMatchObject({ code: 0, stderr: `mcp-host: the host with pid ${pid} has ended\n` });
  const fields = (follower: Running, field: string): Set<unknown> => new Set(parsed(follower.stdout()).map((line) => line[field]));
  expect(fields(tool, "entry")).toEqual(new Set(["b_echo"]));
  expect(fields(server, "upstream")).toEqual(new Set(["a"]));
  expect(fields(one, "requestId")).toEqual(new Set(["4bf92f3577b34da6a3ce929d0e0e4736"]));
  expect(parsed(all.stdout())).toContainEqual(expect.objectContaining({ message: expect.stringContaining("the host stops") }));
});

test("secrets are redacted in what logs shows", async () => {
  using at = home({ mcpServers: { down: { command: "./none-s3cr3t-value", env: { API_KEY: "s3cr3t-value" } } } });
  const { running } = await started(at);
  await using _ends = running;
  await vi.waitFor(async () => expect((await run(at, ["logs", "--no-follow"])).stdout).toContain("could not be connected"));
  const { stdout } = await run(at, ["logs", "--no-follow"]);
  expect(stdout).toContain("[redacted]");
  expect(stdout).not.toContain("s3cr3t-value");
});

test("Ctrl-C ends logs with 130, and a reader that goes away ends it, while the host goes on", async () => {
  using at = home({ mcpServers: {} });
  const { running, url } = await started(at, ["--debug"]);
  await using _ends = running;
  await using interrupted = start(at, ["logs"]);
  await using left = start(at, ["logs", "--level", "debug"]);
  for (const each of [interrupted, left]) await vi.waitFor(() => expect(each.stdout()).toContain("the host listens"));
  interrupted.child.kill("SIGINT");
  expect(await interrupted.exited).toMatchObject({ code: 130, stderr: "" });
  left.child.stdout.destroy();
  const client = sdkClient();
  await client.connect(httpTransport(url));
  await client.listTools();
  await client.close();
  expect(await left.exited).toMatchObject({ code: 0 });
  expect((await run(at, ["status"])).code).toBe(0);
});

test.each([
  [["--lines", "many"], 2, '--lines: "many" is not a number of lines'],
  [["--since", "noon"], 2, '--since: "noon" is neither a duration such as 5m nor a time'],
  [["--level", "loud"], 2, '--level: "loud" is not one of error, warn, info, debug'],
  [["--follow", "--no-follow"], 2, "--no-follow is given twice"],
  [[], 5, "no host of this user is running"],
])("logs %j is refused", async (args, code, message) => {
  using at = home();
  expect(await run(at, ["logs", ...args])).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(message) });
});

// --- bounds ---

/** A ring that is read over a real socket. */
async function served(ring: LogRing): Promise<{ address: string; socket: Promise<Socket>; end(): void }> {
  const folder = temporary();
  const address = join(folder.path, "ring.sock");
  let accepted!: (socket: Socket) => void;
  const socket = new Promise<Socket>((resolve) => {
    accepted = resolve;
  });
  const server = createServer((each) => {
    each.on("error", () => {});
    each.once("data", (text) => {
      streamLogs(each, parseLogQuery(JSON.parse(String(text))), ring);
      accepted(each);
    });
  });
  await new Promise<void>((resolve) => server.listen(address, resolve));
  return {
    address,
    socket,
    end: () => {
      server.close();
      folder[Symbol.dispose]();
    },
  };
}

const query = { level: "info", lines: 0, follow: true } as const;
const line = (message: string) => ({ time: new Date(0).toISOString(), level: "info", message }) as const;

test("the ring keeps the last lines, bounded in count and bytes, and tells of a line that is too long", () => {
  const ring = new LogRing("info");
  for (let index = 0; index < 5_000; index++) ring.read(line(`line ${index}`));
  expect(ring.lines).toHaveLength(2_000);
  expect(ring.lines.at(-1)).toContain("line 4999");
  for (let index = 0; index < 100; index++) ring.read(line("x".repeat(60_000)));
  expect(ring.lines.join("").length).toBeLessThanOrEqual(1024 * 1024);
  expect(ring.lines.length).toBeGreaterThan(10);
  ring.read(line("x".repeat(100_000)));
  expect(JSON.parse(ring.lines.at(-1) ?? "")).toMatchObject({ leftOut: expect.stringMatching(/^1000\d\d characters$/) });
});

test("a follower's level is the log's while it follows, and what only it wants is not kept", () => {
  const ring = new LogRing("info");
  const end = ring.follow({ level: "debug", read: () => {}, end: () => {} });
  expect(ring.level).toBe("debug");
  ring.read({ ...line("for the follower"), level: "debug" });
  expect(ring.lines).toEqual([]);
  end();
  expect(ring.level).toBe("info");
});

// Whether `node:readline` ends a line there depends on the version of Node.
test("a line is one line with every character that JSON may have in it", async () => {
  const ring = new LogRing("info");
  const serving = await served(ring);
  const message = "one\u2028two\u2029three\u0085four\rfive";
  ring.read(line(message));
  const records = readLogs(serving.address, { ...query, lines: 1, follow: false }, new AbortController().signal);
  const read: string[] = [];
  for await (const record of records) read.push(record.message);
  expect(read).toEqual([message]);
  serving.end();
});

test("a reader that does not read costs a bounded queue, and is told how much it missed", async () => {
  const ring = new LogRing("info");
  const serving = await served(ring);
  const end = new AbortController();
  const records = readLogs(serving.address, query, end.signal);
  const first = records.next();
  const socket = await serving.socket;
  ring.read(line("first"));
  expect((await first).value).toMatchObject({ message: "first" });
  // Nobody asks for the next record: the pipe fills, then the queue.
  for (let index = 0; index < 400; index++) ring.read(line("x".repeat(60_000)));
  expect(socket.writableLength).toBeLessThan(2 * 1024 * 1024 + 64 * 1024);
  let missed: unknown;
  for await (const { message } of records)
    if (/^\d+ lines are missing here/.test(message)) {
      missed = Number.parseInt(message, 10);
      break;
    }
  expect(missed).toBeGreaterThan(300);
  end.abort();
  await vi.waitFor(() => expect(ring.followers).toBe(0));
  serving.end();
});

test("so many may follow and no more", async () => {
  const ring = new LogRing("info");
  const serving = await served(ring);
  for (let index = 0; index < 8; index++) ring.follow({ level: "info", read: () => {}, end: () => {} });
  expect(() => streamLogs({} as Socket, query, ring)).toThrow("8 readers follow the log already");
  serving.end();
});

test.each([
  [{ level: "loud" }, '"level"'],
  [{ lines: -1 }, '"lines"'],
  [{ since: "noon" }, '"since"'],
  [{ follow: 1 }, '"follow"'],
  [{ tool: 1 }, '"tool" is not a text'],
])("the query %j is refused", (wrong, message) => {
  expect(() => parseLogQuery(wrong)).toThrow(message);
});

import { mkdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { expect, test, vi } from "vitest";
import { tracePage } from "../../packages/host/dist/cli/terminal/trace-page.js";
import { traceTree } from "../../packages/host/dist/cli/terminal/trace-tree.js";
import { readTrace } from "../../packages/host/dist/operator/trace-client.js";
import { parseTraceQuery } from "../../packages/host/dist/operator/trace-query.js";
import type { TraceRecord } from "../../packages/host/dist/operator/trace-record.js";
import { streamTrace, TraceFeed, type TraceNote } from "../../packages/host/dist/operator/trace-stream.js";
import { clientOf, type Home, home, type Running, run, start } from "../harness/cli.ts";
import { ROOT, temporary, upstream } from "../harness/hosts.ts";

/** Refuses one tool by its arguments, and edits the calls of the others in words that a page and a terminal must not take for theirs. */
const PLUGIN = `
import { definePlugin } from "${join(ROOT, "packages/host/dist/index.js")}";
export default definePlugin({
  name: "edit",
  host: "^1.0.0",
  apply({ hooks }) {
    hooks.permit.tap("edit", ({ name }, _caller, exchange) => (name === "isError" && exchange ? false : undefined));
    hooks.transform.for("tools/call").tap("edit", (params) => ({
      ...params,
      arguments: { text: "<script>\\u001b[31m", password: "hunter22" },
    }));
  },
});
`;

const place = (): Home =>
  home({ mcpServers: { a: upstream({ only: ["echo", "isError"] }) }, plugins: ["./edit.mjs"] }, { "edit.mjs": PLUGIN });

/** A host that listens, and a client of it. */
async function started(at: Home): Promise<{ running: Running; client: Client }> {
  const running = start(at, ["start", "--port", "0", "--log-format", "json"]);
  return { running, client: await clientOf(running) };
}

/** `trace` once the host has said that it is traced. */
async function tracing(at: Home, ...args: string[]): Promise<Running> {
  const running = start(at, ["trace", ...args]);
  await vi.waitFor(() => expect(running.stderr()).toContain("tracing the host"));
  return running;
}

const records = (text: string): TraceRecord[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

const HEAD = /^\d\d:\d\d:\d\d\.\d{3} {2}tools\/call echo {2}anonymous {2}ok {2}[\d.]+ m?s {2}[0-9a-f]{32}$/m;

test("trace shows each request of the running host as a tree, as JSON and as a page, and ends with --count", async () => {
  using at = place();
  const { running, client } = await started(at);
  await using _ends = running;
  const { pid } = running.child;
  await using people = await tracing(at, "--count", "1", "--html", "trace.html");
  await using json = await tracing(at, "--json", "--count", "2");
  await client.callTool({ name: "echo", arguments: { text: "hi" } });
  const tree = await people.exited;
  expect(tree).toMatchObject({ code: 0, stderr: `mcp-host: tracing the host with pid ${pid}; Ctrl-C ends it\n` });
  expect(tree.stdout).toMatch(HEAD);
  expect(tree.stdout).toMatch(/^├─ transform {2,}[\d.]+ ms$/m);
  expect(tree.stdout).toMatch(/^│ {2}└─ edit {2,}[\d.]+ ms {2}changed arguments\.text: "hi" → "<script>\\u001b\[31m"$/m);
  expect(tree.stdout).toMatch(/^│ {2,}changed arguments\.password: nothing → "\[redacted\]"$/m);
  expect(tree.stdout).toMatch(/^└─ call {2,}[\d.]+ ms\n {3}└─ send → a {2,}[\d.]+ ms$/m);
  expect(tree.stdout).not.toContain("\u001b");
  const page = readFileSync(join(at.path, "trace.html"), "utf8");
  expect(statSync(join(at.path, "trace.html")).mode & 0o777).toBe(0o600);
  expect(page).toContain(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-`);
  expect(page).toContain("&lt;script&gt;");
  expect(page).not.toMatch(/<script|hunter22|https?:/);
  await client.callTool({ name: "isError" }).catch(() => {});
  const both = await json.exited;
  expect(both.code).toBe(0);
  expect(records(both.stdout)).toMatchObject([
    { method: "tools/call", entry: "echo", upstream: "a", principal: "anonymous", outcome: "ok" },
    { method: "tools/call", entry: "isError", outcome: "forbidden", spans: expect.any(Array) },
  ]);
  expect(both.stdout).toContain('"did":"refused"');
  expect(both.stdout).not.toContain("hunter22");
  await client.close();
});

test("trace chooses among requests by tool, caller, plugin and outcome, and ends with the host", async () => {
  using at = place();
  const { running, client } = await started(at);
  await using _ends = running;
  await using tool = await tracing(at, "--json", "--tool", "ec*");
  await using caller = await tracing(at, "--json", "--caller", "anon*", "--tool", "isError");
  await using nobody = await tracing(at, "--json", "--caller", "ann");
  await using plugin = await tracing(at, "--json", "--plugin", "edit");
  await using outcome = await tracing(at, "--json", "--outcome", "forbidden", "--pid", String(running.child.pid));
  await client.listTools();
  await client.callTool({ name: "echo" });
  await client.callTool({ name: "isError" }).catch(() => {});
  await client.close();
  running.child.kill("SIGTERM");
  const seen = async (follower: Running): Promise<unknown[]> => {
    const { code, stdout, stderr } = await follower.exited;
    expect([code, stderr]).toEqual([0, expect.stringContaining(`the host with pid ${running.child.pid} has ended\n`)]);
    return records(stdout).map(({ method, entry }) => entry ?? method);
  };
  expect(await seen(tool)).toEqual(["echo"]);
  expect(await seen(caller)).toEqual(["isError"]);
  expect(await seen(nobody)).toEqual([]);
  expect(await seen(plugin)).toEqual(["echo", "isError"]);
  expect(await seen(outcome)).toEqual(["isError"]);
});

test("Ctrl-C ends trace with 130 and writes the page", async () => {
  using at = place();
  const { running, client } = await started(at);
  await using _ends = running;
  await using trace = await tracing(at, "--html", "page.html");
  await client.callTool({ name: "echo" });
  await client.close();
  await vi.waitFor(() => expect(trace.stdout()).toMatch(HEAD));
  trace.child.kill("SIGINT");
  expect(await trace.exited).toMatchObject({ code: 130 });
  expect(readFileSync(join(at.path, "page.html"), "utf8")).toContain("tools/call echo");
  expect((await run(at, ["status"])).code).toBe(0);
});

test.each([
  [["--count", "0"], 2, '--count: "0" is not a number of requests'],
  [["--count", "many"], 2, '--count: "many" is not a number of requests'],
  [
    ["--outcome", "cancelld"],
    2,
    '--outcome: no request ends as "cancelld" (did you mean "cancelled"?); there are ok, tool_error, parse_error,',
  ],
  [["--outcome", "error -32000"], 5, "no host of this user is running"],
  [[], 5, "no host of this user is running"],
])("trace %j is refused", async (args, code, message) => {
  using at = home();
  expect(await run(at, ["trace", ...args])).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(message) });
});

test("a page that cannot be written is told before anybody waits", async () => {
  using at = place();
  const { running, client } = await started(at);
  await using _ends = running;
  await client.close();
  for (const [file, reason] of [
    ["none/page.html", "its folder does not exist"],
    ["run", "it is a folder; name a file"],
  ])
    expect(await run(at, ["trace", "--html", String(file)])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining(`--html: the page cannot be written to ${file}: ${reason}\n`),
    });
});

test("a plugin that the host does not have is refused with those that it has", async () => {
  using at = place();
  const { running, client } = await started(at);
  await using _ends = running;
  await client.close();
  const { code, stderr } = await run(at, ["trace", "--plugin", "edti"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining('the host has no plugin "edti" (did you mean "edit"?); it has edit')]);
});

test.each([
  ["trace", "tracing the host"],
  ["logs", ""],
])("%s ends quietly when nobody reads any more", async (command, begun) => {
  using at = place();
  const { running, client } = await started(at);
  await using _ends = running;
  const page = command === "trace" ? ["--html", "page.html"] : ["--follow", "--level", "debug"];
  await using following = start(at, [command, ...page]);
  if (begun) await vi.waitFor(() => expect(following.stderr()).toContain(begun));
  await vi.waitFor(async () => {
    await client.callTool({ name: "echo" });
    expect(following.stdout()).toContain("echo");
  });
  following.child.stdout.destroy();
  let ended = false;
  void following.exited.then(() => {
    ended = true;
  });
  await vi.waitFor(
    async () => {
      await client.callTool({ name: "echo" });
      expect(ended).toBe(true);
    },
    { timeout: 10_000 },
  );
  await client.close();
  const { code, stderr } = await following.exited;
  expect(code).toBe(0);
  expect(stderr).not.toContain("has ended");
  if (command === "trace") expect(readFileSync(join(at.path, "page.html"), "utf8")).toContain("tools/call echo");
});

test("a host that is older than the command is told from one that refuses", async () => {
  using at = home();
  const folder = join(at.path, "run/mcp-host");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const result = { pid: process.pid, config: join(at.path, "mcp-host.config.json"), mode: "http", upstreams: [] };
  let refusal = "";
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (text) => socket.end(`${JSON.stringify(/"trace"/.test(String(text)) ? { error: refusal } : { result })}\n`));
  });
  await new Promise<void>((resolve) => server.listen(join(folder, `${process.pid}.sock`), resolve));
  for (refusal of ['there are the commands "status" and "stop"', 'there is no operation "trace"; there are status, stop'])
    expect(await run(at, ["trace"])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("of an older version, which cannot be traced"),
    });
  refusal = "8 readers follow the trace already";
  expect(await run(at, ["trace"])).toMatchObject({ code: 1, stderr: expect.stringContaining("the host refused: 8 readers follow") });
  await new Promise((resolve) => server.close(resolve));
});

test("call --trace shows on standard error what became of the call, with the result's exit code", async () => {
  using at = place();
  const plain = await run(at, ["call", "echo", "--args", '{"text":"hi"}']);
  const traced = await run(at, ["call", "echo", "--args", '{"text":"hi"}', "--trace"]);
  // Each call has an id of its own in what this tool answers.
  const result = ({ code, stdout }: typeof plain): unknown => [code, stdout.replace(/"payload":"[^"]*"/, "")];
  expect(result(traced)).toEqual(result(plain));
  expect(plain.stderr).not.toContain("send");
  expect(traced.stderr).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}tools\/call echo {2}local {2}ok/m);
  expect(traced.stderr).toMatch(/^ {3}└─ send → a/m);
  const refused = await run(at, ["call", "isError", "--trace"]);
  expect(refused.code).toBe(4);
  expect(refused.stderr).toMatch(/edit {2,}[\d.]+ ms {2}refused$/m);
  const json = await run(at, ["call", "echo", "--json", "--trace"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ content: expect.any(Array) });
  expect(records(json.stderr)).toMatchObject([{ entry: "echo", principal: "local", outcome: "ok" }]);
});

// --- what is shown ---

const RECORD: TraceRecord = {
  time: "2030-01-31T10:00:00.123Z",
  id: "4bf92f3577b34da6a3ce929d0e0e4736",
  method: "tools/call",
  entry: "files__read",
  upstream: "b",
  principal: "ann",
  client: "desk",
  outcome: "ok",
  ms: 12.34,
  spans: [
    {
      name: "route",
      at: 0,
      ms: 0.1,
      route: { upstream: "b" },
      spans: [{ name: "route", plugin: "canary", at: 0, ms: 0.1, did: "routed", route: { upstream: "b", native: "read" } }],
    },
    {
      name: "call",
      at: 0.2,
      ms: 11,
      spans: [
        {
          name: "call",
          plugin: "resilience",
          at: 0.3,
          ms: 10.8,
          did: "retried",
          spans: [
            { name: "send", at: 0.4, ms: 1, route: { upstream: "b" }, error: "upstream_lost" },
            { name: "retry", plugin: "resilience", at: 1.4, ms: 0, did: "retried", error: "upstream_lost" },
            { name: "tools/list", at: 1.5, ms: 1 },
            { name: "send", at: 2, route: { upstream: "b" } },
          ],
        },
      ],
    },
    {
      name: "respond",
      plugin: "edit",
      at: 12,
      ms: 0.1,
      did: "changed",
      cut: true,
      changes: [{ path: "a", before: "1\n2", after: { b: 1 } }],
    },
  ],
  leftOut: 3,
};

test("the tree explains a call at a glance", () => {
  expect(traceTree(RECORD, { isTTY: false } as NodeJS.WriteStream)).toBe(
    `10:00:00.123  tools/call files__read  ann  ok  12 ms  4bf92f3577b34da6a3ce929d0e0e4736
├─ route             0.1 ms  → b
│  └─ canary         0.1 ms  routed → b (read)
├─ call               11 ms
│  └─ resilience      11 ms  retried
│     ├─ send → b    1.0 ms  error: upstream_lost
│     ├─ retry       0.0 ms  after upstream_lost
│     ├─ tools/list  1.0 ms
│     └─ send → b            still at work when the request was over
└─ edit              0.1 ms  changed a: "1\\n2" → {"b":1}
                             and more
3 parts are left out
`,
  );
});

test("the tree has colours on a terminal, and what clients and servers chose steers nothing", () => {
  const terminal = { isTTY: true } as NodeJS.WriteStream;
  vi.stubEnv("NO_COLOR", "");
  vi.stubEnv("TERM", "xterm");
  expect(traceTree(RECORD, terminal)).toContain("\u001b[32mok\u001b[39m");
  vi.unstubAllEnvs();
  const odd = traceTree({ ...RECORD, entry: "a\u001b[2J\nb", spans: [] }, { isTTY: false } as NodeJS.WriteStream);
  expect(odd.split("\n")[0]).toContain("tools/call a\\u{1b}[2J\\nb");
});

test("the page is one file without script or network, in which every text is escaped", () => {
  const hostile = `</span><img src=x onerror="alert(1)">'&`;
  const page = tracePage(
    [
      {
        ...RECORD,
        entry: hostile,
        principal: hostile,
        client: hostile,
        spans: [{ name: hostile, plugin: hostile, at: 0, ms: 1, error: hostile }],
      },
    ],
    7,
  );
  expect(page).not.toContain("<img");
  expect(page).toContain("&lt;/span&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;");
  expect(page).toContain("7 requests before these are not here");
  expect(page).not.toMatch(/<script|https?:|style="/);
});

// --- bounds ---

test("a reader that does not read costs a bounded queue, and is told how much it missed; nothing is traced without one", async () => {
  using folder = temporary();
  const address = join(folder.path, "trace.sock");
  let tracing = 0;
  const feed = new TraceFeed(
    () => {
      tracing++;
      return () => void tracing--;
    },
    () => ["cache"],
  );
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (text) => {
      try {
        streamTrace(socket, parseTraceQuery(JSON.parse(String(text))), feed);
      } catch (error) {
        socket.end(`${JSON.stringify({ error: (error as Error).message })}\n`);
      }
      sockets.push(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(address, resolve));
  expect(tracing).toBe(0);
  const end = new AbortController();
  const lines = readTrace(address, {}, end.signal);
  expect((await lines.next()).value).toEqual({ note: "tracing" });
  expect(tracing).toBe(1);
  // Nobody asks for the next one: the pipe fills, then the queue.
  const big: TraceRecord = { ...RECORD, client: "x".repeat(60_000) };
  for (let index = 0; index < 400; index++) feed.tell(big);
  expect(sockets[0]?.writableLength).toBeLessThan(2 * 1024 * 1024 + 64 * 1024);
  let read = 0;
  let note: TraceNote | undefined;
  while (!note) {
    const { value } = await lines.next();
    if (value && "note" in value) note = value;
    else read++;
  }
  expect(note).toEqual({ note: "missing", missing: 400 - read });
  // So many may follow at once.
  const others = Array.from({ length: 7 }, () => readTrace(address, {}, end.signal));
  for (const other of others) await other.next();
  await expect(readTrace(address, {}, end.signal).next()).rejects.toThrow("the host refused: 8 readers follow the trace already");
  expect(tracing).toBe(1);
  for (const each of [lines, ...others]) await each.return(undefined);
  await expect.poll(() => tracing).toBe(0);
  await new Promise((resolve) => server.close(resolve));
});

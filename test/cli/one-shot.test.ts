import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Home, home, type Running, run, start, urlOf } from "../harness/cli.ts";
import { httpProcess, upstream } from "../harness/hosts.ts";

const TOLD = /^mcp-host: asking the running host \(pid \d+, .*\); --fresh starts the servers anew$/m;

describe("a host of the command's own", () => {
  // It never answers, so that whoever waits for it waits until the test is over.
  const hangs = { command: process.execPath, args: ["-e", "setInterval(() => {}, 1000)"], startTimeout: "10m" };

  test.each([
    ["call", ["call", "echo", "--args", '{"text":"hello"}'], /hello/],
    ["read", ["read", "test://upstream/text"], /test/],
    ["read of a template's", ["read", "test://upstream/items/7"], /7/],
    ["prompt", ["prompt", "greet", "--args", '{"name":"Ada"}'], /Ada/],
  ])("%s waits for the server that has what it names, and for no other", async (_command, args, printed) => {
    using at = home({ mcpServers: { hangs, one: upstream() } });
    const { code, stdout, stderr } = await run(at, args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(printed);
  });

  test("subscribe waits for no other server, either", async () => {
    using at = home({ mcpServers: { hangs, one: upstream() } });
    await using running = start(at, ["subscribe", "test://upstream/text"]);
    await vi.waitFor(() => expect(running.stderr()).toContain("subscribed to test://upstream/text"), 10_000);
  });

  test("a failure is told once, however often the server is tried meanwhile", async () => {
    using at = home({
      mcpServers: {
        hangs: { ...hangs, startTimeout: "3s" },
        bad: { command: process.execPath, args: ["-e", 'console.error("no key"); process.exit(1)'] },
        one: upstream({ only: ["echo"] }),
      },
    });
    const { code, stdout, stderr } = await run(at, ["list"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^echo +\S/) });
    expect(stderr.trimEnd().split("\n")).toEqual([
      'mcp-host: server "hangs" is missing here: upstream "hangs" did not answer initialize in 3000 ms',
      'mcp-host: server "bad" is missing here: upstream "bad" is gone: its process exited with code 1; on stderr: no key',
      "    no key",
    ]);
    expect((await run(at, ["list", "--log-level", "warn"])).stderr).toMatch(/warn .*upstream=bad/);
  });

  test("names that are withheld are told by server and reason, of the kind that is listed", async () => {
    using at = home({
      mcpServers: { a: upstream({ only: ["echo", "log"] }), b: upstream({ only: ["echo", "log"], without: ["prompts"] }) },
    });
    const { code, stderr } = await run(at, ["list"]);
    // Either is told: who comes first in the config, or who was there first.
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /^mcp-host: of server "b" is withheld echo, log: the name .* upstream "a", which .*; add @host\/plugin-namespace to keep both\n$/,
      ),
    });
    expect((await run(at, ["list", "prompts"])).stderr).toBe("");
  });

  test("of a name that nobody has the nearest and the missing servers are told", async () => {
    using at = home({ mcpServers: { down: { command: "./none" }, one: upstream({ only: ["echo"] }) } });
    const { code, stderr } = await run(at, ["call", "ecko"]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^mcp-host: Unknown tool: ecko/);
    expect(stderr).toContain('mcp-host: server "down" is missing here: ');
    expect(stderr).toContain('mcp-host: there is no tool "ecko" (did you mean "echo"?)');
  });
});

test("list waits for the servers of a running host that are being started", async () => {
  const { command, args } = upstream({ only: ["echo"] });
  const slow = {
    command: "sh",
    args: ["-c", 'until [ -e go ]; do sleep 0.05; done; exec "$@"', "sh", command, ...args],
    startTimeout: "1m",
  };
  using at = home({ listen: { port: 0 }, wait: 0, mcpServers: { slow } });
  await using host = start(at, ["start"]);
  await urlOf(host);
  await using listing = start(at, ["list"]);
  await vi.waitFor(() => expect(listing.stderr()).toMatch(TOLD), 20_000);
  writeFileSync(join(at.path, "go"), "");
  expect(await listing.exited).toMatchObject({ code: 0, stdout: expect.stringMatching(/^echo +\S/) });
});

describe("a host that runs with this config", () => {
  let at: Home;
  let running: Running;
  let server: Awaited<ReturnType<typeof httpProcess>>;
  const pid = (): string => `pid ${running.child.pid},`;

  beforeAll(async () => {
    server = await httpProcess("upstream", ["http", "--options", "{}"]);
    at = home(
      {
        listen: { port: 0 },
        mcpServers: { one: { url: server.url }, down: { command: "./none" } },
        plugins: [["./work.mjs", { key: "${CI_KEY}" }]],
      },
      {
        "work.mjs": `import { definePlugin } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
import { z } from ${JSON.stringify(import.meta.resolve("zod"))};
export default definePlugin({ name: "work", host: "^1.0.0", options: z.object({ key: z.string() }), apply: (host, { key }) => {
  host.endpoint("work");
  host.hooks.authenticate.tap("work", ({ headers }) => headers.authorization === "Bearer " + key && { id: "ci", roles: [] });
  host.hooks.list.tap("work", (entries, { endpoint }) => endpoint === "work" ? entries.filter(({ native }) => native === "echo") : entries);
} });`,
      },
    );
    running = start(at, ["start", "--log-format", "json"], { CI_KEY: "a-key-of-thirty-two-characters-ok" });
    await urlOf(running);
  });
  afterAll(async () => {
    await running[Symbol.asyncDispose]();
    await server.stop();
    at[Symbol.dispose]();
  });

  test("is asked, without a key, and said to be", async () => {
    const { code, stdout, stderr } = await run(at, ["call", "echo", "--args", '{"text":"hello"}']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("hello") });
    expect(stderr).toMatch(TOLD);
    expect(stderr).toContain(pid());
  });

  test.each([
    ["list", ["list"], /^echo/m],
    ["resources", ["resources"], /^TEMPLATE/m],
    ["read", ["read", "test://upstream/text"], /test/],
    ["prompt", ["prompt", "greet", "--args", '{"name":"Ada"}'], /Ada/],
    ["list, by an endpoint", ["list", "--endpoint", "work"], /^echo [^\n]*\n$/],
  ])("answers %s", async (_command, args, printed) => {
    const { code, stdout, stderr } = await run(at, args);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(printed) });
    expect(stderr).toContain(pid());
    if (args[0] === "list" || args[0] === "resources") expect(stderr.match(/server "down" is missing here/g)).toHaveLength(1);
    if (args[0] === "list") expect(stderr).toContain('is the principal "local", which has no roles');
  });

  test("tells progress, and the error of a name that nobody has with the nearest", async () => {
    const progress = await run(at, ["call", "progress", "--args", '{"steps":2,"delayMs":1}']);
    expect(progress).toMatchObject({ code: 0, stderr: expect.stringMatching(/^1\/2/m) });
    const unknown = await run(at, ["call", "ecko", "--json", "--log-format", "json"]);
    expect(unknown.code).toBe(4);
    expect(JSON.parse(unknown.stdout).error.message).toMatch(/^Unknown tool: ecko/);
    expect(unknown.stderr).toContain('did you mean "echo"?');
    expect(unknown.stderr).not.toMatch(TOLD);
  });

  test("hears of updates that another command causes", async () => {
    await using subscribed = start(at, ["subscribe", "test://upstream/text", "--count", "1"]);
    await vi.waitFor(() => expect(subscribed.stderr()).toContain("subscribed to"), 10_000);
    await run(at, ["call", "touch", "--args", '{"uri":"test://upstream/text"}']);
    expect(await subscribed.exited).toMatchObject({ code: 0, stdout: expect.stringContaining("test://upstream/text") });
  });

  test.each([
    ["--fresh", ["--fresh"]],
    ["values of its own", ["--set", "CI_KEY=another-key-of-thirty-two-characters"]],
  ])("is not asked with %s", async (_what, flags) => {
    const { code, stdout, stderr } = await run(at, ["list", ...flags], { CI_KEY: "a-key-of-thirty-two-characters-ok" });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^echo/m) });
    expect(stderr).not.toMatch(TOLD);
  });

  test("is not asked for a call that is traced", async () => {
    const { code, stderr } = await run(at, ["call", "echo", "--trace"], { CI_KEY: "a-key-of-thirty-two-characters-ok" });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("tools/call") });
    expect(stderr).not.toMatch(TOLD);
  });

  test("refuses an endpoint that nobody opens, as a mistake of the command line", async () => {
    const { code, stderr } = await run(at, ["call", "echo", "--endpoint", "wrok"]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("mcp-host: --endpoint: ") });
    expect(stderr).toContain("wrok");
  });

  test("is asked at its address with a key, from any folder", async () => {
    using elsewhere = home();
    const url = String(await urlOf(running));
    const key = ["--header", "Authorization: Bearer ${CI_KEY}"];
    const listed = await run(elsewhere, ["list", "--url", url, ...key], { CI_KEY: "a-key-of-thirty-two-characters-ok" });
    expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^echo/m), stderr: "" });
    const called = await run(elsewhere, ["call", "echo", "--url", url, ...key, "--args", '{"text":"hello"}'], {
      CI_KEY: "a-key-of-thirty-two-characters-ok",
    });
    expect(called).toMatchObject({ code: 0, stdout: expect.stringContaining("hello") });
    const without = await run(elsewhere, ["list", "--url", url]);
    expect(without).toMatchObject({ code: 1, stderr: expect.stringMatching(/server "host" is missing here: .*401/) });
  });

  test.each([
    [["list", "--url", "nowhere"], "--url: must be an http://"],
    [["list", "--url", "http://127.0.0.1:9/", "--header", "nothing"], "--header: must be a name and a value"],
    [["list", "--url", "http://127.0.0.1:9/", "--header", "X: ${NOBODY_SET_IT}"], "--header X: the variable NOBODY_SET_IT is not set"],
    [["list", "--url", "http://127.0.0.1:9/", "--endpoint", "work"], "--endpoint: --url says by which endpoint"],
    [["list", "--header", "X: y"], "--header is for --url"],
  ])("%j is a mistake of the command line", async (args, words) => {
    const { code, stderr } = await run(at, args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`mcp-host: ${words}`) });
  });
});

test("a host over stdio is asked as well, and its client is not disturbed", async () => {
  using at = home({ mcpServers: { one: upstream({ only: ["echo"] }) } });
  await using running = start(at, ["start", "stdio", "--log-format", "json"]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host serves standard input"), 10_000);
  const { code, stdout, stderr } = await run(at, ["list"]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^echo/) });
  expect(stderr).toMatch(/over stdio\); --fresh/);
  expect(running.stdout()).toBe("");
  running.child.stdin.end();
  expect((await running.exited).code).toBe(0);
});

test.each([
  ["over HTTP", ["start", "--port", "0"], "the host listens"],
  ["over stdio", ["start", "stdio"], "the host serves standard input"],
])("a host %s that is open to one era alone is asked in whichever the command speaks", async (_where, args, ready) => {
  for (const protocol of ["modern", "legacy"]) {
    using at = home({ listen: { port: 0, protocols: [protocol] }, mcpServers: { one: upstream({ only: ["echo"] }) } });
    await using running = start(at, [...args, "--log-format", "json"]);
    await vi.waitFor(() => expect(running.stderr()).toContain(ready), 10_000);
    const listed = await run(at, ["list"]);
    expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^echo/), stderr: expect.stringMatching(TOLD) });
    const called = await run(at, ["call", "echo", "--args", '{"text":"hello"}']);
    expect(called).toMatchObject({ code: 0, stdout: expect.stringContaining("hello"), stderr: expect.stringMatching(TOLD) });
  }
});

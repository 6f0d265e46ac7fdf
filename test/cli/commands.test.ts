import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { home, run, runProcess, start } from "../harness/cli.ts";
import { hostile, ROOT, upstream } from "../harness/hosts.ts";

const fixture = (name: string): string => join(ROOT, `test/fixtures/${name}-plugin.mjs`);

test("validate says that a config is valid, and starts no server", async () => {
  using at = home({ mcpServers: { a: { command: "./there-is-no-such-command" } } });
  const { code, stdout, stderr } = await run(at, ["validate"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(`${join(at.path, "mcp-host.config.json")} is valid: 1 server, 0 plugins\n`);
});

test("validate --connect tells what became of each server", async () => {
  using at = home({
    mcpServers: {
      good: upstream({ only: ["echo"] }),
      lazy: { ...upstream({ prefix: "l_", only: ["echo"] }), start: "lazy" },
      missing: { command: "./there-is-no-such-command" },
      ends: hostile("loop"),
    },
  });
  const people = await run(at, ["validate", "--connect", "--log-level", "silent"]);
  expect(people.code).toBe(1);
  expect(people.stdout).toMatch(/^good +ok +1 tool, /m);
  expect(people.stdout).toMatch(/^lazy +ok +1 tool, /m);
  expect(people.stdout).toMatch(/^missing +(backing off|failed) +.*cannot start/m);
});

test("validate --connect --json has state and reason of each server, and exits with 1 when one is down", async () => {
  using at = home({ mcpServers: { good: upstream({ only: ["echo"] }), missing: { command: "./there-is-no-such-command" } } });
  const { code, stdout } = await run(at, ["validate", "--connect", "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    config: join(at.path, "mcp-host.config.json"),
    problems: [],
    warnings: [],
    upstreams: [
      {
        name: "good",
        ok: true,
        state: "ready",
        protocolVersion: "2025-11-25",
        era: "legacy",
        speaksBoth: false,
        entries: expect.objectContaining({ tools: 1 }),
      },
      {
        name: "missing",
        ok: false,
        state: expect.any(String),
        reason: expect.stringContaining("cannot start"),
        entries: expect.anything(),
      },
    ],
  });
});

test("validate lists every problem of a config with the file, on stderr, and exits with 3", async () => {
  using at = home({ mcpServers: { a: { comand: "x" }, b: { command: "x", env: { T: "${NOT_SET}" } } }, plugins: ["./none.js"] });
  const { code, stdout, stderr } = await run(at, ["validate"]);
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr.split("\n")).toEqual([
    `mcp-host: the config cannot be used: ${join(at.path, "mcp-host.config.json")}`,
    expect.stringContaining("  mcpServers.b.env.T: the variable NOT_SET is not set"),
    '  mcpServers.a: needs a "command" (stdio) or a "url" (HTTP)',
    '  mcpServers.a.comand: unknown key (did you mean "command"?)',
    expect.stringContaining("  plugins[0]: there is no file"),
    "",
  ]);
  expect(JSON.parse((await run(at, ["validate", "--json"])).stdout)).toMatchObject({ ok: false, problems: { length: 4 } });
});

test.each(["start", "list", "call x", "inspect"])("`%s` refuses a bad config with exit code 3", async (command) => {
  using at = home({ mcpServers: { a: { command: "x", timout: "1s" } } });
  const { code, stdout, stderr } = await run(at, command.split(" "));
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toContain('mcpServers.a.timout: unknown key (did you mean "timeout"?)');
});

const definition = (what: string): string => `import { definePlugin } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
import { z } from ${JSON.stringify(import.meta.resolve("zod/v3"))};
export default definePlugin({ host: "^1.0.0", ${what} });`;

test.each([
  [{ use: fixture("noisy"), options: { x: 1 } }, /plugins\[0\]\.options.*no such option|plugins\[0\]\.options: /],
  ["./no-plugin.mjs", /plugins\[0\]: "\.\/no-plugin\.mjs" is no plugin: its default export must come from definePlugin\(\)/],
  ["./broken.mjs", /plugins\[0\]: plugin "\.\/broken\.mjs" could not be loaded from .*broken on purpose/],
  ["./syntax.ts", /plugins\[0\]: plugin "\.\/syntax\.ts" could not be loaded from .*syntax\.ts: 2:\d: Missing semicolon/],
  ["./import.mjs", /could not be loaded from .*import\.mjs: Cannot find package 'nope-not-there'.*; run `npm install nope-not-there` in /],
  [
    "cach",
    /plugins\[0\]: plugin "cach" is not installed \(did you mean "cache"\?\); a name without a scope stands for @host\/plugin-cach or/,
  ],
  ["@host/plugin-cach", /"@host\/plugin-cach" is not installed \(did you mean "@host\/plugin-cache"\?\); if not, install it as /],
  ["mcp-host-plugin-cach", /is not installed \(did you mean "@host\/plugin-cache"\?\); if not, run `npm install mcp-host-plugin-cach` in /],
  [
    "stranger",
    /stands for @host\/plugin-stranger or mcp-host-plugin-stranger; the package "stranger" is not taken for one: .* write \.\/node_m/,
  ],
  ["stranger/deep", /plugin "stranger\/deep" is not installed; a name without a scope stands for/],
  ["./logs.mjs", /plugins\[0\]: plugin "logs" is called as a command of mcp-host is, .*; give its entry another "id"/],
  [{ use: "namespace", id: "config" }, /plugins\[0\]: plugin "config" is called as a command of mcp-host is/],
  [
    "./zod3.mjs",
    /plugin ".\/zod3.mjs" has "options" that are made with zod 3, which the host cannot read; zod 4 is needed \(`npm install zod@4`/,
  ],
  ["./zod3-operation.mjs", /plugin "old": the operation "one" has "params" that are made with zod 3/],
  ["./zod3-offer.mjs", /tools\.one\.input: is made with zod 3/],
  ["mcp-host-plugin-none", /plugins\[0\]: plugin "mcp-host-plugin-none" is not installed; run `npm install mcp-host-plugin-none`/],
])("validate refuses the plugin %j", async (plugin, expected) => {
  using at = home(
    { mcpServers: { a: upstream() }, plugins: [plugin] },
    {
      "no-plugin.mjs": "export default {};",
      "broken.mjs": 'throw new Error("broken on purpose");',
      "syntax.ts": "const a: number = 1;\nsyntax error here\n",
      "import.mjs": 'import "nope-not-there";',
      "node_modules/stranger/package.json": '{ "name": "stranger", "main": "index.js" }',
      "node_modules/stranger/index.js": `process.stdout.write("a stranger's code has run");`,
      "logs.mjs": definition('name: "logs", apply() {}'),
      "zod3.mjs": definition('name: "old", options: z.object({}), apply() {}'),
      "zod3-operation.mjs": definition(
        'name: "old", apply: (host) => host.operator.operation("one", () => ({}), { params: z.object({}) })',
      ),
      "zod3-offer.mjs": definition(
        'name: "old", apply: (host) => host.offer({ tools: { one: { description: "x", input: z.object({}), call: () => "" } } })',
      ),
    },
  );
  const { code, stdout, stderr } = await run(at, ["validate"]);
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toMatch(expected);
});

test("a short name is ours, then a package made for the host, wherever each is", async () => {
  const other = (name: string): Record<string, string> => ({
    [`node_modules/mcp-host-plugin-${name}/package.json`]: '{ "main": "index.mjs" }',
    [`node_modules/mcp-host-plugin-${name}/index.mjs`]: definition(`name: "${name}", version: "7.7.7", apply() {}`),
  });
  using at = home({ mcpServers: { a: upstream() }, plugins: ["cache", ["tally", {}]] }, { ...other("cache"), ...other("tally") });
  const { plugins } = JSON.parse((await run(at, ["inspect", "--json"])).stdout);
  expect(plugins).toMatchObject([{ id: "cache" }, { id: "tally", version: "7.7.7" }]);
  expect(plugins[0].version).not.toBe("7.7.7");
});

test("validate refuses to listen for everybody without an auth plugin, as start does", async () => {
  using at = home({ listen: { host: "0.0.0.0" }, mcpServers: { a: upstream() } });
  expect(await run(at, ["validate"])).toMatchObject({ code: 3, stderr: expect.stringContaining("--insecure-no-auth") });
  expect(await run(at, ["validate", "--insecure-no-auth"])).toMatchObject({ code: 0 });
});

test.each([
  ["tools", "name", "echo"],
  ["prompts", "name", "greet"],
  ["resources", "uri", "test://upstream/text"],
  ["templates", "uriTemplate", "test://upstream/items/{id}"],
])("list %s shows a table, and with --json every field", async (kind, key, value) => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"], pageSize: 2 }) } });
  const people = await run(at, ["list", kind]);
  expect({ code: people.code, stderr: people.stderr }).toEqual({ code: 0, stderr: "" });
  expect(people.stdout.split("\n").map((line) => line.split(" ")[0])).toContain(value);
  const entries = JSON.parse((await run(at, ["list", kind, "--json"])).stdout);
  const entry = entries.find((candidate: Record<string, unknown>) => candidate[key] === value);
  expect(entry).toMatchObject({ "x-vendor": expect.anything() });
});

test("list says on stderr that there is nothing", async () => {
  using at = home({ mcpServers: {} });
  expect(await run(at, ["list"])).toEqual({
    code: 0,
    stdout: "",
    stderr: expect.stringMatching(/mcpServers is empty[\s\S]*there are no tools\n$/),
  });
});

test("list makes control characters of a server visible", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"], prefix: "\u001b[31m" }) } });
  const { stdout } = await run(at, ["list"]);
  expect(stdout).toContain("\\u{1b}[31mecho");
  expect(stdout).not.toContain("\u001b");
});

test("call prints the result on stdout and progress, as it comes, on stderr", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  const { code, stdout, stderr } = await run(at, ["call", "progress", "--args", '{"steps": 3, "total": 3, "message": "working"}']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ steps: 3 });
  expect(stderr.trim().split("\n")).toEqual(["1/3 working 1 of 3", "2/3 working 2 of 3", "3/3 working 3 of 3"]);
});

test("call --json prints the whole result", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  const { code, stdout } = await run(at, ["call", "echo", "--args", '{"text":"hi"}', "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ structuredContent: { arguments: { text: "hi" } }, _meta: expect.anything() });
});

test("call shows other content than text by what it is", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  const { stdout } = await run(at, ["call", "link"]);
  expect(stdout).toContain("[test://upstream/unlisted]");
  expect(stdout).toMatch(/^\[image image\/png\]$/m);
});

test("call exits with 1 for a result that is an error, and with 4 for an error answer", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  expect(await run(at, ["call", "isError", "--args", '{"text":"it failed"}'])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("it failed"),
  });
  expect(await run(at, ["call", "fail", "--args", '{"code":-32050,"message":"no way"}'])).toEqual({
    code: 4,
    stdout: "",
    stderr: "mcp-host: no way (-32050)\n",
  });
  const unknown = await run(at, ["call", "nothing", "--json"]);
  expect(unknown.code).toBe(4);
  expect(JSON.parse(unknown.stdout)).toMatchObject({ error: { code: -32602, data: { origin: "mcp-host", type: "invalid_params" } } });
});

test("inspect prints each hook with its taps in order, and plugins that tap nothing loudly", async () => {
  using at = home({ mcpServers: { a: { ...upstream(), isolation: "session" } }, plugins: [fixture("noisy"), fixture("idle")] });
  const { code, stdout } = await run(at, ["inspect"]);
  expect(code).toBe(0);
  expect(stdout).toContain('ATTENTION: plugin "idle" taps nothing, so it does nothing.');
  expect(stdout).toMatch(/^transform +1\. noisy 0\.0\.0 for tools\/call$/m);
  expect(stdout).toMatch(/^route +-$/m);
  expect(stdout).toMatch(/^idle +3\.2\.1 +fail +0 +- +\//m);
  expect(stdout).toMatch(/^a +stdio +session +sampling, elicitation and logs; [^"]*"relayRoots": true/m);
});

test("inspect --json has the same as data", async () => {
  using at = home({ mcpServers: { a: upstream() }, plugins: [fixture("idle"), { use: fixture("reckless"), onError: "skip" }] });
  const { stdout } = await run(at, ["inspect", "--json"]);
  const view = JSON.parse(stdout);
  expect(view.hooks.find(({ hook }: { hook: string }) => hook === "transform").taps).toEqual([
    { hook: "transform", method: "tools/call", plugin: "reckless", version: "0.0.0" },
  ]);
  expect(view.plugins).toMatchObject([
    { id: "idle", taps: 0 },
    { id: "reckless", onError: "skip", taps: 1 },
  ]);
  expect(view.upstreams).toMatchObject([{ name: "a", wire: "stdio", isolation: "shared" }]);
});

test("inspect shows what plugins say before anything runs, as text and as data", async () => {
  using at = home({ mcpServers: { a: upstream() }, plugins: [fixture("telling")] });
  expect((await run(at, ["inspect"])).stdout).toMatch(/^What plugins say:\n {2}telling +calls +0$/m);
  expect(JSON.parse((await run(at, ["inspect", "--json"])).stdout).reports).toMatchObject({ telling: { calls: 0, list: [1, 2] } });
});

test("relative commands and working directories begin at the config's folder, wherever the host is started", async () => {
  const script = join(ROOT, "test/fixtures/upstream/process.mjs");
  using at = home({
    mcpServers: {
      a: { ...upstream({ name: "a" }), command: "./node-here" },
      b: { ...upstream({ name: "b", prefix: "b_" }), cwd: "deep" },
    },
  });
  symlinkSync(process.execPath, join(at.path, "node-here"));
  mkdirSync(join(at.path, "deep"));
  using elsewhere = home();
  const call = async (tool: string): Promise<{ cwd: string; argv: string[] }> =>
    JSON.parse((await run(elsewhere, ["call", tool, "--config", join(at.path, "mcp-host.config.json"), "--json"])).stdout)
      .structuredContent;
  expect(await call("environment")).toMatchObject({ cwd: at.path, argv: expect.arrayContaining([script]) });
  expect(await call("b_environment")).toMatchObject({ cwd: join(at.path, "deep") });
});

test.each([
  ["list", "--json"],
  ["call", "echo", "--json"],
  ["inspect", "--json"],
  ["validate", "--connect", "--json"],
])("whatever a plugin prints, `%s` has nothing but its result on standard output", async (...args) => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"] }) }, plugins: [fixture("noisy")] });
  const { code, stdout, stderr } = await runProcess(at, args); // which has not loaded the plugin yet
  expect(code).toBe(0);
  expect(() => JSON.parse(stdout)).not.toThrow();
  expect(stderr).toContain("noise: stdout load");
});

test("a reader that goes away after the first line is no error", async () => {
  using at = home({ mcpServers: { a: upstream({ tools: 3000 }) } });
  await using running = start(at, ["list", "--json"]);
  running.child.stdout.once("data", () => running.child.stdout.destroy());
  expect(await running.exited).toMatchObject({ code: 0, stderr: "" });
});

test("a server that rests already keeps no command waiting for one that is starting", async () => {
  using at = home({
    mcpServers: {
      rests: { ...upstream({ only: ["echo"] }), idleTimeout: "100ms" },
      late: { ...hostile("mute"), startTimeout: "3s" },
    },
  });
  const { code, stdout } = await run(at, ["validate", "--connect", "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).upstreams).toMatchObject([{ name: "rests" }, { name: "late", ok: false }]);
});

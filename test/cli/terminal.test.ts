import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { COMMANDS } from "../../packages/host/dist/cli/commands.js";
import { type Home, home, run } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { startDaemon } from "../harness/daemons.ts";
import { BIN, hostile, MARKED, ROOT, upstream } from "../harness/hosts.ts";
import { serveMcpRegistry } from "../harness/mcp-registry.ts";

const IDLE = join(ROOT, "test/fixtures/idle-plugin.mjs");
const AUTH = ["@host/plugin-auth", { apiKeys: { pepper: randomBytes(32).toString("hex"), keys: [] }, default: "allow" }];
const ESCAPE = "\u001b[";

/** Runs `mcp-host` on a terminal of its own; gives all that it wrote there. */
function onTerminal(at: Home, args: string[], env: Record<string, string> = {}): Promise<string> {
  const inherited = { ...process.env, ...MARKED, ...at.env, TERM: "xterm" };
  const child = spawn("python3", ["-c", "import pty, sys; pty.spawn(sys.argv[1:])", process.execPath, BIN, ...args], {
    cwd: at.path,
    // Who paints help leaves it alone in tests.
    env: { ...inherited, NO_COLOR: "", TEST: "", CI: "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve(text));
  });
}

const slow = { mcpServers: { good: upstream({ only: ["echo"] }), late: { ...hostile("mute"), startTimeout: "1s" } } };

test("on a terminal a line tells which servers are waited for, and is gone at the end", async () => {
  using at = home(slow);
  const text = (await onTerminal(at, ["list", "--log-level", "silent"])).replaceAll("\r\u001b[K", "<clear>");
  expect(text).toMatch(/<clear>\S starting servers, 1 of 2: late/);
  // After the last line that was drawn there is the table, in a line of its own.
  expect(text).toMatch(/1 of 2: late(?:<clear>)+echo [^<]*$/m);
});

test.each([
  ["into a pipe", undefined],
  ["where standard error is JSON", ["--log-format", "json"]],
  ["on a terminal that can do nothing", []],
])("no line tells of waiting %s", async (_where, onOne) => {
  using at = home(slow);
  const args = ["list", "--log-level", "silent", ...(onOne ?? [])];
  const text = onOne ? await onTerminal(at, args, onOne.length > 0 ? {} : { TERM: "dumb" }) : Object.values(await run(at, args)).join("");
  expect(text).toContain("echo");
  expect(text).not.toContain("starting servers");
  expect(text).not.toContain(ESCAPE);
});

test("colours are for terminals, and not where NO_COLOR is set", async () => {
  using at = home({ listen: { port: 0 }, mcpServers: {} });
  for (const args of [["doctor", "--no-connect"], ["--help"]]) {
    expect(await onTerminal(at, args), args[0]).toContain(ESCAPE);
    expect(await onTerminal(at, args, { NO_COLOR: "1" }), args[0]).not.toContain(ESCAPE);
    expect((await run(at, args)).stdout, args[0]).not.toContain(ESCAPE);
  }
});

/**
 * A line for each command that asks for JSON; those that go on write a line of JSON for each thing. They are tried in this order: what
 * `init` replaces is a backup to list and to restore, what `install` writes is there to be taken out, and the host ends at the end.
 */
const LINES: Record<string, string[]> = {
  init: ["--force", "--import", "none"],
  migrate: ["mcp_settings.json", "--dry-run"],
  "config path": [],
  "config show": [],
  "config history": [],
  backup: ["saved"],
  restore: ["saved", "--dry-run"],
  "config restore": [],
  "config migrate": [],
  "plugin new": ["my-plugin"],
  "credentials check": [],
  "client-config": ["cursor"],
  install: ["cursor", "--yes"],
  trust: [],
  uninstall: ["cursor", "--yes"],
  service: [],
  schema: [],
  validate: [],
  list: [],
  tokens: [],
  call: ["echo"],
  resources: [],
  read: ["test://upstream/text"],
  prompt: ["plain"],
  subscribe: ["test://upstream/none-such", "--count", "1"],
  status: [],
  logs: ["--no-follow", "--lines", "1"],
  trace: ["--count", "1"],
  search: ["weather"],
  add: ["spare", "ws://127.0.0.1:9"],
  disable: ["spare"],
  enable: ["spare"],
  remove: ["spare"],
  reconnect: ["a"],
  drain: [],
  reload: [],
  inspect: [],
  doctor: ["--no-connect"],
  support: ["support.json"],
  completion: ["bash"],
  version: [],
  restart: [],
  stop: [],
};

/** Commands that serve: they end when they are ended, and have nothing to give. */
const SERVING = ["start", "dev"];

test("every command but those that serve has --json, and each is tried", async () => {
  for (const [name, load] of Object.entries(COMMANDS))
    if (!SERVING.includes(name)) expect((await load()).args, name).toHaveProperty("json.type", "boolean");
  expect([...Object.keys(LINES), ...SERVING].sort()).toEqual(Object.keys(COMMANDS).sort());
});

/** Asks a running host for its tools, again and again: whoever traces it may not have begun. */
async function askUntil(ended: Promise<unknown>, url: URL): Promise<void> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  void ended.then(end, end);
  const client = sdkClient();
  await client.connect(httpTransport(url));
  while (!isOver) await client.listTools();
  await client.close();
}

test("--json of every command is JSON and nothing else", async () => {
  const hub = readFileSync(join(ROOT, "test/fixtures/gateways/mcp_settings.json"), "utf8");
  const config = { listen: { port: 0 }, mcpServers: { a: upstream(), b: upstream({ name: "b" }) }, plugins: [IDLE] };
  using at = home(config, { "mcp_settings.json": hub });
  await using registry = await serveMcpRegistry([{ name: "io.github.ada/weather", version: "1.0.0" }]);
  await using running = await startDaemon(at);
  try {
    for (const [name, args] of Object.entries(LINES)) {
      const ended = run(at, [...name.split(" "), ...args, "--json"], { HOME: at.path, MCP_HOST_REGISTRY: registry.url });
      if (name === "trace") await askUntil(ended, running.url);
      const { stdout, stderr, code } = await ended;
      expect([0, 4], `${name}: ${stdout}${stderr}`).toContain(code);
      expect(() => JSON.parse(stdout), `${name}: ${stdout}`).not.toThrow();
      expect(stdout).not.toContain(ESCAPE);
    }
  } finally {
    await run(at, ["stop", "--all"]); // the one that `restart` has started, where `stop` was not reached
  }
});

test("what a server writes steers no terminal, as JSON neither, and JSON has it all the same", { timeout: 60_000 }, async () => {
  // Of each kind one: C0, DEL, C1, line separators, bidirectional, tags.
  const unseen = ["\u001b", "\u007f", "\u0085", "\u009b", "\u2028", "\u2029", "\u061c", "\u200e", "\u202e", "\u2066", "\u{e0041}"];
  const word = `a${unseen.join("b")}c`;
  using at = home({ mcpServers: { talks: upstream({ prefix: word, base: `test://${word}/`, only: ["echo", "fail"] }) } });
  const args = ["--args", JSON.stringify({ message: word })];
  for (const line of [
    ["list"],
    ["resources"],
    ["call", `${word}echo`, ...args],
    ["call", `${word}fail`, ...args],
    ["call", `${word}echo`, ...args, "--trace"],
    ["read", `test://${word}/text`],
  ])
    for (const how of [[], ["--json"]]) {
      const { stdout, stderr } = await run(at, [...line, ...how]);
      const told = JSON.stringify([line[0], how, stdout, stderr]);
      for (const character of unseen) expect(stdout + stderr, told).not.toContain(character);
      if (how.length > 0) expect(JSON.stringify(JSON.parse(stdout)), told).toContain(JSON.stringify(word).slice(1, -1));
    }
});

test("a plugin's commands have --json and --help, and the plugin's own --help lists them", async () => {
  using at = home({ mcpServers: {}, plugins: [AUTH, IDLE, "@host/plugin-cache"] });
  const made = await run(at, ["auth", "new-key", "--id", "ada", "--json"]);
  expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(made.stdout)).toEqual({
    key: expect.stringMatching(/^mcph_ada_/),
    entry: { id: "ada", digest: expect.any(String), roles: [] },
  });
  expect(await run(at, ["cache", "stats", "--json"])).toMatchObject({ code: 5, stdout: "" });
  for (const [plugin, commands] of [
    ["auth", ["new-key"]],
    ["idle", ["greet", "fail"]],
    ["cache", ["clear", "stats"]],
  ] as const) {
    const help = await run(at, [plugin, "--help"]);
    expect({ code: help.code, stderr: help.stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of commands) {
      expect(help.stdout).toContain(command);
      expect(await run(at, [plugin, command, "--help"])).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("USAGE") });
    }
  }
});

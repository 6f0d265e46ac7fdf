import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ArgsDef } from "citty";
import { expect, test } from "vitest";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { checkArguments } from "../../packages/host/dist/cli/command-line/usage.js";
import { COMMANDS } from "../../packages/host/dist/cli/commands.js";
import { UsageError } from "../../packages/host/dist/operator/usage-error.js";
import { COMMAND_NAMES } from "../../packages/host/dist/plugin/command-names.js";
import { home, run } from "../harness/cli.ts";
import { ROOT, upstream } from "../harness/hosts.ts";

const IDLE = join(ROOT, "test/fixtures/idle-plugin.mjs");

test.each([
  [["strat"], 'there is no command "strat" (did you mean "start"?)'],
  [["--port", "3"], 'there is no command "--port"'],
  [["start", "--prot", "3"], '`start` has no flag --prot (did you mean "--port"?)'],
  [["start", "--port", "80a"], '--port: "80a" is not a port'],
  [["start", "--port", "70000"], '--port: "70000" is not a port'],
  [["start", "--log-level", "info", "--debug"], "--log-level and --verbose or --debug say the same thing"],
  [["start", "stdio", "--port", "1"], "--port is for `start http`"],
  [["start", "stdio", "--host", "::1"], "--host is for `start http`"],
  [["call", "echo", "--args", "{"], "--args: is not valid JSON"],
  [["call", "echo", "--args", "[1]"], "--args: must be a JSON object"],
  [["status", "--pid", "me"], '--pid: "me" is not a process id'],
  [["idle", "gret"], 'plugin "idle" has no command "gret" (did you mean "greet"?); it has greet, fail'],
  [["idle"], "name a command: greet, fail"],
  [["idle", "greet", "you", "--lowd"], '`idle greet` has no flag --lowd (did you mean "--loud"?)'],
])("`mcp-host %j` is a usage error", async (args, message) => {
  using at = home({ mcpServers: {}, plugins: [IDLE] });
  const { code, stdout, stderr } = await run(at, args);
  expect({ code, stdout }).toEqual({ code: EXIT.usage.code, stdout: "" });
  expect(stderr).toContain(`mcp-host: ${message}`);
  // Of a command the mistake points to its own help, if there is such a command.
  expect(stderr).toMatch(/Run `.*mcp-host\.js( [a-z-]+)* --help` for what there is\./);
});

test("a plugin's commands are shown when help is asked", async () => {
  using at = home({ mcpServers: {}, plugins: [IDLE] });
  const { code, stdout } = await run(at, ["idle", "--help"]);
  expect(code).toBe(EXIT.ok.code);
  for (const words of ['What plugin "idle" brings', "greet", "fail"]) expect(stdout).toContain(words);
});

test("what a plugin's command needs and the config lacks is told", async () => {
  using at = home({ mcpServers: {}, plugins: [["@host/plugin-auth", { apiKeys: { pepper: "${MCP_HOST_PEPPER}" } }]] });
  expect((await run(at, ["auth", "new-key", "--id", "me"])).stderr).toMatch(/^ {2}plugins\[0\].*MCP_HOST_PEPPER/m);
  expect((await run(at, ["auth", "new-key", "--id", "me"], { MCP_HOST_PEPPER: "short" })).stderr).toContain("apiKeys.pepper: must have 16");
});

test.each([
  [["start", "--unknown"], "`start` has no flag --unknown"],
  [["start", "-x"], "`start` has no flag -x"],
  [["start", "htpp"], 'mode: "htpp" is not one of stdio, http, both, server (did you mean "http"?)'],
  [["start", "http", "more"], '`start` takes no argument "more"'],
  [["start", "--port"], "--port needs a value: --port <number>"],
  [["start", "--port="], "--port needs a value"],
  [["start", "--port", "--verbose"], "--port needs a value"],
  [["start", "--port", "1", "--port", "2"], "--port is given twice"],
  [["start", "--verbose=yes"], "--verbose takes no value"],
  [["start", "--log-level", "loud"], '--log-level: "loud" is not one of silent, error, warn, info, debug'],
  [["start", "--log-format", "xml"], '--log-format: "xml" is not one of json, pretty'],
  [["call"], "`call` needs <tool>"],
  [["list", "toolz"], 'kind: "toolz" is not one of tools, prompts, resources, templates (did you mean "tools"?)'],
  [["status", "--no-json"], "`status` has no flag --no-json"],
  [["version", "--yaml"], "`version` has no flag --yaml"],
])("the command line %j is refused before anything of it is done", async (line, message) => {
  const [name = "", ...args] = line;
  const command = await COMMANDS[name]?.();
  const refused = (): void => checkArguments(name, args, (command?.args ?? {}) as ArgsDef); // no command makes them lazily
  expect(refused).toThrow(UsageError);
  expect(refused).toThrow(message);
});

test.each([[[]], [["--help"]], [["-h"]], [["help"]]])("`mcp-host %j` shows every command, without colours into a pipe", async (args) => {
  using at = home();
  const { code, stdout, stderr } = await run(at, args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const name of Object.keys(COMMANDS)) expect(stdout).toContain(name);
  expect(stdout).not.toContain("\u001b");
});

test.each(Object.keys(COMMANDS))("`mcp-host %s --help` shows its flags and does nothing else", async (name) => {
  using at = home();
  const { code, stdout, stderr } = await run(at, [...name.split(" "), "--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { args } = (await COMMANDS[name]?.()) ?? {};
  for (const [flag, { type }] of Object.entries(args ?? {}))
    expect(stdout).toContain(type === "positional" ? flag.toUpperCase() : `--${flag}`);
});

test("no plugin may have the name of a command", async () => {
  const words = new Set([...Object.keys(COMMANDS).map((name) => name.split(" ")[0]), "help"]);
  expect([...COMMAND_NAMES].sort()).toEqual([...words].sort());
});

test.each([[["version"]], [["--version"]], [["-v"]]])("`mcp-host %j` tells the version", async (args) => {
  using at = home();
  const { version } = JSON.parse(readFileSync(join(ROOT, "packages/host/package.json"), "utf8"));
  const { code, stdout } = await run(at, args);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`mcp-host ${version} `) });
});

test("version --json tells the versions apart", async () => {
  using at = home();
  const { stdout } = await run(at, ["version", "--json"]);
  expect(JSON.parse(stdout)).toEqual({
    "mcp-host": expect.stringMatching(/^\d+\.\d+\.\d+/),
    pluginApi: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    protocol: "2025-11-25",
    node: process.versions.node,
    installed: { how: "source", folder: join(ROOT, "packages/host"), container: expect.any(Boolean) },
  });
});

test("a plugin's command runs as mcp-host <plugin> <command>, with the config that --config names", async () => {
  using at = home(undefined, { "other.json": JSON.stringify({ mcpServers: { a: upstream() }, plugins: [IDLE] }) });
  expect(await run(at, ["idle", "greet", "you", "--loud", "--config", "other.json"])).toEqual({
    code: 0,
    stdout: "hello YOU\n",
    stderr: "",
  });
  expect(await run(at, ["idle", "fail", "--config=other.json"])).toMatchObject({ code: 1 });
  // Without the config there is no such plugin.
  expect(await run(at, ["idle", "greet", "you"])).toMatchObject({ code: EXIT.usage.code });
});

test("a command that only a plugin can bring is told with what is wrong with the config", async () => {
  using at = home({ mcpServers: { a: { comand: "x" } }, plugins: [IDLE] });
  const path = join(at.path, "mcp-host.config.json");
  const { code, stdout, stderr } = await run(at, ["idle", "greet", "you"]);
  expect({ code, stdout }).toEqual({ code: EXIT.usage.code, stdout: "" });
  expect(stderr).toContain(`mcp-host: there is no command "idle", and the config ${path}, whose plugins may bring it, cannot be used:\n`);
  expect(stderr).toContain('\n  mcpServers.a.comand: unknown key (did you mean "command"?)\n');
  // What is only misspelt is told as that.
  expect((await run(at, ["strat"])).stderr).toMatch(/^mcp-host: there is no command "strat" \(did you mean "start"\?\)\nRun/);
  using empty = home();
  expect((await run(empty, ["idle", "greet"])).stderr).toContain('there is no command "idle", and the config, whose plugins may bring it');
});

test("docs/cli.md has every exit code with its meaning, every command and every flag", async () => {
  const page = readFileSync(join(ROOT, "docs/cli.md"), "utf8");
  for (const { code, meaning } of Object.values(EXIT)) expect(page).toContain(`| ${code} | ${meaning} |`);
  for (const [name, load] of Object.entries(COMMANDS)) {
    const { args } = await load();
    const section = page.split(`\n### ${name}\n`)[1]?.split("\n### ")[0];
    expect(section, `docs/cli.md has no section for ${name}`).toBeDefined();
    for (const [flag, { type }] of Object.entries(args ?? {}))
      if (type !== "positional") expect(section, `${name} --${flag}`).toContain(`--${flag}`);
  }
});

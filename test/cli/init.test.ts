import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { type Output, start, TYPED } from "../harness/cli.ts";
import { httpTransport, sdkClient, stdioTransport } from "../harness/clients.ts";
import { type Desk, desk } from "../harness/desk.ts";
import { upstream } from "../harness/hosts.ts";

const TOKEN = "ghp_abcdefghijklmnopqrstuvwxyz0123";
const CONFIG = "mcp-host.config.json";

const json = (at: Desk, file: string): Record<string, unknown> => JSON.parse(at.read(file) ?? "") as Record<string, unknown>;
const servers = (at: Desk): Record<string, unknown> => json(at, CONFIG).mcpServers as Record<string, unknown>;

/** A file of Cursor's, of the user or of the project. */
function cursor(at: Desk, entries: unknown, scope: "~/" | "" = "~/"): void {
  at.write(`${scope}.cursor/mcp.json`, JSON.stringify({ mcpServers: entries }));
}

test("with nothing to import, init writes a config with a server that is there, and says what to do next", async () => {
  using at = desk();
  const { code, stdout, stderr } = await at.run("init", "--yes");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toContain(`Wrote ${join(at.path, CONFIG)} with the server hello`);
  for (const step of ["validate --connect", "client-config claude-code", "start"]) expect(stderr).toContain(`  ${TYPED} ${step}  `);
  expect(await at.run("validate", "--connect")).toMatchObject({ code: 0 });
  expect(await at.run("call", "hello", "--args", '{"name":"Ada"}')).toMatchObject({ code: 0, stdout: "Hello, Ada!\n" });
});

test("init, then client-config: the SDK's client connects with exactly what is printed, over stdio and over HTTP, and calls a tool", async () => {
  using at = desk();
  cursor(at, { up: upstream({ only: ["echo"] }) });
  expect(await at.run("init", "--yes", "--port", "0")).toMatchObject({ code: 0 });
  const echoes = async (transport: Parameters<ReturnType<typeof sdkClient>["connect"]>[0]): Promise<void> => {
    const client = sdkClient();
    await client.connect(transport);
    expect(await client.callTool({ name: "echo", arguments: { a: 1 } })).toMatchObject({ structuredContent: { arguments: { a: 1 } } });
    await client.close();
  };
  const stdio = JSON.parse((await at.run("client-config", "claude-desktop")).stdout).mcpServers["mcp-host"];
  // As a program with windows starts it: with no PATH but the one in the snippet, and elsewhere.
  await echoes(stdioTransport(stdio.command, stdio.args, { ...at.env, PATH: "", ...stdio.env }));

  await using host = start(at, ["start"]);
  await expect.poll(host.stderr).toContain("Stop with Ctrl-C");
  const http = JSON.parse((await at.run("client-config", "cursor", "--http")).stdout).mcpServers["mcp-host"];
  await echoes(httpTransport(new URL(http.url), http.headers));
});

test("servers of several clients get names that are valid and unique, and one that all have is taken once", async () => {
  using at = desk();
  const same = { command: "same" };
  at.write("~/.config/Claude/claude_desktop_config.json", JSON.stringify({ mcpServers: { "my files!": { command: "a" }, x: same } }));
  at.write(
    "~/.claude.json",
    JSON.stringify({
      mcpServers: { x: { type: "stdio", ...same }, y: { command: "b" } },
      projects: { [at.path]: { mcpServers: { mine: { command: "m" } } }, "/else": { mcpServers: { other: { command: "o" } } } },
    }),
  );
  cursor(at, { y: { command: "c" }, "🙂": { command: "d" } });
  cursor(at, { y: { command: "e" } }, "");
  const { code, stderr } = await at.run("init", "--yes");
  expect(code).toBe(0);
  expect(servers(at)).toEqual({
    "my-files": { command: "a" },
    x: same,
    y: { command: "b" },
    mine: { command: "m" },
    "y-cursor": { command: "c" },
    server: { command: "d" },
    "y-cursor-2": { command: "e" },
  });
  for (const line of [
    "my files! of Claude Desktop is called my-files here",
    "x of Claude Code is the same as x",
    "y of Cursor is called y-cursor-2 here",
  ])
    expect(stderr).toContain(line);
  expect(json(at, CONFIG).plugins).toEqual([["@host/plugin-namespace", { strategy: "conflict" }]]);
});

test("what cannot be taken over is left out and said: the host itself, what is off, what is wrong, files that are broken", async () => {
  using at = desk();
  at.write("~/.codeium/windsurf/mcp_config.json", "{ broken");
  cursor(at, {
    stdio: { command: "/usr/bin/node", args: ["/opt/mcp-host/bin/mcp-host.js", "start", "stdio"] },
    npx: { command: "npx", args: ["-y", "mcp-host@1.2.3", "start", "stdio"] },
    http: { url: "http://localhost:3000/mcp" },
    off: { command: "off", enabled: false },
    nothing: { url: "no address" },
    odd: { command: "x", args: ["${command:pick}"] },
    list: ["x"],
    good: { command: "mcp-hostess", args: ["start"], env: { N: 1, GONE: null } },
  });
  const { code, stderr } = await at.run("init", "--yes");
  expect(code).toBe(0);
  expect(servers(at)).toEqual({ good: { command: "mcp-hostess", args: ["start"], env: { N: "1" } } });
  for (const name of ["stdio", "npx", "http"]) expect(stderr).toContain(`left out ${name} of Cursor: it is mcp-host itself`);
  expect(stderr).toContain("left out off of Cursor: it is switched off there");
  expect(stderr).toContain("left out nothing of Cursor: url: must be an http://, https://, ws:// or wss:// URL");
  expect(stderr).toContain('left out odd of Cursor: args[0]: "${command:pick}" is none of');
  expect(stderr).toContain("left out list of Cursor: it is no object");
  expect(stderr).toMatch(/windsurf\/mcp_config\.json cannot be read, so it is left alone/);
});

test("secrets are copied into a file that is the user's alone, and shown nowhere", async () => {
  using at = desk();
  cursor(at, { gh: { command: "gh-mcp", env: { GITHUB_TOKEN: TOKEN } } });
  const dry = await at.run("init", "--yes", "--dry-run");
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('"GITHUB_TOKEN": "[redacted]"') });
  expect(readdirSync(at.path)).toEqual([]);
  const { stdout, stderr } = await at.run("init", "--yes");
  expect(stdout + stderr + dry.stdout + dry.stderr).not.toContain(TOKEN);
  expect(servers(at)).toEqual({ gh: { command: "gh-mcp", env: { GITHUB_TOKEN: TOKEN } } });
  expect(statSync(join(at.path, CONFIG)).mode & 0o777).toBe(0o600);
});

test("--credentials moves secrets to the credentials file, beside what is there, and the config loads with them", async () => {
  using at = desk();
  at.write("~/.config/mcp-host/credentials.json", '{ "OTHER": "kept", "GITHUB_TOKEN": "of something else" }');
  cursor(at, {
    gh: { command: "gh-mcp", env: { GITHUB_TOKEN: TOKEN, MODE: "fast", REF: "${env:HOME}" } },
    web: { url: "https://web.example/mcp", headers: { Authorization: `Bearer ${TOKEN}x`, "X-Region": "eu" } },
  });
  const { code, stdout, stderr } = await at.run("init", "--yes", "--credentials");
  expect({ code, leaked: (stdout + stderr).includes(TOKEN) }).toEqual({ code: 0, leaked: false });
  expect(servers(at)).toEqual({
    gh: { command: "gh-mcp", env: { GITHUB_TOKEN: "${GH_GITHUB_TOKEN}", MODE: "fast", REF: "${env:HOME}" } },
    web: { url: "https://web.example/mcp", headers: { Authorization: "Bearer ${WEB_AUTHORIZATION}", "X-Region": "eu" } },
  });
  expect(json(at, "~/.config/mcp-host/credentials.json")).toEqual({
    OTHER: "kept",
    GITHUB_TOKEN: "of something else",
    GH_GITHUB_TOKEN: TOKEN,
    WEB_AUTHORIZATION: `${TOKEN}x`,
  });
  expect(await at.run("validate")).toMatchObject({ code: 0 });
});

test("--json tells what was written where, what was found, and what comes next, without secrets", async () => {
  using at = desk();
  at.write(CONFIG, '{ "mcpServers": {} }');
  cursor(at, { gh: { command: "gh-mcp", env: { GITHUB_TOKEN: TOKEN, REF: "${GH_REF_NOT_SET}" } }, off: { disabled: true } });
  const found = [{ client: "cursor", path: join(at.user, ".cursor/mcp.json"), servers: ["gh", "off"] }];
  const path = join(at.path, CONFIG);
  const dry = await at.run("init", "--yes", "--force", "--dry-run", "--json");
  expect({ code: dry.code, stderr: dry.stderr }).toEqual({ code: 0, stderr: "" });
  const notes = ["left out off of Cursor: it is switched off there"];
  const planned = JSON.parse(dry.stdout);
  expect(planned).toEqual({ path, written: false, text: expect.any(String), servers: ["gh"], found, notes });
  expect(JSON.parse(planned.text).mcpServers.gh.env).toEqual({ GITHUB_TOKEN: "[redacted]", REF: "${GH_REF_NOT_SET}" });
  const { code, stdout, stderr } = await at.run("init", "--yes", "--force", "--credentials", "--json");
  expect({ code, stderr, leaked: stdout.includes(TOKEN) }).toEqual({ code: 0, stderr: "", leaked: false });
  expect(JSON.parse(stdout)).toEqual({
    path,
    written: true,
    backup: at.backups()[0],
    credentials: { path: join(at.user, ".config/mcp-host/credentials.json"), names: ["GITHUB_TOKEN"] },
    servers: ["gh"],
    found,
    notes,
    missing: [{ variable: "GH_REF_NOT_SET", servers: ["gh"] }],
    next: expect.arrayContaining([{ command: `${TYPED} start`, does: "serves over HTTP" }]),
  });
});

test("variables that nobody has set are named, for they come first", async () => {
  using at = desk();
  cursor(at, { gh: { url: "${env:GH_URL_NOT_SET}/mcp", headers: { A: "${env:B_NOT_SET:-b}" } } });
  const { stderr } = await at.run("init", "--yes");
  expect(stderr).toContain("Set these variables first, in the environment or in the credentials file:\n  GH_URL_NOT_SET  (gh)\nNext:");
});

test("a variable that several servers take is named once, with all of them", async () => {
  using at = desk();
  cursor(at, {
    a: { command: "a", env: { K: "${env:KEY_NOT_SET}" } },
    b: { url: "https://b.example/mcp", headers: { k: "${env:KEY_NOT_SET}" } },
  });
  const { stderr } = await at.run("init", "--yes");
  expect(stderr).toContain("credentials file:\n  KEY_NOT_SET  (a, b)\nNext:");
});

test("a config that is there is not touched without --force, which keeps a copy and makes no second one", async () => {
  using at = desk();
  at.write(CONFIG, '{ "mcpServers": {} }');
  expect(await at.run("init", "--yes")).toMatchObject({ code: 1, stderr: expect.stringContaining("there is a config already") });
  expect(at.read(CONFIG)).toBe('{ "mcpServers": {} }');
  expect(await at.run("init", "--yes", "--force", "--format", "yaml")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("a second config"),
  });
  expect(readdirSync(at.path)).toEqual([CONFIG]);
  const { code, stderr } = await at.run("init", "--yes", "--force");
  const [copy = ""] = at.backups();
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`The config before is kept as ${copy}.`) });
  expect(servers(at)).toHaveProperty("hello");
});

test.each([
  ["json", "{\n"],
  ["jsonc", "{\n  // Where `mcp-host start` listens.\n"],
  ["yaml", "# Where `mcp-host start` listens.\nlisten:\n"],
])("--format %s, with servers of the command line", async (format, beginning) => {
  using at = desk();
  const files = ["--server", `my.files=files --root "/a b" --name='it is' c`, "--server=web=https://web.example/mcp"];
  expect(await at.run("init", ...files, "--port", "4000", "--format", format)).toMatchObject({ code: 0 });
  expect(at.read(`mcp-host.config.${format}`)?.startsWith(beginning)).toBe(true);
  const { stdout } = await at.run("inspect", "--json");
  expect(JSON.parse(stdout).upstreams.map(({ name, wire }: Record<string, unknown>) => [name, wire])).toEqual([
    ["my.files", "stdio"],
    ["web", "http"],
  ]);
  if (format === "json")
    expect(json(at, CONFIG)).toMatchObject({
      listen: { port: 4000 },
      mcpServers: {
        "my.files": { command: "files", args: ["--root", "/a b", "--name=it is", "c"] },
        web: { url: "https://web.example/mcp" },
      },
    });
});

test("a server of the command line stands before one of a client that has its name", async () => {
  using at = desk();
  cursor(at, { a: { command: "theirs" }, b: { command: "b" } });
  expect(await at.run("init", "--import", "all", "--server", "a=mine")).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("a is the one of --server"),
  });
  expect(servers(at)).toEqual({ a: { command: "mine" }, b: { command: "b" } });
});

test.each([
  [["init"], "there is no terminal to ask on; pass --yes"],
  [["init", "--import", "cursor,vim"], '--import: "vim" is not one of all, none, claude-desktop'],
  [["init", "--server", "files"], '--server: "files" must be name=command'],
  [["init", "--server", "files="], '--server: "files=" must be name=command'],
  [["init", "--server", "a=b", "--server", "a=c"], '--server: "a" is given twice'],
  [["init", "--server", "a=https://u:p@h/mcp"], "--server a: url: must hold no user name or password"],
  [["init", "--yes", "--port", "x"], '--port: "x" is not a port'],
  [["init", "--yes", "--format", "xml"], '--format: "xml" is not one of json, jsonc, yaml'],
])("%j is a usage error, and nothing is written", async (args, message) => {
  using at = desk();
  expect(await at.run(...args)).toEqual({ code: EXIT.usage.code, stdout: "", stderr: expect.stringContaining(message) });
  expect(readdirSync(at.path)).toEqual([]);
});

describe("on a terminal", () => {
  const SPACE = " ";
  const ENTER = "\r";
  const QUESTION = "Which servers are to be behind the host?";

  /** `init` with somebody who presses keys, each when its question is there. */
  async function pressing(at: Desk, answers: readonly [question: string, keys: string][], ...flags: string[]): Promise<Output> {
    await using running = start(at, ["init", ...flags], { PRETEND_TERMINAL: "1" });
    for (const [question, keys] of answers) {
      await expect.poll(running.stderr).toContain(question);
      running.child.stdin.write(keys);
    }
    return await running.exited;
  }

  test("it asks for each server on one screen, and where secrets go", async () => {
    using at = desk();
    cursor(at, { a: { command: "a", env: { API_KEY: "k-e-y-0-1" } }, b: { command: "b", args: ["postgres://u:pass-word@db/x"] } });
    at.write(
      ".vscode/mcp.json",
      JSON.stringify({ servers: { b: { url: "https://b.example/mcp" }, off: { command: "off", disabled: true } } }),
    );
    const down = "\u001b[B";
    const answers: [string, string][] = [
      [QUESTION, `${down}${SPACE}${ENTER}`],
      ["One value looks like a secret. Keep them in the credentials file", "y\n"],
    ];
    const { code, stdout, stderr } = await pressing(at, answers);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    const [, screen = ""] = stderr.split(QUESTION);
    for (const line of ["a (Cursor: a)", "b (Cursor: b postgres://u:[redacted]@db/x)", "b-vscode (VS Code: https://b.example/mcp)"])
      expect(stripVTControlCharacters(screen)).toContain(line);
    expect(servers(at)).toEqual({
      a: { command: "a", env: { API_KEY: "${API_KEY}" } },
      "b-vscode": { url: "https://b.example/mcp" },
    });
    expect(json(at, "~/.config/mcp-host/credentials.json")).toEqual({ API_KEY: "k-e-y-0-1" });
    // What was not taken needs no explanation.
    expect(stderr).toContain("b of VS Code is called b-vscode here");
    expect(stderr).toContain("left out off of VS Code");
  });

  test("Enter alone takes all, and nothing ticked is nothing imported", async () => {
    using at = desk();
    cursor(at, { a: { command: "a" }, b: { command: "b" } });
    expect(await pressing(at, [[QUESTION, ENTER]])).toMatchObject({ code: 0 });
    expect(Object.keys(servers(at))).toEqual(["a", "b"]);
    expect(await pressing(at, [[QUESTION, `a${ENTER}`]], "--force")).toMatchObject({ code: 0 });
    expect(Object.keys(servers(at))).toEqual(["hello"]);
  });

  test.each(["\u0003", "end"])("who leaves gets no file: %j", async (keys) => {
    using at = desk();
    cursor(at, { a: { command: "a" } });
    await using running = start(at, ["init"], { PRETEND_TERMINAL: "1" });
    await expect.poll(running.stderr).toContain(QUESTION);
    if (keys === "end") running.child.stdin.end();
    else running.child.stdin.write(keys);
    expect(await running.exited).toMatchObject({ code: EXIT.interrupted.code });
    expect(at.read(CONFIG)).toBeUndefined();
  });
});

test("several servers get the plugin that keeps clashing names apart, and only those change", async () => {
  using at = desk();
  const one = upstream({ name: "one", only: ["echo", "add"] });
  cursor(at, { one, two: upstream({ name: "two", only: ["echo", "text"] }) });
  const { stderr } = await at.run("init", "--yes");
  expect(stderr).toContain("each gets its server's name before it (@host/plugin-namespace); other names stay as they are");
  const listed = JSON.parse((await at.run("list", "--json")).stdout) as { name: string }[];
  expect(listed.map(({ name }) => name).sort()).toEqual(["add", "one__echo", "text", "two__echo"]);
  cursor(at, { one });
  expect((await at.run("init", "--yes", "--force")).stderr).not.toContain("namespace");
  expect(json(at, CONFIG)).not.toHaveProperty("plugins");
});

test.each(["darwin", "win32"] as const)("on %s it looks where clients keep their files there", async (platform) => {
  using at = desk(platform);
  const folder = platform === "darwin" ? "Library/Application Support" : "AppData/Roaming";
  at.write(`~/${folder}/Claude/claude_desktop_config.json`, JSON.stringify({ mcpServers: { a: { command: "a" } } }));
  at.write(`~/${folder}/Code/User/mcp.json`, JSON.stringify({ servers: { b: { command: "b" } } }));
  at.write("~/.config/Claude/claude_desktop_config.json", JSON.stringify({ mcpServers: { c: { command: "c" } } }));
  expect(await at.run("init", "--yes")).toMatchObject({ code: 0 });
  expect(Object.keys(servers(at))).toEqual(["a", "b"]);
});

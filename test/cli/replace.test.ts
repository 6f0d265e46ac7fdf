import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse as parseJsonc } from "jsonc-parser";
import { parse as parseToml } from "smol-toml";
import { expect, test } from "vitest";
import { targetOf } from "../../packages/host/dist/cli/clients/client-options.js";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { start, urlOf } from "../harness/cli.ts";
import { httpTransport, sdkClient, stdioTransport } from "../harness/clients.ts";
import { type Desk, desk } from "../harness/desk.ts";
import { upstream } from "../harness/hosts.ts";

type Servers = Record<string, Record<string, unknown>>;

const CURSOR = "~/.cursor/mcp.json";
const text = (at: Desk, path: string): string => at.read(path) ?? "";
const servers = (at: Desk, path = CURSOR, key = "mcpServers"): Servers =>
  (parseJsonc(text(at, path)) as Record<string, Servers>)[key] ?? {};

/** Every file below the user's home and the project, with what it holds. */
function everything(at: Desk): Record<string, string> {
  return Object.fromEntries(
    [at.user, at.path].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .map((name) => join(folder, name))
        .filter((file) => statSync(file).isFile() && !file.endsWith("mcp-host.config.json"))
        .map((file) => [file, readFileSync(file, "utf8")]),
    ),
  );
}

/** The files of somebody who has used several clients for a while. */
function usedMachine(at: Desk): void {
  const files = upstream({ name: "files", only: ["echo"] });
  const notes = upstream({ name: "notes", prefix: "note_", only: ["add"] });
  const claude = { numStartups: 3, mcpServers: { notes: { type: "stdio", ...notes } } };
  const project = { mcpServers: { mine: upstream({ name: "mine", prefix: "mine_", only: ["echo"] }) }, allowedTools: ["x"] };
  at.write("~/.config/Claude/claude_desktop_config.json", `{\n  "mcpServers": { "files": ${JSON.stringify(files)} },\n  "scale": 1\n}\n`);
  at.write("~/.claude.json", JSON.stringify({ ...claude, projects: { [at.path]: project, "/else": {} } }));
  at.write(".mcp.json", JSON.stringify({ mcpServers: { shared: upstream({ name: "shared", prefix: "shared_", only: ["echo"] }) } }));
  at.write(CURSOR, `// mine\n{\n\t"mcpServers": {\n\t\t// the good one\n\t\t"files": ${JSON.stringify(files)}, // here\n\t},\n}\n`);
  const inputs = [{ id: "pin", type: "promptString" }];
  const vscode = { notes: { type: "stdio", ...notes }, pinned: { type: "stdio", command: "pinned", env: { PIN: "${input:pin}" } } };
  at.write("~/.config/Code/User/mcp.json", JSON.stringify({ inputs, servers: vscode }));
  const table = `[mcp_servers.notes]\ncommand = ${JSON.stringify(notes.command)}\nargs = ${JSON.stringify(notes.args)}\n\n`;
  const env = `[mcp_servers.notes.env]\n${Object.entries(notes.env)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
    .join("")}`;
  at.write("~/.codex/config.toml", `# mine\nmodel = "m"\n\n${table}${env}\n[profiles.fast]\nmodel = "s"\n`);
  const zed = { command: files.command, args: files.args, env: files.env };
  at.write("~/.config/zed/settings.json", JSON.stringify({ theme: "t", context_servers: { files: zed, own: { source: "extension" } } }));
  const opencode = { type: "local", command: [files.command, ...files.args], environment: files.env };
  at.write("~/.config/opencode/opencode.json", JSON.stringify({ mcp: { files: opencode } }));
  at.write("~/.gemini/settings.json", JSON.stringify({ theme: "t" }));
}

test("a machine with many clients: init, install --all --replace, every client works through the host, uninstall --all undoes it to the letter", async () => {
  using at = desk();
  usedMachine(at);
  const before = everything(at);
  expect(await at.run("init", "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining("install --all --replace") });
  const tools = ["echo", "mine_echo", "note_add", "shared_echo"];
  const listed = JSON.parse((await at.run("list", "--json")).stdout) as { name: string }[];
  expect(listed.map(({ name }) => name).sort()).toEqual(tools);
  const installed = await at.run("install", "--all", "--replace", "--yes");
  expect(installed).toMatchObject({ code: 0, stderr: expect.stringContaining("pinned stays in") });
  expect(installed.stderr).toContain("Claude Code has shared in");

  // What each has left beside the host.
  const left = {
    "claude-desktop": Object.keys(servers(at, "~/.config/Claude/claude_desktop_config.json")),
    "claude-code": Object.keys(servers(at, "~/.claude.json")),
    cursor: Object.keys(servers(at)),
    vscode: Object.keys(servers(at, "~/.config/Code/User/mcp.json", "servers")),
    codex: Object.keys((parseToml(text(at, "~/.codex/config.toml")) as { mcp_servers: Servers }).mcp_servers),
    zed: Object.keys(servers(at, "~/.config/zed/settings.json", "context_servers")),
    opencode: Object.keys(servers(at, "~/.config/opencode/opencode.json", "mcp")),
    "gemini-cli": Object.keys(servers(at, "~/.gemini/settings.json")),
  };
  const alone = ["mcp-host"];
  expect(left).toEqual({
    ...Object.fromEntries(Object.keys(left).map((id) => [id, alone])),
    vscode: ["pinned", "mcp-host"],
    zed: ["own", "mcp-host"],
  });
  expect(JSON.parse(text(at, "~/.claude.json")).projects).toEqual({ [at.path]: { mcpServers: {}, allowedTools: ["x"] }, "/else": {} });
  expect(text(at, CURSOR)).toMatch(/^\/\/ mine\n/);
  for (const id of Object.keys(left) as (keyof typeof left)[]) {
    const { client: form, path } = targetOf({ client: id }, { platform: "linux", home: at.user, env: at.env, folder: at.path });
    const content = readFileSync(path, "utf8");
    const all = (form.format === "toml" ? parseToml(content) : parseJsonc(content)) as Record<string, Servers>;
    const entry = all[form.key]?.["mcp-host"] ?? {};
    const [command = "", ...args] = [entry.command, entry.args ?? []].flat(2) as string[];
    const client = sdkClient();
    await client.connect(stdioTransport(command, args, at.env));
    const names = async (): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name).sort();
    await expect.poll(names).toEqual(tools);
    expect(await client.callTool({ name: "echo", arguments: { a: 1 } })).toMatchObject({ structuredContent: { arguments: { a: 1 } } });
    await client.close();
  }

  expect(await at.run("install", "--all", "--replace", "--yes")).toMatchObject({ code: 0, stdout: "" });
  expect(await at.run("uninstall", "--all", "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining("Put back: notes, mine.") });
  expect(everything(at)).toEqual(before);
});

test("what its client has changed since stays, and the servers come back beside it", async () => {
  using at = desk();
  usedMachine(at);
  expect(await at.run("init", "--yes")).toMatchObject({ code: 0 });
  for (const id of ["cursor", "codex", "vscode", "claude-code"])
    expect(await at.run("install", id, "--replace", "--yes")).toMatchObject({ code: 0 });
  const was = { cursor: servers(at), code: servers(at, "~/.claude.json") };
  at.write(
    CURSOR,
    text(at, CURSOR)
      .replace("// mine", "// still mine")
      .replace(/"mcpServers": \{/, '$& "new": { "command": "new" },'),
  );
  at.write("~/.codex/config.toml", text(at, "~/.codex/config.toml").replace('model = "m"', 'model = "other"'));
  at.write(
    "~/.claude.json",
    text(at, "~/.claude.json").replace('"numStartups": 3', '"numStartups": 4').replace('"numStartups":3', '"numStartups":4'),
  );
  for (const id of ["cursor", "codex", "claude-code"]) expect(await at.run("uninstall", id, "--yes")).toMatchObject({ code: 0 });
  expect(was.cursor).not.toHaveProperty("files");
  expect(text(at, CURSOR)).toMatch(/^\/\/ still mine/);
  expect(Object.keys(servers(at))).toEqual(["new", "files"]);
  const codex = parseToml(text(at, "~/.codex/config.toml")) as { model: string; mcp_servers: Servers };
  expect({ model: codex.model, names: Object.keys(codex.mcp_servers) }).toEqual({ model: "other", names: ["notes"] });
  const claude = JSON.parse(text(at, "~/.claude.json"));
  expect({ starts: claude.numStartups, names: Object.keys(claude.mcpServers) }).toEqual({ starts: 4, names: ["notes"] });
  expect(Object.keys(claude.projects[at.path].mcpServers)).toEqual(["mine"]);
  // Nothing is left to put back.
  expect(await at.run("uninstall", "cursor", "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining("has no server") });
});

test("the project's file has its own installation, which is undone by itself", async () => {
  using at = desk();
  const before = JSON.stringify({ mcpServers: { shared: { command: "shared" } } });
  at.write(".mcp.json", before);
  expect(await at.run("init", "--yes")).toMatchObject({ code: 0 });
  const flags = ["claude-code", "--scope", "project", "--name", "tools", "--yes"];
  const { stderr } = await at.run("install", ...flags, "--replace");
  expect(stderr).toContain(
    "Taken out, since the host has them: shared. `uninstall claude-code --scope project --name tools` puts them back.",
  );
  expect(Object.keys(servers(at, ".mcp.json"))).toEqual(["tools"]);
  expect(await at.run("uninstall", "claude-code", "--yes")).toMatchObject({ stderr: expect.stringContaining('has no server "mcp-host"') });
  expect(await at.run("uninstall", ...flags)).toMatchObject({ code: 0 });
  expect(at.read(".mcp.json")).toBe(before);
});

test("a server that is there again, or that the client has as another one, is not put over", async () => {
  using at = desk();
  at.write(CURSOR, JSON.stringify({ mcpServers: { a: { command: "a" }, b: { command: "b" } } }));
  expect(await at.run("init", "--yes")).toMatchObject({ code: 0 });
  expect(await at.run("install", "cursor", "--replace", "--yes")).toMatchObject({ code: 0 });
  const { "mcp-host": host } = servers(at);
  at.write(CURSOR, JSON.stringify({ mcpServers: { "mcp-host": host, a: { command: "another" } } }));
  expect(await at.run("uninstall", "cursor", "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining("Put back: b.") });
  expect(servers(at)).toEqual({ a: { command: "another" }, b: { command: "b" } });
});

test("VS Code's question goes with the one server that asks it, and comes back with it", async () => {
  using at = desk();
  const path = "~/.config/Code/User/mcp.json";
  const asks = { type: "stdio", command: "asks", env: { PIN: "${input:pin}" } };
  at.write(path, JSON.stringify({ inputs: [{ id: "pin", type: "promptString" }], servers: { asks, plain: { command: "plain" } } }));
  expect(await at.run("init", "--yes")).toMatchObject({ code: 0 });
  Object.assign(at.env, { MCP_HOST_INPUT_PIN: "1234" });
  expect(await at.run("install", "vscode", "--replace", "--yes")).toMatchObject({ code: 0 });
  const { "mcp-host": host } = servers(at, path, "servers");
  expect(parseJsonc(text(at, path))).toEqual({ inputs: [], servers: { "mcp-host": host } });
  at.write(path, text(at, path).replace("{", '{ "more": true,'));
  expect(await at.run("uninstall", "vscode", "--yes")).toMatchObject({ code: 0 });
  const inputs = [{ id: "pin", type: "promptString" }];
  expect(parseJsonc(text(at, path))).toEqual({ more: true, inputs, servers: { asks, plain: { command: "plain" } } });
});

test("only what the host has goes: not what differs, what it cannot use, what is off, or what it has as another account", async () => {
  using at = desk();
  const web = (token: string): object => ({ url: "https://web.example/mcp", headers: { Authorization: `Bearer ${token}` } });
  const off = { command: "off", disabled: true };
  const entries = {
    same: { command: "same", args: ["1"] },
    differs: { command: "differs" },
    web: web("ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    off,
  };
  at.write(CURSOR, JSON.stringify({ mcpServers: { ...entries, needs: { command: "needs", env: { K: "${env:NOT_SET_AT_ALL}" } } } }));
  expect(await at.run("init", "--yes", "--credentials")).toMatchObject({ code: 0 });
  const other = web("ghp_bbbbbbbbbbbbbbbbbbbbbbbbbbbb");
  const config = JSON.parse(text(at, "mcp-host.config.json"));
  // Its own name, times and tools make no other server of it.
  config.mcpServers.renamed = { ...config.mcpServers.same, timeout: "5s", tools: { include: ["x"] } };
  delete config.mcpServers.same;
  config.mcpServers.differs.args = ["more"];
  at.write("mcp-host.config.json", JSON.stringify(config));
  at.write(CURSOR, JSON.stringify({ mcpServers: { ...JSON.parse(text(at, CURSOR)).mcpServers, other } }));
  const { code, stdout } = await at.run("install", "cursor", "--replace", "--yes", "--json");
  const told = JSON.parse(stdout);
  expect({ code, taken: told.taken, stays: told.stays }).toEqual({
    code: 0,
    taken: ["same", "web"],
    stays: [
      { name: "differs", reason: "the host's config has no such server" },
      { name: "needs", reason: expect.stringContaining("the variable NOT_SET_AT_ALL is not set") },
      { name: "other", reason: "the host's config has no such server" },
    ],
  });
  expect(stdout).not.toMatch(/ghp_[ab]{20}/);
  expect(Object.keys(servers(at))).toEqual(["differs", "off", "needs", "other", "mcp-host"]);
  const undone = await at.run("uninstall", "cursor", "--yes", "--json");
  expect(JSON.parse(undone.stdout)).toMatchObject({ written: true, restored: ["same", "web"] });
});

test("a config that cannot be used takes nothing out of a client", async () => {
  using at = desk();
  at.write(CURSOR, JSON.stringify({ mcpServers: { a: { command: "a" } } }));
  at.write(
    "mcp-host.config.json",
    JSON.stringify({ mcpServers: { a: { command: "a" } }, plugins: ["./none.mjs"], listen: { port: "${NOT_SET}" } }),
  );
  for (const flags of [[], ["--all"]])
    expect(await at.run("install", ...(flags.length > 0 ? flags : ["cursor"]), "--replace", "--yes")).toMatchObject({
      code: EXIT.config.code,
      stderr: expect.stringContaining("NOT_SET"),
    });
  expect(servers(at)).toEqual({ a: { command: "a" } });
});

test("a dry run takes nothing out and remembers nothing; over HTTP it is the running host's servers that go", async () => {
  using at = desk();
  const up = upstream({ only: ["echo"] });
  at.write(CURSOR, JSON.stringify({ mcpServers: { up } }));
  at.write("mcp-host.config.json", JSON.stringify({ listen: { port: 0 }, mcpServers: { up } }));
  await using host = start(at, ["start"]);
  const url = await urlOf(host);
  const dry = await at.run("install", "cursor", "--http", "--replace", "--dry-run");
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringMatching(/^-.*"up"/m) });
  expect(await at.run("uninstall", "cursor", "--yes")).toMatchObject({ stderr: expect.stringContaining("has no server") });
  expect(await at.run("install", "cursor", "--http", "--replace", "--yes")).toMatchObject({ code: 0 });
  expect(servers(at)).toEqual({ "mcp-host": { url: String(url) } });
  const client = sdkClient();
  await client.connect(httpTransport(url));
  expect(await client.callTool({ name: "echo", arguments: {} })).toMatchObject({ structuredContent: expect.anything() });
  await client.close();
  expect(await at.run("uninstall", "cursor", "--dry-run")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\+.*"up"/m) });
  expect(servers(at)).toHaveProperty("mcp-host");
  expect(await at.run("uninstall", "cursor", "--yes")).toMatchObject({ code: 0 });
  expect(servers(at)).toEqual({ up });
});

test("--all goes on where one client fails, tells which, and ends with 1", async () => {
  using at = desk();
  at.write("mcp-host.config.json", '{ "mcpServers": {} }');
  at.write(CURSOR, "{ broken");
  at.write("~/.config/Claude/claude_desktop_config.json", "{}");
  at.write("~/.gemini/settings.json", "{}");
  const url = ["--url", "http://127.0.0.1:1/mcp"];
  const { code, stdout } = await at.run("install", "--all", "--yes", "--json", ...url);
  expect({ code, clients: JSON.parse(stdout).clients }).toEqual({
    code: 1,
    clients: [
      expect.objectContaining({ client: "claude-desktop", error: expect.stringContaining("takes no addresses in its file") }),
      expect.objectContaining({ client: "cursor", error: expect.stringContaining("cannot be read") }),
      expect.objectContaining({ client: "gemini-cli", written: true }),
    ],
  });
  const again = await at.run("install", "--all", "--yes", ...url);
  expect(again).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Claude Desktop:\n {2}Claude Desktop takes .*\nCursor:\n {2}.* cannot be read/),
  });
});

test("--all means the clients that are there, and says so where there is none", async () => {
  using at = desk();
  at.write("mcp-host.config.json", '{ "mcpServers": {} }');
  expect(await at.run("install", "--all", "--yes")).toEqual({ code: 0, stdout: "", stderr: "No client was found.\n" });
  at.write("~/.codex/auth.json", "{}");
  expect(await at.run("install", "--all", "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining("config.toml is new.") });
  at.write(".vscode/settings.json", "{}");
  expect(await at.run("install", "--all", "--scope", "project", "--yes")).toMatchObject({ code: 0 });
  expect(at.read(".vscode/mcp.json")).toContain("mcp-host");
  expect(at.read(".mcp.json")).toBeUndefined();
});

test.each([
  [["install"], "name a client, or all that are found with --all"],
  [["uninstall"], "name a client, or all that are found with --all"],
  [["install", "cursor", "--all"], '--all means every client, and "cursor" one'],
  [["install", "--all"], "there is no terminal to ask on; pass --yes"],
])("%j is a usage error", async (args, message) => {
  using at = desk();
  at.write("mcp-host.config.json", '{ "mcpServers": {} }');
  at.write(CURSOR, "{}");
  expect(await at.run(...args)).toMatchObject({ code: EXIT.usage.code, stderr: expect.stringContaining(message) });
});

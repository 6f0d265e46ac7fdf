import { join } from "node:path";
import { expect, test } from "vitest";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { TYPED } from "../harness/cli.ts";
import { type Desk, desk } from "../harness/desk.ts";
import { upstream } from "../harness/hosts.ts";

type Servers = Record<string, Record<string, unknown>>;

/** What `init --yes` makes of the files, and what it says. */
async function imported(at: Desk): Promise<{ servers: Servers; stderr: string }> {
  const { code, stderr } = await at.run("init", "--yes");
  expect(code, stderr).toBe(0);
  return { servers: (JSON.parse(at.read("mcp-host.config.json") ?? "") as { mcpServers: Servers }).mcpServers, stderr };
}

const commands = (...names: string[]): Servers => Object.fromEntries(names.map((name) => [name, { command: name }]));

test.each([
  ["~/.cursor/mcp.json", "mcpServers"],
  ["~/.config/Code/User/mcp.json", "servers"],
])("a server of %s with a file of variables is taken over with it, and gets what it holds", async (path, key) => {
  using at = desk();
  const named = { command: process.execPath, args: ["-e", "console.error(process.env.FROM_FILE)"], envFile: "${workspaceFolder}/.env" };
  at.write(path, JSON.stringify({ [key]: { named } }));
  const { servers, stderr } = await imported(at);
  expect(servers).toEqual({ named: { ...named, envFile: join(at.path, ".env") } });
  expect(stderr).toContain(`named takes variables from ${join(at.path, ".env")}, and there is no such file yet`);
  expect(await at.run("validate")).toMatchObject({ code: 3, stdout: expect.stringContaining("there is no file") });
  at.write(".env", "FROM_FILE=it-is-there\n");
  expect(await at.run("validate")).toMatchObject({ code: 0 });
  expect(await at.run("validate", "--connect")).toMatchObject({ stdout: expect.stringContaining("it-is-there") });
});

test("what Claude Code has switched off, or was not allowed to use, is left out", async () => {
  using at = desk();
  const projects = {
    [at.path]: { disabledMcpjsonServers: ["legacy"], disabledMcpServers: ["off"], mcpServers: commands("legacy", "mine") },
  };
  at.write("~/.claude.json", JSON.stringify({ mcpServers: commands("off", "denied"), projects }));
  at.write("~/.claude/settings.json", JSON.stringify({ permissions: { deny: ["mcp__denied", "Bash(rm:*)"] } }));
  at.write(".mcp.json", JSON.stringify({ mcpServers: commands("shared", "refused", "new") }));
  at.write(".claude/settings.local.json", JSON.stringify({ enabledMcpjsonServers: ["shared"], disabledMcpjsonServers: ["refused"] }));
  const { servers, stderr } = await imported(at);
  // The project's list is about the project's file: a server of one's own may have the same name.
  expect(Object.keys(servers)).toEqual(["legacy", "mine", "shared"]);
  for (const line of [
    "left out off of Claude Code: it is switched off there",
    "left out denied of Claude Code: its permissions deny it there",
    "left out refused of Claude Code: it is switched off there",
    'left out new of Claude Code: it is not among the "enabledMcpjsonServers" there',
  ])
    expect(stderr).toContain(line);
});

test("where Claude Code has approved none by name, or all, the servers of the project's file are taken over", async () => {
  using at = desk();
  at.write(".mcp.json", JSON.stringify({ mcpServers: commands("a", "b") }));
  at.write("~/.claude.json", JSON.stringify({ projects: { [at.path]: { enabledMcpjsonServers: [] } } }));
  expect(Object.keys((await imported(at)).servers)).toEqual(["a", "b"]);
  using other = desk();
  other.write(".mcp.json", JSON.stringify({ mcpServers: commands("a", "b") }));
  other.write(".claude/settings.json", JSON.stringify({ enableAllProjectMcpServers: true, enabledMcpjsonServers: ["a"] }));
  expect(Object.keys((await imported(other)).servers)).toEqual(["a", "b"]);
});

test.each([
  [{ mcp: { excluded: ["b"] } }, {}, ["a", "c"]],
  [{ mcp: { allowed: ["b", "c"] } }, { mcp: { excluded: ["c"] } }, ["b"]],
  [{ mcp: { allowed: ["a"] } }, { mcp: { allowed: ["c"] } }, ["c"]],
  [{ excludeMCPServers: ["a"], allowMCPServers: ["a", "b"] }, {}, ["b"]],
])("Gemini CLI's servers are those that its settings leave on: %j with %j in the project", async (user, project, left) => {
  using at = desk();
  at.write("~/.gemini/settings.json", JSON.stringify({ ...user, mcpServers: commands("a", "b") }));
  at.write(".gemini/settings.json", JSON.stringify({ ...project, mcpServers: commands("c") }));
  const { servers, stderr } = await imported(at);
  expect(Object.keys(servers)).toEqual(left);
  for (const name of ["a", "b", "c"].filter((each) => !left.includes(each)))
    expect(stderr).toContain(`left out ${name} of Gemini CLI: it is switched off there`);
});

test("the times of clients come along in their units, and a server is no other one for them", async () => {
  using at = desk();
  const file = "~/.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json";
  at.write("~/.codex/config.toml", '[mcp_servers.codex]\ncommand = "codex"\nstartup_timeout_sec = 0.5\ntool_timeout_sec = 1200\n');
  at.write("~/.gemini/settings.json", JSON.stringify({ mcpServers: { gemini: { command: "gemini", timeout: 15_000 } } }));
  at.write(file, JSON.stringify({ mcpServers: { cline: { command: "cline", timeout: 60 }, also: { command: "gemini", timeout: 30 } } }));
  at.write("~/.config/opencode/opencode.json", JSON.stringify({ mcp: { oc: { type: "local", command: ["oc"], timeout: 2500 } } }));
  const { servers, stderr } = await imported(at);
  expect(servers).toEqual({
    codex: { command: "codex", startTimeout: "500ms", timeout: "1200s", maxTimeout: "1200s" },
    gemini: { command: "gemini", timeout: "15s" },
    cline: { command: "cline", timeout: "60s" },
    oc: { command: "oc", startTimeout: "2500ms" },
  });
  expect(stderr).toContain("also of Cline is the same as gemini");
  expect(stderr).not.toContain("has no meaning here");
});

test("which tools a client uses of a server comes along, from its entry and from the settings beside it", async () => {
  using at = desk();
  const of = (entry: object): Servers => ({ some: { command: "some", ...entry } });
  const windsurf = { windsurf: { command: "w", disabledTools: ["a", "b"] }, all: { command: "all", disabledTools: [] } };
  at.write("~/.codeium/windsurf/mcp_config.json", JSON.stringify({ mcpServers: windsurf }));
  at.write("~/.codex/config.toml", '[mcp_servers.codex]\ncommand = "x"\nenabled_tools = ["a", "b"]\ndisabled_tools = ["b"]\n');
  const gemini = {
    gemini: { command: "g", includeTools: ["a", "b(x, y)"], excludeTools: ["c"] },
    none: { command: "n", includeTools: [] },
  };
  at.write("~/.gemini/settings.json", JSON.stringify({ mcpServers: gemini }));
  at.write("~/.claude.json", JSON.stringify({ mcpServers: of({}) }));
  const deny = ["mcp__some__write", "mcp__some__drop_*", "mcp__some__ask(x:*)", "mcp__something__else"];
  at.write("~/.claude/settings.json", JSON.stringify({ permissions: { deny, allow: ["mcp__some__read"] } }));
  const { servers, stderr } = await imported(at);
  expect(servers).toEqual({
    some: { command: "some", tools: { exclude: ["write", "drop_*"] } },
    windsurf: { command: "w", tools: { exclude: ["a", "b"] } },
    all: { command: "all" },
    codex: { command: "x", tools: { include: ["a", "b"], exclude: ["b"] } },
    gemini: { command: "g", tools: { include: ["a", "b"], exclude: ["c"] } },
    none: { command: "n", tools: { include: [] } },
  });
  expect(stderr).not.toContain("has no meaning here");
});

test("opencode's globs over the tools of all servers are those of each; what they leave nothing of is left out", async () => {
  using at = desk();
  const local = (name: string): object => ({ type: "local", command: [name] });
  const mcp = Object.fromEntries(["some", "one.of", "hidden", "reader", "other"].map((name) => [name, local(name)]));
  const tools = {
    some_write: false,
    "one_of_x*": false,
    "hidden*": false,
    "reader_*": false,
    reader_read: true,
    bash: false,
    other_y: true,
  };
  at.write("~/.config/opencode/opencode.json", JSON.stringify({ mcp, tools: { ...tools, "other*": false } }));
  at.write("opencode.json", JSON.stringify({ tools: { "other*": true, other_z: false } }));
  const { servers, stderr } = await imported(at);
  expect(servers).toEqual({
    some: { command: "some", tools: { exclude: ["write"] } },
    "one.of": { command: "one.of", tools: { exclude: ["x*"] } },
    reader: { command: "reader", tools: { include: ["read"] } },
    other: { command: "other", tools: { exclude: ["z"] } },
  });
  expect(stderr).toContain("left out hidden of opencode: its tools are switched off there");
});

test("a tool that the client did not use is neither listed nor called behind the host", async () => {
  using at = desk();
  at.write(
    "~/.gemini/settings.json",
    JSON.stringify({ mcpServers: { up: { ...upstream(), includeTools: ["echo", "add"], excludeTools: ["add"] } } }),
  );
  await imported(at);
  const tools = JSON.parse((await at.run("list", "tools", "--json")).stdout) as { name: string }[];
  expect(tools.map(({ name }) => name)).toEqual(["echo"]);
  expect(await at.run("call", "add", "--args", '{"a":1,"b":2}')).toMatchObject({ code: EXIT.protocol.code });
});

test("opencode's values are read as it reads them: a variable that nobody set is empty, a file is that beside its own", async () => {
  using at = desk();
  at.write("~/.config/opencode/key.txt", "k-e-y\n");
  const environment = { A: "{env:NOBODY_SET_IT}", B: "{file:key.txt}", C: "${d}{e}" };
  at.write("~/.config/opencode/opencode.jsonc", JSON.stringify({ mcp: { oc: { type: "local", command: ["oc", "-v"], environment } } }));
  const { servers } = await imported(at);
  const env = { A: "${NOBODY_SET_IT:-}", B: `\${file:${join(at.user, ".config/opencode/key.txt")}}`, C: "$${d}{e}" };
  expect(servers).toEqual({ oc: { command: "oc", args: ["-v"], env } });
  expect(await at.run("validate")).toMatchObject({ code: 0 });
});

test("servers over HTTP without a key get what signs in and what keeps it, as the app that Claude Code knows of; others do not", async () => {
  using at = desk();
  const oauth = { clientId: "an-app", callbackPort: 3118, scopes: "read write", authServerMetadataUrl: "https://c.example/meta" };
  at.write(
    "~/.claude.json",
    JSON.stringify({
      mcpServers: {
        open: { type: "http", url: "https://a.example/mcp" },
        keyed: { type: "http", url: "https://b.example/mcp", headers: { authorization: "Bearer x", "X-A": "b" }, oauth: { clientId: "x" } },
        app: { type: "sse", url: "https://c.example/mcp", oauth },
        odd: { url: "https://d.example/mcp", oauth: { clientId: 7 } },
        socket: { url: "wss://e.example/mcp" },
        local: { command: "l" },
      },
    }),
  );
  const { stderr } = await imported(at);
  expect((JSON.parse(at.read("mcp-host.config.json") ?? "") as { plugins: unknown }).plugins).toEqual([
    ["@host/plugin-namespace", { strategy: "conflict" }],
    "@host/plugin-vault",
    [
      "@host/plugin-oauth",
      {
        servers: { app: { clientId: "an-app", callback: { host: "localhost", port: 3118, path: "/callback" }, scopes: ["read", "write"] } },
      },
    ],
  ]);
  expect(stderr).toContain(`open, app, odd may want a sign-in: \`${TYPED} login --all\` goes through those that do`);
  expect(stderr).toContain('app: what Claude Code says with "oauth.authServerMetadataUrl" has no meaning here');
  expect(stderr).toContain('odd: what Claude Code says with "oauth" has no meaning here');
  expect(stderr).toContain(`  ${TYPED} login --all  `);
  expect(await at.run("validate")).toMatchObject({ code: 0 });
});

import { readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parse as parseJsonc } from "jsonc-parser";
import { parse as parseToml } from "smol-toml";
import { describe, expect, test } from "vitest";
import { CLIENT_NAMES, type ClientName, clientOf } from "../../packages/host/dist/cli/clients/clients.js";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { home, start, TYPED } from "../harness/cli.ts";
import { type Desk, desk } from "../harness/desk.ts";
import { BIN, ROOT, upstream } from "../harness/hosts.ts";

const FIXTURES = join(ROOT, "test/fixtures/clients");
const URL_THERE = "https://search.example/mcp";

type Servers = Record<string, Record<string, unknown>>;

/** The text of a client's file as its documentation has it. */
function documented(id: string): string {
  const name = readdirSync(FIXTURES).find((file) => file.startsWith(`${id}.`)) ?? "";
  return readFileSync(join(FIXTURES, name), "utf8");
}

function parsed(id: ClientName, text: string): Record<string, Servers> {
  return (clientOf(id).format === "toml" ? parseToml(text) : parseJsonc(text)) as Record<string, Servers>;
}

/** Where each client looks, below the home or the project. */
const PLACES: Record<ClientName, { linux: string; darwin: string; win32: string; project?: string }> = {
  "claude-desktop": {
    linux: ".config/Claude/claude_desktop_config.json",
    darwin: "Library/Application Support/Claude/claude_desktop_config.json",
    win32: "AppData/Roaming/Claude/claude_desktop_config.json",
  },
  "claude-code": { linux: ".claude.json", darwin: ".claude.json", win32: ".claude.json", project: ".mcp.json" },
  cursor: { linux: ".cursor/mcp.json", darwin: ".cursor/mcp.json", win32: ".cursor/mcp.json", project: ".cursor/mcp.json" },
  vscode: {
    linux: ".config/Code/User/mcp.json",
    darwin: "Library/Application Support/Code/User/mcp.json",
    win32: "AppData/Roaming/Code/User/mcp.json",
    project: ".vscode/mcp.json",
  },
  windsurf: {
    linux: ".codeium/windsurf/mcp_config.json",
    darwin: ".codeium/windsurf/mcp_config.json",
    win32: ".codeium/windsurf/mcp_config.json",
  },
  codex: { linux: ".codex/config.toml", darwin: ".codex/config.toml", win32: ".codex/config.toml", project: ".codex/config.toml" },
  zed: {
    linux: ".config/zed/settings.json",
    darwin: ".config/zed/settings.json",
    win32: "AppData/Roaming/Zed/settings.json",
    project: ".zed/settings.json",
  },
  "gemini-cli": {
    linux: ".gemini/settings.json",
    darwin: ".gemini/settings.json",
    win32: ".gemini/settings.json",
    project: ".gemini/settings.json",
  },
  cline: {
    linux: ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
    darwin: "Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
    win32: "AppData/Roaming/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
  },
  opencode: {
    linux: ".config/opencode/opencode.json",
    darwin: ".config/opencode/opencode.json",
    win32: ".config/opencode/opencode.json",
    project: "opencode.json",
  },
};

test.each(CLIENT_NAMES)("the files of %s are where it keeps them, on each platform", (id) => {
  for (const platform of ["linux", "darwin", "win32"] as const) {
    const files = clientOf(id).files({ platform, home: "/home/u", env: {}, folder: "/home/u/p" });
    expect(files).toEqual({
      user: `/home/u/${PLACES[id][platform]}`,
      ...(PLACES[id].project !== undefined && { project: `/home/u/p/${PLACES[id].project}` }),
    });
  }
});

test("variables of the environment move the files of those clients that heed them", () => {
  const env = { XDG_CONFIG_HOME: "/x", APPDATA: "/a", CODEX_HOME: "/c", CLAUDE_CONFIG_DIR: "/d" };
  const user = (id: ClientName, platform: NodeJS.Platform): string | undefined =>
    clientOf(id).files({ platform, home: "/home/u", env, folder: "/p" }).user;
  expect(user("claude-desktop", "linux")).toBe("/x/Claude/claude_desktop_config.json");
  expect(user("vscode", "win32")).toBe("/a/Code/User/mcp.json");
  expect(user("vscode", "darwin")).toBe("/home/u/Library/Application Support/Code/User/mcp.json");
  expect(user("codex", "linux")).toBe("/c/config.toml");
  expect(user("claude-code", "linux")).toBe("/d/.claude.json");
});

test.each(["linux", "darwin", "win32"] as const)("on %s the host is installed where Claude Desktop and VS Code look", async (platform) => {
  using at = desk(platform);
  at.write("mcp-host.config.json", '{ "mcpServers": {} }');
  for (const id of ["claude-desktop", "vscode"] as const) {
    expect(await at.run("install", id, "--yes")).toMatchObject({ code: 0 });
    expect(parsed(id, at.read(`~/${PLACES[id][platform]}`) ?? "")[clientOf(id).key]).toHaveProperty("mcp-host");
  }
});

test.each(CLIENT_NAMES)("client-config %s prints the form that is documented, and nothing else on standard output", async (id) => {
  using at = desk();
  const config = at.write("mcp-host.config.json", '{ "mcpServers": {} }');
  const { key, transports } = clientOf(id);
  const { local = {}, remote = {} } = parsed(id, documented(id))[key] as Servers;

  const stdio = await at.run("client-config", id, "--name", "local");
  expect(stdio).toMatchObject({ code: 0, stderr: expect.stringContaining(join(at.user, PLACES[id].linux)) });
  expect(Object.keys(parsed(id, stdio.stdout))).toEqual([key]);
  const entry = parsed(id, stdio.stdout)[key]?.local ?? {};
  const command = [entry.command, entry.args ?? []].flat(2);
  expect(command).toEqual([process.execPath, BIN, "start", "stdio", "--config", config]);
  expect(Object.keys(local)).toEqual(expect.arrayContaining(Object.keys(entry)));
  if (entry.type !== undefined) expect(entry.type).toBe(local.type);
  const json = await at.run("client-config", id, "--name", "local", "--json");
  expect({ ...json, stdout: JSON.parse(json.stdout) }).toMatchObject({
    code: 0,
    stderr: "",
    stdout: { client: id, name: "local", path: join(at.user, PLACES[id].linux), text: stdio.stdout, content: parsed(id, stdio.stdout) },
  });

  const http = await at.run("client-config", id, "--name", "remote", "--url", URL_THERE);
  if (!transports.includes("http")) {
    expect(http).toMatchObject({ code: EXIT.usage.code, stdout: "", stderr: expect.stringContaining("takes no addresses in its file") });
    return;
  }
  const there = parsed(id, http.stdout)[key]?.remote ?? {};
  const [address = ""] = Object.entries(remote).find(([, value]) => value === URL_THERE) ?? [];
  expect(there).toMatchObject({ [address]: URL_THERE, ...(remote.type !== undefined && { type: remote.type }) });
  expect(Object.keys(remote)).toEqual(expect.arrayContaining(Object.keys(there)));
});

/** What the documented file of each client becomes. `WORK` and `HOME` stand for folders. */
const IMPORTED: Record<ClientName, Servers> = {
  "claude-desktop": { local: { command: "/opt/servers/files", args: ["--root", "/srv/$${literal}"], env: { MODE: "read" } } },
  "claude-code": {
    local: { command: "/opt/servers/files", args: ["--root", "${ROOT:-/srv}"], env: { MODE: "${MODE:-read}" } },
    remote: { url: URL_THERE, headers: { Authorization: "Bearer ${SEARCH_TOKEN:-none}" } },
  },
  cursor: {
    local: { command: "/opt/servers/files", args: ["--root", "WORK/docs", "HOME"], env: { MODE: "${env:MODE:-read}" } },
    remote: { url: URL_THERE, headers: { "X-Team": "${env:TEAM:-none}" } },
  },
  vscode: {
    local: { command: "/opt/servers/files", args: ["--root", "WORK"], env: { TEAM: "${input:team}" } },
    remote: { url: URL_THERE, headers: { Authorization: "Bearer ${input:search-key}" } },
  },
  windsurf: {
    local: { command: "/opt/servers/files", args: ["--root", "/srv"], env: { MODE: "read" } },
    remote: { url: URL_THERE, headers: { "X-Team": "${env:TEAM:-none}" } },
  },
  codex: {
    local: { command: "/opt/servers/files", args: ["--root", "/srv"], env: { SHELL: "${SHELL:-}", MODE: "read" }, startTimeout: "20s" },
    remote: {
      url: URL_THERE,
      headers: { "X-Region": "eu", "X-Team": "${TEAM}", Authorization: "Bearer ${SEARCH_TOKEN}" },
      timeout: "45s",
    },
  },
  zed: {
    local: { command: "/opt/servers/files", args: ["--root", "/srv"], env: { MODE: "read" } },
    remote: { url: URL_THERE, headers: { "X-Region": "eu" } },
  },
  "gemini-cli": {
    local: { command: "/opt/servers/files", args: ["--root", "/srv"], env: { USER_NAME: "${USER}", MODE: "${HOME}" } },
    remote: { url: URL_THERE, headers: { "X-Region": "eu" }, tools: { include: ["find"] } },
  },
  cline: {
    local: { command: "/opt/servers/files", args: ["--root", "/srv"], env: { MODE: "read" } },
    remote: { url: URL_THERE, headers: { "X-Region": "eu" } },
  },
  opencode: {
    local: {
      command: "/opt/servers/files",
      args: ["--root", "/srv/$${literal}"],
      env: { TEAM: "${TEAM:-}" },
      startTimeout: "8s",
    },
    remote: { url: URL_THERE, headers: { "X-Key": "${file:HOME/key}", "X-Region": "eu" } },
  },
};

/** What is said of entries that are not taken over as they are. */
const TOLD: Partial<Record<ClientName, string>> = {
  vscode: "MCP_HOST_INPUT_SEARCH_KEY  (remote)",
  codex: "SEARCH_TOKEN  (remote)",
  zed: "left out of-an-extension of Zed: it has neither a command nor an address",
  cline: "left out off of Cline: it is switched off there",
  opencode: 'remote: what opencode says with "oauth" has no meaning here',
};

test.each(CLIENT_NAMES)("init imports the servers of a documented file of %s", async (id) => {
  using at = desk();
  at.write(`~/${PLACES[id].linux}`, documented(id));
  const { code, stderr } = await at.run("init", "--import", id);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(TOLD[id] ?? "") });
  const text = (at.read("mcp-host.config.json") ?? "").replaceAll(at.path, "WORK").replaceAll(at.user, "HOME");
  expect(JSON.parse(text).mcpServers).toEqual(IMPORTED[id]);
});

test("opencode's file with comments is the one that counts where there are both", async () => {
  using at = desk();
  at.write("mcp-host.config.json", '{ "mcpServers": {} }');
  at.write("~/.config/opencode/opencode.json", "{}");
  at.write("~/.config/opencode/opencode.jsonc", "// mine\n{}\n");
  expect(await at.run("install", "opencode", "--yes")).toMatchObject({ code: 0 });
  expect(at.read("~/.config/opencode/opencode.json")).toBe("{}");
  const text = at.read("~/.config/opencode/opencode.jsonc") ?? "";
  expect(text.startsWith("// mine\n")).toBe(true);
  expect(parseJsonc(text).mcp["mcp-host"]).toMatchObject({ type: "local", enabled: true });
});

test("the questions of VS Code that imported servers need come along, and no others", async () => {
  using at = desk();
  const inputs = [
    { id: "key", type: "promptString", description: "Key", password: true },
    { id: "unused", type: "promptString" },
  ];
  const servers = { one: { type: "stdio", command: "one", env: { KEY: "${input:key}" } } };
  at.write(".vscode/mcp.json", JSON.stringify({ inputs, servers }));
  expect(await at.run("init", "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining("MCP_HOST_INPUT_KEY  (one)") });
  expect(JSON.parse(at.read("mcp-host.config.json") ?? "")).toEqual({
    inputs: [inputs[0]],
    mcpServers: { one: { command: "one", env: { KEY: "${input:key}" } } },
  });
});

/** What client-config says of a host that asks for keys. */
const KEYED: Partial<Record<ClientName, unknown>> = {
  "claude-code": { headers: { Authorization: "Bearer ${MCP_API_KEY}" } },
  cursor: { headers: { Authorization: "Bearer ${env:MCP_API_KEY}" } },
  vscode: { headers: { Authorization: "Bearer ${input:mcp-api-key}" } },
  windsurf: { headers: { Authorization: "Bearer ${env:MCP_API_KEY}" } },
  codex: { bearer_token_env_var: "MCP_API_KEY" },
  zed: { headers: { Authorization: "Bearer YOUR_API_KEY" } },
  "gemini-cli": { headers: { Authorization: "Bearer $MCP_API_KEY" } },
  cline: { headers: { Authorization: "Bearer YOUR_API_KEY" } },
  opencode: { headers: { Authorization: "Bearer {env:MCP_API_KEY}" } },
};

function withAuth(at: Desk): void {
  const keys = [{ id: "k", digest: "A".repeat(43) }];
  const plugins = [["@host/plugin-auth", { apiKeys: { pepper: "a pepper of this test", keys }, default: "allow" }]];
  at.write("mcp-host.config.json", JSON.stringify({ listen: { port: 4123, path: "/all" }, mcpServers: {}, plugins }));
}

test.each(Object.keys(KEYED) as ClientName[])("client-config %s leaves a place for the key that an auth plugin asks for", async (id) => {
  using at = desk();
  withAuth(at);
  const { code, stdout, stderr } = await at.run("client-config", id, "--http");
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("The host asks for a key") });
  expect(parsed(id, stdout)[clientOf(id).key]?.["mcp-host"]).toMatchObject(KEYED[id] as object);
  expect(stdout).toContain("http://127.0.0.1:4123/all");
});

describe("an endpoint", () => {
  const OPEN = ["@host/plugin-profiles", { profiles: { work: { servers: ["one"] }, play: {} } }];
  const config = JSON.stringify({ listen: { port: 4123, path: "/all" }, mcpServers: { one: { command: "one" } }, plugins: [OPEN] });
  const entryOf = (id: ClientName, text: string): unknown => parsed(id, text)[clientOf(id).key]?.["mcp-host"];

  test.each(["--endpoint", "--profile"])("%s is in the command and in the URL that a client is given", async (flag) => {
    using at = desk();
    const path = at.write("mcp-host.config.json", config);
    const stdio = await at.run("client-config", "cursor", flag, "work");
    expect(entryOf("cursor", stdio.stdout)).toMatchObject({ args: [BIN, "start", "stdio", "--config", path, "--endpoint", "work"] });
    expect(stdio.stderr).toContain(`install cursor ${flag} work\``);
    const http = await at.run("client-config", "cursor", "--http", flag, "work");
    expect(entryOf("cursor", http.stdout)).toEqual({ url: "http://127.0.0.1:4123/all/p/work" });
    const url = await at.run("client-config", "cursor", "--url", "http://127.0.0.1:1/mcp/?team=a", flag, "any");
    expect(entryOf("cursor", url.stdout)).toEqual({ url: "http://127.0.0.1:1/mcp/p/any?team=a" });
    expect(await at.run("install", "cursor", "--yes", flag, "play")).toMatchObject({ code: 0 });
    expect(entryOf("cursor", at.read("~/.cursor/mcp.json") ?? "")).toMatchObject({ args: expect.arrayContaining(["--endpoint", "play"]) });
    const claude = await at.run("client-config", "claude-code", "--http", flag, "work");
    expect(claude.stderr).toContain("claude mcp add --transport http --scope user mcp-host http://127.0.0.1:4123/all/p/work\n");
  });

  test.each([[], ["--http"], ["--url", "http://127.0.0.1:1/mcp", "--config", "mcp-host.config.json"]])(
    "that no plugin opens is refused, with those that there are: %j",
    async (...flags) => {
      using at = desk();
      at.write("mcp-host.config.json", config);
      for (const command of [["client-config"], ["install", "--yes"]])
        expect(await at.run(...command, "cursor", ...flags, "--endpoint", "wrok")).toEqual({
          code: EXIT.usage.code,
          stdout: "",
          stderr: expect.stringContaining('--endpoint: no endpoint is called "wrok" (did you mean "work"?); there are work, play'),
        });
      expect(at.read("~/.cursor/mcp.json")).toBeUndefined();
    },
  );

  test("that is named twice must be the same", async () => {
    using at = desk();
    at.write("mcp-host.config.json", config);
    expect(await at.run("client-config", "cursor", "--endpoint", "work", "--profile", "work")).toMatchObject({ code: 0 });
    expect(await at.run("client-config", "cursor", "--endpoint", "work", "--profile", "play")).toMatchObject({
      code: EXIT.usage.code,
      stderr: expect.stringContaining("--endpoint and --profile mean the same and name two endpoints"),
    });
  });
});

test("VS Code's question for the key comes and goes with the host, and questions of others stay", async () => {
  using at = desk();
  withAuth(at);
  const before = '{\n  "inputs": [\n    { "id": "other", "type": "promptString" }\n  ],\n  "servers": {}\n}\n';
  at.write(".vscode/mcp.json", before);
  const args = ["vscode", "--scope", "project", "--yes"];
  expect(await at.run("install", ...args, "--http")).toMatchObject({ code: 0 });
  const installed = parseJsonc(at.read(".vscode/mcp.json") ?? "") as { inputs: { id: string; password?: boolean }[] };
  expect(installed.inputs.map(({ id, password }) => [id, password])).toEqual([
    ["other", undefined],
    ["mcp-api-key", true],
  ]);
  expect(await at.run("install", ...args, "--http")).toMatchObject({ code: 0, stdout: "" });
  expect(await at.run("uninstall", ...args)).toMatchObject({ code: 0 });
  expect(parseJsonc(at.read(".vscode/mcp.json") ?? "")).toEqual(parseJsonc(before));
});

test("for Claude Code its own command is printed too, quoted for a shell", async () => {
  using at = desk();
  const config = at.write("it's here/c.json", '{ "mcpServers": {} }');
  const stdio = await at.run("client-config", "claude-code", "--config", config, "--scope", "project");
  const quoted = `'${config.replace("'", "'\\''")}'`;
  expect(stdio.stderr).toContain(`claude mcp add --scope project mcp-host -- ${process.execPath} ${BIN} start stdio --config ${quoted}\n`);
  const { command, advice } = JSON.parse((await at.run("client-config", "claude-code", "--config", config, "--json")).stdout);
  expect(stdio.stderr.replaceAll(" --scope project ", " --scope user ")).toContain(`: ${command}\n`);
  expect(stdio.stderr).toContain(`\n${advice.at(-1)}\n`);
  const http = await at.run("client-config", "claude-code", "--url", "http://127.0.0.1:1/mcp");
  expect(http.stderr).toContain("claude mcp add --transport http --scope user mcp-host http://127.0.0.1:1/mcp\n");
});

test("variables that only this shell has are named, for a client that starts the host may not have them", async () => {
  using at = desk();
  at.write("~/.config/mcp-host/credentials.json", '{ "KEPT": "x" }');
  const env = { A: "${KEPT}", B: "${NOT_KEPT}", C: "${WITH_DEFAULT:-c}", D: "${HOME}", E: "$${LITERAL}" };
  at.write("mcp-host.config.json", JSON.stringify({ mcpServers: { one: { command: "one", env } } }));
  const said = "The config takes NOT_KEPT from the environment, which a program that starts the host may not have";
  for (const args of [["client-config"], ["install", "--yes"]])
    expect(await at.run(...args, "cursor")).toMatchObject({ code: 0, stderr: expect.stringContaining(said) });
});

test.each([
  [["client-config", "curser"], EXIT.usage.code, 'client: "curser" is not one of'],
  [["client-config", "cursor", "--stdio", "--http"], EXIT.usage.code, "say different things; give one of them"],
  [["client-config", "cursor", "--url", "ftp://x"], EXIT.usage.code, '--url: "ftp://x" is no http:// or https:// URL'],
  [["client-config", "windsurf", "--scope", "project"], EXIT.usage.code, "Windsurf has no file for a project"],
  [["client-config", "cursor", "--name", "a b"], EXIT.usage.code, '--name: "a b" must be'],
  [["client-config", "cursor", "--config", "none.json"], EXIT.config.code, `run \`${TYPED} init\``],
  [
    ["client-config", "cursor", "--http", "--config", "free.json"],
    EXIT.notRunning.code,
    "the config takes any free port, and no host is running",
  ],
])("%j tells what is wrong", async (args, code, message) => {
  using at = desk();
  at.write("mcp-host.config.json", '{ "mcpServers": {} }');
  at.write("free.json", '{ "listen": { "port": 0 }, "mcpServers": {} }');
  expect(await at.run(...args)).toEqual({ code, stdout: "", stderr: expect.stringContaining(message) });
});

test("client-config --http has the address of the host that runs, and asks which when several do", async () => {
  using at = home({ listen: { port: 0 }, mcpServers: { one: upstream() } });
  await using first = start(at, ["start"]);
  await expect.poll(first.stderr).toContain("Stop with Ctrl-C");
  const [url = ""] = /http:\/\/[\w.:]+\/mcp/.exec(first.stderr()) ?? [];
  await using one = start(at, ["client-config", "cursor", "--http"]);
  expect(JSON.parse((await one.exited).stdout)).toEqual({ mcpServers: { "mcp-host": { url } } });

  await using second = start(at, ["start"]);
  await expect.poll(second.stderr).toContain("Stop with Ctrl-C");
  await using two = start(at, ["client-config", "cursor", "--http"]);
  expect(await two.exited).toMatchObject({ code: EXIT.notRunning.code, stderr: expect.stringContaining(`--url ${url}`) });
});

test("the PATH that a client with windows is given has each folder once, and not those that npm alone puts there", async () => {
  using at = desk();
  at.write("mcp-host.config.json", '{ "mcpServers": {} }');
  at.write("node_modules/.bin/server", "");
  const own = join(at.path, "node_modules/.bin");
  const npm = [own, join(at.user, "node_modules/.bin"), "/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin"];
  const shell = ["/bin", "/usr/bin"];
  Object.assign(at.env, { PATH: [...npm, own, ...shell, ...shell].join(delimiter) });
  const { stdout } = await at.run("client-config", "claude-desktop");
  const { PATH } = JSON.parse(stdout).mcpServers["mcp-host"].env;
  expect(PATH).toBe([own, ...shell].join(delimiter));
});

test("the command that client-config names writes what client-config printed", async () => {
  using at = desk();
  at.write("own.json", '{ "mcpServers": {} }');
  const flags = ["--scope", "project", "--name", "tools", "--url", "http://127.0.0.1:1/mcp?a=b&c", "--config", "own.json"];
  const { stdout, stderr } = await at.run("client-config", "cursor", ...flags);
  expect(stderr).toContain(
    `\`${TYPED} install cursor --scope project --name tools --url 'http://127.0.0.1:1/mcp?a=b&c' --config own.json\` writes it there`,
  );
  expect(await at.run("install", "cursor", ...flags, "--yes")).toMatchObject({ code: 0 });
  expect(JSON.parse(at.read(".cursor/mcp.json") ?? "")).toEqual(JSON.parse(stdout));
});

test("where no host runs, client-config --http has the address that the config listens on, with TLS as well", async () => {
  using at = desk();
  at.write("mcp-host.config.json", '{ "listen": { "port": 3999, "tls": { "cert": "c.pem", "key": "k.pem" } }, "mcpServers": {} }');
  const { stdout, stderr } = await at.run("client-config", "cursor", "--http");
  expect(JSON.parse(stdout).mcpServers["mcp-host"].url).toBe("https://127.0.0.1:3999/mcp");
  expect(stderr).toContain(`No host of this config is running; \`${TYPED} start\` starts one.`);
});

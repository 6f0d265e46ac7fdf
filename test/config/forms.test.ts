import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { loadConfig } from "../../packages/host/dist/config/load.js";
import { type Home, home, type Output, run } from "../harness/cli.ts";
import { ROOT, upstream } from "../harness/hosts.ts";

const PLUGINS = ["@host/plugin-namespace", ["@host/plugin-cache", { ttl: "${TTL:-60s}", tools: ["a__*"] }]];
const SERVERS = { a: { command: "node", args: ["x.js"], env: { A: "${HOME_OF_A:-none}" }, timeout: "30s" } };
const CONFIG = { listen: { port: 4000 }, mcpServers: SERVERS, plugins: PLUGINS };

const YAML = `
listen: { port: 4000 }
mcpServers:
  a:
    command: node
    args: [x.js]
    env: { A: "\${HOME_OF_A:-none}" }
    timeout: 30s
plugins:
  - "@host/plugin-namespace"
  - ["@host/plugin-cache", { ttl: "\${TTL:-60s}", tools: [a__*] }]
`;

const TOML = `
plugins = ["@host/plugin-namespace", ["@host/plugin-cache", { ttl = "\${TTL:-60s}", tools = ["a__*"] }]]

[listen]
port = 4000

[mcpServers.a]
command = "node"
args = ["x.js"]
env = { A = "\${HOME_OF_A:-none}" }
timeout = "30s"
`;

const text = JSON.stringify(CONFIG);
const IMPORTS =
  'import { defineConfig } from "mcp-host"; import namespace from "@host/plugin-namespace"; import cache from "@host/plugin-cache";';
const VALUES = `{ ...${JSON.stringify({ ...CONFIG, plugins: undefined })}, plugins: [namespace(), cache({ ttl: "\${TTL:-60s}", tools: ["a__*"] })] }`;

/** A file of each form, all of which mean the same. */
const FORMS: [name: string, text: string][] = [
  ["mcp-host.config.json", text],
  ["mcp-host.config.jsonc", `// a comment\n${text}`],
  ["mcp-host.config.yaml", YAML],
  ["mcp-host.config.yml", YAML],
  ["mcp-host.config.toml", TOML],
  ["mcp-host.config.js", `export default ${text}`],
  ["mcp-host.config.mjs", `export default () => (${text})`],
  ["mcp-host.config.cjs", `module.exports = ${text}`],
  ["mcp-host.config.ts", `export default async ({ env }: { env: object }) => (${text})`],
  ["mcp-host.config.mts", `const config: object = ${text};\nexport default config;`],
  ["mcp-host.config.cts", `const config: object = ${text};\nmodule.exports = config;`],
];

/** A folder in which the packages of this repository are installed. */
function project(files: Record<string, string>): Home {
  const at = home(undefined, { "package.json": '{"type":"module"}', ...files });
  symlinkSync(join(ROOT, "node_modules"), join(at.path, "node_modules"));
  return at;
}

async function shown(at: Home, env: Record<string, string> = {}, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(at, ["config", "show", "--json", ...args], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("one config in every form", () => {
  /** What the JSON form comes to. */
  let first: Promise<Record<string, unknown>> | undefined;
  async function standard(): Promise<Record<string, unknown>> {
    first ??= (async () => {
      using at = project({ "mcp-host.config.json": text });
      return await shown(at);
    })();
    return first;
  }

  test.each(FORMS)("%s is found, valid, and resolved as the others", async (name, content) => {
    using at = project({ [name]: content });
    await run(at, ["trust"]);
    expect(await run(at, ["validate"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${name} is valid: 1 server, 2 plugins`),
    });
    const config = await shown(at);
    expect(config).toMatchObject({
      listen: { port: 4000, host: "127.0.0.1", path: "/mcp" },
      mcpServers: { a: { command: "node", args: ["x.js"], env: { A: "none" }, timeout: 30_000, isolation: "shared" } },
      plugins: ["@host/plugin-namespace", ["@host/plugin-cache", { ttl: "60s", tools: ["a__*"] }]],
      drain: 10_000,
    });
    expect(config).toEqual(await standard());
  });

  test.each(["mcp-host.config.ts", "mcp-host.config.mjs"])(
    "%s with plugins as values is the same, named by their plugins",
    async (name) => {
      using at = project({ [name]: `${IMPORTS}\nexport default defineConfig(${VALUES});` });
      await run(at, ["trust"]);
      const { plugins, ...rest } = await shown(at, { TTL: "5s" });
      expect(plugins).toEqual([{ use: "namespace" }, { use: "cache", options: { ttl: "5s", tools: ["a__*"] } }]);
      using other = project({ "mcp-host.config.json": text });
      expect(rest).toEqual({ ...(await shown(other)), plugins: undefined });
    },
  );

  test.each(FORMS.filter(([name]) => /json$|toml|yaml|ts$/.test(name)))(
    "mistakes in %s are told with their places",
    async (name, content) => {
      const bad = content
        .replace(/port("?)( ?[:=] ?)4000/, "prt$1$24000")
        .replace(/60s/, "60 parsecs")
        .replace("HOME_OF_A:-none", "NOBODY_SET_THIS");
      using at = project({ [name]: bad });
      await run(at, ["trust"]);
      const { code, stderr } = await run(at, ["validate"]);
      expect(code).toBe(EXIT.config.code);
      expect(stderr).toContain(join(at.path, name));
      expect(stderr).toContain('listen.prt: unknown key (did you mean "port"?)');
      expect(stderr).toContain("mcpServers.a.env.A: the variable NOBODY_SET_THIS is not set; set it,");
      expect(stderr).toContain('plugins[1].options.ttl: "60 parsecs" is not one of the forms');
    },
  );

  test("bad options of plugins as values have the place that they have in a file", async () => {
    using at = project({
      "mcp-host.config.ts": `${IMPORTS}
        export default { mcpServers: {}, plugins: [namespace(), cache({ ttl: "soon" }), { use: cache({ tll: 1 }), id: "two" }, cache({ ttl: "\${NOT_SET}" })] };`,
    });
    await run(at, ["trust"]);
    const { stderr } = await run(at, ["validate"]);
    expect(stderr).toContain("plugins[1].options.ttl: ");
    expect(stderr).toContain('plugins[2].options.tll: plugin "cache" has no such option (did you mean "ttl"?)');
    expect(stderr).toContain("plugins[3].options.ttl: the variable NOT_SET is not set");
  });
});

const INVALID: [what: string, name: string, content: string, expected: string | RegExp][] = [
  ["TOML", "c.toml", "[listen]\nport = \n", /^2:\d+: /],
  ["a key that is there twice", "c.toml", "[a]\nb = 1\n[a]\n", /^3:\d+: /],
  ["TypeScript", "c.ts", "export default {\n  a: ,\n};", /^2:5: Unexpected token/],
  ["JavaScript", "c.mjs", "export default {\n  a: ,\n};", /^2:\d+: Unexpected token/],
  ["CommonJS", "c.cjs", "module.exports = {\n  a: ,\n};", /^2:\d+: Unexpected token/],
  ["what throws", "c.mjs", 'const a = 1;\nthrow new Error("out of order");', "2:7: out of order"],
  ["TypeScript that throws", "c.ts", 'const a: number = 1;\nthrow new Error("out of order");', "2:7: out of order"],
  ["a function that throws", "c.mjs", 'export default () => {\n  throw new Error("not today");\n};', "2:9: not today"],
  ["a function that rejects", "c.ts", 'export default async () => {\n  throw new Error("not today");\n};', "2:9: not today"],
  ["no default export", "c.mjs", "export const config = {};", "no default export; write `export default { mcpServers"],
  ["nothing returned", "c.mjs", "export default () => {};", "the config: is empty"],
  ["a missing package", "c.mjs", 'import "not-installed";', /Cannot find package 'not-installed'.*; run `npm install not-installed` in/],
  [
    "a missing package in TypeScript",
    "c.ts",
    'import x from "not-installed"; export default x;',
    /'not-installed'.*; run `npm install not-installed` in/,
  ],
  ["what holds itself", "c.mjs", "const a = {}; a.mcpServers = a; export default a;", "does something in it hold itself?"],
  [
    "what never settles",
    "c.mjs",
    "export default () => new Promise((done) => setTimeout(done, 60000));",
    "the config was not ready after 10 s",
  ],
];

test.each(INVALID)("%s that cannot be read is told with file and place: %s", async (_what, name, content, expected) => {
  using at = home(undefined, { [name]: content });
  const error: unknown = await loadConfig(name, { cwd: at.path }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: "ConfigFileError", path: join(at.path, name), problems: [expect.stringMatching(expected)] });
});

test("a config in code is given the environment and its folder, and one that everybody can write is not run", async () => {
  using at = home(undefined, {
    ".env": "FROM_FILE=one\nWINS=file",
    "mcp-host.config.mjs": `export default ({ env, folder }) => ({
      mcpServers: { a: { command: "node", env: { A: env.FROM_FILE + env.WINS, F: folder } } } });`,
  });
  await run(at, ["trust"]);
  const config = await shown(at, { WINS: "process" }, "--env-file", ".env");
  expect(config).toMatchObject({ mcpServers: { a: { env: { A: "oneprocess", F: at.path } } } });
  chmodSync(join(at.path, "mcp-host.config.mjs"), 0o606);
  expect(await run(at, ["validate"])).toMatchObject({ code: EXIT.config.code, stderr: expect.stringContaining("chmod go-w") });
});

describe("VS Code's form", () => {
  const server = upstream({ only: ["environment"] });
  const form = {
    inputs: [
      { id: "api-key", type: "promptString", description: "The API key", password: true },
      { id: "region", type: "pickString", description: "The region", options: ["eu", { label: "America", value: "us" }], default: "eu" },
      { id: "secret", type: "command", command: "vault.read" },
    ],
    servers: {
      files: {
        type: "stdio",
        ...server,
        envFile: "${workspaceFolder}/files.env",
        env: { ...server.env, KEY: "${input:api-key}", REGION: "${input:region}", HOME_OF: "${userHome}", X: "${env:X}" },
      },
      off: { command: "${NOT_SET}", disabled: true },
      out: { url: "${NOT_SET}", enabled: "${ENABLED:-false}" },
    },
  };
  const files = { "files.env": "FROM_FILE=yes\nREGION=nowhere\n" };
  const env = { MCP_HOST_INPUT_API_KEY: "key-of-files", X: "x", HOME: "/home/x" };

  test("works as it is: servers, inputs, envFile, its variables, servers that are switched off", async () => {
    using at = home(form, files);
    const { mcpServers } = await shown(at, env);
    expect(mcpServers).toMatchObject({
      files: { env: { FROM_FILE: "yes", KEY: "[redacted]", REGION: "eu", HOME_OF: "/home/x", X: "x" } },
    });
    expect(Object.keys(mcpServers as object)).toEqual(["files"]);
    const { code, stdout } = await run(at, ["call", "environment", "--json"], env);
    const got = (JSON.parse(stdout) as { structuredContent: { env: Record<string, string> } }).structuredContent.env;
    expect({ code, got }).toMatchObject({ code: 0, got: { FROM_FILE: "yes", KEY: "key-of-files", REGION: "eu", HOME_OF: "/home/x" } });
  });

  test("in a folder .vscode the workspace is the folder around it", async () => {
    using at = home(undefined, files);
    mkdirSync(join(at.path, ".vscode"));
    writeFileSync(join(at.path, ".vscode/mcp.json"), JSON.stringify(form), { mode: 0o600 });
    expect(await shown(at, env, "--config", ".vscode/mcp.json")).toMatchObject({ mcpServers: { files: { env: { FROM_FILE: "yes" } } } });
  });

  test("without a terminal an input that nobody has set is missing by the name of its variable, at the place as it is written", async () => {
    using at = home(form, files);
    const { code, stdout } = await run(at, ["validate", "--json"], { X: "x" });
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({
      code: EXIT.config.code,
      problems: [expect.stringMatching(/^servers\.files\.env\.KEY: the variable MCP_HOST_INPUT_API_KEY is not set/)],
      upstreams: [{ name: "files", state: "unconfigured", reason: expect.stringMatching(/^env\.KEY: the variable/) }],
    });
    expect(stdout).not.toContain("mcpServers");
  });

  test("mcpServers and servers at once are an error", async () => {
    using at = home({ ...form, mcpServers: {} }, files);
    expect(await run(at, ["validate"], env)).toMatchObject({
      code: EXIT.config.code,
      stderr: expect.stringContaining('servers: is another name for "mcpServers", and both are there; put all servers into one of the two'),
    });
  });

  test("--set and the variables of keys reach the servers by either name", async () => {
    using at = home(form, files);
    const config = await shown(at, { ...env, MCP_HOST_MCP_SERVERS__FILES__MAX_TIMEOUT: "2m" }, "--set", "servers.files.timeout=5s");
    expect(config).toMatchObject({ mcpServers: { files: { timeout: 5_000, maxTimeout: 120_000 } } });
  });
});

/** Runs `mcp-host` on a terminal of its own, types `input`, and gives all that appears there. */
async function onTerminal(at: Home, args: string[], input: string): Promise<Output> {
  const script = `
import os, pty, select, signal, sys, time
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
typed, seen, until = sys.stdin.readline(), b"", time.time() + 30
lines = typed.rstrip("\\n").split("|")
while time.time() < until:
    if not select.select([terminal], [], [], 1)[0]: continue
    try: chunk = os.read(terminal, 4096)
    except OSError: break
    if not chunk: break
    seen += chunk
    while lines and seen.count(b"> ") > len(typed.split("|")) - len(lines):
        os.write(terminal, lines.pop(0).encode() + b"\\r")
else: os.kill(pid, signal.SIGKILL)
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;
  const { spawn } = await import("node:child_process");
  const { BIN, MARKED } = await import("../harness/hosts.ts");
  const child = spawn("python3", ["-c", script, process.execPath, BIN, ...args], {
    cwd: at.path,
    env: { ...process.env, ...MARKED, ...at.env, TERM: "dumb" },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  child.stdin.end(`${input}\n`);
  const code = await new Promise<number | null>((done) => child.once("close", done));
  return { code, stdout, stderr };
}

test("on a terminal inputs are asked for, and a password is not shown", async () => {
  using at = home({
    inputs: [
      { id: "key", type: "promptString", description: "The key", password: true },
      { id: "region", type: "pickString", description: "The region", options: ["eu", "us"] },
      { id: "unused", type: "promptString" },
    ],
    servers: { a: { command: "node", required: true, env: { KEY: "${input:key}", REGION: "${input:region}" } } },
  });
  const { code, stdout } = await onTerminal(at, ["config", "show"], "my-password|3|2");
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("REGION: us") });
  expect(stdout).toContain("The key");
  expect(stdout).toContain("  2. us");
  expect(stdout).toContain("Answer with a number from 1 to 2.");
  expect(stdout).not.toContain("my-password");
  expect(stdout).not.toContain("unused");
  expect(await onTerminal(at, ["config", "show"], "\u0003")).toMatchObject({ code: EXIT.interrupted.code });
  // Where standard input is the protocol's, nobody is asked.
  expect(await onTerminal(at, ["start", "stdio"], "")).toMatchObject({
    code: EXIT.config.code,
    stdout: expect.stringContaining("the variable MCP_HOST_INPUT_KEY is not set"),
  });
});

/** A plugin that may be there for some calls only. */
const SHORTER = `import { definePlugin } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
export default definePlugin({ name: "shorter", host: "^1.0.0", apply: (host) => host.hooks.respond.for("tools/call").tap("shorter", (result) => result) });`;

test("the examples of docs/config.md are valid", async () => {
  const page = readFileSync(join(ROOT, "docs/config.md"), "utf8");
  const blocks = [...page.matchAll(/^```(ts|json|jsonc)\n(.*?)^```$/gms)].map(([, language, content]) => [language, content] as const);
  expect(blocks.map(([language]) => language)).toEqual(["jsonc", "jsonc", "jsonc", "jsonc", "json", "ts", "json"]);
  for (const [language, content = ""] of blocks) {
    // The first names plugins that nobody has.
    const installed = content.replace("./my-plugin.ts", "@host/plugin-cache").replace('"mcp-host-plugin-x"', '"@host/plugin-cache"');
    using at = project({ [`mcp-host.config.${language}`]: installed, "search.env": "A=1", "shorter-answers.mjs": SHORTER });
    await run(at, ["trust"]);
    const result = await run(at, ["validate"], { SEARCH_TOKEN: "t", MCP_HOST_INPUT_SEARCH_KEY: "k" });
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining("is valid") });
  }
});

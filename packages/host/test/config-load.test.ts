import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LoadedConfig, type LoadOptions, loadConfig } from "../dist/config/load.js";
import { ConfigFileError } from "../dist/errors.js";
import { pluginProblems } from "../dist/plugin/load.js";
import { API_VERSION, VERSION } from "../dist/version.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mcp-host-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function load(path?: string, options: LoadOptions = {}): Promise<LoadedConfig> {
  return loadConfig(path, { cwd: folder, env: { XDG_CONFIG_HOME: folder }, pluginProblems, ...options });
}

/** The problems of a config that cannot be used. */
async function problems(path?: string, options?: LoadOptions): Promise<readonly string[]> {
  const error = await load(path, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigFileError);
  return (error as ConfigFileError).problems; // just checked
}

const SERVER = { command: "node", args: ["server.js"] };

test.each([
  ["mcp-host.config.json", '{"mcpServers": {"a": {"command": "node", "args": ["server.js"]}}}'],
  ["mcp-host.config.json", '\uFEFF{"mcpServers": {"a": {"command": "node", "args": ["server.js"]}}}'],
  ["mcp-host.config.jsonc", '{ // a comment\n  "mcpServers": {"a": {"command": "node", /* another */ "args": ["server.js",]}},\n}'],
  ["mcp-host.config.yaml", "mcpServers:\n  a:\n    command: node\n    args: [server.js]\n"],
  ["mcp-host.config.yml", "mcpServers: {a: {command: node, args: [server.js]}}"],
])("%s is found in the working directory", async (name, text) => {
  const path = write(name, text);
  expect(await load()).toEqual({ config: { mcpServers: { a: SERVER } }, folder, path, files: [path], warnings: [], unset: [] });
});

test("a config may have any name and place when it is named", async () => {
  mkdirSync(join(folder, "deep"));
  const path = write("deep/claude_desktop_config.json", JSON.stringify({ mcpServers: { a: SERVER } }));
  expect(await load("deep/claude_desktop_config.json")).toMatchObject({ path, folder: join(folder, "deep") });
});

test("without a config the names that are looked for are told", async () => {
  expect(await problems()).toEqual([
    `there is no mcp-host.config.{json,jsonc,yaml,yml,toml,ts,mts,cts,js,mjs,cjs} in ${folder}; run \`mcp-host init\`, or name a file with --config`,
  ]);
  expect(await problems("nowhere.json")).toEqual([expect.stringContaining(`there is no file ${join(folder, "nowhere.json")}`)]);
  expect(await problems(folder)).toEqual([expect.stringContaining("is not a file")]);
});

test("two configs in one folder are an error, since one of them would be ignored", async () => {
  const files = [write("mcp-host.config.json", "{}"), write("mcp-host.config.yaml", "{}")];
  expect(await problems()).toEqual([`there are several configs: ${files.join(", ")}; remove all but one or name one with --config`]);
});

test.each([
  ["c.ini", "x = 1", /a config file is one of \.json, .*\.toml, \.ts, .*, not "\.ini"/],
  ["c.toml", "a = 1\nb = [", /^2:\d+: /],
  ["c.toml", "[listen]\nport = 1\nport = 2", /^3:\d+: /],
  ["c.json", "", /^1:1: /],
  ["c.json", '{\n  "mcpServers": {\n    "a": }\n}', /^3:10: value expected$/],
  ["c.json", '{"a": 1', /^1:8: close brace expected$/],
  ["c.json", '{"listen": {"port": 1,\n "port": 2}}', /^2:2: the key "port" is there twice; remove one of the two$/],
  ["c.yaml", "mcpServers:\n  a: [", /^\d+:\d+: /],
  ["c.yaml", "listen: {port: 1}\nlisten: {port: 2}", /^2:1: Map keys must be unique$/],
  ["c.yaml", "a: *nothing", /^the YAML cannot be read: Unresolved alias/],
  ["c.yaml", "a: 1\n---\nb: 2", /multiple documents/],
  ["c.json", `{"a":\n${"[".repeat(5_000)}`, /^2:200: nested deeper than 200 levels; is it a config\?$/],
  ["c.json", "[]", /^the config: must be an object, not a list$/],
  ["c.yaml", "", /^the config: is empty/],
])("%s with %j is refused with line and column", async (name, text, expected) => {
  write(name, text);
  expect((await problems(name))[0]).toMatch(expected);
});

test("a YAML file that grows without end by its aliases is refused", async () => {
  const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
  for (let i = 1; i < 10; i++)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(",")}]`,
    );
  write("c.yaml", lines.join("\n"));
  expect((await problems("c.yaml"))[0]).toMatch(/the YAML cannot be read: .*alias/i);
});

const COMPOSED = `
x-node: &node
  command: node
  timeout: 5s
  env: &env { A: "\${A}", B: file }
x-nothing: "\${NOT_READ}"
mcpServers:
  one:
    <<: *node
    args: [one.js]
  two:
    <<: [*node, { isolation: session }]
    timeout: 7s
    env: { <<: *env, B: two }
`;

test("YAML merges maps, and what stands at the top under x- is the file's own", async () => {
  write("c.yaml", COMPOSED);
  const { config, warnings } = await load("c.yaml", { env: { A: "a" } });
  expect(warnings).toEqual([]);
  expect(config).toEqual({
    mcpServers: {
      one: { command: "node", timeout: "5s", env: { A: "a", B: "file" }, args: ["one.js"] },
      two: { command: "node", timeout: "7s", env: { A: "a", B: "two" }, isolation: "session" },
    },
  });
});

test.each([
  ["c.json", '{"x-notes": {"owner": "ops"}, "mcpServers": {"a": {"command": "node", "args": ["server.js"]}}}'],
  ["c.toml", 'x-notes = "ours"\n[mcpServers.a]\ncommand = "node"\nargs = ["server.js"]'],
  ["c.mjs", 'export default { "x-notes": 1, mcpServers: { a: { command: "node", args: ["server.js"] } } };'],
])("x- keys are the file's own in %s, at the top alone", async (name, text) => {
  write(name, text);
  expect((await load(name)).config).toEqual({ mcpServers: { a: SERVER } });
  write("deep.json", JSON.stringify({ mcpServers: { a: { ...SERVER, "x-notes": 1 } } }));
  expect(await problems("deep.json")).toEqual(["mcpServers.a.x-notes: unknown key"]);
});

test("a merge of what is no map is refused", async () => {
  write("c.yaml", "listen:\n  <<: 5\n");
  expect(await problems("c.yaml")).toEqual([expect.stringMatching(/^the YAML cannot be read: Merge/)]);
});

test("a config that everybody can write is refused, one that its group can write is warned of", async () => {
  const world = write("world.json", "{}", 0o606);
  expect(await problems("world.json")).toEqual([expect.stringContaining(`run \`chmod go-w ${world}\``)]);
  const group = write("group.json", JSON.stringify({ mcpServers: { a: SERVER } }), 0o660);
  expect((await load("group.json")).warnings).toEqual([expect.stringContaining(`run \`chmod g-w ${group}\``)]);
});

test("a config in a folder that everybody can write is refused, also by way of a link; one like /tmp will do", async () => {
  mkdirSync(join(folder, "open"));
  mkdirSync(join(folder, "own"));
  const text = JSON.stringify({ mcpServers: { a: SERVER } });
  write("open/c.json", text);
  write("own/c.json", text);
  symlinkSync(join(folder, "own/c.json"), join(folder, "open/link.json"));
  symlinkSync(join(folder, "open/c.json"), join(folder, "own/link.json"));
  const open = join(folder, "open");
  for (const mode of [0o777, 0o702]) {
    chmodSync(open, mode);
    for (const name of ["open/c.json", "open/link.json", "own/link.json"])
      expect(await problems(name), name).toEqual([
        `everybody on this machine can write ${open}, and so decide which commands the host runs; run \`chmod go-w ${open}\``,
      ]);
  }
  for (const mode of [0o1777, 0o775]) {
    chmodSync(open, mode);
    for (const name of ["open/c.json", "open/link.json", "own/link.json", "own/c.json"])
      expect((await load(name)).warnings, name).toEqual([]);
  }
});

test.each([
  ["a path", "./p.mjs", "p.mjs"],
  ["a package", "mcp-host-plugin-p", "node_modules/mcp-host-plugin-p/index.mjs"],
])("a plugin that everybody can write, itself or the folder that it is in, is refused unread: %s", async (_, use, file) => {
  Reflect.deleteProperty(globalThis, "wasRead");
  mkdirSync(join(folder, "node_modules/mcp-host-plugin-p"), { recursive: true });
  write("node_modules/mcp-host-plugin-p/package.json", JSON.stringify({ type: "module", exports: "./index.mjs" }));
  const path = write(file, "globalThis.wasRead = true; export default 1;", 0o606);
  const refusal = (open: string) =>
    `plugins[0]: everybody on this machine can write ${open}, and so decide what plugin "${use}" does; run \`chmod go-w ${open}\``;
  expect(await pluginProblems([use], folder)).toEqual([refusal(path)]);
  chmodSync(path, 0o664);
  chmodSync(dirname(path), 0o777);
  expect(await pluginProblems([use], folder)).toEqual([refusal(dirname(path))]);
  expect(globalThis).not.toHaveProperty("wasRead");
  chmodSync(dirname(path), 0o755);
  expect(await pluginProblems([use], folder)).toEqual([
    `plugins[0]: "${use}" is no plugin: its default export must come from definePlugin()`,
  ]);
});

test("a plugin with its options as the default export is told from what is no plugin", async () => {
  const host = JSON.stringify(import.meta.resolve("mcp-host"));
  write("made.mjs", `import { definePlugin } from ${host}; export default definePlugin({ name: "made", host: "^1.0.0", apply() {} })();`);
  expect(await pluginProblems(["./made.mjs"], folder)).toEqual([
    'plugins[0]: "./made.mjs" exports a plugin with options, which is what a plugin\'s function gives; export what definePlugin() gives without calling it, and leave the options to the config',
  ]);
});

test("a range of the package's version is told from one of the plugin API's", async () => {
  const host = JSON.stringify(import.meta.resolve("mcp-host"));
  const problem = (range: string): Promise<readonly string[]> => {
    write("api.mjs", `import { definePlugin } from ${host}; export default definePlugin({ name: "p", host: "${range}", apply() {} });`);
    return pluginProblems(["./api.mjs"], folder);
  };
  const words = `this host has ${API_VERSION}, which is the version of the plugin API and not that of the package mcp-host (${VERSION}); `;
  expect(await problem(`^${VERSION}`)).toEqual([expect.stringContaining(`${words}write \`host: "^${API_VERSION}"\``)]);
  expect(await problem("^99.0.0")).toEqual([expect.stringContaining(`${words}update the host with npm`)]);
});

test("every problem is told at once, with its place and the remedy", async () => {
  write(
    "c.json",
    JSON.stringify({
      listn: {},
      listen: { port: 70_000, pth: "/mcp" },
      mcpServers: {
        a: { command: "node", url: "http://x" },
        b: { url: "http://127.0.0.1/${PATH_OF_B}", timeut: "5s" },
        c: { command: "node", timeout: "5 parsecs" },
        d: { url: "ftp://x" },
        e: {},
        "f g": { command: "node" },
      },
      plugins: ["./nowhere.js", ["not-installed", {}]],
    }),
  );
  expect(await problems("c.json")).toEqual([
    expect.stringContaining("mcpServers.b.url: the variable PATH_OF_B is not set"),
    expect.stringMatching(/^listen\.port: /),
    'listen.pth: unknown key (did you mean "path"?)',
    'mcpServers.a: has both a "command" and a "url"; one server is one of them',
    'mcpServers.b.timeut: unknown key (did you mean "timeout"?)',
    'mcpServers.c.timeout: "5 parsecs" is not one of the forms "250ms", "30s", "5m", "1h"',
    "mcpServers.d.url: must be an http://, https://, ws:// or wss:// URL",
    'mcpServers.e: needs a "command" (stdio) or a "url" (HTTP)',
    expect.stringContaining("mcpServers.f g: "),
    'listn: unknown key (did you mean "listen"?)',
    `plugins[0]: there is no file ${join(folder, "nowhere.js")}`,
    expect.stringContaining(
      'plugins[1]: plugin "not-installed" is not installed; a name without a scope stands for @host/plugin-not-installed or',
    ),
  ]);
});

test("a value that could not be expanded is told once, not again as a wrong value", async () => {
  write("c.json", JSON.stringify({ mcpServers: { a: { url: "${NOWHERE}" } }, listen: { port: "${NO_PORT}" } }));
  expect(await problems("c.json")).toEqual([
    expect.stringContaining("mcpServers.a.url: the variable NOWHERE is not set"),
    expect.stringContaining("listen.port: the variable NO_PORT is not set"),
  ]);
});

test("numbers and switches may come from variables", async () => {
  write(
    "c.json",
    JSON.stringify({
      listen: { port: "${PORT}" },
      mcpServers: { a: { ...SERVER, required: "${R}", relayRoots: "false", timeout: "${T}" } },
    }),
  );
  const { parseConfig } = await import("../dist/config/parse.js");
  const { config } = await load("c.json", { env: { PORT: "8080", R: "true", T: "5s" } });
  expect(parseConfig(config)).toMatchObject({
    listen: { port: 8080 },
    mcpServers: { a: { required: true, relayRoots: false, timeout: 5_000 } },
  });
  expect(await problems("c.json", { env: { PORT: "80a", R: "yes", T: "5s" } })).toEqual([
    expect.stringContaining("listen.port: "),
    expect.stringContaining("mcpServers.a.required: "),
  ]);
});

test("a config without servers is allowed and warned of", async () => {
  write("c.json", "{}");
  expect((await load("c.json")).warnings).toEqual([expect.stringContaining("mcpServers is empty")]);
});

test.each([
  ["a known form of token", { args: [`ghp_${"a1B2".repeat(9)}`] }, 0],
  ["a variable with a telling name", { args: ["-y", "--key", "${env:API_TOKEN}"] }, 2],
  ["a flag with a telling name", { args: ["--token=abcdefgh"] }, 0],
  ["the word after such a flag", { args: ["--api-key", "abcdefgh"] }, 1],
])("%s among the arguments is warned of, and not shown", async (_what, server, index) => {
  write("c.json", JSON.stringify({ mcpServers: { a: { command: "node", ...server } } }));
  const { warnings } = await load("c.json", { env: { API_TOKEN: "abcdefgh" } });
  expect(warnings).toEqual([expect.stringMatching(new RegExp(`^mcpServers\\.a\\.args\\[${index}\\]: looks like a secret`))]);
  expect(warnings[0]).not.toContain("abcdefgh");
});

test("--set with a dot puts a value in its place, without one it sets a variable", async () => {
  write("c.json", JSON.stringify({ mcpServers: { "my.server": { ...SERVER, env: { N: "0" } } } }));
  const set = [
    "listen.port=8080",
    'listen.hosts=["a.example"]',
    "mcpServers.my.server.timeout=5s",
    "mcpServers.my.server.required=true",
    "mcpServers.my.server.env.N=1",
    "mcpServers.other.url=http://127.0.0.1/${REST}",
    "REST=mcp=x",
  ];
  const { config } = await load("c.json", { set });
  expect(config).toEqual({
    listen: { port: 8080, hosts: ["a.example"] },
    mcpServers: {
      "my.server": { ...SERVER, timeout: "5s", required: true, env: { N: "1" } },
      other: { url: "http://127.0.0.1/mcp=x" },
    },
  });
});

test.each([
  ["novalue", /^--set novalue: must be NAME=value/],
  ["=x", /^--set =x: must be NAME=value/],
  ["no-name=x", /^--set no-name: must be NAME=value/],
  ["listen..port=1", /^--set listen\.\.port: is not a place/],
  ["__proto__.x=1", /^--set __proto__\.x: is not a place/],
  ["mcpServers.a.command.x=1", /^--set mcpServers\.a\.command\.x: mcpServers\.a\.command is a single value/],
  ["listen.prt=1", /^listen\.prt: unknown key \(did you mean "port"\?\)/],
])("--set %s is an error", async (setting, expected) => {
  write("c.json", JSON.stringify({ mcpServers: { a: SERVER } }));
  expect((await problems("c.json", { set: [setting] }))[0]).toMatch(expected);
  expect(({} as Record<string, unknown>).x).toBeUndefined();
});

test("--set reaches into lists by index", async () => {
  write("c.json", JSON.stringify({ mcpServers: { a: SERVER } }));
  const { config } = await load("c.json", { set: ["mcpServers.a.args.0=x.js", "mcpServers.a.args[1]=y"] });
  expect(config.mcpServers?.a).toEqual({ command: "node", args: ["x.js", "y"] });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { loadConfig } from "../dist/config/load.js";
import { parseConfig } from "../dist/config/parse.js";
import { ConfigFileError } from "../dist/errors.js";
import { type Config, ConfigError, createHost, createLogger, definePlugin, type PluginFactory } from "../dist/index.js";
import { pluginProblems } from "../dist/plugin/load.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mcp-host-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The problems of a config file with this text, if it has any, those of single servers included. */
async function problemsOf(text: string, set: string[] = [], name = "c.json"): Promise<readonly string[]> {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  try {
    return (await loadConfig(name, { cwd: folder, env: { XDG_CONFIG_HOME: folder }, set, pluginProblems })).unset;
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    return error.problems;
  }
}

const problems = (config: unknown, set?: string[]): Promise<readonly string[]> => problemsOf(JSON.stringify(config), set);

/** What a config file says of one server. */
const ofServer = (server: unknown): Promise<readonly string[]> => problems({ mcpServers: { x: server } });

test("misspelt keys of a server without a command are told beside the missing command", async () => {
  expect(await ofServer({ comand: "node", arg: ["a"] })).toEqual([
    'mcpServers.x: needs a "command" (stdio) or a "url" (HTTP)',
    'mcpServers.x.comand: unknown key (did you mean "command"?)',
    'mcpServers.x.arg: unknown key (did you mean "args"?)',
  ]);
});

test.each([
  ["a text", "node server.js", 'mcpServers.x: must be an object with a "command" (stdio) or a "url" (HTTP), not a text'],
  [
    "a wrong type",
    { type: "htp", url: "http://127.0.0.1/" },
    'mcpServers.x.type: must be one of "http", "streamable-http", "streamableHttp", "sse", "websocket", "ws", not "htp" (did you mean "http"?)',
  ],
  ["an address", { url: "ftp://127.0.0.1/" }, "mcpServers.x.url: must be an http://, https://, ws:// or wss:// URL"],
  [
    "an HTTP address of a WebSocket server",
    { type: "websocket", url: "https://127.0.0.1/" },
    'mcpServers.x.url: must be a ws:// or wss:// URL, as "type" says "websocket"; or let "type" say "http"',
  ],
  [
    "a WebSocket address of an SSE server",
    { type: "sse", url: "ws://127.0.0.1/" },
    'mcpServers.x.url: must be an http:// or https:// URL, as "type" says "sse"; or let "type" say "ws"',
  ],
  [
    "a proxy that is none",
    { url: "https://h/", proxy: "socks5://p:1" },
    "mcpServers.x.proxy: must be the http:// or https:// URL of a proxy, or false",
  ],
  [
    "a proxy without a scheme",
    { url: "https://h/", proxy: "proxy.corp:3128" },
    "mcpServers.x.proxy: must be the http:// or https:// URL of a proxy, or false",
  ],
  ["a password in an address", { url: "wss://u:p@127.0.0.1/" }, "mcpServers.x.url: must hold no user name or password; use `headers`"],
  ["a missing address", { type: "sse" }, 'mcpServers.x: needs a "url", as "type" says "sse"'],
  ["a missing command", { type: "stdio", args: [] }, 'mcpServers.x: needs a "command", as "type" says "stdio"'],
  ["a type that is no text", { type: 1 }, "mcpServers.x.type: must be a text, not a number"],
  ["options that are none", { type: "nats", options: "a" }, "mcpServers.x.options: must be an object, not a text"],
  ["headers of a transport's", { type: "nats", headers: {} }, 'mcpServers.x.headers: unknown key; only a server with a "url" has it'],
  ["headers of a command", { command: "node", headers: {} }, 'mcpServers.x.headers: unknown key; only a server with a "url" has it'],
  [
    "arguments of an address",
    { url: "http://127.0.0.1/", args: [] },
    'mcpServers.x.args: unknown key; only a server with a "command" has it',
  ],
  ["options of a command", { command: "node", options: {} }, /^mcpServers\.x\.options: unknown key; only a server whose "type"/],
  ["both", { command: "node", url: "http://127.0.0.1/" }, 'mcpServers.x: has both a "command" and a "url"; one server is one of them'],
  ["a switch of no meaning", { command: "node", disabled: "yes" }, "mcpServers.x.disabled: must be true or false"],
  ["another host's address", { command: "node", serverUrl: "x" }, 'mcpServers.x.serverUrl: unknown key; here it is "url"'],
  ["approval", { command: "node", autoApprove: [] }, /^mcpServers\.x\.autoApprove: unknown key; approval is the client's/],
  [
    "a file of variables that is not there",
    { command: "node", envFile: "none.env" },
    /^mcpServers\.x\.envFile: there is no file .*none\.env$/,
  ],
  ["a file of variables for a remote server", { url: "http://127.0.0.1/", envFile: "x" }, /^mcpServers\.x\.envFile: unknown key/],
  ["a header's name", { url: "http://127.0.0.1/", headers: { "X Y": "1" } }, "mcpServers.x.headers.X Y: is not a header name"],
  ["a header's value", { url: "http://127.0.0.1/", headers: { X: 1 } }, "mcpServers.x.headers.X: must be a text, not a number"],
  ["arguments", { command: "node", args: "server.js" }, "mcpServers.x.args: must be a list, not a text"],
  ["a missing value", { command: null }, "mcpServers.x.command: must be a text, not null"],
  ["an empty command", { command: "" }, "mcpServers.x.command: must not be empty"],
  [
    "a choice",
    { command: "node", isolation: "sesion" },
    'mcpServers.x.isolation: must be one of "shared", "session", "principal", not "sesion" (did you mean "session"?)',
  ],
  ["a switch", { command: "node", required: "yes" }, "mcpServers.x.required: must be true or false"],
  [
    "a list of tools",
    { command: "node", tools: ["read_*"] },
    'mcpServers.x.tools: must be { "include": [...], "exclude": [...] }, not a list',
  ],
  [
    "a misspelt choice of tools",
    { command: "node", tools: { inclde: ["a"] } },
    'mcpServers.x.tools.inclde: unknown key (did you mean "include"?)',
  ],
  ["an empty glob", { url: "http://127.0.0.1/", resources: { exclude: [""] } }, "mcpServers.x.resources.exclude[0]: must not be empty"],
  [
    "a glob without an end",
    { command: "node", prompts: { include: ["x".repeat(1_001)] } },
    "mcpServers.x.prompts.include[0]: is longer than 1000 characters; make several globs of it",
  ],
  [
    "another host's choice",
    { command: "node", excludeTools: ["a"] },
    'mcpServers.x.excludeTools: unknown key; here it is "tools": { "exclude": [...] }',
  ],
  ["a duration", { command: "node", timeout: -5 }, "mcpServers.x.timeout: must be at least 0"],
])("%s of a server is refused in words", async (_what, server, expected) => {
  expect(await ofServer(server)).toEqual([typeof expected === "string" ? expected : expect.stringMatching(expected)]);
});

test("a server's name says which names there may be", async () => {
  expect(await problems({ mcpServers: { "a b": { command: "node" } } })).toEqual([
    "mcpServers.a b: a server's name is 1 to 64 of A-Z a-z 0-9 _ . -",
  ]);
});

test.each(['{"mcpServers":{"__proto__":{"command":"node"}}}', '{"mcpServers":{"a":{"command":"node","env":{"__proto__":"x"}}}}'])(
  "a key that would vanish is an error: %s",
  async (text) => {
    expect(await problemsOf(text)).toEqual([expect.stringMatching(/^mcpServers\..*__proto__: nothing can have this name/)]);
  },
);

test.each([
  ["c.yaml", "", "the config: is empty; write at least mcpServers into it"],
  ["c.yaml", "# nothing", "the config: is empty; write at least mcpServers into it"],
  ["c.json", "[]", "the config: must be an object, not a list"],
  ["c.json", '{"mcpServers":[]}', "mcpServers: must be an object, not a list"],
  ["c.json", '{"servers":{},"mcpServers":{}}', /^servers: is another name for "mcpServers", and both are there/],
  ["c.json", '{"servers":{"x":{}}}', 'servers.x: needs a "command" (stdio) or a "url" (HTTP)'],
  ["c.json", '{"servers":[]}', "servers: must be an object, not a list"],
  ["c.json", '{"mcp":{"servers":{}}}', /^mcp: unknown key; it is a part of VS Code's settings/],
  ["c.json", '{"inputs":{}}', "inputs: must be a list, not an object"],
  ["c.json", '{"inputs":[{"id":"a","type":"promptSting"}]}', /^inputs\[0\]\.type: must be one of .*did you mean "promptString"/],
  ["c.json", '{"inputs":[{"id":"a","type":"promptString","passwrd":true}]}', /^inputs\[0\]: unknown key passwrd/],
  ["c.json", '{"inputs":[{"id":"a","type":"command"},{"id":"a","type":"command"}]}', /^inputs\[1\]\.id: "a" is there already/],
  ["c.json", '{"listen":{"port":70000}}', "listen.port: must be at most 65535"],
  ["c.json", '{"listen":{"path":"/healthz"}}', /^listen\.path: "\/healthz" is a path of the host's own/],
  ["c.json", '{"listen":{"path":"/readyz"}}', /^listen\.path: "\/readyz" is a path of the host's own/],
  ["c.json", '{"limits":{"depth":0}}', "limits.depth: must be more than 0"],
])("%s with %j is refused in words", async (name, text, expected) => {
  expect(await problemsOf(text, [], name)).toEqual([typeof expected === "string" ? expected : expect.stringMatching(expected)]);
});

const FORMS = "must be a plugin's name, [name, options], { use, options } or a plugin made in code";
test.each([
  [["./deny.ts"], 'plugins[0]: must be [name, options]; write "./deny.ts" alone for a plugin without options'],
  [[], `plugins[0]: ${FORMS}`],
  [["a", {}, {}], `plugins[0]: ${FORMS}`],
  [7, `plugins[0]: ${FORMS}`],
  [null, `plugins[0]: ${FORMS}`],
  ["", `plugins[0]: ${FORMS}`],
  [{ options: {} }, "plugins[0].use: must be the name of a plugin, or a plugin made in code"],
])("the plugin %j is refused in words", async (plugin, expected) => {
  expect(await problems({ plugins: [plugin] })).toEqual([expected]);
});

const PLUGIN = `
const definition = { name: "p", host: "^1.0.0", apply() {}, options: { safeParse: (x) => x?.bad
  ? { success: false, error: { issues: [{ code: "custom", path: ["bad"], message: "is bad" }] } } : { success: true, data: x } } };
export default Object.assign(() => {}, { [Symbol.for("mcp-host.plugin")]: true, definition });
`;

test("a malformed plugin does not hide what is wrong with others", async () => {
  expect(await problems({ plugins: ["./none.js", ["./neither.js", {}], "./never.js", 7] })).toEqual([
    expect.stringMatching(/^plugins\[3\]: must be/),
    expect.stringMatching(/^plugins\[0\]: there is no file/),
    expect.stringMatching(/^plugins\[1\]: there is no file/),
    expect.stringMatching(/^plugins\[2\]: there is no file/),
  ]);
});

test("a variable that is not set in one plugin does not hide what is wrong with another", async () => {
  writeFileSync(join(folder, "p.mjs"), PLUGIN);
  expect(await problems({ plugins: [["./p.mjs", { bad: "${NOT_SET}" }], { use: "./${NOT_SET}" }, ["./none.js", { bad: 1 }]] })).toEqual([
    expect.stringMatching(/^plugins\[0\]\[1\]\.bad: the variable NOT_SET is not set/),
    expect.stringMatching(/^plugins\[1\]\.use: the variable NOT_SET is not set/),
    expect.stringMatching(/^plugins\[2\]: there is no file/),
  ]);
});

/** What a host says of plugins made in code. */
async function refusal(...plugins: NonNullable<Config["plugins"]>): Promise<readonly string[]> {
  const error = await (async () => createHost({ plugins }, { log }).prepare())().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).problems; // just checked
}

const log = createLogger({ level: "silent" });
const apply = (): void => {};
const counting = definePlugin({ name: "counting", host: "^1.0.0", options: z.strictObject({ n: z.number() }), apply });

test("a plugin that is there twice does not hide bad options, in whichever order", async () => {
  const bad = { n: "one" } as unknown as { n: number }; // what a file could say
  const twice = expect.stringMatching(/^plugins\[1\]: plugin "counting" is in the config already \(plugins\[0\]\)/);
  expect(await refusal(counting({ n: 1 }), counting(bad))).toEqual([twice, expect.stringMatching(/^plugins\[1\]\.options\.n: /)]);
  expect(await refusal(counting(bad), counting({ n: 1 }))).toEqual([expect.stringMatching(/^plugins\[0\]\.options\.n: /), twice]);
});

test.each([
  ["no name", { host: "^1.0.0", apply }, /^plugins\[0\]: .* has no "name"/],
  ["an empty name", { name: "", host: "^1.0.0", apply }, /^plugins\[0\]: .* has no "name"/],
  ["no range of the plugin API", { name: "p", apply }, /^plugins\[0\]: plugin "p" names no valid range of the plugin API in "host"/],
  ["no apply", { name: "p", host: "^1.0.0" }, /^plugins\[0\]: plugin "p" has no function "apply"/],
  [
    "options that are no schema",
    { name: "p", host: "^1.0.0", apply, options: { n: 1 } },
    /^plugins\[0\]: plugin "p" has "options" that are no zod schema/,
  ],
])("a plugin with %s is refused", async (_what, definition, expected) => {
  // The types refuse it; JavaScript does not.
  const plugin = definePlugin(definition as unknown as Parameters<typeof definePlugin>[0]) as PluginFactory;
  expect(await refusal(plugin())).toEqual([expect.stringMatching(expected)]);
});

test("a plugin made in code takes its options when it is made, and id, onError and timeout beside `use`", async () => {
  const made = counting({ n: 1 });
  await createHost({ plugins: [{ use: made, id: "other", onError: "skip", timeout: "2s" }, made] }, { log }).prepare();
  expect(await refusal({ use: made, options: { n: 2 } })).toEqual([
    'plugins[0].options: plugin "counting" is made in code and has its options already; give them there: counting({ ... })',
  ]);
  // The types refuse a definition that was not called; JavaScript does not.
  expect(await refusal(counting as unknown as typeof made)).toEqual([
    'plugins[0]: plugin "counting" is a definition; call it to make a plugin: counting({ ... })',
  ]);
});

test("every malformed --set is told, and what else is wrong", async () => {
  expect(await problems({ listn: {} }, ["novalue", "=x", "listen..port=1"])).toEqual([
    expect.stringMatching(/^--set novalue: /),
    expect.stringMatching(/^--set =x: /),
    expect.stringMatching(/^--set listen\.\.port: /),
    expect.stringMatching(/^listn: /),
  ]);
});

/** A config with one server after these `--set`. */
async function after(set: string[], server: object = {}): Promise<unknown> {
  writeFileSync(join(folder, "c.json"), JSON.stringify({ mcpServers: { x: { command: "npx", ...server } } }), { mode: 0o600 });
  return (await loadConfig("c.json", { cwd: folder, set })).config.mcpServers?.x;
}

test("--set makes the list that an index in brackets speaks of, and arguments are texts", async () => {
  expect(await after(["mcpServers.x.args[0]=-y", "mcpServers.x.args[1]=8080"])).toEqual({ command: "npx", args: ["-y", "8080"] });
  expect(await after(['mcpServers.x.args=["a"]', 'mcpServers.x.env={"N":"1"}'])).toEqual({ command: "npx", args: ["a"], env: { N: "1" } });
});

test.each([
  ["mcpServers.x.args[1]=a", "--set mcpServers.x.args[1]: mcpServers.x.args has 0 items, so the next one is [0]"],
  ["mcpServers.x.args.first=a", "--set mcpServers.x.args.first: mcpServers.x.args is a list; write its items as mcpServers.x.args[0]"],
])("--set %s is an error", async (setting, expected) => {
  const config = { mcpServers: { x: { command: "npx", args: [] } } };
  expect(await problems(config, [setting])).toEqual([expected]);
});

test.each(["constructor", "toString", "__proto__"])("the name of something that every object has is not a variable: %s", async (name) => {
  expect(await ofServer({ command: "node", args: [`\${${name}}`] })).toEqual([expect.stringContaining(`the variable ${name} is not set`)]);
  expect(await after([], { args: [`\${${name}:-d}`] })).toEqual({ command: "npx", args: ["d"] });
});

test("in code, a server that is switched off is left out, and what only files have is refused in words", async () => {
  const server = { command: "node" };
  const { config } = createHost(
    { mcpServers: { a: { ...server, disabled: true }, b: { ...server, enabled: "false" }, c: server } },
    { log },
  );
  expect(Object.keys(config.mcpServers)).toEqual(["c"]);
  const refused = (given: unknown): readonly string[] => {
    try {
      createHost(given as Config, { log }); // the types refuse it
      return [];
    } catch (error) {
      return (error as ConfigError).problems;
    }
  };
  expect(refused({ servers: {} })).toEqual(['servers: unknown key; in code it is "mcpServers"']);
  expect(refused({ mcpServers: { a: { ...server, envFile: "x" } } })).toEqual([
    expect.stringMatching(/^mcpServers\.a\.envFile: unknown key; .* in code, read the file/),
  ]);
});

test("names of hosts and origins are brought to the form that clients write", async () => {
  const { hosts, origins } = parseConfig({
    listen: {
      hosts: [
        "MCP.Example/",
        "mcp.example:443",
        "mcp.example:80",
        "Proxy.example:8443",
        "[2001:DB8:0::1]:8080",
        "müsli.example",
        "my_service",
      ],
      origins: [
        "https://App.Example/",
        "HTTPS://app.example:443",
        "http://app.example:80",
        "https://app.example:8443",
        "https://müsli.example",
        "chrome-extension://ABC/",
        "tauri://localhost",
      ],
    },
  }).listen ?? { hosts: [], origins: [] };
  expect(hosts).toEqual([
    "mcp.example",
    "mcp.example",
    "mcp.example",
    "proxy.example:8443",
    "[2001:db8::1]:8080",
    "xn--msli-0ra.example",
    "my_service",
  ]);
  expect(origins).toEqual([
    "https://app.example",
    "https://app.example",
    "http://app.example",
    "https://app.example:8443",
    "https://xn--msli-0ra.example",
    "chrome-extension://abc",
    "tauri://localhost",
  ]);
});

test.each([
  ["hosts", "https://mcp.example/mcp", '"https://mcp.example/mcp" is a URL; write "mcp.example"'],
  ["hosts", "HTTPS://MCP.example:443", '"HTTPS://MCP.example:443" is a URL; write "mcp.example"'],
  ["hosts", "mcp.example/mcp", '"mcp.example/mcp" is a URL; write "mcp.example"'],
  ["hosts", "user@mcp.example", '"user@mcp.example" is a URL; write "mcp.example"'],
  ["hosts", "2001:db8::1", 'write "[2001:db8::1]", with brackets'],
  ["hosts", "*", '"*" would match no Host header; name each host'],
  ["hosts", "*.example", '"*.example" would match no Host header; name each host'],
  ["hosts", "", '"" is no host; write it like "mcp.example.com"'],
  ["hosts", "mcp example", '"mcp example" is no host; write it like "mcp.example.com"'],
  ["origins", "*", '"*" would match no Origin header; name each origin'],
  ["origins", "https://*.example", '"https://*.example" would match no Origin header; name each origin'],
  ["origins", "app.example", '"app.example" is no web origin; write "https://app.example"'],
  ["origins", "https://app.example/page?x", '"https://app.example/page?x" is no web origin; write "https://app.example"'],
  ["origins", "https://user@app.example", '"https://user@app.example" is no web origin; write "https://app.example"'],
  ["origins", "wss://app.example", '"wss://app.example" is no web origin; write "https://app.example"'],
  ["origins", "http://", '"http://" is no web origin; write it like "https://app.example.com"'],
  ["origins", "null", '"null" is the origin of many pages, such as those in sandboxed frames; serve the page over HTTP'],
])("what can match no header is refused in listen.%s: %j", async (key, value, problem) => {
  expect(await problems({ listen: { [key]: [value] } })).toEqual([`listen.${key}[0]: ${problem}`]);
});

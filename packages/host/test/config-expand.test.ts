import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expandConfig } from "../dist/config/expand.js";
import { Variables } from "../dist/config/variables.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mcp-host-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Sources {
  set?: Record<string, string>;
  env?: Record<string, string>;
}

/** One string of a config, expanded, with what was wrong with it. */
function expand(text: string, { set = {}, env = {} }: Sources = {}): { text: unknown; problems: string[] } {
  const problems: string[] = [];
  const variables = new Variables(new Map(Object.entries(set)), { XDG_CONFIG_HOME: folder, ...env }, folder);
  const config = expandConfig({ mcpServers: { a: { args: [text] } } }, variables, problems) as {
    mcpServers: { a: { args: string[] } };
  };
  return { text: config.mcpServers.a.args[0], problems };
}

function credentials(text: string, mode = 0o600): string {
  const path = join(folder, "mcp-host/credentials.json");
  mkdirSync(join(folder, "mcp-host"));
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const ENV = { A: "one", B: "two", EMPTY: "", NESTED: "$" + "{A}" };

test.each([
  ["no reference", "no reference"],
  ["${A}", "one"],
  ["${env:A}", "one"],
  ["<${A}-${B}>", "<one-two>"],
  ["${NONE:-fallback}", "fallback"],
  ["${env:NONE:-fallback}", "fallback"],
  ["${NONE:-}", ""],
  ["${A:-fallback}", "one"],
  ["${EMPTY}", ""],
  ["${EMPTY:-fallback}", "fallback"],
  ["${NONE:-${B}}", "two"],
  ["${NONE:-${NOR:-deep}}!", "deep!"],
  ["${NONE:-a:-b}", "a:-b"],
  ["$${A}", "${A}"],
  ["$$${A}", "$${A}"],
  ["$A and $", "$A and $"],
  // What comes out of a variable is a value, not a template.
  ["${NESTED}", "${A}"],
])("%j expands to %j", (text, expected) => {
  expect(expand(text, { env: ENV })).toEqual({ text: expected, problems: [] });
});

test("an unset variable without a default names its place and the remedy", () => {
  expect(expand("Bearer ${TOKEN}").problems).toEqual([
    "mcpServers.a.args[0]: the variable TOKEN is not set; set it, give a default as in ${TOKEN:-value}, or pass --set TOKEN=...",
  ]);
});

test.each(["${}", "${A B}", "${vault:x}", "${file:}", "${input:}", "${1A}"])(
  "%j is no reference, and says which forms there are",
  (text) => {
    expect(expand(text, { env: ENV }).problems).toEqual([
      expect.stringMatching(/^mcpServers\.a\.args\[0\]: "\$\{.*\}" is none of \$\{VAR\}, .*write "\$\$\{" for a literal/),
    ]);
  },
);

test("a reference that is never closed is an error", () => {
  expect(expand("x ${A", { env: ENV })).toEqual({
    text: "x ${A",
    problems: [expect.stringContaining('mcpServers.a.args[0]: "${" is never closed')],
  });
});

test("an input is answered by its variable, since nobody is asked", () => {
  expect(expand("${input:api-key}", { env: { MCP_HOST_INPUT_API_KEY: "k" } })).toEqual({ text: "k", problems: [] });
  expect(expand("${input:api-key}").problems[0]).toContain("the variable MCP_HOST_INPUT_API_KEY is not set");
  expect(expand("${input:api-key:-none}").text).toBe("none");
});

test("a file is read beside the config, without its last line break", () => {
  writeFileSync(join(folder, "secret"), "line one\nline two\n", { mode: 0o600 });
  expect(expand("${file:secret}").text).toBe("line one\nline two");
  expect(expand(`\${file:${join(folder, "secret")}}`).text).toBe("line one\nline two");
});

test.each([0o620, 0o602, 0o666])("a secret file of mode %o, which others can write, is refused", (mode) => {
  const path = join(folder, "secret");
  writeFileSync(path, "s");
  chmodSync(path, mode);
  expect(expand("${file:secret}").problems).toEqual([`mcpServers.a.args[0]: ${path} can be written by others; run \`chmod go-w ${path}\``]);
});

test("a secret file in a folder that everybody can write is refused", () => {
  const open = join(folder, "open");
  mkdirSync(open);
  writeFileSync(join(open, "secret"), "s", { mode: 0o600 });
  chmodSync(open, 0o777);
  expect(expand("${file:open/secret}").problems).toEqual([
    `mcpServers.a.args[0]: ${open} can be written by others; run \`chmod go-w ${open}\``,
  ]);
  chmodSync(open, 0o1777);
  expect(expand("${file:open/secret}").text).toBe("s");
});

test("a secret file that is missing, a folder or too large is an error", () => {
  mkdirSync(join(folder, "folder"));
  writeFileSync(join(folder, "large"), "x".repeat(65 * 1024), { mode: 0o600 });
  expect(expand("${file:missing}").problems[0]).toContain(`there is no file ${join(folder, "missing")}`);
  expect(expand("${file:folder}").problems[0]).toContain("is not a regular file");
  expect(expand("${file:large}").problems[0]).toContain("is larger than 65536 bytes");
});

test("--set is over the credentials file, which is over the environment, which is over a default", () => {
  credentials(JSON.stringify({ S: "credentials", C: "credentials" }));
  const sources = { set: { S: "set" }, env: { S: "environment", C: "environment", E: "environment" } };
  expect(expand("${S:-default} ${C:-default} ${E:-default} ${D:-default}", sources).text).toBe("set credentials environment default");
});

test("a credentials file that others can read is refused", () => {
  const path = credentials("{}", 0o640);
  expect(expand("${A}", { env: ENV }).problems).toEqual([
    `mcpServers.a.args[0]: the credentials file ${path} can be read by others; run \`chmod 600 ${path}\``,
  ]);
  chmodSync(path, 0o600);
  chmodSync(dirname(path), 0o777);
  expect(expand("${A}", { env: ENV }).problems).toEqual([
    `mcpServers.a.args[0]: others can put another credentials file into ${dirname(path)}; run \`chmod go-w ${dirname(path)}\``,
  ]);
});

test.each(['{"A": "secret-in-broken-json', '["A"]', '{"A": {"B": "c"}}', "null"])(
  "the credentials %j are refused without quoting them",
  (text) => {
    credentials(text);
    const [problem] = expand("${A}").problems;
    expect(problem).toMatch(/the credentials file .* (is not valid JSON|must hold one object of names and strings)$/);
    expect(problem).not.toContain("secret-in");
  },
);

test("the credentials file is looked for in ~/.config without XDG_CONFIG_HOME", () => {
  mkdirSync(join(folder, ".config"));
  mkdirSync(join(folder, ".config/mcp-host"));
  writeFileSync(join(folder, ".config/mcp-host/credentials.json"), '{"A":"home"}', { mode: 0o600 });
  expect(expand("${A}", { env: { XDG_CONFIG_HOME: "", HOME: folder } }).text).toBe("home");
});

test("servers, listen and plugins are expanded at any depth; keys, numbers and the rest of the config are not", () => {
  const problems: string[] = [];
  const config = {
    mcpServers: { "${A}": { env: { X: "${A}" }, args: ["${A}", 1, null, true] } },
    listen: { host: "${A}", hosts: ["${B}"] },
    plugins: ["p", ["q", { deep: [{ er: "${B}" }] }]],
    roles: ["${A}"],
  };
  expect(expandConfig(config, new Variables(new Map(), ENV, folder), problems)).toEqual({
    mcpServers: { "${A}": { env: { X: "one" }, args: ["one", 1, null, true] } },
    listen: { host: "one", hosts: ["two"] },
    plugins: ["p", ["q", { deep: [{ er: "two" }] }]],
    roles: ["${A}"],
  });
  expect(problems).toEqual([]);
});

test("what is no object is left for the schema to refuse", () => {
  const variables = new Variables(new Map(), {}, folder);
  for (const value of [null, "text", 3, ["a"]]) expect(expandConfig(value, variables, [])).toBe(value);
});

import { lstatSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { expect, test } from "vitest";
import { withTable } from "../../packages/host/dist/cli/clients/toml-table.js";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { start } from "../harness/cli.ts";
import { type Desk, desk } from "../harness/desk.ts";

const COMMENTED = `// mine
{
\t"mcpServers": {
\t\t// the good one
\t\t"files": {
\t\t\t"command": "files",
\t\t\t"env": { "API_TOKEN": "t0ken-of-somebody" }
\t\t}
\t},
\t"theme": "dark", // and this
}
`;

const TOML = `# mine
model = "gpt-5" # and this

[mcp_servers.files]
command = "files"
env = { API_TOKEN = "t0ken-of-somebody" }

# about the profile
[profiles.fast]
model = "small"
`;

/** A desk with a config to connect to. */
function withConfig(): Desk {
  const at = desk();
  at.write("mcp-host.config.json", '{ "mcpServers": {} }');
  return at;
}

test.each([
  ["cursor", "~/.cursor/mcp.json", COMMENTED],
  ["codex", "~/.codex/config.toml", TOML],
])(
  "install %s keeps all that is there, and a copy; installing again changes nothing; uninstall gives the file back",
  async (id, path, before) => {
    using at = withConfig();
    at.write(path, before);
    const first = await at.run("install", id, "--yes");
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\+.*mcp-host/m) });
    expect(first.stdout + first.stderr).not.toContain("t0ken-of-somebody");
    const after = at.read(path) ?? "";
    for (const line of before.split("\n").filter((each) => /\/\/|#|"command"|^model|theme/.test(each)))
      expect(after).toContain(line.trimEnd());
    expect(after).toContain("t0ken-of-somebody");
    const [copy = "", ...more] = at.backups();
    expect({ text: readFileSync(copy, "utf8"), more }).toEqual({ text: before, more: [] });
    expect(first.stderr).toContain(copy);

    expect(await at.run("install", id, "--yes")).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining("has it already") });
    expect({ text: at.read(path), backups: at.backups().length }).toEqual({ text: after, backups: 1 });

    expect(await at.run("install", id, "--yes", "--url", "http://127.0.0.1:1/mcp")).toMatchObject({ code: 0 });
    expect(at.read(path)).toContain("http://127.0.0.1:1/mcp");
    expect(at.read(path)).not.toContain("stdio");
    expect(await at.run("uninstall", id, "--yes")).toMatchObject({ code: 0 });
    expect(at.read(path)).toBe(before);
    expect(await at.run("uninstall", id, "--yes")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringContaining('has no server "mcp-host"'),
    });
  },
);

test.each([
  ["cursor", "~/.cursor/mcp.json", '{ "mcpServers": { ', "so it is left alone; correct it first: 1:19: close brace expected"],
  ["cursor", "~/.cursor/mcp.json", "[]", "holds no object at its top"],
  ["cursor", "~/.cursor/mcp.json", '{ "mcpServers": [] }', '"mcpServers" must be an object'],
  ["cursor", "~/.cursor/mcp.json", '{ "mcpServers": {}, "mcpServers": {} }', "is there twice"],
  ["codex", "~/.codex/config.toml", "[mcp_servers.a\n", "1:"],
  ["codex", "~/.codex/config.toml", 'mcp_servers.mcp-host = { command = "x" }\n', "change it by hand"],
  ["codex", "~/.codex/config.toml", 'note = """\n[mcp_servers.mcp-host]\n"""\n', "change it by hand"],
])("%s: a file that cannot be changed safely is left alone (%s)", async (id, path, text, message) => {
  using at = withConfig();
  at.write(path, text);
  for (const command of ["install", "uninstall"]) {
    const { code, stdout, stderr } = await at.run(command, id, "--yes");
    if (command === "uninstall" && code === 0) expect(stderr).toContain("has no server");
    else expect({ code, stdout, stderr }).toEqual({ code: EXIT.failure.code, stdout: "", stderr: expect.stringContaining(message) });
    expect({ text: at.read(path), backups: at.backups() }).toEqual({ text, backups: [] });
  }
});

test("a dry run shows the difference, and nothing is written; without a terminal somebody has to say --yes", async () => {
  using at = withConfig();
  expect(await at.run("install", "cursor", "--dry-run")).toMatchObject({ code: 0, stdout: expect.stringContaining('+    "mcp-host": {') });
  expect(await at.run("install", "cursor")).toMatchObject({
    code: EXIT.usage.code,
    stderr: expect.stringContaining("pass --yes to write"),
  });
  expect(at.read("~/.cursor/mcp.json")).toBeUndefined();
});

test("--json tells what was written where, with the copy and the difference, and shows no secret", async () => {
  using at = withConfig();
  const path = at.write("~/.cursor/mcp.json", COMMENTED);
  const told = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { code, stdout, stderr } = await at.run(...args, "--json");
    expect({ code, stderr, leaked: stdout.includes("t0ken-of-somebody") }).toEqual({ code: 0, stderr: "", leaked: false });
    return JSON.parse(stdout);
  };
  const which = { client: "cursor", name: "mcp-host", path, declined: false };
  const advice = [expect.stringContaining("Cursor")];
  const diff = expect.stringMatching(/^\+.*mcp-host/m);
  expect(await told("install", "cursor", "--dry-run")).toEqual({ ...which, written: false, diff, advice });
  expect(await told("install", "cursor", "--yes")).toEqual({ ...which, written: true, backup: at.backups()[0], diff, advice });
  expect(await told("install", "cursor", "--yes")).toEqual({ ...which, written: false, diff: "", advice: [] });
  const removed = expect.stringMatching(/^-.*mcp-host/m);
  expect(await told("uninstall", "cursor", "--yes")).toEqual({ ...which, written: true, backup: at.backups()[1], diff: removed });
  expect(await told("uninstall", "cursor", "--yes")).toEqual({ ...which, written: false, diff: "" });
  // Whoever is asked must see what for; a program must not.
  const { code, stdout, stderr } = await at.answer(["n"], "install", "cursor", "--json");
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^\+.*mcp-host/m) });
  expect(JSON.parse(stdout)).toMatchObject({ written: false, declined: true });
  expect(await at.run("install", "cursor", "--json")).toMatchObject({ code: EXIT.usage.code, stdout: "" });
});

test("on a terminal it is asked first: no writes nothing, Enter writes, and so does the end of the conversation not", async () => {
  using at = withConfig();
  const question = `Write this to ${join(at.user, ".cursor/mcp.json")}? [Y/n]`;
  expect(await at.answer(["what", "n"], "install", "cursor")).toMatchObject({ code: 1, stderr: expect.stringContaining(question) });
  expect(await at.answer([], "install", "cursor")).toMatchObject({ code: EXIT.interrupted.code });
  expect(at.read("~/.cursor/mcp.json")).toBeUndefined();
  expect(await at.answer([""], "install", "cursor")).toMatchObject({ code: 0, stderr: expect.stringContaining("mcp.json is new.") });
  expect(JSON.parse(at.read("~/.cursor/mcp.json") ?? "").mcpServers["mcp-host"]).toMatchObject({ command: process.execPath });
  expect(statSync(join(at.user, ".cursor/mcp.json")).mode & 0o777).toBe(0o600);
});

test("a file that its client changes while it is asked is not overwritten", async () => {
  using at = withConfig();
  const path = at.write("~/.claude.json", "{}");
  await using installing = start(at, ["install", "claude-code"], { PRETEND_TERMINAL: "1" });
  await expect.poll(installing.stderr).toContain("[Y/n]");
  at.write("~/.claude.json", '{ "startups": 2 }');
  installing.child.stdin.write("y\n");
  expect(await installing.exited).toMatchObject({ code: 1, stderr: expect.stringContaining(`${path} was changed meanwhile`) });
  expect({ text: at.read("~/.claude.json"), backups: at.backups() }).toEqual({ text: '{ "startups": 2 }', backups: [] });
});

test("a link stays a link, and its file keeps its mode, its line ends and its mark", async () => {
  using at = withConfig();
  const real = at.write("~/dotfiles/mcp.json", '\uFEFF{\r\n    "mcpServers": {}\r\n}\r\n');
  mkdirSync(join(at.user, ".cursor"));
  const link = join(at.user, ".cursor/mcp.json");
  symlinkSync(real, link);
  const { mode } = statSync(real);
  expect(await at.run("install", "cursor", "--yes")).toMatchObject({ code: 0 });
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(statSync(real).mode).toBe(mode);
  const text = readFileSync(real, "utf8");
  expect(text).toMatch(/^\uFEFF\{\r\n {4}"mcpServers": \{\r\n {8}"mcp-host": \{\r\n/);
  expect(text.replaceAll("\r\n", "")).not.toContain("\n");
});

test("two names are two entries, and the project's file is another", async () => {
  using at = withConfig();
  expect(await at.run("install", "claude-code", "--yes")).toMatchObject({ code: 0 });
  expect(await at.run("install", "claude-code", "--yes", "--name", "second", "--url", "http://127.0.0.1:1/mcp")).toMatchObject({ code: 0 });
  expect(Object.keys(JSON.parse(at.read("~/.claude.json") ?? "").mcpServers)).toEqual(["mcp-host", "second"]);
  expect(await at.run("install", "claude-code", "--yes", "--scope", "project")).toMatchObject({ code: 0 });
  expect(Object.keys(JSON.parse(at.read(".mcp.json") ?? "").mcpServers)).toEqual(["mcp-host"]);
});

const PATH = ["mcp_servers", "h"];
test.each([
  ["an empty file", "", '[mcp_servers.h]\nurl = "u"\n', ""],
  ["a file without a last line end", "a = 1", 'a = 1\n\n[mcp_servers.h]\nurl = "u"\n', "a = 1\n"],
  [
    "a table with subtables between others",
    '[mcp_servers.h] # old\nurl = "o"\n[mcp_servers.h.env]\nA = "1"\n\n# of x\n[x]\ny = [\n  [1],\n]\n',
    '[mcp_servers.h]\nurl = "u"\n\n# of x\n[x]\ny = [\n  [1],\n]\n',
    "# of x\n[x]\ny = [\n  [1],\n]\n",
  ],
  [
    "a table in two places, one with quotes",
    '[a]\nb = 1\n\n[mcp_servers."h"]\nurl = "o"\n\n[c]\n\n[mcp_servers.h.tools.x]\ny = 1\n\n[d]\n',
    '[a]\nb = 1\n\n[mcp_servers.h]\nurl = "u"\n\n[c]\n\n\n[d]\n',
    "[a]\nb = 1\n\n[c]\n\n\n[d]\n",
  ],
  ["lines with CR", "a = 1\r\n", 'a = 1\r\n\r\n[mcp_servers.h]\r\nurl = "u"\r\n', "a = 1\r\n"],
  [
    "a name that begins alike",
    "[mcp_servers.hh]\nb = 1\n",
    '[mcp_servers.hh]\nb = 1\n\n[mcp_servers.h]\nurl = "u"\n',
    "[mcp_servers.hh]\nb = 1\n",
  ],
])("a table of TOML is put in and taken out, to the letter: %s", (_, before, put, out) => {
  expect(withTable(before, PATH, { url: "u" })).toBe(put);
  expect(withTable(put, PATH, { url: "u" })).toBe(put);
  expect(withTable(put, PATH, undefined)).toBe(out);
  expect(parseToml(out)).not.toHaveProperty("mcp_servers.h");
});

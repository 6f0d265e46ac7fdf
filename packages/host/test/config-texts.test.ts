import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../dist/config/load.js";
import { ConfigFileError } from "../dist/errors.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mcp-host-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, bytes: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes, { mode: 0o600 });
  return path;
}

const utf16 = (text: string, mark = "\uFEFF"): Buffer => Buffer.from(`${mark}${text}`, "utf16le");
const utf16be = (text: string): Buffer => utf16(text).swap16();

const load = (name = "c.json") => loadConfig(name, { cwd: folder, env: { XDG_CONFIG_HOME: folder } });

async function problems(name?: string): Promise<readonly string[]> {
  const error = await load(name).then(
    () => expect.fail("the config can be used"),
    (reason: unknown) => reason,
  );
  return error instanceof ConfigFileError ? error.problems : expect.fail(String(error));
}

const url = (headers: Record<string, string>) => JSON.stringify({ mcpServers: { a: { url: "http://127.0.0.1/", headers } } });

describe("a file of values", () => {
  test("is taken without the mark that editors put before it, wherever it is named", async () => {
    write("secret", "\uFEFFtoken\r\n");
    write("a.env", "\uFEFFKEY=value\n");
    write("c.json", JSON.stringify({ mcpServers: { a: { command: "node", env: { T: "${file:secret}" }, envFile: "a.env" } } }));
    expect((await load()).config.mcpServers).toMatchObject({ a: { env: { T: "token", KEY: "value" } } });
  });

  test.each([
    ["UTF-16 with its mark", utf16("token"), /secret is UTF-16, .*save it as UTF-8$/],
    ["UTF-16 with its bytes the other way round", utf16be("token"), /secret is UTF-16/],
    ["UTF-16 without a mark", utf16("token", ""), /secret is UTF-16/],
    ["Latin-1", Buffer.from("tökën", "latin1"), /secret is not UTF-8; save it as UTF-8$/],
  ])("in %s is refused in words", async (_what, bytes, expected) => {
    write("secret", bytes);
    write("c.json", JSON.stringify({ listen: { path: "${file:secret}" } }));
    expect(await problems()).toEqual([expect.stringMatching(expected)]);
  });

  test("or of variables that begins with ~ is told that only a shell replaces that", async () => {
    write("c.json", JSON.stringify({ listen: { path: "${file:~/secret}" } }));
    expect(await problems()).toEqual([expect.stringMatching(/there is no file .*; "~" is not replaced here, so write the whole path$/)]);
  });
});

test.each(["c.json", "c.yaml", "c.toml", "c.ts"])("a config in UTF-16 is told to be that: %s", async (name) => {
  write(name, utf16('{"mcpServers":{}}'));
  expect(await problems(name)).toEqual([expect.stringMatching(/^the file cannot be read: .* is UTF-16, .*save it as UTF-8$/)]);
});

test("variables and credentials in UTF-16 are told to be that", async () => {
  const env = write("a.env", utf16("A=1"));
  write("c.json", "{}");
  const error = await loadConfig("c.json", { cwd: folder, env: {}, envFiles: [env] }).catch((reason: unknown) => reason);
  expect((error as ConfigFileError).problems).toEqual([expect.stringMatching(/^--env-file .*a\.env is UTF-16/)]);
});

describe("a header's value", () => {
  test.each([
    ["a zero-width space", "a\u200Bb", "U+200B"],
    ["a typographic quote", "\u201Ckey\u201D", "U+201C"],
    ["an emoji", "🔑", "U+1F511"],
    ["a control character", "a\u0007", "U+0007"],
    ["a delete", "a\u007F", "U+007F"],
  ])("with %s is refused, and not repeated", async (_what, value, code) => {
    write("c.json", url({ Authorization: value }));
    const [problem, ...more] = await problems();
    expect(more).toEqual([]);
    expect(problem).toMatch(
      new RegExp(`^mcpServers\\.a\\.headers\\.Authorization: holds the character ${code.replace("+", "\\+")}, which`),
    );
    expect(problem).not.toContain(value);
  });

  test("may be whatever HTTP carries", async () => {
    write("c.json", url({ A: "tab\there", B: "caf\u00e9 \u00ff", C: "", D: "~!" }));
    expect((await load()).config.mcpServers).toMatchObject({ a: { headers: { B: "caf\u00e9 \u00ff" } } });
  });

  test("with several lines is told of its line break", async () => {
    write("c.json", url({ A: "a\nb\u201C" }));
    expect(await problems()).toEqual(["mcpServers.a.headers.A: must hold no line break"]);
  });
});

test("what no process can be started with is refused", async () => {
  write("c.json", JSON.stringify({ mcpServers: { a: { command: "a\0", args: ["b\0"], env: { C: "d\0" }, cwd: "e\0" } } }));
  const places = ["command", "args[0]", "env.C", "cwd"];
  expect(await problems()).toEqual(places.map((place) => `mcpServers.a.${place}: must hold no NUL character`));
});

describe("a command written for a shell", () => {
  const hints = async (server: Record<string, unknown>): Promise<readonly string[]> => {
    write("c.json", JSON.stringify({ mcpServers: { a: server } }));
    return (await load()).warnings;
  };

  test("that begins with ~ gets a hint, and so does a folder", async () => {
    const hint = 'is not there; "~" is not replaced here, so write the whole path';
    expect(await hints({ command: "~/bin/server", cwd: "~/work" })).toEqual([`mcpServers.a.command: ${hint}`, `mcpServers.a.cwd: ${hint}`]);
  });

  test.each(["npx -y @scope/server", "npx  -y server"])("that is a whole line gets a hint: %s", async (command) => {
    expect(await hints({ command })).toEqual([
      'mcpServers.a.command: is not there; `command` is the program alone: if that is "npx", put the rest into `args`, one item for each word',
    ]);
  });

  test("that is a file with a space in its name gets none", async () => {
    write("my server", "");
    expect(await hints({ command: "./my server" })).toEqual([]);
    expect(await hints({ command: join(folder, "my server") })).toEqual([]);
  });
});

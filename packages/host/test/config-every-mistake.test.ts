import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { loadConfig } from "../dist/config/load.js";
import { ConfigError, ConfigFileError } from "../dist/errors.js";
import { createHost, createLogger, definePlugin } from "../dist/index.js";
import { pluginProblems } from "../dist/plugin/load.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mcp-host-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function problems(config: unknown): Promise<readonly string[]> {
  writeFileSync(join(folder, "c.json"), JSON.stringify(config), { mode: 0o600 });
  writeFileSync(join(folder, "p.mjs"), PLUGIN);
  const error = await loadConfig("c.json", { cwd: folder, env: { XDG_CONFIG_HOME: folder }, pluginProblems }).then(
    () => expect.fail("the config can be used"),
    (reason: unknown) => reason,
  );
  return error instanceof ConfigFileError ? error.problems : expect.fail(String(error));
}

const PLUGIN = `
const definition = { name: "p", host: "^1.0.0", apply() {}, options: { safeParse: (x) => x?.bad
  ? { success: false, error: { issues: [{ code: "custom", path: ["bad"], message: "is bad" }] } } : { success: true, data: x } } };
definition.options.safeParseAsync = async (x) => definition.options.safeParse(x);
export default Object.assign(() => {}, { [Symbol.for("mcp-host.plugin")]: true, definition });
`;

const DURATION = '"zz" is not one of the forms "250ms", "30s", "5m", "1h"';

describe("every mistake of one server is told", () => {
  const ofServer = async (server: unknown, name = "x") =>
    (await problems({ mcpServers: { [name]: server } })).map((problem) => problem.replace("mcpServers.", "")).sort();

  test.each([
    [
      "a misspelt command",
      { comand: "node" },
      'x: needs a "command" (stdio) or a "url" (HTTP)',
      'x.comand: unknown key (did you mean "command"?)',
    ],
    ["a missing command", { type: "stdio", foo: 1 }, 'x: needs a "command", as "type" says "stdio"', "x.foo: unknown key"],
    [
      "two forms at once",
      { command: "node", url: "http://127.0.0.1/", foo: 1 },
      'x: has both a "command" and a "url"; one server is one of them',
      "x.foo: unknown key",
    ],
    ["an unknown key", { command: "node", foo: 1 }, "x.foo: unknown key"],
  ])("beside %s", async (_what, server, ...expected) => {
    const more = { timeout: "zz", args: 3 };
    expect(await ofServer({ ...server, ...more })).toEqual(
      [...expected, "x.args: must be a list, not a number", `x.timeout: ${DURATION}`].sort(),
    );
  });

  test("whose name cannot be, with a header whose name cannot be", async () => {
    expect(await ofServer({ url: "http://127.0.0.1/", headers: { "X Y": "a\nb" }, foo: 1 }, "a b")).toEqual([
      "a b.foo: unknown key",
      "a b.headers.X Y: is not a header name",
      "a b.headers.X Y: must hold no line break",
      "a b: a server's name is 1 to 64 of A-Z a-z 0-9 _ . -",
    ]);
  });

  test("whose address is of another kind than its type, beside a value of a wrong type", async () => {
    expect(await ofServer({ type: "websocket", url: "http://127.0.0.1/", headers: 3, heders: {} })).toEqual([
      "x.headers: must be an object, not a number",
      'x.heders: unknown key (did you mean "headers"?)',
      'x.url: must be a ws:// or wss:// URL, as "type" says "websocket"; or let "type" say "http"',
    ]);
  });
});

test("an era where it cannot be spoken is told", async () => {
  const one = { type: "sse", url: "http://127.0.0.1/", protocol: "modern" };
  expect(await problems({ listen: { protocols: ["modern"], sse: true }, mcpServers: { one } })).toEqual([
    'listen.sse: cannot be on where "protocols" leaves "legacy" out: HTTP+SSE is of that era',
    'mcpServers.one.protocol: must not be "modern" where "type" says "sse": MCP 2026-07-28 has no HTTP+SSE',
  ]);
});

test("every mistake of a key that is a switch or an object is told", async () => {
  expect(await problems({ listen: { resume: { cuont: 1, bytes: "zz", age: "zz" } } })).toEqual([
    'listen.resume.bytes: "zz" is not one of the forms "64kb", "8mb"',
    `listen.resume.age: ${DURATION}`,
    'listen.resume.cuont: unknown key (did you mean "count"?)',
  ]);
  expect(await problems({ listen: { resume: "yes" } })).toEqual([
    "listen.resume: must be false, or an object; it is on without being asked for",
  ]);
});

describe("every mistake of one plugin is told", () => {
  test.each([
    [{ onError: "ignore" }, 'plugins[0].onError: must be one of "fail", "skip", not "ignore"'],
    [{ timeout: true }, 'plugins[0].timeout: must be one of the forms "250ms", "30s", "5m", "1h", or a number'],
    [{ option: {} }, 'plugins[0].option: unknown key (did you mean "options"?)'],
  ])("its options beside %j", async (more, expected) => {
    expect(await problems({ plugins: [{ use: "./p.mjs", ...more }] })).toEqual([expected]);
    const bad = { options: { bad: true } };
    expect(await problems({ plugins: [{ use: "./p.mjs", ...more, ...bad }] })).toEqual([
      expected,
      'plugins[0].options.bad: is bad (plugin "p")',
    ]);
  });

  test("that it is not there beside an unknown key", async () => {
    expect(await problems({ plugins: [{ use: "./none.js", option: {} }] })).toEqual([
      'plugins[0].option: unknown key (did you mean "options"?)',
      `plugins[0]: there is no file ${join(folder, "none.js")}`,
    ]);
  });

  const apply = (): void => {};
  const log = createLogger({ level: "silent" });

  test("an unknown key of an option that may be a text or an object, beside what else is wrong in it", async () => {
    const form = z.strictObject({ n: z.number(), m: z.number() });
    const definition = { name: "p", host: "^1.0.0", options: z.strictObject({ o: z.union([z.string(), form]) }), apply } as const;
    const o = { n: "one", m: 1, k: 1 } as unknown as z.input<typeof form>; // what a file could say
    const error = await createHost({ plugins: [definePlugin(definition)({ o })] }, { log })
      .prepare()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems.map((problem) => problem.split(":")[0])).toEqual([
      "plugins[0].options.o.n",
      "plugins[0].options.o.k",
    ]);
  });

  test("options beside those that it was made with in code, and an unknown key", async () => {
    const made = definePlugin({ name: "p", host: "^1.0.0", options: z.strictObject({}), apply })({});
    const entry = { use: made, options: {}, option: 1 } as unknown as { use: typeof made }; // what JavaScript could say
    const refused = () => createHost({ plugins: [entry] }, { log });
    expect(refused).toThrow('plugins[0].options: plugin "p" is made in code and has its options already');
    expect(refused).toThrow("plugins[0].option: unknown key");
  });
});

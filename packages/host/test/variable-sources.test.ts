import { join } from "node:path";
import type { VariableSource } from "mcp-host";
import { afterEach, expect, test, vi } from "vitest";
import { home, run } from "../../../test/harness/cli.ts";
import { temporary } from "../../../test/harness/hosts.ts";
import { loadConfig } from "../dist/config/load.js";
import { redactText } from "../dist/redact.js";

afterEach(() => {
  vi.useRealTimers();
});

const source = (values: Record<string, string>): VariableSource => ({
  find: async (name) => values[name],
  unset: (name) => `the demo value ${name} is not set; set it`,
});

/** What a config with this environment of a server comes to. */
async function loaded(
  env: Record<string, string>,
  sources: Record<string, VariableSource> | undefined,
  more: Record<string, unknown> = {},
) {
  using folder = temporary({ "mcp-host.config.json": JSON.stringify({ mcpServers: { one: { command: "x", env, ...more } } }) });
  const opened: string[] = [];
  const result = await loadConfig(join(folder.path, "mcp-host.config.json"), {
    ...(sources && {
      variableSources: async () => {
        opened.push("opened");
        return new Map(Object.entries(sources));
      },
    }),
  });
  return {
    ...result,
    opened,
    server: result.config.mcpServers?.one as { env?: Record<string, string>; unconfigured?: { reason: string } },
  };
}

test("a value that a plugin brings is put in, once for each name, and is a secret whatever it is called", async () => {
  const asked: string[] = [];
  const demo = {
    ...source({}),
    find(name: string) {
      asked.push(name);
      return name === "A" ? "brought by a plugin" : "with blanks";
    },
  };
  const { server, opened } = await loaded(
    { B: "<${demo:A}>", C: "${demo:A}", D: "${demo:x y:z}", E: "$${demo:A}", F: "${lower:-plain}" },
    { demo },
  );
  expect(server.env).toEqual({ B: "<brought by a plugin>", C: "brought by a plugin", D: "with blanks", E: "${demo:A}", F: "plain" });
  expect([asked.sort(), opened]).toEqual([["A", "x y:z"], ["opened"]]);
  expect(redactText("it is brought by a plugin, by a word")).toBe("it is [redacted], by a word");
});

test("nobody is asked where a config has no such reference", async () => {
  expect((await loaded({ A: "plain ${HOME}" }, { demo: source({}) })).opened).toEqual([]);
});

test("each line of a value that has several is a secret", async () => {
  await loaded({ A: "${demo:A}" }, { demo: source({ A: "first-line-of-it\nsecond-line-of-it" }) });
  expect(redactText("a log of second-line-of-it alone")).toBe("a log of [redacted] alone");
});

test("one that is not there leaves its server unconfigured in the words of the plugin, unless there is a default", async () => {
  const { server, unset } = await loaded({ A: "${demo:A}", B: "${demo:B:-otherwise ${demo:C}}" }, { demo: source({ C: "value-of-c" }) });
  expect(unset).toEqual(["mcpServers.one.env.A: the demo value A is not set; set it"]);
  expect(server.unconfigured?.reason).toBe("env.A: the demo value A is not set; set it");
  const other = await loaded(
    { B: "${demo:B:-otherwise ${demo:C}}", E: "${demo:E:-for an empty one}" },
    { demo: source({ C: "value-of-c", E: "" }) },
  );
  expect(other.server.env).toEqual({ B: "otherwise value-of-c", E: "for an empty one" });
});

test("one that cannot be told leaves its server unconfigured with the reason, default or not; a required server stops the start", async () => {
  const demo: VariableSource = { ...source({}), find: () => Promise.reject(new Error("the demo is locked; unlock it")) };
  const { server } = await loaded({ A: "${demo:A:-otherwise}" }, { demo });
  expect(server.unconfigured?.reason).toBe("env.A: the demo is locked; unlock it");
  await expect(loaded({ A: "${demo:A}" }, { demo }, { required: true })).rejects.toThrow(
    "mcpServers.one.env.A: the demo is locked; unlock it",
  );
});

test("one that does not answer is given up after 30 s", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const demo: VariableSource = { ...source({}), find: () => new Promise(() => queueMicrotask(() => vi.advanceTimersByTime(31_000))) };
  const { server } = await loaded({ A: "${demo:A}" }, { demo });
  expect(server.unconfigured?.reason).toBe("env.A: ${demo:A} has no answer after 30 s");
});

test("a word that nobody brings is none of the forms, and so is every one where nothing is asked, as for what comes over a network", async () => {
  const none = /mcpServers\.one\.env\.A: "\$\{demo:A\}" is none of .*no plugin of the config brings \$\{demo:\.\.\.\}/;
  await expect(loaded({ A: "${demo:A}" }, { other: source({ A: "x" }) })).rejects.toThrow(none);
  await expect(loaded({ A: "${demo:A}" }, undefined)).rejects.toThrow(none);
  await expect(loaded({ A: "${Demo:A}" }, { Demo: source({ A: "x" }) })).rejects.toThrow("is none of");
});

/** A plugin as a file, with this in its definition. */
const plugin = (name: string, definition: string): string => `
const definition = { name: "${name}", host: "^1.0.0", apply(host) { host.operator.report(() => ({})); }, ${definition} };
export default Object.assign((input) => ({ [Symbol.for("mcp-host.plugin")]: true, definition, input }), { [Symbol.for("mcp-host.plugin")]: true, definition });
`;
const brings = (word: string): string => `variables: () => ({ "${word}": { find: (name) => "value of " + name, unset: () => "" } })`;
const text = ({ stdout, stderr }: { stdout: string; stderr: string }): string => `${stdout}${stderr}`.replace(/\s+/g, " ");

test.each<[string, Record<string, string>, string]>([
  [
    "two plugins bring one word",
    { one: brings("demo"), two: brings("demo") },
    'plugin "two" brings values by the word "demo", as plugin "one" does; remove one of them',
  ],
  [
    "a plugin brings a word of the host",
    { one: brings("file"), two: brings("demo") },
    'plugin "one" brings values by the word "file", which is the host\'s own',
  ],
  ["a shortcut is no command", { one: 'shortcuts: ["things"]', two: brings("demo") }, 'has "shortcuts" that are no array of names'],
  ["variables are no function", { one: "variables: {}", two: brings("demo") }, 'has "variables" that are no function'],
])("where %s, the config cannot be used", async (_what, plugins, message) => {
  const files = Object.fromEntries(Object.entries(plugins).map(([name, definition]) => [`${name}.mjs`, plugin(name, definition)]));
  using at = home(
    { mcpServers: { up: { command: "x", env: { A: "${demo:A}" } } }, plugins: Object.keys(files).map((name) => `./${name}`) },
    files,
  );
  const output = await run(at, ["validate"]);
  expect([output.code, text(output)]).toEqual([3, expect.stringContaining(message)]);
});

test("a shortcut is a command, or the first word of several; each is told the references", async () => {
  const show = `async () => ({ meta: { name: "show" }, run: ({ data }) => console.log(JSON.stringify(data.references)) })`;
  const commands = `shortcuts: ["things", "one-word"], ${brings("demo")}, commands: { "things show": ${show}, "things hide": ${show}, "one-word": ${show} }`;
  using at = home(
    { mcpServers: { up: { command: "x", env: { A: "${demo:A} ${HOME}" } } }, plugins: ["./one.mjs"] },
    { "one.mjs": plugin("one", commands) },
  );
  const expected = JSON.stringify([{ word: "demo", name: "A", place: "mcpServers.up.env.A" }]);
  for (const line of ["things show", "one things show", "one-word", "one one-word", "things --config mcp-host.config.json show"])
    expect(text(await run(at, line.split(" "))), line).toContain(expected);
  expect(text(await run(at, ["things", "--help"]))).toMatch(/COMMANDS things show .*things hide/);
  for (const [line, told] of [
    ["things", "name a command: things show, things hide"],
    ["things shw", "it has things show, things hide"],
  ] as const)
    expect(await run(at, line.split(" ")), line).toMatchObject({ code: 2, stderr: expect.stringContaining(told) });
});

test("a server that is added may refer to what a plugin of the file brings", async () => {
  using at = home({ mcpServers: {}, plugins: ["./one.mjs"] }, { "one.mjs": plugin("one", brings("demo")) });
  const added = await run(at, ["add", "up", "--env", "A=${demo:A}", "--", "node", "server.mjs"]);
  expect(added).toMatchObject({ code: 0 });
  const refused = await run(at, ["add", "other", "--env", "A=${nobody:A}", "--", "node", "server.mjs"]);
  expect([refused.code, text(refused)]).toEqual([3, expect.stringContaining("no plugin of the config brings ${nobody:...}")]);
});

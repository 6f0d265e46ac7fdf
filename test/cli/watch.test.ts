import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { clientOf, type Home, home, type Running, run, start } from "../harness/cli.ts";
import type { sdkClient } from "../harness/clients.ts";
import { upstream } from "../harness/hosts.ts";

type Client = ReturnType<typeof sdkClient>;

const watching = (at: Home, ...flags: string[]): Running =>
  start(at, ["start", "--port", "0", "--log-format", "json", "--watch", ...flags]);

/** A server that tells the variables of its process. */
const telling = (env: Record<string, string>, more: object = {}): object => {
  const server = upstream({ only: ["environment"] });
  return { ...server, ...more, env: { ...server.env, ...env } };
};
const told = async (client: Client, name: string): Promise<unknown> => {
  const { structuredContent } = await client.callTool({ name: "environment" });
  return (structuredContent as { env: Record<string, string> }).env[name];
};
const untilTold = (client: Client, name: string, value: string): Promise<void> =>
  vi.waitFor(async () => expect(await told(client, name)).toBe(value));

/** Files that values come from: how the config refers to each, and the text that says `value`. */
const SOURCES: [string, { server: object; file: string; text: (value: string) => string; flags?: string[] }][] = [
  [
    "an --env-file",
    { server: telling({ WORD: "${WORD}" }), file: "local.env", text: (word) => `WORD=${word}\n`, flags: ["--env-file", "local.env"] },
  ],
  ["a server's envFile", { server: telling({}, { envFile: "server.env" }), file: "server.env", text: (word) => `WORD=${word}\n` }],
  ["a file of ${file:...}", { server: telling({ WORD: "${file:word.txt}" }), file: "word.txt", text: (word) => `${word}\n` }],
  [
    "the credentials file",
    { server: telling({ WORD: "${WORD}" }), file: "user/mcp-host/credentials.json", text: (WORD) => JSON.stringify({ WORD }) },
  ],
];

test.each(SOURCES)("--watch follows %s, and the server gets the new value", async (_, { server, file, text, flags = [] }) => {
  using at = home({ mcpServers: { a: server } });
  mkdirSync(join(at.path, "user/mcp-host"), { recursive: true });
  const write = (value: string): void => writeFileSync(join(at.path, file), text(value), { mode: 0o600 });
  write("first");
  await using running = watching(at, ...flags);
  const client = await clientOf(running);
  expect(await told(client, "WORD")).toBe("first");
  write("second, and longer");
  await untilTold(client, "WORD", "second, and longer");
  // What is wrong with it is said, and the host goes on as it was.
  rmSync(join(at.path, file));
  await vi.waitFor(() => expect(running.stderr()).toContain("the host goes on with the config that it has"));
  expect(await told(client, "WORD")).toBe("second, and longer");
  write("third");
  await untilTold(client, "WORD", "third");
  expect(running.stderr()).not.toMatch(/second, and|third/);
  await client.close();
});

test("of many changes in a row the last one holds", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"], prefix: "0_" }) } });
  await using running = watching(at);
  const client = await clientOf(running);
  for (let count = 1; count <= 12; count++) {
    writeFileSync(
      join(at.path, "mcp-host.config.json"),
      JSON.stringify({ mcpServers: { a: upstream({ only: ["echo"], prefix: `${count}_` }) } }),
    );
    // Some while the config is being read.
    if (count % 3 === 0) await run(at, ["reload"]);
  }
  await vi.waitFor(async () => expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["12_echo"]));
  await client.close();
});

test("a config that is a link into a folder that is swapped, as in mounted volumes, is followed", async () => {
  using at = home();
  for (const version of ["one", "two"]) {
    mkdirSync(join(at.path, version));
    writeFileSync(
      join(at.path, version, "mcp-host.config.json"),
      JSON.stringify({ mcpServers: { a: upstream({ only: ["echo"], prefix: `${version}_` }) } }),
    );
  }
  symlinkSync("one", join(at.path, "data"));
  symlinkSync("data/mcp-host.config.json", join(at.path, "mcp-host.config.json"));
  await using running = watching(at);
  const client = await clientOf(running);
  symlinkSync("two", join(at.path, "data.next"));
  renameSync(join(at.path, "data.next"), join(at.path, "data"));
  await vi.waitFor(async () => expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["two_echo"]));
  await client.close();
});

/** Writes a config whose only server's one tool tells which it is. */
const writeConfig = (path: string, name: string): void =>
  writeFileSync(path, JSON.stringify({ mcpServers: { a: upstream({ only: ["echo"], prefix: `${name}_` }) } }));
const untilListed = (client: Client, name: string): Promise<void> =>
  vi.waitFor(async () => expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual([`${name}_echo`]), 5_000);

test("what a link leads to is followed, and the link where it leads elsewhere", async () => {
  using at = home();
  mkdirSync(join(at.path, "real"));
  const [one, two] = ["one", "two"].map((name) => join(at.path, "real", `${name}.json`)) as [string, string];
  const config = join(at.path, "mcp-host.config.json");
  writeConfig(one, "one");
  writeConfig(two, "two");
  // Over another link, as in a folder of dotfiles.
  symlinkSync(one, join(at.path, "real/current"));
  symlinkSync("real/current", config);
  await using running = watching(at);
  const client = await clientOf(running);
  writeConfig(one, "edited");
  await untilListed(client, "edited");
  symlinkSync(two, join(at.path, "next"));
  renameSync(join(at.path, "next"), join(at.path, "real/current"));
  await untilListed(client, "two");
  writeConfig(two, "edited_again");
  await untilListed(client, "edited_again");
  await client.close();
});

test.each([
  ["a link to one", true],
  ["no link", false],
])("a folder that another takes the place of is followed: %s", async (_what, isLink) => {
  using at = home();
  for (const name of ["one", "two"]) {
    mkdirSync(join(at.path, name));
    writeConfig(join(at.path, name, "own.json"), name);
  }
  const etc = join(at.path, "etc");
  const place = (name: string): void => {
    if (!isLink) return renameSync(join(at.path, name), etc);
    symlinkSync(name, join(at.path, "next"));
    renameSync(join(at.path, "next"), etc);
  };
  place("one");
  await using running = watching(at, "--config", join(etc, "own.json"));
  const client = await clientOf(running);
  if (!isLink) renameSync(etc, join(at.path, "old"));
  place("two");
  await untilListed(client, "two");
  writeConfig(join(etc, "own.json"), "edited");
  await untilListed(client, "edited");
  await client.close();
});

/** Plugins whose files import others: the file that the config names, and what is beside it. */
const SPLIT: Record<string, Record<string, string>> = {
  "rename.mjs": {
    "rename.mjs": `import { named } from "./lib/named.mjs";
import { definePlugin } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
export default definePlugin({ name: "rename", host: "^1.0.0",
  apply: (host) => host.hooks.discover.tap("rename", (entries) => entries.map((entry) => ({ ...entry, name: named(entry.name) }))) });`,
    "lib/named.mjs": `export * from '../word.mjs';
import { word } from "../word.mjs";
export const named = (name) => word + "_" + name;`,
    "word.mjs": `export const word = "WORD";`,
  },
  "rename.js": {
    "package.json": '{ "type": "commonjs" }',
    "rename.js": `const { word } = require("./word.js");
const { definePlugin } = require(${JSON.stringify(fileURLToPath(import.meta.resolve("mcp-host")))});
module.exports = definePlugin({ name: "rename", host: "^1.0.0",
  apply: (host) => host.hooks.discover.tap("rename", (entries) => entries.map((entry) => ({ ...entry, name: word + "_" + entry.name }))) });`,
    "word.js": `exports.word = "WORD";`,
  },
  "rename.ts": {
    "rename.ts": `import { definePlugin, type Entry } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
import { word } from "./word.js";
export default definePlugin({ name: "rename", host: "^1.0.0",
  apply: (host) => host.hooks.discover.tap("rename", (entries: readonly Entry[]) => entries.map((entry) => ({ ...entry, name: word + "_" + entry.name }))) });`,
    "word.ts": `export const word: string = "WORD";`,
  },
};

test.each(Object.entries(SPLIT))("what the plugin %s imports from files beside it is followed, and read anew", async (plugin, files) => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"] }) }, plugins: [`./${plugin}`] });
  mkdirSync(join(at.path, "lib"));
  const write = (word: string): void => {
    for (const [file, text] of Object.entries(files)) {
      const now = text.replace("WORD", word);
      if (word === "one" || now !== text) writeFileSync(join(at.path, file), now);
    }
  };
  write("one");
  await using running = watching(at);
  const client = await clientOf(running);
  await untilListed(client, "one");
  for (const word of ["two", "three"]) {
    write(word);
    await untilListed(client, word);
  }
  const word = join(at.path, Object.keys(files).find((file) => file.startsWith("word")) as string);
  writeFileSync(word, "export const");
  await vi.waitFor(() => expect(running.stderr()).toContain("the host goes on with the config that it has"), 5_000);
  write("four");
  await untilListed(client, "four");
  await client.close();
});

test("a config in TypeScript is run anew, with what it imports; what it throws is told and changes nothing", async () => {
  const config = (body: string): string => `import { name } from "./name.ts";\nexport default () => { ${body} };\n`;
  const server = JSON.stringify(upstream({ only: ["echo"] }));
  const returns = (suffix: string): string => config(`return { mcpServers: { [name + ${JSON.stringify(suffix)}]: ${server} } };`);
  const namespace = (name: string): string => `export const name: string = "${name}";\n`;
  using at = home(undefined, { "mcp-host.config.ts": returns(""), "name.ts": namespace("one") });
  await run(at, ["trust"]);
  await using running = watching(at);
  const client = await clientOf(running);
  const servers = async (): Promise<string[]> => {
    const { upstreams } = JSON.parse((await run(at, ["status", "--json"])).stdout) as { upstreams: { name: string }[] };
    return upstreams.map(({ name }) => name);
  };
  expect(await servers()).toEqual(["one"]);
  writeFileSync(join(at.path, "mcp-host.config.ts"), config(`throw new Error("no such luck");`));
  await vi.waitFor(() => expect(running.stderr()).toContain("no such luck"));
  expect(await servers()).toEqual(["one"]);
  writeFileSync(join(at.path, "name.ts"), namespace("two"));
  writeFileSync(join(at.path, "mcp-host.config.ts"), returns("_more"));
  await vi.waitFor(async () => expect(await servers()).toEqual(["two_more"]));
  expect((await client.callTool({ name: "echo" })).isError).not.toBe(true);
  await client.close();
});

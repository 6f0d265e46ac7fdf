import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { clientOf, type Home, home, type Running, run, start } from "../harness/cli.ts";
import type { sdkClient } from "../harness/clients.ts";
import { httpProcess, upstream } from "../harness/hosts.ts";

const write = (at: Home, config: unknown): void => writeFileSync(join(at.path, "mcp-host.config.json"), JSON.stringify(config));

const begin = (at: Home, ...flags: string[]): Running => start(at, ["start", "--port", "0", "--log-format", "json", ...flags]);
const names = async (client: ReturnType<typeof sdkClient>): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);
const until = (running: Running, text: string): Promise<void> => vi.waitFor(() => expect(running.stderr()).toContain(text));

test.each([
  ["SIGHUP", (_: Home, running: Running) => Promise.resolve(void running.child.kill("SIGHUP"))],
  [
    "`mcp-host reload`",
    async (at: Home) =>
      expect(await run(at, ["reload"])).toMatchObject({ code: 0, stdout: expect.stringContaining("servers: added b; 1 as before") }),
  ],
] as const)("%s reads the config again: the processes of what did not change live on", async (_, trigger) => {
  using at = home({ mcpServers: { a: upstream({ only: ["environment"] }) } });
  await using running = begin(at);
  const client = await clientOf(running);
  const pidOf = async () => ((await client.callTool({ name: "environment" })).structuredContent as { pid: number }).pid;
  const pid = await pidOf();
  write(at, { mcpServers: { a: upstream({ only: ["environment"] }), b: upstream({ only: ["echo"] }) } });
  await trigger(at, running);
  await until(running, "the config was read again");
  expect(await names(client)).toEqual(["environment", "echo"]);
  expect(await pidOf()).toBe(pid);
  await client.close();
});

test("--watch follows the config and a plugin beside it; a bad file keeps the old config and says why", async () => {
  // Its folder has no node_modules to import mcp-host from.
  const plugin = (word: string): string => `
const apply = (host) => host.hooks.respond.for("tools/call").tap("word", (result) => ({ ...result, _meta: { word: "${word}" } }));
export default Object.assign(() => {}, { [Symbol.for("mcp-host.plugin")]: true, definition: { name: "word", host: "^1.0.0", apply } });`;
  const config = { mcpServers: { a: upstream({ only: ["echo"] }) }, plugins: ["./word.mjs"] };
  using at = home(config, { "word.mjs": plugin("one") });
  await using running = begin(at, "--watch");
  const client = await clientOf(running);
  const word = async () => (await client.callTool({ name: "echo", arguments: {} }))._meta;
  expect(await word()).toEqual({ word: "one" });
  writeFileSync(join(at.path, "word.mjs"), plugin("another"));
  await vi.waitFor(async () => expect(await word()).toEqual({ word: "another" }));
  write(at, { ...config, mcpServers: { a: { comand: "x" } } });
  await until(running, "the host goes on with the config that it has");
  expect(running.stderr()).toContain("mcpServers.a.comand");
  expect(await names(client)).toEqual(["echo"]);
  write(at, { ...config, mcpServers: { a: upstream({ only: ["slow"] }) } });
  await vi.waitFor(async () => expect(await names(client)).toEqual(["slow"]));
  await client.close();
});

test("`mcp-host reload` tells apart what changed, what is made anew with it, and what stays", async () => {
  const plugin = `
const apply = (host) => host.hooks.respond.for("tools/call").tap("one", (result) => result);
export default Object.assign(() => {}, { [Symbol.for("mcp-host.plugin")]: true, definition: { name: "one", host: "^1.0.0", apply } });`;
  const a = upstream({ only: ["echo"] });
  const plugins = ["./one.mjs", "@host/plugin-namespace"];
  using at = home({ mcpServers: { a }, plugins }, { "one.mjs": plugin });
  await using running = begin(at);
  await (await clientOf(running)).close();
  const reloaded = async () => (await run(at, ["reload"])).stdout;
  const file = join(at.path, "one.mjs");
  writeFileSync(file, plugin);
  utimesSync(file, 1, 1); // written anew, and nothing else in it
  expect(await reloaded()).toBe("servers: 1 as before\nplugins: 2 as before\n");
  write(at, { mcpServers: { a, b: upstream({ only: ["slow"] }) }, plugins });
  expect(await reloaded()).toBe("servers: added b; 1 as before\nplugins: renewed namespace; 1 as before\n");
  writeFileSync(file, `${plugin}\n// other`);
  expect(await reloaded()).toBe("servers: 2 as before\nplugins: changed one; 1 as before\n");
});

test("`mcp-host reload` tells what is wrong with the config, and the host goes on", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"] }) } });
  await using running = begin(at);
  const client = await clientOf(running);
  write(at, { listen: { port: 7 }, mcpServers: { a: upstream({ only: ["echo"] }) }, limits: { sessions: 3 } });
  const { code, stderr } = await run(at, ["reload"]);
  expect(code).toBe(1);
  expect(stderr).toContain("limits: cannot change while the host runs; restart it");
  expect(await names(client)).toEqual(["echo"]);
  await client.close();
});

test("a reload names the file that cannot be read, and each of its problems once", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"] }) } });
  await using running = begin(at);
  await (await clientOf(running)).close();
  writeFileSync(join(at.path, "mcp-host.config.json"), '{ "mcpServers": {\n');
  const { code, stderr } = await run(at, ["reload"]);
  expect({ code, stderr: stderr.replace(/pid \d+/, "pid 1") }).toEqual({
    code: 1,
    stderr: `mcp-host: the host with pid 1 refused: ${join(at.path, "mcp-host.config.json")} cannot be used: 2:1: close brace expected\n`,
  });
  await until(running, `"config":"${join(at.path, "mcp-host.config.json")}","problems":["2:1: close brace expected"]`);
});

test("`mcp-host reload` tells which servers of the new config are not there, and why", async () => {
  using at = home({ mcpServers: {} });
  await using running = begin(at);
  await (await clientOf(running)).close();
  const dies = { command: process.execPath, args: ["-e", "process.exit(3)"] };
  write(at, { mcpServers: { dies, typo: { command: "no-such-command-here" } } });
  const { code, stdout, stderr } = await run(at, ["reload"]);
  expect({ code, stdout: stdout.split("\n")[0] }).toEqual({ code: 0, stdout: "servers: added dies, typo; 0 as before" });
  expect(stderr).toContain('mcp-host: server "dies" is not there yet: upstream "dies" is gone: its process exited with code 3\n');
  expect(stderr).toContain(
    'mcp-host: server "typo" is not there yet: cannot start "no-such-command-here": no such command on PATH (ENOENT)\n',
  );
});

test("under load nothing is lost and nothing is answered twice while servers and plugins come and go", async () => {
  const remote = await httpProcess("upstream", ["http", "--options", JSON.stringify({ only: ["progress"] })]);
  const servers = (round: number) => ({
    steady: upstream({ only: ["echo"] }),
    remote: { url: remote.url, timeout: round % 2 === 0 ? "60s" : "50s" },
    ...(round % 3 === 1 && { passing: upstream({ only: ["slow"] }) }),
  });
  const plugins = (round: number) => [["@host/plugin-cache", { ttl: `${30 + (round % 2)}s`, tools: ["nothing"] }], "@host/plugin-metrics"];
  using at = home({ mcpServers: servers(0), plugins: plugins(0) });
  await using running = begin(at);
  const clients = await Promise.all([1, 2, 3].map(() => clientOf(running)));
  let going = true;
  const answers = new Map<string, number>();
  const loads = clients.flatMap((client, which) => [
    (async () => {
      for (let count = 0; going; count++) {
        const text = `${which}-${count}`;
        const { structuredContent } = await client.callTool({ name: "echo", arguments: { text } });
        expect(structuredContent).toMatchObject({ arguments: { text } });
        answers.set(text, (answers.get(text) ?? 0) + 1);
      }
    })(),
    (async () => {
      while (going) {
        const seen: number[] = [];
        const onprogress = ({ progress }: { progress: number }): void => void seen.push(progress);
        const result = await client.callTool({ name: "progress", arguments: { steps: 5, delayMs: 20 } }, undefined, { onprogress });
        expect(result.structuredContent).toMatchObject({ steps: 5 });
        expect(seen).toEqual([1, 2, 3, 4, 5]);
      }
    })(),
  ]);
  for (let round = 1; round <= 8; round++) {
    write(at, { mcpServers: servers(round), plugins: plugins(round) });
    expect(await run(at, ["reload", "--json"])).toMatchObject({ code: 0 });
  }
  going = false;
  await Promise.all(loads);
  expect([...answers.values()].every((count) => count === 1)).toBe(true);
  expect(answers.size).toBeGreaterThan(50);
  for (const client of clients) await client.close();
  await remote.stop();
});

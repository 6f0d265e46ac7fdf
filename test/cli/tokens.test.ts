import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { home, run, start } from "../harness/cli.ts";
import { BIN, ROOT, upstream } from "../harness/hosts.ts";
import { noting } from "../harness/loaded-modules.ts";

interface Counts {
  isEstimate: boolean;
  tokenizer: string;
  all: { tools: number; tokens: number };
  servers: { name: string; tools: number; tokens: number }[];
  endpoints: { name: string | null; tools: number; tokens: number; saved: number; failed?: string }[];
  tools: { name: string; server: string; tokens: number }[];
}

const plugin = (name: string): string => join(ROOT, `packages/plugin-${name}/dist/index.js`);
const plugins = [
  plugin("namespace"),
  [plugin("profiles"), { profiles: { small: { servers: ["a"] } } }],
  [plugin("tool-search"), { show: "list", rules: [{ endpoints: [""], show: "search" }] }],
];
const config = { listen: { port: 0 }, mcpServers: { a: upstream({ name: "a" }), b: upstream({ name: "b" }) }, plugins };
const sum = (costs: readonly { tokens: number }[]): number => costs.reduce((all, { tokens }) => all + tokens, 0);

test("tokens counts servers, endpoints and tools, of a host of its own and of the one that runs", async () => {
  using at = home(config);
  const { code, stdout } = await run(at, ["tokens", "--json"]);
  expect(code).toBe(0);
  const counts = JSON.parse(stdout) as Counts;
  expect(counts).toMatchObject({ isEstimate: true, tokenizer: "o200k_base" });
  expect(counts.servers.map(({ name }) => name).sort()).toEqual(["a", "b", "tool-search"]);
  expect(sum(counts.servers)).toBe(counts.all.tokens);
  expect(sum(counts.tools)).toBe(counts.all.tokens);
  expect(counts.tools).toHaveLength(counts.all.tools);
  const [unnamed, small] = counts.endpoints;
  expect(unnamed).toMatchObject({ name: null, tools: 2, saved: counts.all.tokens - (unnamed?.tokens ?? 0) });
  expect(small).toMatchObject({ name: "small", tokens: counts.servers.find(({ name }) => name === "a")?.tokens });

  const running = start(at, ["start", "--log-format", "json"]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"));
  const asked = await run(at, ["tokens", "--json"]);
  expect(asked.stderr).toContain("asking the running host");
  expect(JSON.parse(asked.stdout)).toEqual(counts);
  expect(JSON.parse((await run(at, ["tokens", "--endpoint", "small", "--json"])).stdout).endpoints).toEqual([small]);
  running.child.kill();
  await running.exited;
});

test("for people it is three tables that say they are an estimate", async () => {
  using at = home(config);
  const { code, stdout } = await run(at, ["tokens"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^SERVER +TOOLS +TOKENS\n/);
  expect(stdout).toMatch(/^ENDPOINT +TOOLS +TOKENS +SAVED\n\(unnamed\) +2 +\d+ +\d+\.\d %$/m);
  expect(stdout).toMatch(/^TOOL +TOKENS +SERVER$/m);
  expect(stdout).toMatch(/^\d+ tools more with --json\. Estimated with o200k_base: models differ\.$/m);
});

test("without servers there is nothing to count, and when all are down it exits with 1", async () => {
  using none = home({ mcpServers: {} });
  expect(JSON.parse((await run(none, ["tokens", "--json"])).stdout)).toMatchObject({ all: { tools: 0, tokens: 0 }, tools: [] });
  using down = home({ mcpServers: { a: { command: "./none" } } });
  expect(await run(down, ["tokens", "--log-level", "silent"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('server "a" is missing here'),
  });
});

test("no other command loads the tokenizer", () => {
  using at = home({ mcpServers: {} });
  const loadedBy = (command: string): string[] => {
    const notes = noting(at.path);
    execFileSync(process.execPath, [...notes.args, BIN, command], {
      cwd: at.path,
      env: { ...process.env, ...at.env, ...notes.env },
      stdio: "ignore",
    });
    return notes.loaded().filter((name) => name.includes("gpt-tokenizer"));
  };
  expect(loadedBy("list")).toEqual([]);
  expect(loadedBy("tokens")).not.toEqual([]);
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "mcp-host";
import { expect, test, vi } from "vitest";
import { home, run } from "../harness/cli.ts";
import { MARKED, ROOT, startHost, temporary } from "../harness/hosts.ts";
import { KeyedClient } from "../harness/keyed-client.ts";

const FOLDER = join(ROOT, "examples/all-plugins");
const FILE = join(FOLDER, "mcp-host.config.json");
const README = readFileSync(join(FOLDER, "README.md"), "utf8");
const PLUGINS = [
  "oauth",
  "rate-limit",
  "auth",
  "audit",
  "metrics",
  "admin",
  "routing",
  "transform",
  "namespace",
  "profiles",
  "tool-search",
  "cache",
  "resilience",
  "otel",
  "compact",
  "alerts",
];

/** The key that the README gives away. Its first command is tried in npm-start.test.ts. */
const [, KEY = ""] = /Bearer (\S+)"/.exec(README) ?? [];

function config(memory: string): Config {
  // The file's variables, as the host would fill them in.
  const text = readFileSync(FILE, "utf8").replace(/\$\{EXAMPLE_\w+:-(.*?)\}/g, "$1");
  const read = JSON.parse(text) as Config & { mcpServers: Record<string, { env?: Record<string, string> }> };
  for (const server of Object.values(read.mcpServers)) server.env = { ...MARKED, ...server.env };
  read.mcpServers.memory = { ...read.mcpServers.memory, env: { ...MARKED, MEMORY_FILE_PATH: memory } };
  const plugins = read.plugins?.map((entry) =>
    Array.isArray(entry) && entry[0] === "@host/plugin-audit" ? [entry[0], { ...(entry[1] as object), file: `${memory}.audit` }] : entry,
  );
  return { ...read, plugins, listen: { port: 0 } } as Config; // as the file has them
}

test("validate and inspect explain the pipeline of the example", async () => {
  using at = home();
  const valid = await run(at, ["validate", "--config", FILE]);
  expect(valid).toEqual({ code: 0, stdout: `${FILE} is valid: 3 servers, 16 plugins\n`, stderr: "" });

  const { code, stdout } = await run(at, ["inspect", "--config", FILE]);
  expect(code).toBe(0);
  for (const line of [
    /^authenticate +1\. auth /m,
    /^permit +1\. auth /m,
    /^merge +1\. transform .*\n +2\. namespace /m,
    /^settled +1\. audit .*\n +2\. metrics /m,
  ])
    expect(stdout).toMatch(line);
  // The onion: the cache is outside, so that what it has is given while the breaker is open.
  expect(stdout.indexOf("cache 0.1.0 for tools/call")).toBeLessThan(stdout.indexOf("resilience 0.1.0 for "));
  for (const plugin of PLUGINS) expect(stdout).toMatch(new RegExp(`^${plugin} +0\\.1\\.0 `, "m"));
  expect(stdout).not.toContain("ATTENTION");

  const { hooks, plugins } = JSON.parse((await run(at, ["inspect", "--json", "--config", FILE])).stdout) as {
    hooks: { hook: string; taps: { plugin: string }[] }[];
    plugins: { id: string; taps: number }[];
  };
  expect(plugins.map(({ id }) => id)).toEqual(PLUGINS);
  expect(new Set(hooks.flatMap(({ taps }) => taps.map(({ plugin }) => plugin)))).toEqual(new Set(PLUGINS));
});

test.each([
  ["auth", "rulse", "rules"],
  ["audit", "detials", "details"],
  ["metrics", "pathh", "path"],
  ["otel", "endpont", "endpoint"],
  ["admin", "callz", "calls"],
  ["oauth", "serverz", "servers"],
  ["rate-limit", "adresses", "addresses"],
  ["routing", "group", "groups"],
  ["transform", "rulez", "rules"],
  ["compact", "limits", "limit"],
  ["namespace", "seperator", "separator"],
  ["profiles", "profile", "profiles"],
  ["tool-search", "pined", "pinned"],
  ["cache", "tool", "tools"],
  ["resilience", "default", "defaults"],
  ["alerts", "receiver", "receivers"],
])("a misspelt option of %s gives one line with its place and what may be meant", async (plugin, misspelt, meant) => {
  const read = JSON.parse(readFileSync(FILE, "utf8")) as { plugins: (string | [string, object])[] };
  const index = read.plugins.findIndex((each) => [each].flat()[0] === `@host/plugin-${plugin}`);
  const entry = read.plugins[index];
  read.plugins[index] = typeof entry === "string" ? [entry, { [misspelt]: true }] : [entry?.[0] ?? "", { ...entry?.[1], [misspelt]: true }];
  using at = home(read);
  const { code, stderr } = await run(at, ["validate"]);
  expect(code).toBe(3);
  const lines = stderr.split("\n").filter((line) => line.includes(misspelt));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`plugins[${index}].options`);
  expect(lines[0]).toContain(`"${meant}"`);
});

test("the example serves whoever reads, and whoever has the key", async () => {
  using folder = temporary();
  await using host = await startHost(config(join(folder.path, "memory.jsonl")), { folder: FOLDER });
  await host.host.known(20_000);

  const reader = await KeyedClient.open(host.url);
  const names = ((await reader.request("tools/list", {})).tools as { name: string }[]).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["files__read_text_file", "memory__read_graph", "everything__echo"]));
  expect(names.filter((name) => /write|create|delete|get-env/.test(name))).toEqual([]);
  const read = { name: "files__read_text_file", arguments: { path: join(FOLDER, "../quickstart/files/ideas.txt") } };
  const first = await reader.request("tools/call", read);
  expect(JSON.stringify(first)).toContain("content");
  expect(await reader.request("tools/call", read)).toEqual(first);
  await expect(reader.request("tools/call", { name: "files__write_file", arguments: {} })).rejects.toThrow("Unknown tool");

  const files = await KeyedClient.open(new URL("/mcp/p/files", host.url));
  const there = ((await files.request("tools/list", {})).tools as { name: string }[]).map(({ name }) => name);
  expect(there).toEqual(names.filter((name) => name.startsWith("files__")));
  await expect(files.request("tools/call", { name: "everything__echo", arguments: { message: "" } })).rejects.toThrow("Unknown tool");
  await files.close();

  const owner = await KeyedClient.open(host.url, KEY);
  const all = ((await owner.request("tools/list", {})).tools as { name: string }[]).map(({ name }) => name);
  expect(all).toEqual(expect.arrayContaining(["files__write_file", "memory__create_entities"]));
  expect(all).not.toContain("everything__get-env");
  const entities = [{ name: "Ada", entityType: "person", observations: ["her key is AKIAABCDEFGHIJKLMNOP"] }];
  await owner.request("tools/call", { name: "memory__create_entities", arguments: { entities } });
  expect(readFileSync(join(folder.path, "memory.jsonl"), "utf8")).toContain("her key is [redacted:aws]");

  const stranger = KeyedClient.open(host.url, `${KEY.slice(0, -1)}x`);
  await expect(stranger).rejects.toThrow("HTTP 401");

  const records = (): { who: string; name: string; type: string; outcome: string; arguments?: unknown }[] =>
    readFileSync(join(folder.path, "memory.jsonl.audit"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  await vi.waitFor(() => expect(records().some(({ type, outcome }) => type === "refused" && outcome === "refused")).toBe(true));
  expect(records()).toContainEqual(expect.objectContaining({ who: "key:owner", name: "memory__create_entities", outcome: "ok" }));
  expect(records()).toContainEqual(expect.objectContaining({ who: "anonymous", name: "files__write_file", outcome: "refused" }));

  const scrape = await (await fetch(new URL("/metrics", host.url))).text();
  expect(scrape).toMatch(/^mcp_host_cache_hits_total\{.*upstream="files".*\} 1$/m);
  await reader.close();
  await owner.close();
});

test("every variable of the example is told, and a pepper of one's own takes keys of one's own and no other", async () => {
  const variables = [...readFileSync(FILE, "utf8").matchAll(/\$\{(\w+)/g)].map(([, name]) => name);
  expect(variables).toEqual(["EXAMPLE_PEPPER", "EXAMPLE_COLLECTOR"]);
  for (const name of variables) expect(README).toContain(`\`${name}\``);
  const EXAMPLE_PEPPER = "a pepper of one's own";
  using at = home();
  const made = await run(at, ["auth", "new-key", "--id", "me", "--roles", "owner", "--config", FILE], { EXAMPLE_PEPPER });
  expect(made.stdout).toMatch(/^mcph_me_/);
  const entry = JSON.parse(made.stderr.trim().split("\n").at(-1) ?? "") as { digest: string };
  using folder = temporary();
  const read = config(join(folder.path, "memory.jsonl")) as Omit<Config, "plugins"> & {
    plugins: [string, { apiKeys: { pepper: string; keys: unknown[] } }][];
  };
  const [, auth] = read.plugins.find(([name]) => name === "@host/plugin-auth") ?? expect.fail("the example has no auth");
  auth.apiKeys = { pepper: EXAMPLE_PEPPER, keys: [...auth.apiKeys.keys, entry] };
  await using host = await startHost({ ...read, mcpServers: { ...read.mcpServers } }, { folder: FOLDER });
  const mine = await KeyedClient.open(host.url, made.stdout.trim());
  expect(JSON.stringify(await mine.request("tools/call", { name: "everything__echo", arguments: { message: "mine" } }))).toContain("mine");
  await mine.close();
  await expect(KeyedClient.open(host.url, KEY)).rejects.toThrow("HTTP 401");
});

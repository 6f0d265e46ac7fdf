import { execFile } from "node:child_process";
import { chmodSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Config } from "mcp-host";
import { expect, test } from "vitest";
import { home, run as mcpHost } from "../harness/cli.ts";
import { memoryTransport, sdkClient } from "../harness/clients.ts";
import { MARKED, ROOT, startHost, temporary, upstream } from "../harness/hosts.ts";

const run = promisify(execFile);
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const README = read("README.md");
const manifest = JSON.parse(read("package.json")) as { scripts: Record<string, string> };

/** The code blocks of a page that are written in `language`. */
function blocks(page: string, language: string): string[] {
  return Array.from(page.matchAll(/^```(\w+)\n(.*?)^```$/gms)).flatMap(([, tag, text]) => (tag === language ? [text?.trim() ?? ""] : []));
}

/** What a page says to write in the config, in a sentence, to load the plugin `file`. */
function plugins(page: string, file: string): Config["plugins"] {
  const [, line] = new RegExp(`\`("plugins": \\[\\["\\./${file}".*?\\]\\])\``).exec(page) ?? [];
  return (JSON.parse(`{${line}}`) as Config).plugins;
}

/** A folder in which what is installed here can be imported. */
function project(files: Record<string, string>): ReturnType<typeof temporary> {
  const folder = temporary(files);
  symlinkSync(join(ROOT, "node_modules"), join(folder.path, "node_modules"));
  return folder;
}

const [START, CONNECT, TEST, ...further] = blocks(README, "sh");

// The first is tried in test/examples/npm-start.test.ts.
test("the README's commands are those that are tried", () => {
  expect([START, CONNECT, TEST, further]).toEqual([
    "npm install && npm start",
    "claude mcp add --transport http mcp-host http://127.0.0.1:3000/mcp",
    "npm install && npm test",
    [],
  ]);
});

// A real `npm install` of a clone would download, which no test may. It was run before the tests could be: what it would do now
// is nothing, so what they run with is what it installs. What it installs of a package is tried in test/plugins/packages.test.ts.
test("npm install has nothing to add to what the tests run with", async () => {
  const { stdout } = await run("npm", ["install", "--offline", "--dry-run", "--no-audit", "--json", "--loglevel=error"], { cwd: ROOT });
  expect(JSON.parse(stdout)).toMatchObject({ added: 0, removed: 0, changed: 0 });
});

test("what npm start serves is where the README says", () => {
  expect(manifest.scripts.start).toBe("node scripts/start.mjs");
  const [file = ""] = /examples\/[\w./-]+\.json/.exec(read("scripts/start.mjs")) ?? [];
  const { listen } = JSON.parse(read(file)) as Config;
  expect(listen).toEqual({ port: 3000, host: "127.0.0.1" });
  expect(README).toContain("starts the host on http://127.0.0.1:3000/mcp with three real servers (everything, memory, filesystem)");
});

// `npm test` cannot run itself inside itself; CI runs it as it is written, on a clean clone.
test("CI runs the README's second command, then the site, the conformance suite and other versions of Node, and stops at the first that fails", () => {
  const lines = read(".ci/run").trim().split("\n");
  // Before them comes what a bare machine lacks.
  expect(lines.slice(-5)).toEqual([...(TEST ?? "").split(" && "), "npm run site", "npm run conformance", "npm run test:nodes"]);
  expect(lines).toContain("set -euo pipefail");
  expect(manifest.scripts.pretest).toBe("npm run --silent build");
  expect(manifest.scripts.test?.split(" && ")).toEqual(["lint", "typecheck", "coverage"].map((name) => `npm run --silent ${name}`));
});

test("the README's config is valid, its plugin included", async () => {
  const [example] = blocks(README, "json");
  using at = home(JSON.parse(example ?? ""));
  const { code, stdout, stderr } = await mcpHost(at, ["validate"]);
  expect({ code, said: stdout + stderr }).toMatchObject({ code: 0, said: expect.stringContaining("2 servers, 1 plugin") });
});

test("the README's plugin hides what it denies and refuses it in the words for an unknown name", async () => {
  const example = blocks(README, "ts").find((block) => block.includes("definePlugin"));
  using folder = project({ "deny.ts": example ?? "" });
  const server = (prefix: string) => upstream({ only: ["echo"], prefix });
  await using host = await startHost(
    {
      mcpServers: { files: server("write_"), notes: server("write_"), more: server("read_") },
      plugins: ["@host/plugin-namespace", ...(plugins(README, "deny.ts") ?? [])],
      listen: null,
    },
    { folder: folder.path },
  );
  const client = sdkClient();
  await client.connect(await memoryTransport(host.host));
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["notes__write_echo", "more__read_echo"]);
  await expect(client.callTool({ name: "files__write_echo" })).rejects.toThrow("Unknown tool: files__write_echo");
  await client.close();
});

test("the README's few lines embed a host, and let the process end", async () => {
  const example = blocks(README, "ts").find((block) => block.includes("createHost"));
  const script = `
    ${example}
    console.log(JSON.stringify([tools.map(({ name }) => name), content.length]));`;
  const { command, args } = upstream({ only: ["echo"] });
  const quoted = [command, ...args].map((word) => `'${word}'`).join(" ");
  using folder = project({ "embed.ts": script, "my-server": `#!/bin/sh\nexec ${quoted}\n` });
  chmodSync(join(folder.path, "my-server"), 0o700);
  // jiti, which loads the host's TypeScript plugins, too: Node 20 knows neither types nor `await using`.
  const { stdout } = await run(process.execPath, [join(ROOT, "node_modules/jiti/lib/jiti-cli.mjs"), "embed.ts"], {
    cwd: folder.path,
    env: { ...process.env, ...MARKED, PATH: `${folder.path}:${process.env.PATH}` },
    timeout: 20_000,
  });
  expect(JSON.parse(stdout)).toEqual([["echo"], 1]);
});

test("the quota of docs/plugins.md refuses the second call of a minute when one is allowed", async () => {
  const page = read("docs/plugins.md");
  const example = blocks(page, "ts").find((block) => block.includes('name: "quota"'));
  expect(plugins(page, "quota.ts")).toEqual([["./quota.ts", { perMinute: 10 }]]);
  using folder = project({ "quota.ts": example ?? "" });
  await using host = await startHost(
    { mcpServers: { up: upstream() }, plugins: [["./quota.ts", { perMinute: 1 }]], listen: null },
    { folder: folder.path },
  );
  const client = sdkClient();
  await client.connect(await memoryTransport(host.host));
  expect((await client.callTool({ name: "echo" })).isError).not.toBe(true);
  await expect(client.callTool({ name: "echo" })).rejects.toThrow("more than 1 calls a minute");
  await client.close();
});

import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { COMMANDS } from "../../packages/host/dist/cli/commands.js";
import { clientOf, type Home, home, type Running, run, start, urlOf } from "../harness/cli.ts";
import { lives, startDaemon } from "../harness/daemons.ts";
import { httpProcess, MARKED, ROOT } from "../harness/hosts.ts";
import { type McpRegistry, serveMcpRegistry } from "../harness/mcp-registry.ts";
import { zipOf } from "../harness/zip.ts";

const PAGE = readFileSync(join(ROOT, "docs/cli.md"), "utf8");
const TROUBLESHOOTING = readFileSync(join(ROOT, "docs/troubleshooting.md"), "utf8");

/** The command lines of a page's `sh` blocks. */
function examples(text: string): string[] {
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = ""]) => block.trim().split("\n"));
}

const lines = [...new Set([PAGE, TROUBLESHOOTING].flatMap(examples))];

let at: Home;
let running: Running;
let server: { url: string; stop(): Promise<void> };
let registry: McpRegistry;

/** The plugin that the examples of `dev` try. */
const QUOTA = `import { definePlugin } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
import { z } from ${JSON.stringify(import.meta.resolve("zod"))};
export default definePlugin({ name: "quota", host: "^1.0.0", options: z.strictObject({ perMinute: z.int().default(60) }),
  apply: (host, { perMinute }) => host.hooks.transform.for("tools/call").tap("quota", (params) => params) });`;

/** The server of the examples, in a process that all of them share. */
beforeAll(async () => {
  server = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "notes", base: "note://" })]);
  registry = await registryOf(server.url);
  at = home(
    { listen: { port: 0 }, mcpServers: { notes: { url: server.url } }, plugins: ["./profiles.mjs", "@host/plugin-cache"] },
    {
      "local.env": "A=1\n",
      "quota.ts": QUOTA,
      "mcp_settings.json": readFileSync(join(ROOT, "test/fixtures/gateways/mcp_settings.json"), "utf8"),
      "own.config.mjs": "export default { mcpServers: {} };",
      "profiles.mjs": `import { definePlugin } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
export default definePlugin({ name: "profiles", host: "^1.0.0", apply: (host) => host.endpoint("work") });`,
    },
  );
});

/** A bundle with one server, which asks for a folder. */
function diary(): Buffer {
  const manifest = {
    ...{ manifest_version: "0.3", name: "diary", version: "1.0.0", description: "A diary", author: { name: "Ada" } },
    server: {
      type: "node",
      entry_point: "index.mjs",
      mcp_config: { command: "node", args: ["${__dirname}/index.mjs", "${user_config.folder}"] },
    },
    user_config: { folder: { type: "directory", title: "Folder", description: "Where it is", required: true } },
  };
  return zipOf([
    { name: "manifest.json", content: JSON.stringify(manifest) },
    { name: "index.mjs", content: readFileSync(join(ROOT, "test/fixtures/bundled-server.mjs")) },
  ]);
}

/** The registry of the examples. It serves a bundle, too. */
async function registryOf(remote: string): Promise<McpRegistry> {
  const bytes = diary();
  const fileSha256 = createHash("sha256").update(bytes).digest("hex");
  const package_ = { registryType: "mcpb", identifier: "", fileSha256, transport: { type: "stdio" } };
  const served = await serveMcpRegistry([
    {
      ...{ name: "io.github.ada/weather", version: "1.0.0", description: "A map of the weather" },
      remotes: [{ type: "streamable-http", url: remote, headers: [{ name: "CITY", isRequired: true }] }],
    },
    { name: "io.github.ada/diary", version: "1.0.0", packages: [package_] },
  ]);
  package_.identifier = `${served.url}/diary.mcpb`;
  served.instead = ({ url }, response) => {
    if (url === "/diary.mcpb") response.end(bytes);
    return url === "/diary.mcpb";
  };
  return served;
}

/** A host that runs: some examples stop it. */
beforeEach(async () => {
  if (running?.child.pid !== undefined && lives(running.child.pid)) return;
  running = start(at, ["start", "--log-format", "json"]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"));
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await running[Symbol.asyncDispose]();
  await server.stop();
  at[Symbol.dispose]();
});

/** What must be there for an example: the process id that it names, and what ends it again. */
async function prepared(line: string): Promise<{ pid: number | undefined; end: () => Promise<unknown> }> {
  if (/^mcp-host config restore/.test(line)) await run(at, ["init", "--force", "--yes", "--import", "none"]);
  if (/^mcp-host (backup|restore) saved/.test(line)) rmSync(join(at.path, "saved"), { recursive: true, force: true });
  if (/^mcp-host plugin new/.test(line))
    for (const name of ["my-plugin", "weather"]) rmSync(join(at.path, name), { recursive: true, force: true });
  rmSync(join(at.path, "report.json"), { force: true });
  if (/^mcp-host restore saved/.test(line)) await run(at, ["backup", "saved"]);
  if (/^mcp-host (add|remove|enable|disable)/.test(line))
    for (const name of ["files", "tickets", "search", "weather", "rain", "diary", "spare"]) await run(at, ["remove", name]); // of another example
  if (/^mcp-host (remove|enable|disable)/.test(line)) await run(at, ["add", "spare", "--url", server.url]);
  if (/^mcp-host add diary/.test(line)) writeFileSync(join(at.path, "diary.mcpb"), diary());
  const daemon = /^mcp-host restart/.test(line) ? await startDaemon(at) : undefined;
  const isDaemon = daemon !== undefined || line.includes("--daemon");
  return { pid: daemon?.pid ?? running.child.pid, end: async () => isDaemon && run(at, ["stop", "--all"]) };
}

async function callEcho(): Promise<void> {
  const client = await clientOf(running);
  await client.callTool({ name: "echo" });
  await client.close();
}

/** What a reader does who tries an example that goes on: waits for its words, and acts. */
const ACTS: [RegExp, RegExp, (child: ChildProcessWithoutNullStreams) => unknown][] = [
  [/^mcp-host start(?! stdio)(?!.*--daemon)/, /Stop with Ctrl-C|the host listens/, (child) => child.kill("SIGTERM")],
  [/^mcp-host dev/, /Stop with Ctrl-C/, (child) => child.kill("SIGTERM")],
  [/^mcp-host trace.*--count/, /tracing the host/, () => callEcho()],
  [/^mcp-host trace.*--pid/, /tracing the host/, () => running.child.kill("SIGTERM")],
  [/^mcp-host subscribe/, /subscribed to/, () => run(at, ["call", "touch", "--args", '{"uri":"note://text"}'])],
];

/** What a shell makes of a line that is `mcp-host` and its arguments; undefined if it is more than that, or goes on until something happens. */
function wordsOf(line: string, env: NodeJS.ProcessEnv): string[] | undefined {
  if (!line.startsWith("mcp-host ") || /[|&;<>]/.test(line) || ACTS.some(([form]) => form.test(line))) return undefined;
  const words = execFileSync("bash", ["-c", `mcp-host() { printf '%s\\0' "$@"; }; ${line}`], { env, encoding: "utf8" });
  return words.split("\0").slice(0, -1);
}

test.each(lines)("the example `%s` does what it says", async (line) => {
  const { pid, end } = await prepared(line);
  const PATH = `${join(ROOT, "node_modules/.bin")}${delimiter}${process.env.PATH}`;
  const own = {
    ...{ HOME: at.path, PATH, PID: String(pid), URL: String(await urlOf(running)) },
    ...{ REGISTRY: registry.url, MCP_HOST_REGISTRY: registry.url },
  };
  const env = { ...process.env, ...MARKED, ...at.env, ...own };
  const words = wordsOf(line, env);
  if (words) {
    const { code, stdout, stderr } = await run(at, words, own);
    await end();
    expect(code, stdout + stderr).toBe(0);
    return;
  }
  const child = spawn("bash", ["-c", `exec ${line}`], { cwd: at.path, env });
  child.stdin.end();
  let said = "";
  let acts = ACTS.filter(([form]) => form.test(line));
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said += chunk;
      for (const [, words, act] of acts.filter(([, words]) => words.test(said))) {
        acts = acts.filter(([, others]) => others !== words);
        void act(child);
      }
    });
  const code = await new Promise((resolve) => child.once("close", resolve));
  await end();
  expect(code, said).toBe(0);
});

test("every command has an example, and every flag is in one", async () => {
  for (const [name, load] of Object.entries(COMMANDS)) {
    const { args } = await load();
    const own = examples(PAGE).filter((line) => line.startsWith(`mcp-host ${name}`) || line.startsWith(`mcp-host --${name}`));
    expect(own, `docs/cli.md has no example of ${name}`).not.toEqual([]);
    for (const [flag, { type }] of Object.entries(args ?? {})) {
      if (type === "positional") continue;
      const shown = examples(PAGE).some((line) => line.split(/[ =]/).some((word) => word === `--${flag}` || word === `--no-${flag}`));
      expect(shown, `docs/cli.md has no example with --${flag} (of ${name})`).toBe(true);
    }
  }
});

test("every argument has its default and its meaning", () => {
  const rows = [...PAGE.matchAll(/^\| `([^`]*)` \| (.*?) \| (.*?) \|$/gm)];
  expect(rows.length).toBeGreaterThan(Object.keys(COMMANDS).length);
  for (const [row, , standard, meaning] of rows)
    expect({ row, standard, meaning }).toEqual({ row, standard: expect.stringMatching(/\S/), meaning: expect.stringMatching(/\S/) });
});

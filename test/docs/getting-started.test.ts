import { execFile, spawn } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { desk } from "../harness/desk.ts";
import { BIN, MARKED, ROOT, temporary } from "../harness/hosts.ts";
import { serveRegistry } from "../harness/registry.ts";

const run = promisify(execFile);
const PAGE = readFileSync(join(ROOT, "docs/getting-started.md"), "utf8");

interface Block {
  readonly language: string;
  readonly text: string;
}

const BLOCKS: readonly Block[] = Array.from(PAGE.matchAll(/^```(\w+)\n(.*?)^```$/gms), ([, language = "", text = ""]) => ({
  language,
  text: text.trim(),
}));

/** JSON may be laid out in several ways. */
function plain({ language, text }: Block): string {
  return language === "json" ? JSON.stringify(JSON.parse(text)) : text;
}

// As somebody new does it: the packed package in an empty folder, each command as it stands on the page, one after the other. Nothing may
// be downloaded, so npm installs what the package depends on from a registry on loopback.
test("each command of docs/getting-started.md works as it is written, and prints what the page says", async () => {
  using folder = temporary();
  const home = join(folder.path, "home");
  const work = join(folder.path, "my-host");
  for (const each of [home, work]) mkdirSync(each);
  const host = join(ROOT, "packages/host");
  await using registry = await serveRegistry([host]);
  const packed = await run("npm", ["pack", "--json", "--pack-destination", folder.path], { cwd: host });
  const tarball = join(folder.path, (JSON.parse(packed.stdout) as [{ filename: string }])[0].filename);
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|_proxy$|^NODE_V8_COVERAGE$|^XDG_|^CODEX_|^CLAUDE_/i.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    ...MARKED,
    HOME: home,
    XDG_RUNTIME_DIR: join(folder.path, "run"),
    npm_config_registry: registry.url,
    npm_config_cache: join(folder.path, "cache"),
    npm_config_update_notifier: "false",
    npm_config_audit: "false",
    npm_config_fund: "false",
  };
  const shell = (text: string): Promise<{ stdout: string; stderr: string }> => run("sh", ["-ec", text], { cwd: work, env });
  /** What was printed or written, with the folders of the page. */
  const onPage = (text: string): string =>
    text.replaceAll(realpathSync(work), "/home/ada/my-host").replaceAll(process.execPath, "/usr/bin/node").trim();

  let server: { url: string; stop(): Promise<void> } | undefined;
  const done: string[] = [];
  try {
    for (const [index, { text }] of BLOCKS.entries()) {
      if (BLOCKS[index]?.language !== "sh") continue;
      done.push(text);
      if (text === "npx mcp-host start") {
        // On a free port, because 3000 may be taken.
        server = await served(work, env);
        const client = sdkClient();
        await client.connect(httpTransport(new URL(server.url)));
        expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["hello"]);
        await client.close();
        continue;
      }
      const { stdout, stderr } = await shell(text.replace("npm install mcp-host", `npm install ${tarball}`));
      if (text.includes(" init ")) expect(stderr).toContain("  npx mcp-host validate --connect");
      const next = BLOCKS[index + 1];
      if (next === undefined || next.language === "sh") continue;
      const result = text.includes(" init ") ? readFileSync(join(work, "mcp-host.config.json"), "utf8") : stdout;
      const printed = onPage(server ? result.replaceAll(server.url, "http://127.0.0.1:3000/mcp") : result);
      expect(plain({ language: next.language, text: printed })).toBe(plain(next));
    }
  } finally {
    await server?.stop();
  }
  expect(done.length).toBe(BLOCKS.filter(({ language }) => language === "sh").length);
  expect(Object.keys(JSON.parse(readFileSync(join(home, ".claude.json"), "utf8")).mcpServers)).toEqual(["mcp-host"]);
}, 180_000);

/** `npx mcp-host start`, once it says where it listens. */
async function served(cwd: string, env: Record<string, string | undefined>): Promise<{ url: string; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [join(cwd, "node_modules/mcp-host/bin/mcp-host.js"), "start", "--port", "0"], {
    cwd,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = new Promise<void>((gone) => child.once("exit", () => gone()));
  let text = "";
  child.stderr.on("data", (chunk) => (text += chunk));
  await expect.poll(() => text, { timeout: 60_000 }).toContain("Stop with Ctrl-C.");
  return {
    url: /http:\/\/[\w.:]+\/mcp/.exec(text)?.[0] ?? "",
    async stop() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

test("the line that names a server is understood as it is written in the text", async () => {
  const [, line = ""] = /`npx mcp-host (init [^`]*--server [^`]*)`/.exec(PAGE) ?? [];
  using at = desk();
  await run("sh", ["-c", `"${process.execPath}" "${BIN}" ${line}`], { cwd: at.path, env: { ...process.env, ...at.env } });
  expect(JSON.parse(at.read("mcp-host.config.json") ?? "")).toEqual({
    mcpServers: { files: { command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem", "."] } },
  });
});

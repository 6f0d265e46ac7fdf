import { execFile, spawn } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { desk } from "../harness/desk.ts";
import { BIN, ROOT } from "../harness/hosts.ts";
import { type NpmUser, npmUser } from "../harness/npm-user.ts";

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

/** Those of "Install it", and what follows them. */
const [PACK, INSTALL, ...AFTER] = BLOCKS;
const FOLDERS = ["host", "plugin-namespace"].map((name) => join(ROOT, "packages", name));
let user: NpmUser;
let work: string;

// As somebody new does it, in a home of their own: each command as it stands on the page, one after the other. Nothing may be downloaded, so
// npm installs what the packages depend on from a registry on loopback.
beforeAll(async () => {
  user = await npmUser(FOLDERS);
  work = join(user.home, "my-host");
  const [install, ...lines] = PACK?.text.split("\n") ?? [];
  // The tests run in the clone, in which that has been done: readme.test.ts shows that it has nothing to add.
  expect(install).toBe("npm install");
  await user.shell(lines.join("\n"), ROOT);
  await user.shell(INSTALL?.text ?? "", user.home);
}, 240_000);

// What was installed is thousands of files; a busy machine takes its time to remove them.
afterAll(() => user[Symbol.asyncDispose](), 120_000);

test("what is packed and installed is the host, from the files that were packed", async () => {
  const { dependencies } = JSON.parse(readFileSync(join(work, "package.json"), "utf8"));
  expect(dependencies).toEqual({ "mcp-host": expect.stringMatching(/^file:mcp-host-[\d.]+\.tgz$/) });
  const { installed } = JSON.parse((await user.shell("npx mcp-host version --json", work)).stdout);
  expect(installed).toMatchObject({ how: "project", folder: realpathSync(join(work, "node_modules/mcp-host")) });
});

test("each command of docs/getting-started.md works as it is written, and prints what the page says", async () => {
  /** What was printed or written, with the folders of the page. */
  const onPage = (text: string): string =>
    text.replaceAll(realpathSync(work), "/home/ada/my-host").replaceAll(process.execPath, "/usr/bin/node").trim();

  let server: { url: string; stop(): Promise<void> } | undefined;
  try {
    for (const [index, { language, text }] of AFTER.entries()) {
      if (language !== "sh") continue;
      if (text === "npx mcp-host start") {
        // On a free port, because 3000 may be taken.
        server = await served(work, user.env);
        const client = sdkClient();
        await client.connect(httpTransport(new URL(server.url)));
        const tools = async () => (await client.listTools()).tools.map(({ name }) => name); // empty while the server starts
        await expect.poll(tools, { timeout: 60_000 }).toEqual(["hello"]);
        await client.close();
        continue;
      }
      const { stdout, stderr } = await user.shell(text, work);
      if (text.includes(" init ")) expect(stderr).toContain("  npx mcp-host validate --connect");
      const next = AFTER[index + 1];
      if (next === undefined || next.language === "sh") continue;
      const result = text.includes(" init ") ? readFileSync(join(work, "mcp-host.config.json"), "utf8") : stdout;
      const printed = onPage(server ? result.replaceAll(server.url, "http://127.0.0.1:3000/mcp") : result);
      expect(plain({ language: next.language, text: printed })).toBe(plain(next));
    }
  } finally {
    await server?.stop();
  }
  expect(Object.keys(JSON.parse(readFileSync(join(user.home, ".claude.json"), "utf8")).mcpServers)).toEqual(["mcp-host"]);
  // The last block has installed a plugin.
  const [, plugins] = /and `("plugins": \[[^`]*\])` in the config/.exec(PAGE) ?? [];
  writeFileSync(join(work, "plugins.json"), `{ "mcpServers": {}, ${plugins} }`);
  const { stdout } = await user.shell("npx mcp-host validate --config plugins.json", work);
  expect(stdout).toContain("is valid: 0 servers, 1 plugin");
}, 180_000);

/** `npx mcp-host start`, once it says where it listens. */
async function served(cwd: string, env: NodeJS.ProcessEnv, args = ["start"]): Promise<{ url: string; stop(): Promise<void> }> {
  const child = spawn("npx", ["mcp-host", ...args, "--port", "0"], { cwd, env, stdio: ["ignore", "ignore", "pipe"], detached: true });
  const exited = new Promise<void>((gone) => child.once("exit", () => gone()));
  let text = "";
  child.stderr.on("data", (chunk) => (text += chunk));
  await expect.poll(() => text, { timeout: 60_000 }).toContain("Stop with Ctrl-C.");
  return {
    url: /http:\/\/[\w.:]+\/mcp/.exec(text)?.[0] ?? "",
    async stop() {
      process.kill(-(child.pid as number), "SIGTERM"); // it has said something
      await exited;
    },
  };
}

/** What is written in the table of ways to install. */
const way = (start: string): string => new RegExp(`\`(${start}[^\`]*)\``).exec(PAGE)?.[1] ?? expect.fail(`no way begins with ${start}`);

const EMPTY = JSON.stringify({ mcpServers: {}, plugins: ["@host/plugin-namespace"] });

test.each([
  ["packed", way("npm install --global"), () => work, " ./host-plugin-namespace-*.tgz"],
  ["the clone", way("npm link"), () => ROOT, ""],
])(
  "on the machine, %s: `mcp-host` is a command, finds its plugins, and says how it is typed",
  async (_what, line, folder, plugins) => {
    await user.shell(`${line}${plugins}`, folder());
    const elsewhere = join(user.home, "elsewhere");
    mkdirSync(elsewhere, { recursive: true });
    writeFileSync(join(elsewhere, "mcp-host.config.json"), EMPTY);
    const PATH = `export PATH="$HOME/.global/bin:$PATH"`;
    const { stdout } = await user.shell(`${PATH}; mcp-host validate`, elsewhere);
    expect(stdout).toContain("1 plugin");
    const { stderr } = await user.shell(`${PATH}; mcp-host client-config cursor`, elsewhere);
    expect(stderr).toContain("; `mcp-host install cursor` writes it there");
    await user.shell("npm uninstall --global mcp-host @host/plugin-namespace", elsewhere);
  },
  180_000,
);

test("the clone itself: in it by npx, and elsewhere by its file, with every plugin", async () => {
  expect((await user.shell("npx --offline mcp-host version", ROOT)).stdout).toContain(join(ROOT, "packages/host"));
  const elsewhere = join(user.home, "clone-elsewhere");
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, "mcp-host.config.json"), EMPTY);
  const { stdout } = await user.shell(`${way("node <clone>").replace("<clone>", ROOT)} validate`, elsewhere);
  expect(stdout).toContain("1 plugin");
});

test("the command of the host package's README.md starts a host", async () => {
  const page = readFileSync(join(ROOT, "packages/host/README.md"), "utf8");
  const [, line = ""] = /```sh\n(npx mcp-host start [^\n]*)\n```/.exec(page) ?? [];
  const folder = join(work, "readme");
  mkdirSync(folder);
  writeFileSync(join(folder, "mcp-host.config.json"), '{ "mcpServers": {} }');
  const server = await served(folder, user.env, line.split(" ").slice(2));
  await server.stop();
}, 90_000);

test("the line that names a server is understood as it is written in the text", async () => {
  const [, line = ""] = /`npx mcp-host (init [^`]*--server [^`]*)`/.exec(PAGE) ?? [];
  using at = desk();
  await run("sh", ["-c", `"${process.execPath}" "${BIN}" ${line}`], { cwd: at.path, env: { ...process.env, ...at.env } });
  expect(JSON.parse(at.read("mcp-host.config.json") ?? "")).toEqual({
    mcpServers: { files: { command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem", "."] } },
  });
});

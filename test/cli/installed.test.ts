import { execFile } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { home } from "../harness/cli.ts";
import { sdkClient, stdioTransport } from "../harness/clients.ts";
import { BIN, MARKED, ROOT, temporary } from "../harness/hosts.ts";

const run = promisify(execFile);
const PACKAGE = join(ROOT, "packages/host");

/** Puts a copy of the host, as npm would, into `modules`, beside links to what it depends on; gives its program. */
function install(modules: string): string {
  mkdirSync(join(modules, ".bin"), { recursive: true });
  for (const name of readdirSync(join(ROOT, "node_modules")))
    if (!name.startsWith(".") && name !== "mcp-host") symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  for (const part of ["bin", "dist", "package.json"]) cpSync(join(PACKAGE, part), join(modules, "mcp-host", part), { recursive: true });
  return linked(modules);
}

function linked(modules: string): string {
  const program = join(modules, ".bin/mcp-host");
  symlinkSync("../mcp-host/bin/mcp-host.js", program);
  return program;
}

const LAYOUTS: Record<string, (folder: string) => { program: string; package: string }> = {
  global(folder) {
    const program = install(join(folder, "lib/node_modules"));
    mkdirSync(join(folder, "bin"));
    symlinkSync("../lib/node_modules/mcp-host/bin/mcp-host.js", join(folder, "bin/mcp-host"));
    return { program, package: "lib/node_modules/mcp-host" };
  },
  project(folder) {
    writeFileSync(join(folder, "package.json"), "{}");
    return { program: install(join(folder, "node_modules")), package: "node_modules/mcp-host" };
  },
  npx(folder) {
    mkdirSync(join(folder, "_npx/1a2b"), { recursive: true });
    writeFileSync(join(folder, "_npx/1a2b/package.json"), "{}");
    return { program: install(join(folder, "_npx/1a2b/node_modules")), package: "_npx/1a2b/node_modules/mcp-host" };
  },
};

async function version(program: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  return (await run(process.execPath, [program, "version", ...args], { env: { ...process.env, ...MARKED, ...env } })).stdout;
}

test.each(Object.entries(LAYOUTS))("version says that it was installed: %s", async (how, layout) => {
  using folder = temporary();
  const { program, package: name } = layout(folder.path);
  const { installed } = JSON.parse(await version(program, ["--json"]));
  expect(installed).toEqual({ how, folder: join(realpathSync(folder.path), name), container: expect.any(Boolean) });
});

test("version says that it is linked, from source, and in a container", async () => {
  using folder = temporary();
  mkdirSync(join(folder.path, "node_modules/.bin"), { recursive: true });
  symlinkSync(PACKAGE, join(folder.path, "node_modules/mcp-host"));
  const program = linked(join(folder.path, "node_modules"));
  expect(JSON.parse(await version(program, ["--json"])).installed).toMatchObject({ how: "linked", folder: PACKAGE });
  expect(JSON.parse(await version(BIN, ["--json"], { container: "podman" })).installed).toMatchObject({ how: "source", container: true });
  expect(await version(BIN, [], { container: "podman" })).toMatch(new RegExp(`\ninstalled from source, in a container: ${PACKAGE}\n$`));
});

/** How a host that runs here says that it is typed; `status` says it where no host runs. */
async function typedBy(program: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const child = execFile(process.execPath, [program, "status"], { cwd, env });
  let said = "";
  child.stderr?.on("data", (chunk) => (said += chunk));
  await once(child, "close");
  return /start one with `(.*) start`/.exec(said)?.[1];
}

/** How the host is typed in a folder where it is installed so. What is printed has to be what runs it, and nothing that npx would fetch. */
const TYPED: Record<string, string> = {
  global: "mcp-host",
  project: "npx mcp-host",
  npx: "node _npx/1a2b/node_modules/mcp-host/bin/mcp-host.js",
};

test.each(Object.entries(LAYOUTS))("the command that is printed runs the host that printed it, installed: %s", async (how, layout) => {
  using at = home({ mcpServers: {} });
  const { program, package: name } = layout(at.path);
  // As npx runs it: its own folders come first on PATH.
  const env = { ...process.env, ...MARKED, ...at.env, PATH: `${join(program, "..")}:${join(at.path, "bin")}:${process.env.PATH}` };
  const typed = await typedBy(program, at.path, env);
  expect(typed).toBe(TYPED[how]);
  const shell = { ...env, PATH: `${join(at.path, "bin")}:${process.env.PATH}`, npm_config_offline: "true" };
  const { stdout } = await run("sh", ["-c", `${typed} version --json`], { cwd: at.path, env: shell });
  expect(JSON.parse(stdout).installed.folder).toBe(join(realpathSync(at.path), name));
});

test.each(Object.entries(LAYOUTS))(
  "a client's entry starts the host that made it, from any folder, installed: %s",
  async (_how, layout) => {
    using at = home({ mcpServers: {} });
    const { program, package: name } = layout(at.path);
    const env = { ...process.env, ...MARKED, ...at.env };
    const { stdout } = await run(process.execPath, [program, "client-config", "cursor"], { cwd: at.path, env });
    const entry = JSON.parse(stdout).mcpServers["mcp-host"];
    expect(entry).toMatchObject({
      command: process.execPath,
      args: [join(realpathSync(at.path), name, "bin/mcp-host.js"), "start", "stdio", "--config", join(at.path, "mcp-host.config.json")],
    });
    const client = sdkClient();
    await client.connect(stdioTransport(entry.command, entry.args, at.env));
    expect((await client.listTools()).tools).toEqual([]);
    await client.close();
  },
);

test("a host that another mcp-host hides is named by its file", async () => {
  using at = home({ mcpServers: {} });
  for (const folder of ["bin", "node_modules/.bin"]) {
    mkdirSync(join(at.path, folder), { recursive: true });
    writeFileSync(join(at.path, folder, "mcp-host"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  }
  const env = { ...process.env, ...MARKED, ...at.env, PATH: `${join(at.path, "bin")}:${process.env.PATH}` };
  expect(await typedBy(BIN, at.path, env)).toBe(`node ${BIN}`);
});

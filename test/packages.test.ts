import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpTransport, sdkClient } from "./harness/clients.ts";
import { MARKED, ROOT, temporary, upstream } from "./harness/hosts.ts";

const run = promisify(execFile);
const PACKAGES = ["host", "plugin-namespace"];

const folder = temporary();
const tarballs = new Map<string, string>();

beforeAll(async () => {
  for (const name of PACKAGES) {
    const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder.path], { cwd: join(ROOT, "packages", name) });
    tarballs.set(name, join(folder.path, (JSON.parse(stdout) as [{ filename: string }])[0].filename));
  }
}, 60_000);

afterAll(() => folder[Symbol.dispose]());

test.each(PACKAGES)(
  "what is published of %s satisfies publint and attw",
  async (name) => {
    const bin = join(ROOT, "node_modules/.bin");
    await run(join(bin, "publint"), ["run", tarballs.get(name) ?? "", "--strict"]);
    await run(join(bin, "attw"), [tarballs.get(name) ?? "", "--profile", "esm-only"]);
  },
  60_000,
);

test("the packed packages serve from an empty folder with their own dependencies only", async () => {
  const installed = join(folder.path, "installed");
  const modules = join(installed, "node_modules");
  mkdirSync(join(modules, ".bin"), { recursive: true });
  for (const name of PACKAGES) {
    await run("tar", ["-xzf", tarballs.get(name) ?? "", "-C", folder.path]);
    const manifest = JSON.parse(readFileSync(join(folder.path, "package/package.json"), "utf8")) as Manifest;
    const target = join(modules, manifest.name);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(join(folder.path, "package"), target);
    // Nothing may be downloaded now, so the declared dependencies, and theirs, come from this repository's installation.
    for (const dependency of Object.keys(manifest.dependencies ?? {})) provide(dependency, join(ROOT, "packages", name), modules);
  }
  symlinkSync("../mcp-host/bin/mcp-host.js", join(modules, ".bin/mcp-host"));
  writeFileSync(join(installed, "package.json"), "{}");
  writeFileSync(
    join(installed, "mcp-host.config.json"),
    JSON.stringify({ mcpServers: { one: upstream({ name: "one" }) }, plugins: ["@host/plugin-namespace"] }),
    { mode: 0o600 },
  );

  const host = spawn("npx", ["--no-install", "mcp-host", "start", "--port", "0", "--log-format", "json"], {
    cwd: installed,
    env: { ...process.env, ...MARKED },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  try {
    let text = "";
    const url = await new Promise<string>((found, failed) => {
      host.stderr.on("data", (chunk) => {
        text += chunk;
        const [, address] = /"url":"([^"]+)"/.exec(text) ?? [];
        if (address) found(address);
      });
      host.once("exit", (code) => failed(new Error(`exited with ${code}: ${text}`)));
    });
    const client = sdkClient();
    await client.connect(httpTransport(new URL(url)));
    const { structuredContent } = await client.callTool({ name: "one__echo", arguments: { packed: true } });
    expect(structuredContent).toMatchObject({ arguments: { packed: true } });
    await client.close();
  } finally {
    process.kill(-(host.pid as number), "SIGTERM"); // it was spawned, or the promise above had failed
    await new Promise((resolve) => host.once("exit", resolve));
  }
}, 60_000);

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
}

/** Puts a dependency, as resolved from `from`, and its own dependencies into `modules`. */
function provide(name: string, from: string, modules: string): void {
  let base = from;
  while (!existsSync(join(base, "node_modules", name))) {
    if (dirname(base) === base) throw new Error(`${name} is not installed`);
    base = dirname(base);
  }
  const source = join(base, "node_modules", name);
  const target = join(modules, name);
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target, { recursive: true, dereference: true });
  const { dependencies = {} } = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as Manifest;
  for (const dependency of Object.keys(dependencies)) provide(dependency, source, modules);
}

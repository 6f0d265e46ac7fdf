import { execFile, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpTransport, sdkClient } from "./harness/clients.ts";
import { MARKED, ROOT, temporary, upstream } from "./harness/hosts.ts";
import { serveRegistry } from "./harness/registry.ts";

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

test("the packed packages, installed by npm in an empty folder, serve with their own dependencies only", async () => {
  const installed = join(folder.path, "installed");
  mkdirSync(installed);
  // Nothing may be downloaded, so npm installs from a registry on loopback that has the packages' dependencies and no others. What
  // the npm that runs these tests was told (its registry, its cache) is not for this one, and what it covers counts nowhere.
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|_proxy$|^NODE_V8_COVERAGE$/i.test(name));
  const env = { ...Object.fromEntries(inherited), ...MARKED };
  await using registry = await serveRegistry(PACKAGES.map((name) => join(ROOT, "packages", name)));
  const settings = { userconfig: join(folder.path, "npmrc"), cache: join(folder.path, "cache"), registry: registry.url };
  const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  await run("npm", ["install", ...flags, "--no-audit", "--no-fund", "--no-update-notifier", ...tarballs.values()], { cwd: installed, env });
  const { packages } = JSON.parse(readFileSync(join(installed, "package-lock.json"), "utf8")) as {
    packages: Record<string, { resolved?: string }>;
  };
  const elsewhere = Object.values(packages).filter(({ resolved }) => resolved && !resolved.startsWith(registry.url));
  expect(elsewhere.map(({ resolved }) => resolved).sort()).toEqual(
    [...tarballs.values()].map((path) => `file:${relative(installed, path)}`).sort(),
  );
  writeFileSync(
    join(installed, "mcp-host.config.json"),
    JSON.stringify({ mcpServers: { one: upstream({ name: "one" }) }, plugins: ["@host/plugin-namespace"] }),
    { mode: 0o600 },
  );

  const host = spawn("npx", ["--no-install", "mcp-host", "start", "--port", "0", "--log-format", "json"], {
    cwd: installed,
    env,
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

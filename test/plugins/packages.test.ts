import { execFile, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { MARKED, ROOT, temporary, upstream } from "../harness/hosts.ts";
import { serveRegistry } from "../harness/registry.ts";

const run = promisify(execFile);
const PACKAGES = readdirSync(join(ROOT, "packages")).sort();

const PEPPER = "a pepper of this test";
const KEY = `mcph_test_${"A".repeat(43)}`;

/** What a plugin needs to be told before it starts. */
const OPTIONS: Record<string, unknown> = {
  "plugin-auth": {
    apiKeys: { pepper: PEPPER, keys: [{ id: "test", digest: createHmac("sha256", PEPPER).update(KEY).digest("base64url") }] },
    default: "allow",
  },
};

/** What its clients send with every request. */
const HEADERS: Record<string, Record<string, string>> = { "plugin-auth": { authorization: `Bearer ${KEY}` } };

const folder = temporary();
const tarballs = new Map<string, string>();

beforeAll(async () => {
  for (const name of PACKAGES) {
    const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder.path], { cwd: join(ROOT, "packages", name) });
    tarballs.set(name, join(folder.path, (JSON.parse(stdout) as [{ filename: string }])[0].filename));
  }
}, 60_000);

// What was installed is ten thousands of files; a busy machine takes its time to remove them.
afterAll(() => folder[Symbol.dispose](), 120_000);

test.each(PACKAGES)(
  "what is published of %s satisfies publint and attw",
  async (name) => {
    const bin = join(ROOT, "node_modules/.bin");
    await run(join(bin, "publint"), ["run", tarballs.get(name) ?? "", "--strict"]);
    await run(join(bin, "attw"), [tarballs.get(name) ?? "", "--profile", "esm-only"]);
  },
  60_000,
);

test.each(PACKAGES.filter((name) => name !== "host"))(
  "%s, packed and installed by npm in an empty folder beside the host, serves and brings only its own dependencies",
  async (plugin) => {
    const installed = join(folder.path, plugin);
    mkdirSync(installed);
    const tgz = ["host", plugin].map((name) => tarballs.get(name) as string); // all were packed
    // Nothing may be downloaded, so npm installs from a registry on loopback that has the packages' dependencies and no others. What
    // the npm that runs these tests was told (its registry, its cache) is not for this one, and what it covers counts nowhere.
    const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|_proxy$|^NODE_V8_COVERAGE$/i.test(name));
    const env = { ...Object.fromEntries(inherited), ...MARKED };
    await using registry = await serveRegistry(["host", plugin].map((name) => join(ROOT, "packages", name)));
    const settings = { userconfig: join(folder.path, "npmrc"), cache: join(folder.path, "cache"), registry: registry.url };
    const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
    await run("npm", ["install", ...flags, "--no-audit", "--no-fund", "--no-update-notifier", ...tgz], { cwd: installed, env });
    const { packages } = JSON.parse(readFileSync(join(installed, "package-lock.json"), "utf8")) as {
      packages: Record<string, { resolved?: string }>;
    };
    const elsewhere = Object.values(packages).filter(({ resolved }) => resolved && !resolved.startsWith(registry.url));
    expect(elsewhere.map(({ resolved }) => resolved).sort()).toEqual(tgz.map((path) => `file:${relative(installed, path)}`).sort());
    const names = Object.keys(packages).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1] ?? []);
    expect([...new Set(names)].sort()).toEqual([...registry.names, "mcp-host", `@host/${plugin}`].sort());
    writeFileSync(
      join(installed, "mcp-host.config.json"),
      JSON.stringify({ mcpServers: { one: upstream({ name: "one" }) }, plugins: [[`@host/${plugin}`, OPTIONS[plugin] ?? {}]] }),
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
      await client.connect(httpTransport(new URL(url), HEADERS[plugin]));
      const name = plugin === "plugin-namespace" ? "one__echo" : "echo";
      const { structuredContent } = await client.callTool({ name, arguments: { packed: true } });
      expect(structuredContent).toMatchObject({ arguments: { packed: true } });
      await client.close();
    } finally {
      process.kill(-(host.pid as number), "SIGTERM"); // it was spawned, or the promise above had failed
      await new Promise((resolve) => host.once("exit", resolve));
    }
  },
  60_000,
);

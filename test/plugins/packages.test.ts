import { execFile, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { ROOT, temporary, upstream } from "../harness/hosts.ts";
import { npmUser } from "../harness/npm-user.ts";

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
const contents = new Map<string, readonly string[]>();

beforeAll(async () => {
  for (const name of PACKAGES) {
    const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder.path], { cwd: join(ROOT, "packages", name) });
    const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
    tarballs.set(name, join(folder.path, filename));
    contents.set(
      name,
      files.map(({ path }) => path),
    );
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

test.each(PACKAGES)("what is published of %s is what its source builds, with its page and its license", (name) => {
  const files = contents.get(name) ?? [];
  expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"]));
  const source = new Set(readdirSync(join(ROOT, "packages", name, "src"), { recursive: true, encoding: "utf8" }));
  const built = files.filter((path) => /^dist\/(?!docs\/)/.test(path));
  expect(built.filter((path) => !source.has(path.replace(/^dist\//, "").replace(/(\.d)?\.[jt]s(\.map)?$/, ".ts")))).toEqual([]);
  const docs = name === "host" ? readdirSync(join(ROOT, "docs")).map((page) => `dist/docs/${page}`) : [];
  expect(files.filter((path) => path.startsWith("dist/docs/")).sort()).toEqual(docs.sort());
});

test.each(PACKAGES.filter((name) => name !== "host"))(
  "%s, packed and installed by npm in an empty folder beside the host, serves and brings only its own dependencies",
  async (plugin) => {
    const installed = join(folder.path, plugin);
    mkdirSync(installed);
    const tgz = ["host", plugin].map((name) => tarballs.get(name) as string); // all were packed
    // Nothing may be downloaded, so npm installs from a registry on loopback that has the packages' dependencies and no others.
    await using user = await npmUser(["host", plugin].map((name) => join(ROOT, "packages", name)));
    await user.shell(`npm install ${tgz.join(" ")}`, installed);
    const { packages } = JSON.parse(readFileSync(join(installed, "package-lock.json"), "utf8")) as {
      packages: Record<string, { resolved?: string }>;
    };
    const elsewhere = Object.values(packages).filter(({ resolved }) => resolved && !resolved.startsWith(user.registry));
    expect(elsewhere.map(({ resolved }) => resolved).sort()).toEqual(tgz.map((path) => `file:${relative(installed, path)}`).sort());
    const names = Object.keys(packages).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1] ?? []);
    expect([...new Set(names)].sort()).toEqual([...user.packages, "mcp-host", `@host/${plugin}`].sort());
    writeFileSync(
      join(installed, "mcp-host.config.json"),
      JSON.stringify({ mcpServers: { one: upstream({ name: "one" }) }, plugins: [[`@host/${plugin}`, OPTIONS[plugin] ?? {}]] }),
      { mode: 0o600 },
    );

    const host = spawn("npx", ["--no-install", "mcp-host", "start", "--port", "0", "--log-format", "json"], {
      cwd: installed,
      env: user.env,
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

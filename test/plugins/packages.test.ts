import { execFile, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { ROOT, temporary, upstream } from "../harness/hosts.ts";
import { type NpmUser, npmUser } from "../harness/npm-user.ts";
import { dependenciesOf } from "../harness/registry.ts";

const run = promisify(execFile);
const PACKAGES = readdirSync(join(ROOT, "packages")).sort();
const PLUGINS = PACKAGES.filter((name) => name.startsWith("plugin-"));

const PEPPER = "a pepper of this test";
const KEY = `mcph_test_${"A".repeat(43)}`;

/** What a plugin needs to be told before it starts. */
const OPTIONS: Record<string, unknown> = {
  "plugin-approval": { rules: [{ match: ["nothing"], ask: "person" }] },
  "plugin-auth": {
    apiKeys: { pepper: PEPPER, keys: [{ id: "test", digest: createHmac("sha256", PEPPER).update(KEY).digest("base64url") }] },
    default: "allow",
  },
};

/** What its clients send with every request. */
const HEADERS: Record<string, Record<string, string>> = { "plugin-auth": { authorization: `Bearer ${KEY}` } };

/** What npm has written down of one package of the installation. */
interface Locked {
  readonly resolved?: string;
  readonly dependencies?: Record<string, string>;
}

const folder = temporary();
const installed = temporary();
const tarballs = new Map<string, string>();
/** What each tarball holds, by the package's folder. */
const contents = new Map<string, readonly string[]>();
let user: NpmUser;
/** By their place in the installation, as `package-lock.json` has them. */
let locked: Record<string, Locked>;

/**
 * Packs every package, and lets npm install them all in one empty folder, as somebody does who uses every plugin. Nothing may be
 * downloaded, so npm installs from a registry on loopback that has the packages' dependencies and no others.
 */
beforeAll(async () => {
  const folders = PACKAGES.map((name) => join(ROOT, "packages", name));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder.path, ...folders], { cwd: ROOT });
  for (const { name, filename, files } of JSON.parse(stdout) as { name: string; filename: string; files: { path: string }[] }[]) {
    const own = name === "mcp-host" ? "host" : name.replace("@host/", "");
    tarballs.set(own, join(folder.path, filename));
    contents.set(
      own,
      files.map(({ path }) => path),
    );
  }
  user = await npmUser(folders);
  await user.shell(`npm install ${[...tarballs.values()].join(" ")}`, installed.path);
  const { packages } = JSON.parse(readFileSync(join(installed.path, "package-lock.json"), "utf8")) as { packages: Record<string, Locked> };
  const { "": _, ...own } = packages;
  locked = own;
}, 300_000);

// What was installed is thousands of files; a busy machine takes its time to remove them.
afterAll(async () => {
  await user[Symbol.asyncDispose]();
  for (const each of [installed, folder]) each[Symbol.dispose]();
}, 300_000);

/** The name of the package at a place. */
const nameAt = (place: string): string => place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);

/** The packages that are there because of these, by name: what they depend on, and so on, as Node finds it from each place. */
function broughtBy(...names: string[]): string[] {
  const reached = new Set<string>();
  const waiting = names.map((name) => `node_modules/${name}`);
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (reached.has(place)) continue;
    reached.add(place);
    for (const name of Object.keys(locked[place]?.dependencies ?? {})) waiting.push(found(name, place));
  }
  return [...new Set([...reached].map(nameAt))].sort();
}

/** Where Node finds a package that is imported from a place: in it, or in one of those around it. */
function found(name: string, from: string): string {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    const place = base === "" ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (locked[place]) return place;
    if (base === "") throw new Error(`${name}, which ${from} depends on, is not installed`);
  }
}

test.each(PACKAGES)(
  "what is published of %s satisfies publint and attw",
  async (name) => {
    const bin = join(ROOT, "node_modules/.bin");
    await run(join(bin, "publint"), ["run", tarballs.get(name) ?? "", "--strict"]);
    await run(join(bin, "attw"), [tarballs.get(name) ?? "", "--profile", "esm-only"]);
  },
  300_000,
);

test.each(PACKAGES)("what is published of %s is what its source builds, with its page and its license", (name) => {
  const files = contents.get(name) ?? [];
  expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"]));
  const source = new Set(readdirSync(join(ROOT, "packages", name, "src"), { recursive: true, encoding: "utf8" }));
  const built = files.filter((path) => /^dist\/(?!docs\/)/.test(path));
  expect(built.filter((path) => !source.has(path.replace(/^dist\//, "").replace(/(\.d)?\.[jt]s(\.map)?$/, ".ts")))).toEqual([]);
  const pages = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" }).filter((page) => page.endsWith(".md"));
  const docs = name === "host" ? pages.map((page) => `dist/docs/${page}`) : [];
  expect(files.filter((path) => path.startsWith("dist/docs/")).sort()).toEqual(docs.sort());
});

test.each(PACKAGES)("a debugger and an editor find the source of %s by its maps", (name) => {
  const files = contents.get(name) ?? [];
  const maps = files.filter((path) => path.endsWith(".map"));
  expect(maps).toEqual(expect.arrayContaining(["dist/index.js.map", "dist/index.d.ts.map"]));
  const lost = maps.flatMap((path) => {
    const { sources } = JSON.parse(readFileSync(join(ROOT, "packages", name, path), "utf8")) as { sources: string[] };
    return sources.map((source) => join(dirname(path), source)).filter((source) => !files.includes(source));
  });
  expect(lost).toEqual([]);
});

test("npm installs the packages and what they depend on, nothing else, and nothing from elsewhere", () => {
  const elsewhere = Object.values(locked).filter(({ resolved }) => !resolved?.startsWith(user.registry));
  expect(elsewhere.map(({ resolved }) => resolved).sort()).toEqual(
    [...tarballs.values()].map((path) => `file:${relative(installed.path, path)}`).sort(),
  );
  const names = PACKAGES.map((name) => (name === "host" ? "mcp-host" : `@host/${name}`));
  expect([...new Set(Object.keys(locked).map(nameAt))].sort()).toEqual([...new Set([...user.packages, ...names])].sort());
  expect(broughtBy(...names)).toEqual([...new Set([...user.packages, ...names])].sort());
});

test("create-plugin, packed and installed beside the host, writes a whole plugin", async () => {
  const { stdout } = await user.shell("node_modules/.bin/create-plugin made --kind store --json", installed.path);
  const { files } = JSON.parse(stdout) as { files: string[] };
  const below = readdirSync(join(installed.path, "made"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const there = below.map((entry) => relative(join(installed.path, "made"), join(entry.parentPath, entry.name)));
  expect(there.sort()).toEqual(files);
  expect(files).toEqual(expect.arrayContaining([".gitignore", ".github/workflows/ci.yml", "src/file-store.ts", "test/index.test.ts"]));
});

test.each(PLUGINS)("%s, packed and installed by npm beside the host, serves and brings only its own dependencies", async (plugin) => {
  const own = dependenciesOf(["host", plugin].map((name) => join(ROOT, "packages", name)));
  expect(broughtBy("mcp-host", `@host/${plugin}`)).toEqual([...new Set([...own.keys(), "mcp-host", `@host/${plugin}`])].sort());
  const config = `${plugin}.json`;
  writeFileSync(
    join(installed.path, config),
    JSON.stringify({ mcpServers: { one: upstream({ name: "one" }) }, plugins: [[`@host/${plugin}`, OPTIONS[plugin] ?? {}]] }),
    { mode: 0o600 },
  );
  const host = spawn(
    join(installed.path, "node_modules/.bin/mcp-host"),
    ["start", "--config", config, "--port", "0", "--log-format", "json"],
    {
      cwd: installed.path,
      env: user.env,
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    },
  );
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
});

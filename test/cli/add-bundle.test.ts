import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { type Home, home, run } from "../harness/cli.ts";
import { ROOT } from "../harness/hosts.ts";
import { serveMcpRegistry } from "../harness/mcp-registry.ts";
import { type ZipEntry, zipOf } from "../harness/zip.ts";

const SERVER = readFileSync(join(ROOT, "test/fixtures/bundled-server.mjs"));

const MANIFEST = {
  ...{ manifest_version: "0.3", name: "My Notes!", version: "1.0.0", description: "Notes in files", author: { name: "Ada" } },
  server: {
    type: "node",
    entry_point: "server/index.mjs",
    mcp_config: {
      command: "node",
      args: [
        "${__dirname}/server/index.mjs",
        "${user_config.folders}",
        "--level=${user_config.level}",
        "${user_config.unsaid}",
        "${HOME}${/}x",
        "${LEAK}",
      ],
      env: {
        BUNDLE_KEY: "${user_config.key}",
        BUNDLE_FOLDERS: "${user_config.folders}",
        BUNDLE_LITERAL: "${LEAK}",
        UNSAID: "${user_config.unsaid}",
      },
    },
  },
  user_config: {
    folders: { type: "directory", title: "Folders", description: "What it may read", multiple: true, required: true },
    key: { type: "string", title: "Key", description: "From your profile", sensitive: true, required: true },
    level: { type: "number", title: "Level", description: "How much", default: 3, min: 1, max: 5 },
    unsaid: { type: "string", title: "Unsaid", description: "Nothing" },
  },
  compatibility: { platforms: ["linux", "darwin", "win32"], runtimes: { node: ">=18.0.0" } },
};

type Manifest = Omit<typeof MANIFEST, "server" | "compatibility"> & { server: object; compatibility?: object };

function bundle(manifest: Partial<Manifest> = {}, others: readonly ZipEntry[] = []): Buffer {
  const name = "manifest.json";
  return zipOf([
    { name, content: JSON.stringify({ ...MANIFEST, ...manifest }) },
    { name: "server/", content: "", mode: 0o040755 },
    { name: "server/index.mjs", content: SERVER },
    ...others,
  ]);
}

function desk(bytes: Buffer, name = "notes.mcpb"): Home {
  const at = home({}, { "a/.keep": "", "b/.keep": "" });
  writeFileSync(join(at.path, name), bytes);
  return at;
}

const VALUES = ["folders=a", "folders=b", "key=s3cr3t-of-notes"].flatMap((value) => ["--value", value]);
const config = (at: Home): string => readFileSync(join(at.path, "mcp-host.config.json"), "utf8");
const serverOf = (at: Home, name: string): { cwd: string; args: string[]; command: string; env: object } =>
  JSON.parse(config(at)).mcpServers[name];
const bundles = (at: Home): string[] => {
  const folder = join(at.path, "state/mcp-host/bundles");
  return existsSync(folder) ? readdirSync(folder) : [];
};
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** How the server of a bundle was started, as it tells. */
async function started(at: Home, env: Record<string, string> = {}): Promise<{ args: string[]; cwd: string; env: Record<string, string> }> {
  const { stdout, stderr, code } = await run(at, ["call", "started"], env);
  expect(code, stdout + stderr).toBe(0);
  return JSON.parse(stdout);
}

test("a bundle is unpacked, asked for and serves; what is taken out leaves its folder, and says so", async () => {
  const bytes = bundle();
  using at = desk(bytes);
  const added = await run(at, ["add", "notes.mcpb", "--yes", ...VALUES], { HOME: at.path, LEAK: "leaked" });
  expect(added.code, added.stderr).toBe(0);
  const folder = join(at.path, `state/mcp-host/bundles/My-Notes-1.0.0-${sha256(bytes).slice(0, 12)}`);
  const [a, b] = [join(at.path, "a"), join(at.path, "b")];
  expect(serverOf(at, "My-Notes")).toEqual({
    ...{ command: "node", cwd: folder },
    args: [join(folder, "server/index.mjs"), a, b, "--level=3", join(at.path, "x"), "$${LEAK}"],
    env: { BUNDLE_KEY: "${BUNDLE_KEY}", BUNDLE_FOLDERS: [a, b].join(delimiter), BUNDLE_LITERAL: "$${LEAK}" },
  });
  expect(added.stderr).toContain(
    `  bundle of Ada, SHA-256 ${sha256(bytes)}\n  unpacked into ${folder}\n  starts: node ${folder}/server/index.mjs ${a} ${b} --level=3 `,
  );
  expect(added.stderr + added.stdout + config(at)).not.toContain("s3cr3t-of-notes");
  expect(await started(at, { LEAK: "leaked" })).toEqual({
    ...{ args: [a, b, "--level=3", join(at.path, "x"), "${LEAK}"], cwd: folder },
    env: { BUNDLE_KEY: "s3cr3t-of-notes", BUNDLE_FOLDERS: [a, b].join(delimiter), BUNDLE_LITERAL: "${LEAK}" },
  });
  expect(bundles(at)).toHaveLength(1);
  expect(statSync(folder).mode & 0o077).toBe(0);
  expect(await run(at, ["remove", "My-Notes"])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`mcp-host: its bundle stays in ${folder}, for backups of the config`),
  });
  expect(existsSync(folder)).toBe(true);
});

test("the same bundle again is as it came, one of the same version with other files stands beside it, and a signature is left out", async () => {
  const bytes = bundle({ user_config: {} as Manifest["user_config"] });
  using at = desk(bytes, "notes.dxt");
  const add = (name: string, file = "notes.dxt") => run(at, ["add", name, file, "--yes"]);
  expect((await add("one")).code).toBe(0);
  const file = join(serverOf(at, "one").cwd, "server/index.mjs");
  writeFileSync(file, "spoilt");
  expect((await add("two")).code).toBe(0);
  expect(serverOf(at, "two").cwd).toBe(serverOf(at, "one").cwd);
  expect(readFileSync(file, "utf8")).toBe(SERVER.toString());
  const signature = Buffer.concat([Buffer.from("MCPB_SIG_V1"), Buffer.from([3, 0, 0, 0, 1, 2, 3]), Buffer.from("MCPB_SIG_END")]);
  writeFileSync(join(at.path, "signed.mcpb"), Buffer.concat([bytes, signature]));
  const signed = await add("three", "signed.mcpb");
  expect(signed.code, signed.stderr).toBe(0);
  expect(serverOf(at, "three").cwd).not.toBe(serverOf(at, "one").cwd);
  expect(bundles(at)).toHaveLength(2);
});

test("where the entry cannot be written, the bundle does not stay", async () => {
  using at = desk(bundle());
  const { code, stderr } = await run(at, ["add", "a name", "notes.mcpb", "--yes", ...VALUES]);
  expect({ code, bundles: bundles(at) }).toEqual({ code: 3, bundles: [] });
  expect(stderr).toContain("a server's name is 1 to 64 of A-Z");
  expect((await run(at, ["add", "notes.mcpb", ...VALUES])).stderr).toContain("give --yes");
  expect({ bundles: bundles(at), config: config(at) }).toEqual({ bundles: [], config: "{}" });
});

test("a bundle says what is missing and what is wrong of its values", async () => {
  using at = desk(bundle());
  const { code, stderr } = await run(at, ["add", "notes.mcpb", "--yes", "--value", "folders=none", "--value", "level=9"]);
  expect(code).toBe(2);
  expect(stderr).toContain(`--value folders: there is no folder ${join(at.path, "none")}\n`);
  expect(stderr).toContain("--value level: must be at most 5\n");
  expect(stderr).toContain("--value key=...: is missing: Key, a secret: From your profile\n");
});

test("a program of the bundle is started from it, on this system as it says", async () => {
  const server = {
    ...{ type: "binary", entry_point: "bin/serve" },
    mcp_config: {
      ...{ command: "bin/none", args: ["--config", "x.json"], env: { A: "1" } },
      platform_overrides: { [process.platform]: { command: "bin/serve", args: ["--here"] }, other: { command: "no" } },
    },
  };
  const script = `#!${process.execPath}\n${SERVER.toString().replace('import { createInterface } from "node:readline";', "")}`;
  const code = script
    .replace("for await", 'const { createInterface } = require("node:readline");\n(async () => { for await')
    .concat("\n})();");
  using at = desk(
    bundle({ name: "binary", server, user_config: {} as Manifest["user_config"] }, [{ name: "bin/serve", content: code, mode: 0 }]),
  );
  const added = await run(at, ["add", "notes.mcpb", "--yes"]);
  expect(added.code, added.stderr).toBe(0);
  const { cwd, command, args, env } = serverOf(at, "binary");
  expect({ command, args, env }).toEqual({ command: join(cwd, "bin/serve"), args: ["--here"], env: { A: "1" } });
  expect((await started(at)).args).toEqual(["--here"]);
});

const type = (mcp_config: object, more: object = {}): Partial<Manifest> => ({
  server: { type: "node", entry_point: "server/index.mjs", mcp_config, ...more },
});

test.each([
  ["is no zip", Buffer.from("no zip"), "it is no zip file"],
  ["has no manifest", zipOf([{ name: "a", content: "" }]), "it has no manifest.json at its top"],
  ["has a manifest that is no JSON", zipOf([{ name: "manifest.json", content: "{" }]), "its manifest.json is not valid JSON"],
  [
    "has a wrong manifest",
    bundle({ name: 1 as unknown as string, version: "../1" }),
    "its manifest.json is wrong: name must be a text, not a number; version is no version",
  ],
  ["is of another version", bundle({ manifest_version: "9" }), "its manifest_version is 9; the host understands 0.1, 0.2, 0.3, 0.4"],
  ["is for another system", bundle({ compatibility: { platforms: ["plan9"] } }), `it runs on plan9, and this is ${process.platform}`],
  ["needs another Node.js", bundle({ compatibility: { runtimes: { node: ">=99" } } }), "it needs Node.js >=99, and node is "],
  ["lacks its entry point", bundle(type({ command: "node" }, { entry_point: "none.js" })), 'its server.entry_point "none.js" is not in it'],
  ["has an entry point elsewhere", bundle(type({ command: "node" }, { entry_point: "../../x" })), '"../../x" is not within the bundle'],
  ["does not say how it is started", bundle({ server: { type: "node", entry_point: "server/index.mjs" } }), "no server.mcp_config"],
  ["starts a file elsewhere", bundle(type({ command: "../../sh" })), '"../../sh" is not within the bundle'],
  ["leads out of its folder", bundle({}, [{ name: "../../evil", content: "x" }]), "invalid relative path: ../../evil"],
  ["has an absolute path", bundle({}, [{ name: "/tmp/evil", content: "x" }]), "absolute path: /tmp/evil"],
  ["has a backslash", bundle({}, [{ name: "..\\evil", content: "x" }]), "invalid characters in fileName"],
  ["has a link", bundle({}, [{ name: "link", content: "/etc/passwd", mode: 0o120777 }]), 'its entry "link" is a link or a device'],
  [
    "has a name twice",
    bundle({}, [{ name: "manifest.json", content: "{}" }]),
    'its entry "manifest.json" cannot be unpacked: there is another of its name',
  ],
  ["has a file for a folder", bundle({}, [{ name: "server/index.mjs/x", content: "" }]), "there is another of its name"],
  [
    "unpacks to too much",
    bundle({}, [{ name: "zeros", content: Buffer.alloc(4 * 1024 * 1024) }]),
    'its entry "zeros" unpacks to more than 200 times its size',
  ],
  [
    "says of a file that it is smaller",
    bundle({}, [{ name: "big", content: "x".repeat(1_000), size: 10 }]),
    'its entry "big" cannot be unpacked: too many bytes',
  ],
  [
    "says of a file that it is huge",
    bundle({}, [{ name: "huge", content: "x", size: 2 ** 31 }]),
    'its entry "huge" unpacks to 2147483648 bytes',
  ],
] as const)("a bundle that %s is refused, and nothing of it stays", async (_what, bytes, told) => {
  using at = desk(bytes);
  const { code, stdout, stderr } = await run(at, ["add", "notes.mcpb", "--yes", ...VALUES]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(told);
  expect({ bundles: bundles(at), config: config(at), beside: readdirSync(at.path).includes("evil") }).toEqual({
    bundles: [],
    config: "{}",
    beside: false,
  });
});

test("a bundle that is not there, and the one of a program that is not", async () => {
  using at = desk(bundle());
  expect(await run(at, ["add", "none.mcpb"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`there is no file ${join(at.path, "none.mcpb")}`),
  });
  const uv = { type: "uv", entry_point: "server/index.mjs" };
  writeFileSync(
    join(at.path, "uv.mcpb"),
    bundle({ manifest_version: "0.4", server: uv, compatibility: {}, user_config: {} as Manifest["user_config"] }),
  );
  const { code, stderr } = await run(at, ["add", "uv.mcpb", "--yes"], { PATH: at.path });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining("it needs uv, and there is no uv on PATH; install it first"),
  });
  writeFileSync(join(at.path, "uv"), "#!/bin/sh\necho uv 0.9.1\n", { mode: 0o755 });
  expect((await run(at, ["add", "uv.mcpb", "--yes"], { PATH: `${at.path}${delimiter}/bin` })).code).toBe(0);
  const { command, args, cwd } = serverOf(at, "My-Notes");
  expect({ command, args }).toEqual({ command: "uv", args: ["run", "--directory", cwd, "server/index.mjs"] });
});

test("a bundle of the registry is fetched, checked by its hash and serves", async () => {
  const bytes = bundle({ user_config: {} as Manifest["user_config"] });
  const files = createServer((request, response) => {
    if (request.url === "/moved.mcpb") response.writeHead(302, { location: "/notes.mcpb" }).end();
    else response.writeHead(request.url === "/notes.mcpb" ? 200 : 404).end(bytes);
  });
  await new Promise<void>((listening) => files.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  const entry = (name: string, file: string, fileSha256: string) => ({
    ...{ name: `io.github.ada/${name}`, version: "1.0.0" },
    packages: [{ registryType: "mcpb", identifier: `${origin}/${file}`, fileSha256, transport: { type: "stdio" } }],
  });
  await using served = await serveMcpRegistry([
    entry("good", "moved.mcpb", sha256(bytes)),
    entry("evil", "notes.mcpb", "0".repeat(64)),
    entry("gone", "none.mcpb", "0".repeat(64)),
  ]);
  try {
    using at = home({});
    const add = (name: string, ...more: string[]) => run(at, ["add", `io.github.ada/${name}`, "--yes", "--registry", served.url, ...more]);
    expect(await add("good")).toMatchObject({ code: 2, stderr: expect.stringContaining(`give --package-registry ${origin}`) });
    const from = ["--package-registry", origin];
    expect(await add("evil", ...from)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`its SHA-256 is ${sha256(bytes)}, and ${"0".repeat(64)} was expected; nothing was added`),
    });
    expect(await add("gone", ...from)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${origin}/none.mcpb cannot be fetched: the answer is 404`),
    });
    expect({ bundles: bundles(at), config: config(at) }).toEqual({ bundles: [], config: "{}" });
    const added = await add("good", ...from);
    expect(added.code, added.stderr).toBe(0);
    expect((await started(at)).cwd).toBe(serverOf(at, "good").cwd);
  } finally {
    files.closeAllConnections();
    await new Promise((closed) => files.close(closed));
  }
});

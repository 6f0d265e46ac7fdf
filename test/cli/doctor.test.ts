import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { FINDINGS } from "../../packages/host/dist/cli/doctor/findings.js";
import { lookAtNode } from "../../packages/host/dist/cli/doctor/machine.js";
import { ERRORS } from "../../packages/host/dist/errors.js";
import { type Home, home, run, start } from "../harness/cli.ts";
import { httpProcess, MARKED, ROOT, upstream } from "../harness/hosts.ts";

interface Finding {
  id: string;
  level: string;
  about?: string;
  found: string;
  remedy?: string;
}

const free = { listen: { port: 0 } };
const plugin = (name: string): string => join(ROOT, `test/fixtures/${name}-plugin.mjs`);

async function examined(
  at: Home,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<{ code: number | null; findings: Finding[] }> {
  const { code, stdout, stderr } = await run(at, ["doctor", "--json", ...args], env);
  expect(stderr).toBe("");
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect(ok).toBe(findings.every(({ level }) => level !== "problem"));
  expect(code).toBe(ok ? 0 : 1);
  for (const finding of findings) {
    expect(Object.keys(FINDINGS)).toContain(finding.id);
    if (finding.level !== "ok") expect(finding.remedy, finding.id).toMatch(/\S/);
  }
  return { code, findings };
}

const of = (findings: Finding[], id: string): Finding[] => findings.filter((finding) => finding.id === id);

test("doctor finds nothing wrong where all is well, and says what it looked at", async () => {
  using at = home({ ...free, mcpServers: { a: upstream({ only: ["echo"] }) }, plugins: [plugin("reckless")] });
  const { findings } = await examined(at);
  expect(findings.map(({ id, level }) => `${id} ${level}`)).toEqual(
    ["node", "credentials", "config", "plugin", "command", "port", "server"].map((id) => `${id} ok`),
  );
  expect(of(findings, "command")[0]).toMatchObject({ about: "a", found: process.execPath });
  const people = await run(at, ["doctor"]);
  expect(people).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok +server +a: 1 tool/m) });
  expect(people.stdout).toMatch(/\n0 problems, 0 warnings; \S+ explains each\n$/);
  const [, page = ""] = /(\S+) explains each/.exec(people.stdout) ?? [];
  expect(readFileSync(page, "utf8")).toBe(readFileSync(join(ROOT, "docs/troubleshooting.md"), "utf8"));
  expect(people.stdout).not.toContain("\u001b");
});

test("doctor tells of each command where its process would look for it", async () => {
  using at = home(
    {
      ...free,
      mcpServers: {
        nowhere: { command: "uvx" },
        file: { command: "./none.sh" },
        blocked: { command: "./blocked.sh" },
        folder: { ...upstream(), cwd: "deep" },
        path: { command: "only-there", env: { PATH: "tools" }, cwd: "." },
      },
    },
    { "blocked.sh": "#!/bin/sh\n" },
  );
  mkdirSync(join(at.path, "tools"));
  writeFileSync(join(at.path, "tools/only-there"), "#!/bin/sh\nexit 3\n", { mode: 0o755 });
  const { findings } = await examined(at, ["--no-connect"], { PATH: join(at.path, "empty") });
  const about = (server: string): Finding | undefined => findings.find((finding) => finding.about === server);
  expect(about("nowhere")).toMatchObject({
    id: "command-missing",
    found: `there is no command "uvx" on PATH (${join(at.path, "empty")})`,
    remedy: expect.stringContaining("install uv"),
  });
  expect(about("file")).toMatchObject({ id: "command-missing", found: `there is no file ${join(at.path, "none.sh")}` });
  expect(about("blocked")).toMatchObject({ id: "command-blocked" });
  expect(about("folder")).toMatchObject({ id: "cwd-missing", found: `there is no folder ${join(at.path, "deep")}` });
  expect(about("path")).toMatchObject({ id: "command", found: join(at.path, "tools/only-there") });
});

test("doctor starts each server, and tells what became of it and what it said last", async () => {
  const locked = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
  });
  await new Promise<void>((resolve) => locked.listen(0, "127.0.0.1", resolve));
  const address = locked.address() as { port: number };
  using at = home({
    ...free,
    mcpServers: {
      good: upstream({ only: ["echo"] }),
      dies: { command: process.execPath, args: ["-e", "console.error('no licence'); process.exit(3)"], env: MARKED },
      locked: { url: `http://127.0.0.1:${address.port}/mcp`, headers: { authorization: "Bearer s3cr3t-value" } },
      listless: upstream({ name: "listless", pageSize: 2, cursor: "repeat" }),
      missing: { command: "./none" },
    },
  });
  const { findings } = await examined(at);
  locked.close();
  expect(of(findings, "server").map(({ about }) => about)).toContain("good");
  expect(of(findings, "server-down")).toMatchObject([{ about: "dies", found: expect.stringContaining("no licence") }]);
  expect(of(findings, "server-unauthorized")).toMatchObject([{ about: "locked", found: expect.stringContaining("401") }]);
  expect(of(findings, "server-incomplete")).toContainEqual(expect.objectContaining({ about: "listless" }));
  // It is told once what is wrong with it.
  expect(findings.filter(({ about }) => about === "missing").map(({ id }) => id)).toEqual(["command-missing"]);
  expect(JSON.stringify(findings)).not.toContain("s3cr3t-value");
  expect((await examined(at, ["--offline"])).findings.some(({ id }) => id.startsWith("server"))).toBe(false);
});

test("doctor tells every problem of a config, each as a finding of its kind", async () => {
  using at = home({ mcpServers: { a: { comand: "x" }, b: { command: "x", env: { T: "${NOT_SET}" } } }, plugins: ["./none.js"] });
  const { findings } = await examined(at);
  const path = join(at.path, "mcp-host.config.json");
  expect(of(findings, "config-invalid").map(({ found }) => found)).toEqual(
    expect.arrayContaining([expect.stringContaining("mcpServers.a.comand: unknown key")]),
  );
  expect(of(findings, "variable-missing")).toMatchObject([{ about: path, remedy: expect.stringContaining("--set NOT_SET") }]);
  expect(of(findings, "plugin-broken")).toMatchObject([{ found: expect.stringContaining("plugins[0]: there is no file") }]);
  using none = home();
  expect(of((await examined(none)).findings, "config-missing")).toHaveLength(1);
  expect(of((await examined(none, ["--config", "other.json"])).findings, "config-missing")[0]?.found).toContain("other.json");
});

test("doctor tells of plugins that cannot be used, and then starts no server", async () => {
  using at = home(
    { ...free, mcpServers: { a: upstream() }, plugins: [plugin("idle"), "./broken.mjs"] },
    { "broken.mjs": 'throw new Error("broken on purpose");' },
  );
  const { findings } = await examined(at);
  expect(of(findings, "plugin-broken")).toMatchObject([{ found: expect.stringContaining("broken on purpose") }]);
  expect(of(findings, "server-unchecked")).toHaveLength(1);
  using idle = home({ ...free, mcpServers: {}, plugins: [plugin("idle")] });
  const { findings: others } = await examined(idle);
  expect(of(others, "plugin-idle")).toMatchObject([{ about: "idle", level: "warning" }]);
  // A plugin may have something to offer; without any there is nothing.
  expect(of(others, "config-advice")).toEqual([]);
  using empty = home({ ...free, mcpServers: {} });
  expect(of((await examined(empty)).findings, "config-advice")).toMatchObject([{ found: expect.stringContaining("mcpServers is empty") }]);
});

test("doctor tells of a host that everybody could reach", async () => {
  using at = home({ listen: { port: 0, host: "0.0.0.0" }, mcpServers: {} });
  expect(of((await examined(at)).findings, "exposed")).toHaveLength(1);
  expect(of((await examined(at, ["--insecure-no-auth"])).findings, "exposed")).toEqual([]);
});

test("doctor tells who may write the config and read the credentials, and whether these can be used", async () => {
  using at = home({ ...free, mcpServers: {} });
  const path = join(at.path, "mcp-host.config.json");
  const credentials = join(at.path, "user/mcp-host/credentials.json");
  mkdirSync(join(at.path, "user/mcp-host"), { recursive: true });
  writeFileSync(credentials, '{"A":"s3cr3t-value"}', { mode: 0o600 });
  expect(of((await examined(at)).findings, "credentials")[0]?.found).toBe(`${credentials} can be used`);
  chmodSync(path, 0o660);
  chmodSync(credentials, 0o644);
  expect(of((await examined(at)).findings, "permissions")).toMatchObject([
    { level: "problem", remedy: `run \`chmod 600 ${credentials}\`` },
    { level: "warning", about: path, remedy: `run \`chmod g-w ${path}\`` },
  ]);
  chmodSync(path, 0o666);
  expect(of((await examined(at)).findings, "permissions")[1]).toMatchObject({ level: "problem", about: path });
  chmodSync(credentials, 0o600);
  writeFileSync(credentials, "s3cr3t-value");
  const { stdout } = await run(at, ["doctor", "--json"]);
  expect(JSON.parse(stdout).findings).toContainEqual(expect.objectContaining({ id: "credentials-invalid" }));
  expect(stdout).not.toContain("s3cr3t-value");
});

test("doctor tells who has the port, and of addresses that are not this machine's", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  using at = home({ listen: { port }, mcpServers: {} });
  expect(of((await examined(at)).findings, "port-taken")).toMatchObject([
    { level: "problem", found: expect.stringContaining(`${port} is in use`) },
  ]);
  expect(of((await examined(at, ["--set", "listen.host=203.0.113.7", "--insecure-no-auth"])).findings, "address-unusable")).toHaveLength(1);
  await new Promise((resolve) => taken.close(resolve));
  // The running host with this config may have it; one with another config may not.
  await using running = start(at, ["start", "--log-format", "json"]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"));
  const { findings } = await examined(at);
  const { pid } = running.child;
  expect(of(findings, "port")).toMatchObject([{ level: "ok", found: expect.stringContaining(`pid ${pid}`) }]);
  expect(of(findings, "host-running")).toMatchObject([{ about: `pid ${pid}` }]);
  writeFileSync(join(at.path, "other.json"), JSON.stringify({ listen: { port }, mcpServers: {} }));
  expect(of((await examined(at, ["--config", "other.json"])).findings, "port-taken")[0]?.found).toContain(`pid ${pid}`);
});

test("doctor tells of hosts that do not answer and of sockets that dead ones left, and removes these", async () => {
  using at = home({ ...free, mcpServers: {} });
  const folder = join(at.path, "run/mcp-host");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "99999999.sock"), "");
  writeFileSync(join(folder, `${process.pid}.sock`), "");
  const { findings } = await examined(at);
  expect(of(findings, "socket-stale")).toMatchObject([{ level: "warning", found: expect.stringContaining("99999999.sock") }]);
  expect(of(findings, "host-silent")).toMatchObject([{ about: `pid ${process.pid}` }]);
  expect(of((await examined(at)).findings, "socket-stale")).toEqual([]);
  using blocked = home({ ...free, mcpServers: {} }, { run: "a file where the folder should be" });
  expect(of((await examined(blocked)).findings, "socket-folder")).toHaveLength(1);
});

test("doctor makes control characters of servers visible", async () => {
  using at = home({
    ...free,
    mcpServers: { dies: { command: process.execPath, args: ["-e", "console.error('\\x1b[31mred'); process.exit(3)"], env: MARKED } },
  });
  const { stdout } = await run(at, ["doctor"]);
  expect(stdout).toContain("\\u{1b}[31mred");
  expect(stdout).not.toContain("\u001b");
});

test("doctor reaches servers over HTTP", async () => {
  const server = await httpProcess("upstream", ["http"]);
  try {
    using at = home({ ...free, mcpServers: { web: { url: server.url } } });
    expect(of((await examined(at)).findings, "server")).toMatchObject([{ about: "web" }]);
  } finally {
    await server.stop();
  }
});

test("an old Node.js is a problem", () => {
  expect(lookAtNode("18.19.0")).toMatchObject({ id: "node-old", level: "problem", found: expect.stringMatching(/18\.19\.0.*>=20/) });
});

test("docs/troubleshooting.md explains every finding, and links every error with its usual cause and remedy", () => {
  const page = readFileSync(join(ROOT, "docs/troubleshooting.md"), "utf8");
  for (const [id, { level, meaning }] of Object.entries(FINDINGS))
    expect(page).toContain(`| \`${id}\` | ${level} | ${meaning.replaceAll("|", "\\|")} | `);
  const linked = [...page.matchAll(/^\| \[`(\w+)`\]\(errors\.md#every-type\) \| \S.* \| \S.* \|$/gm)].map(([, type]) => type);
  expect(linked).toEqual(Object.keys(ERRORS));
  expect(readFileSync(join(ROOT, "docs/errors.md"), "utf8")).toContain("\n## Every type\n");
});

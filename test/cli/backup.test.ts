import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { type Home, home, run, start, urlOf } from "../harness/cli.ts";
import { upstream } from "../harness/hosts.ts";

const PEPPER = "a-pepper-of-more-than-thirty-two-characters";

const config = {
  listen: { port: 0 },
  mcpServers: { one: { ...upstream({ only: ["echo"] }), env: { TOKEN: "${secret:TOKEN}", LABEL: "${LABEL}" } } },
  plugins: [
    ["@host/plugin-auth", { apiKeys: { pepper: "${file:pepper}", file: "keys.json" }, rules: [{ allow: { servers: ["*"] } }] }],
    ["@host/plugin-rate-limit", { rules: [{ name: "daily", per: ["principal"], requests: 2, window: "month" }] }],
    ["@host/plugin-sqlite", { file: "state.sqlite" }],
    ["@host/plugin-vault", { folder: "vault", keyFile: "vault.key" }],
  ],
};

const HOME = { LABEL: "a label" };

/** A host that has been used: a key, a secret, and one of two calls of the month. */
async function used(at: Home): Promise<string> {
  const key = (await run(at, ["auth", "keys", "add", "ada"], HOME)).stdout.trim();
  const dotenv = join(at.path, "tokens.env");
  writeFileSync(dotenv, "TOKEN=the-token-of-a-server\n");
  expect((await run(at, ["secret", "import", "tokens.env"], HOME)).code).toBe(0);
  rmSync(dotenv);
  return key;
}

async function calls(at: Home, key: string, url: URL): Promise<string> {
  const flags = ["--url", url.href, "--header", "Authorization: Bearer ${KEY}"];
  const { code, stdout, stderr } = await run(at, ["call", "echo", "--args", '{"text":"hello"}', ...flags], { ...HOME, KEY: key });
  return code === 0 ? stdout.trim() : stderr;
}

test("a host that was backed up while it ran is the same one on a clean machine", async () => {
  using at = home(config, { pepper: PEPPER });
  const key = await used(at);
  {
    await using running = start(at, ["start"], HOME);
    const url = await urlOf(running);
    expect(await calls(at, key, url)).toContain("hello");
    const { code, stdout, stderr } = await run(at, ["backup", "saved", "--json"], HOME);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { files, elsewhere } = JSON.parse(stdout);
    expect(files.map(({ what, in: place, path }: Record<string, string>) => `${what} ${place}:${path}`)).toEqual([
      "config config:mcp-host.config.json",
      "API keys config:keys.json",
      "store config:state.sqlite",
      expect.stringMatching(/^vault config:vault\//),
    ]);
    expect(elsewhere.join()).toMatch(/pepper.*LABEL|LABEL.*pepper/);
    expect(elsewhere.join()).not.toContain("a label");
  }
  const saved = join(at.path, "saved");
  expect(statSync(saved).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(saved)) {
    expect(statSync(join(saved, name)).mode & 0o777, name).toBe(0o600);
    expect(readFileSync(join(saved, name), "latin1"), name).not.toMatch(/the-token-of-a-server|a-pepper/);
  }

  using clean = home();
  cpSync(saved, join(clean.path, "saved"), { recursive: true });
  const restored = await run(clean, ["restore", "saved"]);
  expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining("needed before the host starts") });
  for (const name of ["pepper", "vault.key"]) cpSync(join(at.path, name), join(clean.path, name));
  await using running = start(clean, ["start"], HOME);
  const url = await urlOf(running);
  expect(await calls(clean, key, url), "the second of the two calls of the month").toContain("hello");
  expect(await calls(clean, key, url)).toContain('rule "daily"');
}, 120_000);

test("what is there and differs is replaced only by --force, and kept beside; a file that was changed in the backup is refused", async () => {
  using at = home(config, { pepper: PEPPER });
  await used(at);
  expect((await run(at, ["backup", "saved"], HOME)).code).toBe(0);
  const keys = join(at.path, "keys.json");
  const before = readFileSync(keys, "utf8");
  writeFileSync(keys, "[]");
  expect(await run(at, ["restore", "saved"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("keys.json is there and differs; --force"),
  });
  expect(readFileSync(keys, "utf8")).toBe("[]");
  const dry = await run(at, ["restore", "saved", "--dry-run"]);
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/keys\.json +is there and differs/)]);
  expect(await run(at, ["restore", "saved", "--force"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("replaced; what was there is"),
  });
  expect(readFileSync(keys, "utf8")).toBe(before);
  const [aside = ""] = readdirSync(at.path).filter((name) => name.startsWith("keys.json.before-"));
  expect(readFileSync(join(at.path, aside), "utf8")).toBe("[]");
  const [copy = ""] = readdirSync(join(at.path, "saved")).filter((name) => name.endsWith("keys.json"));
  writeFileSync(join(at.path, "saved", copy), "[ ]");
  expect(await run(at, ["restore", "saved"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("is not as it was made; nothing was put back"),
  });
});

test("a folder that is there is no place for a backup, one that is none cannot be restored, and a host that runs is not restored under", async () => {
  using at = home({ listen: { port: 0 }, mcpServers: {} });
  mkdirSync(join(at.path, "there"));
  expect(await run(at, ["backup", "there"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is there already; name a new folder"),
  });
  expect(await run(at, ["backup", "no/there"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/there is no folder .*no; make it first/),
  });
  expect(await run(at, ["restore", "there"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^mcp-host: .* is no backup; name a folder/),
  });
  const { code, stdout } = await run(at, ["backup"]);
  expect(code).toBe(0);
  const [folder = ""] = stdout.split("\n");
  expect(existsSync(join(folder, "manifest.json"))).toBe(true);
  await using running = start(at, ["start"]);
  await urlOf(running);
  await vi.waitFor(async () => expect((await run(at, ["restore", folder])).stderr).toContain("stop"), 20_000);
  const manifest = join(folder, "manifest.json");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"path": "mcp-host', '"path": "../mcp-host'));
  expect(await run(at, ["restore", folder])).toMatchObject({ code: 1, stderr: expect.stringContaining("which is outside of") });
});

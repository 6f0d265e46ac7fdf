import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { callRunningHost } from "mcp-host";
import { expect, onTestFinished, test, vi } from "vitest";
import { type Home, home, run, start, TYPED, urlOf } from "../../../test/harness/cli.ts";
import { upstream } from "../../../test/harness/hosts.ts";
import { newKey } from "../dist/keys.js";

const PEPPER = "a pepper that only tests know";

function config(apiKeys: Record<string, unknown> = { file: "keys.json" }): Record<string, unknown> {
  const options = { apiKeys: { pepper: PEPPER, ...apiKeys }, rules: [{ roles: ["dev"], allow: { servers: ["*"] } }] };
  return { listen: { port: 0 }, mcpServers: { up: upstream({ only: ["echo"] }) }, plugins: [["@host/plugin-auth", options]] };
}

const fileOf = (at: Home): string => join(at.path, "keys.json");
const keysIn = (at: Home): { id: string }[] => JSON.parse(readFileSync(fileOf(at), "utf8"));

async function status(url: URL, key: string): Promise<number> {
  const body = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
  };
  const headers = { accept: "application/json, text/event-stream", "content-type": "application/json", authorization: `Bearer ${key}` };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  await response.body?.cancel();
  return response.status;
}

test("keys are added, listed and revoked in a file of one's own, and a key is shown once", async () => {
  using at = home(
    config({ keys: [{ id: "old", digest: newKey("old", PEPPER).digest, expires: "2020-01-01T00:00:00Z" }], file: "keys.json" }),
  );
  const added = await run(at, ["auth", "keys", "add", "ci", "--roles", "dev,ops", "--expires", "2090-01-31"]);
  expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^mcph_ci_[\w-]{43}\n$/) });
  expect(added.stderr).toContain(`Its digest is in ${fileOf(at)}.`);
  expect(statSync(fileOf(at)).mode & 0o777).toBe(0o600);
  const second = JSON.parse((await run(at, ["auth", "keys", "add", "bob", "--json"])).stdout);
  expect(second).toEqual({ key: expect.stringMatching(/^mcph_bob_/), id: "bob", file: fileOf(at) });
  const text = readFileSync(fileOf(at), "utf8");
  for (const key of [added.stdout.trim(), second.key]) expect(text).not.toContain(key.slice(-43));

  const { stdout } = await run(at, ["auth", "keys", "list"]);
  expect(stdout).toBe(
    [
      "old  no roles  expired 2020-01-01T00:00:00Z  (config)",
      'ci  roles "dev", "ops"  until 2090-01-31T00:00:00.000Z  (file)',
      "bob  no roles  (file)",
      "",
    ].join("\n"),
  );
  const listed = await run(at, ["auth", "keys", "list", "--json"]);
  expect(JSON.parse(listed.stdout)[2]).toEqual({ id: "bob", roles: [], expired: false, from: "file" });
  expect(listed.stdout).not.toContain("digest");

  expect(await run(at, ["auth", "keys", "revoke", "ci"])).toEqual({ code: 0, stdout: 'the key of "ci" is revoked\n', stderr: "" });
  expect(keysIn(at).map(({ id }) => id)).toEqual(["bob"]);
});

test("a running host takes a new key on, and a revoked one out of service", async () => {
  using at = home(config(), { "keys.json": "[]" });
  chmodSync(fileOf(at), 0o600);
  await using running = start(at, ["start", "--log-format", "json"]);
  const url = await urlOf(running);
  const { pid } = running.child;
  const { stdout, stderr, code } = await run(at, ["auth", "keys", "add", "ci", "--roles", "dev"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`mcp-host: the host with pid ${pid} has taken it on\n`) });
  expect(await status(url, stdout.trim())).toBe(200);
  expect(await run(at, ["auth", "keys", "revoke", "ci"])).toMatchObject({ code: 0 });
  expect(await status(url, stdout.trim())).toBe(401);
  // A host that cannot take it on is told of: the key still works there.
  const again = (await run(at, ["auth", "keys", "add", "ci"])).stdout.trim();
  const file = join(at.path, "mcp-host.config.json");
  writeFileSync(file, readFileSync(file, "utf8").replace('"port":0', '"port":1'));
  expect(await run(at, ["auth", "keys", "revoke", "ci"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/the file is written, but the host with pid \d+ refused: .*listen/),
  });
  expect(await status(url, again)).toBe(200);
});

test("operators list keys and end one in the running host, which knows it no more", async () => {
  using at = home(config(), { "keys.json": "[]" });
  chmodSync(fileOf(at), 0o600);
  const added = JSON.parse((await run(at, ["auth", "keys", "add", "ci", "--roles", "dev", "--json"])).stdout) as { key: string };
  vi.stubEnv("XDG_RUNTIME_DIR", at.env.XDG_RUNTIME_DIR);
  onTestFinished(() => void vi.unstubAllEnvs());
  await using running = start(at, ["start", "--log-format", "json"]);
  const url = await urlOf(running);
  expect(await status(url, added.key)).toBe(200);
  const { keys } = await callRunningHost("auth", "keys");
  expect(keys).toEqual([
    {
      id: "ci",
      roles: ["dev"],
      from: "file",
      expired: false,
      used: { at: expect.any(String), from: expect.stringContaining("127.0.0.1") },
    },
  ]);
  await expect(callRunningHost("auth", "revoke-key", { id: "co" })).rejects.toThrow('did you mean "ci"?');
  expect(await status(url, added.key)).toBe(200);
  expect(await callRunningHost("auth", "revoke-key", { id: "ci" })).toEqual({});
  expect(await status(url, added.key)).toBe(401);
  expect(await callRunningHost("auth", "keys")).toEqual({ keys: [] });
});

test.each([
  [["add", "here"], `there is a key of "here" already; choose another id, or run \`${TYPED} auth keys revoke here\` first`],
  [["add", "fixed"], 'there is a key of "fixed" already'],
  [["add", "a b"], "<id>: must be 1 to 64 of A-Z a-z 0-9 . _ -"],
  [["add", "new", "--expires", "soon"], "--expires: must be a time such as"],
  [["revoke", "hre"], 'there is no key of "hre" in FILE (did you mean "here"?); it has here'],
  [["revoke", "fixed"], 'the key of "fixed" is in the config, CONFIG; take it out of options.apiKeys.keys there'],
  [["rotate", "hre"], 'there is no key of "hre" in FILE (did you mean "here"?); it has here'],
  [["rotate", "fixed"], 'the key of "fixed" is in the config, CONFIG; make another with'],
  [["rotate", "over"], 'the key of "over" ended at 2020-01-01T00:00:00Z, and so would the new one; say when that ends, with --expires'],
  [
    ["revok", "here"],
    'plugin "auth" has no command "keys revok" (did you mean "keys revoke"?); it has keys add, keys list, keys rotate, keys revoke',
  ],
])("`auth keys %j` is refused, and the file stays: %s", async (words, message) => {
  const entry = (id: string): { id: string; digest: string } => ({ id, digest: newKey(id, PEPPER).digest });
  const text = JSON.stringify([entry("here"), ...(words.includes("over") ? [{ ...entry("over"), expires: "2020-01-01T00:00:00Z" }] : [])]);
  using at = home(config({ keys: [entry("fixed")], file: "keys.json" }), { "keys.json": text });
  chmodSync(fileOf(at), 0o600);
  const { code, stdout, stderr } = await run(at, ["auth", "keys", ...words]);
  expect(stdout).toBe("");
  expect(code).toBeGreaterThan(0);
  expect(stderr).toContain(message.replace("FILE", fileOf(at)).replace("CONFIG", join(at.path, "mcp-host.config.json")));
  expect(readFileSync(fileOf(at), "utf8")).toBe(text);
  expect(existsSync(`${fileOf(at)}.new`)).toBe(false);
});

test("a running host knows when each key was last used, and from where: list and status say it, and a rotated key goes on as its owner's", async () => {
  using at = home(
    { ...config(), plugins: [...(config().plugins as unknown[]), ["@host/plugin-sqlite", { file: "store.sqlite" }]] },
    { "keys.json": "[]" },
  );
  chmodSync(fileOf(at), 0o600);
  const keyOf = async (...words: string[]): Promise<string> => (await run(at, ["auth", "keys", ...words])).stdout.trim();
  const [ci, idle] = [await keyOf("add", "ci", "--roles", "dev", "--expires", "2090-01-31"), await keyOf("add", "idle")];
  expect(idle).toMatch(/^mcph_idle_/);
  const before = new Date().toISOString();
  const listed = async () => JSON.parse((await run(at, ["auth", "keys", "list", "--json"])).stdout);
  expect((await listed())[0]).not.toHaveProperty("used");
  {
    await using running = start(at, ["start", "--log-format", "json"]);
    expect(await status(await urlOf(running), ci)).toBe(200);
    expect(await status(await urlOf(running), `${ci.slice(0, -1)}_`)).toBe(401);
    const [used, unused] = await listed();
    expect(used).toMatchObject({ id: "ci", used: { from: expect.stringMatching(/127\.0\.0\.1$/) } });
    expect(used.used.at > before).toBe(true);
    expect(unused).not.toHaveProperty("used");
    expect((await run(at, ["auth", "keys", "list"])).stdout).toMatch(
      /^ci {2}roles "dev" {2}until \S+ {2}\(file\) {2}used \S+Z from \S+\nidle {2}no roles {2}\(file\)\n$/,
    );
    expect((await run(at, ["status"])).stdout).toMatch(/ci +\S+Z from/);
    const rotated = await keyOf("rotate", "ci");
    expect(rotated).toMatch(/^mcph_ci_/);
    expect(await status(await urlOf(running), ci)).toBe(401);
    expect(await status(await urlOf(running), rotated)).toBe(200);
    expect((await listed())[0]).toMatchObject({ id: "ci", roles: ["dev"], expires: "2090-01-31T00:00:00.000Z", used: {} });
    running.child.kill("SIGTERM");
    await running.exited;
  }
  // The store outlives the host, and so does what it knows.
  await using again = start(at, ["start", "--log-format", "json"]);
  await urlOf(again);
  expect((await listed())[0].used.at > before).toBe(true);
});

test("what stands in the way of a change is said, with what to do", async () => {
  using at = home(config());
  writeFileSync(`${fileOf(at)}.new`, "");
  expect((await run(at, ["auth", "keys", "add", "ci"])).stderr).toContain("is being changed by another command; try again, or remove ");
  using bare = home(config({}));
  expect((await run(bare, ["auth", "keys", "add", "ci"])).stderr).toContain(
    "options.apiKeys.file: is not configured; say where keys are kept",
  );
  // A host whose file of keys is not there yet says what makes it.
  using none = home(config());
  expect((await run(none, ["validate"])).stderr).toContain(`\`${TYPED} auth keys add\` makes it with the first key`);
});

test("a file that is a link stays one", async () => {
  using at = home(config(), { "real.json": "[]" });
  chmodSync(join(at.path, "real.json"), 0o600);
  symlinkSync("real.json", fileOf(at));
  expect(await run(at, ["auth", "keys", "add", "ci"])).toMatchObject({ code: 0 });
  expect(JSON.parse(readFileSync(join(at.path, "real.json"), "utf8"))).toMatchObject([{ id: "ci" }]);
  expect(keysIn(at)).toMatchObject([{ id: "ci" }]);
});

test("help of a plugin and of a group of its commands", async () => {
  using at = home(config());
  const whole = await run(at, ["auth", "--help"]);
  for (const words of ["new-key", "keys add", "keys revoke"]) expect(whole.stdout).toContain(words);
  const group = await run(at, ["auth", "keys", "--help"]);
  expect(group).toMatchObject({ code: 0, stdout: expect.stringContaining("keys list") });
  expect(group.stdout).not.toContain("new-key");
  expect(await run(at, ["auth", "keys", "add", "--help"])).toMatchObject({ code: 0, stdout: expect.stringContaining("--expires") });
});

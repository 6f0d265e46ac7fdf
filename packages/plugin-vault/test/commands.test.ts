import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Home, home, run, runProcess } from "../../../test/harness/cli.ts";

const NODE = process.execPath;
const PRINT = "process.stdin.resume()";
const server = (env: Record<string, string>) => ({ command: NODE, args: ["-e", PRINT], env });
const config = (plugin: Record<string, unknown> = {}, mcpServers: Record<string, unknown> = {}) => ({
  mcpServers,
  plugins: [["@host/plugin-vault", plugin]],
});

const secret = (at: Home, line: string, input = "", env: Record<string, string> = {}) =>
  run(at, ["secret", ...line.split(" ")], env, input);

test("set keeps what comes from standard input, get shows it where it is told to, list tells names, ages and places, rm removes", async () => {
  using at = home(config({}, { one: server({ A: "${secret:A}", B: "x ${secret:B} ${secret:A:-no}" }) }));
  const first = await secret(at, "set A", "a-value-of-A\n");
  expect(first).toMatchObject({
    code: 0,
    stderr: "",
    stdout: expect.stringMatching(/^A is in the vault .*state\/mcp-host\/vault\/vault; running hosts/),
  });
  expect(first.stdout).not.toContain("a-value");
  expect((await secret(at, "set other.name", "two\nlines\n")).stdout).toContain("refer to it by ${secret:other.name} in the config");
  expect(await secret(at, "get A")).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("add --reveal") });
  expect((await secret(at, "get A --reveal")).stdout).toBe("a-value-of-A\n");
  expect((await secret(at, "get other.name --reveal")).stdout).toBe("two\nlines\n");
  expect(await secret(at, "get B --reveal")).toMatchObject({ code: 1, stderr: expect.stringContaining("the secret B is not set") });

  const { stdout } = await secret(at, "list");
  expect(stdout.split("\n").slice(1)).toEqual([
    "NAME        AGE      USED BY",
    expect.stringMatching(/^A {11}\d+s {7}mcpServers\.one\.env\.A, mcpServers\.one\.env\.B$/),
    expect.stringMatching(/^other\.name {2}\d+s {7}nothing$/),
    "B           NOT SET  mcpServers.one.env.B",
    "",
  ]);
  const json = JSON.parse((await secret(at, "list --json")).stdout);
  expect(json).toMatchObject({
    exists: true,
    key: { source: "file" },
    secrets: [{ name: "A" }, { name: "other.name", usedBy: [] }],
    unset: [{ name: "B" }],
  });
  expect(JSON.stringify(json)).not.toMatch(/a-value-of|lines/);

  expect(await secret(at, "rm A")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("used by mcpServers.one.env.A, mcpServers.one.env.B"),
  });
  expect(await secret(at, "rm other.name")).toMatchObject({ code: 0 });
  expect(await secret(at, "rm other.name")).toMatchObject({ code: 1, stderr: expect.stringContaining("is not set") });
  expect(await secret(at, "rm A --force")).toMatchObject({ code: 0 });
  expect(JSON.parse((await secret(at, "list --json")).stdout).secrets).toEqual([]);
});

test("nothing is taken from arguments, and no name or value that cannot be", async () => {
  using at = home(config());
  expect(await secret(at, "set A value", "")).toMatchObject({ code: 2, stderr: expect.stringContaining('takes no argument "value"') });
  expect(await secret(at, "set 1A", "x")).toMatchObject({ code: 1, stderr: expect.stringContaining("is no name of a secret") });
  expect(await secret(at, "set A", "\n")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("nothing was given as"),
  });
  expect(await secret(at, "set A", "x".repeat(70_000))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("has more than 65536 bytes"),
  });
  expect(await secret(at, "set A", "a\0b")).toMatchObject({ code: 1, stderr: expect.stringContaining("has a NUL byte") });
  const binary = await runProcess(at, ["secret", "set", "A"], {}, Buffer.from([0xff, 0xfe]));
  expect(binary).toMatchObject({ code: 1, stderr: expect.stringContaining("is no UTF-8 text") });
  expect(await secret(at, "rotate")).toMatchObject({ code: 1, stderr: expect.stringContaining("there is no vault") });
  expect(await secret(at, "rotate --to purse")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("--to takes file, passphrase, keyring"),
  });
  expect(await secret(at, "frobnicate")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("secret set, secret get, secret list, secret rm, secret rotate, secret import"),
  });
  expect(existsSync(join(at.path, "state/mcp-host/vault"))).toBe(false);
  expect((await secret(at, "list")).stdout).toContain("(not there yet)\nThere are no secrets.");
});

test("a config that cannot be used for want of a secret can be given it; other mistakes are told as ever", async () => {
  using at = home({
    listen: { port: 0 },
    mcpServers: {},
    plugins: ["@host/plugin-vault", ["@host/plugin-metrics", { token: "${secret:METRICS}" }]],
  });
  const before = await run(at, ["validate"]);
  expect(before).toMatchObject({ code: 3 });
  expect(before.stdout + before.stderr).toContain("plugins[1][1].token: the secret METRICS is not set; run `");
  expect(await secret(at, "set METRICS", "a-metrics-token-of-its-own")).toMatchObject({ code: 0 });
  expect(JSON.parse((await secret(at, "list --json")).stdout).secrets).toMatchObject([{ usedBy: ["plugins[1][1].token"] }]);
  expect(await run(at, ["validate"])).toMatchObject({ code: 0 });
  const shown = await run(at, ["config", "show"]);
  expect(shown.stdout).toContain("[redacted]");
  expect(shown.stdout).not.toContain("a-metrics-token-of-its-own");
});

test("import takes the variables of a .env file, leaves the file and what is there, and says what to do next", async () => {
  using at = home(config());
  const text = "# comment\nA=one\nexport B='two words'\nEMPTY=\nC=\"three\\nlines\"\n";
  writeFileSync(join(at.path, ".env"), text);
  await secret(at, "set A", "mine");
  const { stdout, code } = await secret(at, "import .env");
  expect(code).toBe(0);
  expect(stdout).toContain("2 of 4 variables of .env are in the vault");
  expect(stdout).toMatch(
    /: B, C\nleft as they were, since they are there already: A; --overwrite replaces them\nRefer to them as \$\{secret:B\} in the config\. \.env is still there in clear/,
  );
  expect(stdout).not.toMatch(/two words|three/);
  expect(readFileSync(join(at.path, ".env"), "utf8")).toBe(text);
  expect((await secret(at, "get A --reveal")).stdout).toBe("mine\n");
  expect((await secret(at, "get C --reveal")).stdout).toBe("three\nlines\n");
  expect((await secret(at, "import .env --only A --overwrite")).stdout).toContain("1 of 4 variables");
  expect((await secret(at, "get A --reveal")).stdout).toBe("one\n");
  expect(await secret(at, "import .env --only A,Z")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("there is no Z in .env; it has A, B, C, EMPTY"),
  });
  expect(await secret(at, "import nowhere")).toMatchObject({ code: 1, stderr: expect.stringContaining("nowhere cannot be read: ENOENT") });
});

test("rotate moves the key to a passphrase; then the config has to say so, and the passphrase has to be the right one", async () => {
  using at = home(config({ workFactor: 14 }, { one: server({ A: "${secret:A}" }) }));
  await secret(at, "set A", "value");
  const file = join(at.path, "mcp-host.config.json");
  const before = readFileSync(join(at.path, "user/mcp-host/vault.key"), "utf8");
  expect((await secret(at, "rotate")).stdout).toContain("hosts that run go on with the new key by themselves");
  expect(readFileSync(join(at.path, "user/mcp-host/vault.key"), "utf8")).not.toBe(before);
  expect(await secret(at, "rotate --to passphrase", "short\n")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("at least 8 characters"),
  });
  const moved = await secret(at, "rotate --to passphrase", "correct horse battery\n");
  expect(moved).toMatchObject({ code: 0, stdout: expect.stringContaining('set "key" to "passphrase"') });
  const lost = await runProcess(at, ["validate"]);
  expect(lost.code).toBe(3);
  expect(lost.stdout.replace(/\s+/g, " ")).toContain('is kept in "passphrase", and the config says "key": "file"');

  const withPassphrase = config({ key: "passphrase", passphrase: "${env:PASS}", workFactor: 14 }, { one: server({ A: "${secret:A}" }) });
  writeFileSync(file, JSON.stringify(withPassphrase));
  expect((await secret(at, "get A --reveal", "", { PASS: "correct horse battery" })).stdout).toBe("value\n");
  const wrong = await secret(at, "get A --reveal", "", { PASS: "wrong horse battery" });
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("the passphrase is not the one of the vault") });
  const shown = await run(at, ["config", "show"], { PASS: "correct horse battery" });
  expect(shown.stdout).not.toContain("correct horse battery");
}, 60_000);

test("a vault elsewhere has its files where the options say, for their owner alone", async () => {
  using at = home(config({ folder: "secrets", keyFile: "keys/vault.key" }));
  await secret(at, "set A", "value");
  expect(readdirSync(join(at.path, "secrets"))).toEqual(["vault"]);
  expect(readdirSync(join(at.path, "keys")).sort()).toEqual(["vault.key", "vault.seen"]);
  for (const name of ["secrets/vault", "keys/vault.key", "keys/vault.seen"]) expect(statSync(join(at.path, name)).mode & 0o777).toBe(0o600);
});

test("a mounted key opens the vault, whoever's it is, and is never written", async () => {
  using at = home(config({ keyFile: "key", keyMounted: false }));
  await secret(at, "set A", "value");
  const { chmodSync } = await import("node:fs");
  chmodSync(join(at.path, "key"), 0o444);
  expect(await secret(at, "get A --reveal")).toMatchObject({ code: 0 }); // this process has opened it
  expect(await runProcess(at, ["secret", "get", "A", "--reveal"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("others may use"),
  });
  writeFileSync(join(at.path, "mcp-host.config.json"), JSON.stringify(config({ keyFile: "key", keyMounted: true })));
  expect((await secret(at, "get A --reveal")).stdout).toBe("value\n");
  expect(await secret(at, "rotate")).toMatchObject({ code: 1, stderr: expect.stringContaining("is mounted, so nothing is written to it") });
  expect((await secret(at, "get A --reveal")).stdout).toBe("value\n");
});

const program = (code: string): string => `\${cmd:${NODE} -e "${code}"}`;

test.each<[string, string, string | RegExp]>([
  ["that is not allowed", "${cmd:/bin/sh -c true}", 'may not run "/bin/sh"; the operator allows it by "commands": ["/bin/sh"]'],
  ["that fails, and says why", program("console.error('not signed in'); process.exit(3)"), "ended with code 3: not signed in"],
  ["that writes nothing", program(""), "wrote nothing"],
  ["that writes too much", program("process.stdout.write('x'.repeat(100000))"), "wrote more than 65536 bytes"],
  ["that does not end", program("setInterval(() => 0, 1000)"), "did not end within 500 ms"],
  ["with a quote that is open", "${cmd:op 'read}", "is never closed"],
])("a program %s leaves its server unconfigured", async (what, reference, message) => {
  using at = home(
    config({ commands: [NODE], commandTimeout: what.includes("does not end") ? "500ms" : "20s" }, { one: server({ A: reference }) }),
  );
  const { code, stdout } = await run(at, ["validate", "--json"]);
  expect(code).toBe(3);
  expect(JSON.parse(JSON.stringify(stdout))).toContain(JSON.stringify(message as string).slice(1, -1));
});

test("what a program writes is the value; it has the folder and the environment of the host, and not the passphrase", async () => {
  const code = "console.log([process.cwd(), process.env.SEEN, process.env.PASS, process.argv.length].join('|'))";
  using at = home({
    mcpServers: { one: server({ A: `\${cmd:${NODE} -e "${code}" 'a b'  c}` }) },
    plugins: [["@host/plugin-vault", { key: "passphrase", passphrase: "${env:PASS}", workFactor: 14, commands: [NODE] }]],
  });
  const env = { PASS: "correct horse battery", SEEN: "yes" };
  const report = await run(at, ["credentials", "check", "--json"], env);
  expect(JSON.parse(report.stdout)).toMatchObject({
    ok: true,
    credentials: [{ kind: "variable" }, { kind: "cmd", source: "cmd", secret: true }].reverse(),
  });
  const { valueFrom } = await import("../dist/command-values.js");
  process.env.VAULT_TEST_PASS = "correct horse battery";
  const value = await valueFrom(`${NODE} -p String(process.env.VAULT_TEST_PASS)+process.argv.length 'a b' c`, {
    allowed: [NODE],
    timeout: 10_000,
    cwd: at.path,
    without: "correct horse battery",
  });
  delete process.env.VAULT_TEST_PASS;
  expect(value).toBe("undefined3");
});

test("the plugin's own options cannot refer to what it brings", async () => {
  using at = home(config({ key: "passphrase", passphrase: "${secret:PASS}" }));
  const { code, stdout, stderr } = await run(at, ["validate"]);
  expect(code).toBe(3);
  expect((stdout + stderr).replace(/\s+/g, " ")).toContain(
    "no plugin of the config brings ${secret:...} (add @host/plugin-vault); one that does has no such reference in its own options",
  );
});

test("doctor tells where the vault and its key are, and what is wrong with them; a missing secret is a missing value", async () => {
  using at = home(config({}, { one: server({ A: "${secret:A}" }) }));
  const examined = async (): Promise<{ id: string; about?: string; found: string; remedy?: string }[]> =>
    JSON.parse((await run(at, ["doctor", "--offline", "--json"])).stdout).findings;
  const ofVault = async () => (await examined()).filter(({ id, about }) => about === "vault" && id !== "plugin");
  expect(await ofVault()).toMatchObject([{ id: "plugin-state", found: expect.stringContaining("there is no vault") }]);
  expect((await examined()).find(({ id }) => id === "variable-missing")?.found).toContain("the secret A is not set");
  await secret(at, "set A", "value");
  expect(await ofVault()).toMatchObject([
    { id: "plugin-state", found: expect.stringMatching(/has 1 secret; the key file .*vault\.key opens it/) },
  ]);
  const key = join(at.path, "user/mcp-host/vault.key");
  const file = join(at.path, "state/mcp-host/vault/vault");
  const whole = readFileSync(file);
  writeFileSync(file, whole.subarray(0, -3));
  expect(await ofVault()).toMatchObject([
    { id: "plugin-trouble", found: expect.stringContaining("is damaged"), remedy: expect.stringContaining("put a copy") },
  ]);
  writeFileSync(file, whole);
  await secret(at, "set A", "another value");
  writeFileSync(file, whole);
  expect(await ofVault()).toMatchObject([
    { id: "plugin-state" },
    { id: "plugin-advice", found: expect.stringContaining("older than it was") },
  ]);
  rmSync(key);
  const moved = await runProcess(at, ["doctor", "--offline", "--json"]);
  expect(JSON.parse(moved.stdout).findings).toContainEqual(
    expect.objectContaining({ id: "plugin-trouble", found: expect.stringContaining("vault.key is not there") }),
  );
});

test("the key of what is in the host's store is no secret that may go", async () => {
  using at = home(config({ over: "store" }));
  await secret(at, "set MCP_HOST_STORE_KEY", "a-key-of-many-hosts");
  expect(await secret(at, "rm MCP_HOST_STORE_KEY")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('used by "over" of the vault'),
  });
});

test("at a terminal a value is typed, which nobody sees", async () => {
  using at = home(config({ workFactor: 14 }));
  const terminal = { PRETEND_TERMINAL: "1" };
  const set = await secret(at, "set A", "typed-at-a-terminal\r", terminal);
  expect(set).toMatchObject({ code: 0, stderr: expect.stringContaining("the value of A: ") });
  expect(set.stderr + set.stdout).not.toContain("typed-at");
  expect((await secret(at, "get A --reveal")).stdout).toBe("typed-at-a-terminal\n");
  expect(await secret(at, "set B", "", terminal)).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing was given") });
});

test("without the plugin, its commands and references name it", async () => {
  using at = home({ mcpServers: { one: server({ A: "${secret:A}" }) } });
  expect(await secret(at, "list")).toMatchObject({ code: 2, stderr: expect.stringContaining("@host/plugin-vault brings it") });
  const { code, stdout, stderr } = await run(at, ["validate"]);
  expect([code, stdout + stderr]).toEqual([3, expect.stringContaining("(add @host/plugin-vault)")]);
});

import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { type Home, home, run, runProcess } from "../harness/cli.ts";
import { daemonOf } from "../harness/daemons.ts";
import { upstream } from "../harness/hosts.ts";

const FILE = "support.json";

/** Secrets by where they are put. Each is there once, so that what it is found by is known. */
const CANARY = {
  envLiteral: "Canary-env-literal-4f8a",
  envVariable: "Canary-env-variable-4f8b",
  envFile: "Canary-env-file-4f8c",
  set: "Canary-set-flag-4f8d",
  credential: "Canary-credential-4f8e",
  unusedCredential: "Canary-unused-credential-4f8f",
  header: "Canary-header-4f90",
  query: "Canary-query-4f91",
  plainQuery: "Canary-plain-query-4f92",
  proxyUser: "Canary-proxy-user-4f93",
  proxyPassword: "Canary-proxy-password-4f94",
  argument: "Canary-argument-4f95",
  nextArgument: "Canary-next-argument-4f96",
  argumentUrl: "Canary-argument-url-4f97",
  pepper: "Canary-pepper-of-some-length-4f98",
  option: "Canary-option-credential-4f99",
  clientSecret: "Canary-client-secret-4f9a",
  secretFile: "Canary-secret-file-4f9b",
  environment: "Canary-environment-4f9c",
  stderr: "Canary-stderr-4f9d",
  stateKey: "Canary-state-key-4f9e",
  given: "Canary-given-by-a-plugin-4fa0",
  disabled: "Canary-disabled-server-4f9f",
} as const;

/** Writes its secrets where servers write them, and ends. */
const TALKS = `console.error("signed in with " + process.env.LITERAL + " and " + process.argv[4]);
console.error("api_key=${CANARY.stderr}");
console.error("no database at " + process.argv[5]);
process.exit(1);`;

/** Says in the log what it was given. */
const GIVES = `import { definePlugin } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
import { z } from ${JSON.stringify(import.meta.resolve("zod"))};
const options = z.object({ headers: z.record(z.string(), z.string()) });
export default definePlugin({ name: "gives", host: "^1.0.0", options, apply: (host, options) => void host.log.warn("given " + options.headers["X-Plain"]) });`;

const CONFIG = {
  listen: { port: 0 },
  stateKey: [CANARY.stateKey],
  mcpServers: {
    files: upstream({ only: ["echo"] }),
    broken: {
      command: process.execPath,
      args: [
        "talks.mjs",
        `--token=${CANARY.argument}`,
        "--password",
        CANARY.nextArgument,
        `postgres://ada:${CANARY.argumentUrl}@localhost/db`,
      ],
      env: {
        LITERAL: CANARY.envLiteral,
        FROM_ENV: "${SOME_VARIABLE}",
        FROM_FILE: "${FROM_ENV_FILE}",
        FROM_SET: "${FROM_SET}",
        KEPT: "${KEPT_VALUE}",
        SECRET: "${file:secret.txt}",
      },
    },
    remote: {
      url: `http://127.0.0.1:9/mcp?api_key=${CANARY.query}&v=${CANARY.plainQuery}`,
      headers: { "X-Plain": CANARY.header },
      proxy: `http://${CANARY.proxyUser}:${CANARY.proxyPassword}@127.0.0.1:9`,
    },
    off: { command: "true", env: { HARMLESS: CANARY.disabled }, disabled: true },
  },
  plugins: [
    [
      "@host/plugin-auth",
      {
        apiKeys: { pepper: CANARY.pepper },
        default: "allow",
        credentials: { remote: { from: "principal", header: "X-Other", values: { "key:ada": CANARY.option } } },
      },
    ],
    ["./gives.mjs", { headers: { "X-Plain": CANARY.given } }],
    ["@host/plugin-oauth", { servers: { remote: { clientId: "app", clientSecret: CANARY.clientSecret } }, discover: false }],
  ],
};
const ENV = { SOME_VARIABLE: CANARY.envVariable, UNRELATED_TOKEN: CANARY.environment };
const FLAGS = ["--env-file", "local.env", "--set", `FROM_SET=${CANARY.set}`];

function machine(config: unknown = CONFIG): Home {
  const at = home(config, {
    "local.env": `FROM_ENV_FILE=${CANARY.envFile}\n`,
    "talks.mjs": TALKS,
    "gives.mjs": GIVES,
    "secret.txt": `${CANARY.secretFile}\n`,
  });
  const folder = join(at.path, "user/mcp-host");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const values = { KEPT_VALUE: CANARY.credential, NEVER_USED: CANARY.unusedCredential };
  writeFileSync(join(folder, "credentials.json"), JSON.stringify(values), { mode: 0o600 });
  return at;
}

interface Bundle {
  readonly [part: string]: unknown;
}

function bundleOf(at: Home): Bundle {
  const text = readFileSync(join(at.path, FILE), "utf8");
  for (const [where, canary] of Object.entries(CANARY)) expect(text, where).not.toContain(canary);
  return JSON.parse(text) as Bundle;
}

test("a bundle of a host that runs has everything that a report needs, and none of the secrets of this machine", async () => {
  using at = machine();
  await using _daemon = daemonOf(await run(at, ["start", "--daemon", ...FLAGS], ENV));
  await vi.waitFor(async () => expect((await run(at, ["status"], ENV)).stdout).toContain("Last words of broken"), { timeout: 20_000 });

  const { code, stdout, stderr } = await runProcess(at, ["support", FILE, ...FLAGS], ENV);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("look through it before you send it") });
  for (const canary of Object.values(CANARY)) expect(stdout).not.toContain(canary);
  expect(stdout).toContain(join(at.path, FILE));
  expect(stdout).not.toContain("FAILED");
  expect(statSync(join(at.path, FILE)).mode & 0o777).toBe(0o600);

  const bundle = bundleOf(at);
  expect(Object.keys(bundle)).toEqual(
    ["form", "made", "host", ...stdout.matchAll(/^ {2}(\w+)/gm)].map((found) => (typeof found === "string" ? found : found[1])),
  );
  expect(bundle).toMatchObject({
    versions: { node: process.versions.node, platform: process.platform },
    plugins: expect.arrayContaining([expect.objectContaining({ id: "auth", package: "@host/plugin-auth" })]),
    limits: {
      memory: { total: expect.any(Number) },
      cpu: { count: expect.any(Number) },
      process: expect.arrayContaining([expect.stringMatching(/files|nofile/)]),
    },
    config: {
      path: join(at.path, "mcp-host.config.json"),
      shown: { mcpServers: { files: { command: process.execPath }, remote: { proxy: expect.any(String) } } },
    },
    doctor: expect.arrayContaining([expect.objectContaining({ id: "node", level: "ok" })]),
    status: [{ upstreams: expect.arrayContaining([expect.objectContaining({ name: "broken" })]) }],
    lastWords: [{ servers: { broken: expect.arrayContaining([expect.stringContaining("signed in with [redacted] and")]) } }],
    logs: [{ lines: expect.arrayContaining([expect.objectContaining({ upstream: "broken" })]) }],
  });
  expect(bundle.variables).toMatchObject({
    variables: expect.arrayContaining([
      expect.objectContaining({ name: "SOME_VARIABLE", source: "environment", places: ["mcpServers.broken.env.FROM_ENV"] }),
      expect.objectContaining({ name: "KEPT_VALUE", source: "credentials file" }),
    ]),
  });
  const { config, host } = bundle.files as Record<
    "config" | "host",
    { path: string; what?: string; mode?: string; bytes?: number; changed?: string }[]
  >;
  expect(config).toContainEqual(
    expect.objectContaining({
      what: "config",
      mode: expect.stringMatching(/^0\d{3}$/),
      bytes: expect.any(Number),
      changed: expect.any(String),
    }),
  );
  expect(host.map(({ path }) => path)).toContain(join(at.path, "user/mcp-host/credentials.json"));
});

test("a config that cannot be used: the parts that need it are failed with the reason, and the rest is written", async () => {
  using at = machine({ ...CONFIG, listn: {}, plugins: [...CONFIG.plugins, "@host/plugin-nope"] });
  const { code, stdout } = await runProcess(at, ["support", FILE, "--json", ...FLAGS], ENV);
  expect(code).toBe(0);
  const { parts } = JSON.parse(stdout) as { parts: { name: string; failed?: string }[] };
  expect(parts.filter(({ failed }) => failed !== undefined).map(({ name }) => name)).toEqual(["plugins"]);
  expect(parts.find(({ name }) => name === "plugins")?.failed).toContain("listn");
  const bundle = bundleOf(at);
  expect(bundle.config).toMatchObject({
    failed: expect.stringContaining("listn"),
    written: { listen: { port: 0 }, mcpServers: { broken: { env: { LITERAL: "[redacted]" } } } },
  });
  expect(bundle.status).toEqual([]);
  expect(bundle.doctor).toContainEqual(expect.objectContaining({ level: "problem" }));
});

test("a file that is no config at all, and none: what can be told without one is told", async () => {
  using at = machine("");
  writeFileSync(join(at.path, "mcp-host.config.json"), `{ "mcpServers": { "a": { "env": { "X": "${CANARY.envLiteral}" `);
  expect(await run(at, ["support", FILE], ENV)).toMatchObject({ code: 0 });
  expect(bundleOf(at)).toMatchObject({ config: { failed: expect.any(String) }, versions: { node: process.versions.node } });

  using bare = home();
  const { code, stdout } = await run(bare, ["support", FILE]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/config +FAILED +.*there is no mcp-host\.config/) });
  expect(bundleOf(bare)).toMatchObject({ limits: { cpu: { count: expect.any(Number) } }, files: { host: expect.any(Array) } });
});

test("a part that is late is failed with its reason, and the rest is written", async () => {
  using at = home({ mcpServers: {} });
  // A host that tells its status, and begins a log that never goes on.
  const folder = join(at.path, "run/mcp-host");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = { pid: process.pid, config: join(at.path, "mcp-host.config.json"), upstreams: [] };
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (asked) => {
      if (asked.includes('"status"')) socket.end(`${JSON.stringify({ result: status })}\n`);
      else socket.write(`${JSON.stringify({ time: "now", level: "info", message: "begun" })}\n`);
    });
  });
  await once(server.listen(join(folder, `${process.pid}.sock`)), "listening");
  try {
    const { code, stdout } = await runProcess(at, ["support", FILE]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}logs +FAILED +it took longer than 10 s$/m);
    expect(stdout).toMatch(/^ {2}files +\d+ bytes/m);
    expect(bundleOf(at)).toMatchObject({ logs: { failed: "it took longer than 10 s" }, status: [{ pid: process.pid }] });
  } finally {
    server.close();
  }
});

test("a file that is there already stays, and what is no number of lines is refused", async () => {
  using at = home({ mcpServers: {} }, { [FILE]: "mine" });
  const there = await run(at, ["support", FILE]);
  expect(there).toMatchObject({ code: 2, stdout: "" });
  expect(there.stderr).toContain("is there already; name a new file");
  expect(readFileSync(join(at.path, FILE), "utf8")).toBe("mine");
  expect((await run(at, ["support", "other.json", "--lines", "all"])).stderr).toContain('--lines: "all" is not a number of lines');
  expect(existsSync(join(at.path, "other.json"))).toBe(false);
});

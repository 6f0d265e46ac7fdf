import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { keyVariables, serverKeyVariables } from "../../packages/host/dist/config/environment.js";
import { loadConfig } from "../../packages/host/dist/config/load.js";
import { readWritten } from "../../packages/host/dist/config/written.js";
import { type Home, home, run } from "../harness/cli.ts";
import { ROOT } from "../harness/hosts.ts";

const NODE = { command: "node" };

async function shown(at: Home, args: string[] = [], env: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(at, ["config", "show", "--json", ...args], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("precedence", () => {
  test("of a key: --set over its variable, in the environment and then in files, over the config, over the default", async () => {
    using at = home(
      { listen: { port: 1, path: "/file" }, mcpServers: { a: NODE } },
      {
        "one.env": "MCP_HOST_LISTEN_PORT=2\nMCP_HOST_DRAIN=2s\nMCP_HOST_SLOW_CALL=2s",
        "two.env": "MCP_HOST_LISTEN_PORT=3\nMCP_HOST_DRAIN=3s",
      },
    );
    const port = async (args: string[], env?: Record<string, string>): Promise<unknown> => (await shown(at, args, env)).listen;
    const files = ["--env-file", "one.env", "--env-file=two.env"];
    expect(await port([])).toMatchObject({ port: 1, path: "/file", host: "127.0.0.1" });
    expect(await port(files)).toMatchObject({ port: 3, path: "/file" });
    expect(await port(files, { MCP_HOST_LISTEN_PORT: "4" })).toMatchObject({ port: 4 });
    expect(await port([...files, "--set", "listen.port=5"], { MCP_HOST_LISTEN_PORT: "4" })).toMatchObject({ port: 5 });
    expect(await shown(at, files, { MCP_HOST_DRAIN: "4s" })).toMatchObject({ drain: 4_000, slowCall: 2_000 });
  });

  test("of a key at the top of the config: --set over its variable", async () => {
    using at = home({ mcpServers: { a: NODE }, drain: "1s" });
    const env = { MCP_HOST_DRAIN: "2s", MCP_HOST_ROLES: '["a"]' };
    expect(await shown(at, ["--set", "drain=3s", "--set", 'roles=["b"]'], env)).toMatchObject({ drain: 3_000, roles: ["b"] });
  });

  test("of a variable: --set, credentials file, environment, the last --env-file, default", async () => {
    const env = Object.fromEntries(["S", "C", "E", "F", "G", "D"].map((name) => [name, `\${${name}:-default}`]));
    using at = home({ mcpServers: { a: { ...NODE, env } } }, { "one.env": "S=f\nC=f\nE=f\nF=f\nG=f", "two.env": "G=g" });
    mkdirSync(join(at.path, "user/mcp-host"), { recursive: true });
    const credentials = join(at.path, "user/mcp-host/credentials.json");
    writeFileSync(credentials, '{"S":"c","C":"credential"}', { mode: 0o600 });
    const args = ["--env-file", "one.env", "--env-file", "two.env", "--set", "S=set"];
    const { mcpServers } = await shown(at, args, { S: "e", C: "e", E: "environment" });
    expect(mcpServers).toMatchObject({ a: { env: { S: "set", C: "[redacted]", E: "environment", F: "f", G: "g", D: "default" } } });
    const { code, stdout } = await run(at, ["credentials", "check", "--json", ...args], { S: "e", C: "e", E: "environment" });
    const report = JSON.parse(stdout);
    expect({ code, ...report }).toMatchObject({ code: 0, ok: true, credentialsFile: { path: credentials, exists: true }, problems: [] });
    expect(report.credentials.map(({ name, source }: { name: string; source: string }) => [name, source])).toEqual([
      ["S", "--set"],
      ["C", "credentials file"],
      ["E", "environment"],
      ["F", `--env-file ${join(at.path, "one.env")}`],
      ["G", `--env-file ${join(at.path, "two.env")}`],
      ["D", "default"],
    ]);
  });
});

describe("variables of keys", () => {
  test("fill any key: lists and objects as JSON, those of servers by their names, texts as they are", async () => {
    using at = home({
      mcpServers: { "my.files": { ...NODE, headers: undefined }, web: { url: "http://127.0.0.1/", headers: { "X-Key": "old" } } },
    });
    const config = await shown(at, [], {
      MCP_HOST_ROLES: '["admin"]',
      MCP_HOST_LIMITS_REQUEST_BYTES: "1mb",
      MCP_HOST_LIMITS_CALLER_IDLE: "20m",
      MCP_HOST_LIMITS_PARK_TIME: "90s",
      MCP_HOST_MCP_SERVERS__MY_FILES__ARGS: '["8080"]',
      MCP_HOST_MCP_SERVERS__MY_FILES__ENV__LOG_level: "1",
      MCP_HOST_MCP_SERVERS__MY_FILES__HEALTH_INTERVAL: "${INTERVAL}",
      INTERVAL: "7s",
      MCP_HOST_MCP_SERVERS__WEB__HEADERS__X_KEY: "new",
      MCP_HOST_MCP_SERVERS__WEB__HEADERS__X_OTHER: "2",
      MCP_HOST_PLUGINS: "[]",
    });
    expect(config).toMatchObject({
      roles: ["admin"],
      limits: { requestBytes: 1024 ** 2, callerIdle: 1_200_000, parkTime: 90_000 },
      mcpServers: {
        "my.files": { args: ["8080"], env: { LOG_level: "1" }, healthInterval: 7_000 },
        web: { headers: { "X-Key": "new", "x-other": "2" } },
      },
    });
  });

  test("are told where their values are wrong", async () => {
    using at = home({ mcpServers: { a: NODE } });
    const { code, stderr } = await run(at, ["validate"], {
      MCP_HOST_LISTEN_PORT: "http",
      MCP_HOST_ROLES: "admin",
      MCP_HOST_STATE_KEY: "too short",
      MCP_HOST_MCP_SERVERS__A__START: "laz",
    });
    expect(code).toBe(EXIT.config.code);
    expect(stderr).toMatch(
      /^ {2}listen\.port: must be a whole number from 0 to 65535 \(it comes from the variable MCP_HOST_LISTEN_PORT\)$/m,
    );
    expect(stderr).toContain("roles: must be a list, not a text (it comes from the variable MCP_HOST_ROLES)");
    expect(stderr).toContain("stateKey: must be a secret of 16 characters or more, or a list of them, the newest first");
    expect(stderr).toContain('not "laz" (did you mean "lazy"?) (it comes from the variable MCP_HOST_MCP_SERVERS__A__START)');
  });

  test("that stand for nothing are warned of with the nearest; those that the config refers to are not", async () => {
    using at = home({ mcpServers: { a: { ...NODE, env: { P: "${MCP_HOST_PEPPER:-${MCP_HOST_SALT:-x}}" } }, "b.c": NODE, "b-c": NODE } });
    const { code, stderr } = await run(at, ["validate"], {
      MCP_HOST_LISTEN_PROT: "1",
      MCP_HOST_MCP_SERVERS__A__TIMEUOT: "1s",
      MCP_HOST_MCP_SERVERS__B_C__TIMEOUT: "1s",
      MCP_HOST_PEPPER: "p",
      MCP_HOST_SALT: "s",
      MCP_HOST_INPUT_UNUSED: "u",
    });
    expect(code).toBe(0);
    expect(stderr).toContain(
      'MCP_HOST_LISTEN_PROT stands for no key of the config (did you mean "MCP_HOST_LISTEN_PORT"?); correct its name or unset it',
    );
    expect(stderr).toContain('(did you mean "MCP_HOST_MCP_SERVERS__A__TIMEOUT"?)');
    expect(stderr).toContain("stands for mcpServers.b.c.timeout and mcpServers.b-c.timeout, so it is ignored; rename one of the servers");
    expect(stderr).not.toMatch(/PEPPER|SALT|INPUT/);
  });

  test("are not what a cluster sets for services of such names, whatever the key", async () => {
    const links = (prefix: string, host: string): Record<string, string> => ({
      [`${prefix}_SERVICE_HOST`]: host,
      [`${prefix}_SERVICE_PORT`]: "80",
      [`${prefix}_SERVICE_PORT_METRICS_WEB`]: "9090",
      [`${prefix}_PORT`]: `tcp://${host.includes(":") ? `[${host}]` : host}:80`,
      [`${prefix}_PORT_80_TCP`]: "tcp://10.0.0.1:80",
      [`${prefix}_PORT_80_TCP_PROTO`]: "tcp",
      [`${prefix}_PORT_80_TCP_PORT`]: "80",
      [`${prefix}_PORT_80_TCP_ADDR`]: host,
      [`${prefix}_PORT_53_UDP`]: "udp://10.0.0.1:53",
    });
    using at = home({ listen: { port: 1234 }, mcpServers: { a: NODE } });
    const env = { ...links("MCP_HOST", "10.0.0.1"), ...links("MCP_HOST_METRICS", "fd00::1"), ...links("MCP_HOST_LISTEN", "10.0.0.2") };
    expect(await shown(at, [], env)).toMatchObject({ listen: { port: 1234 } });
  });

  test("are told where they only look like those of a service", async () => {
    using at = home({ mcpServers: { a: NODE } });
    const { stderr } = await run(at, ["validate"], {
      MCP_HOST_PORT: "8080",
      MCP_HOST_SERVICE_HOST: "example.com",
      MCP_HOST_MCP_SERVERS__A__ENV__DB_PORT: "tcp://10.0.0.1:80",
    });
    expect(stderr).toContain("the variable MCP_HOST_PORT stands for no key");
    expect(stderr).toContain("the variable MCP_HOST_SERVICE_HOST stands for no key");
    expect(stderr).not.toContain("DB_PORT");
  });

  test("every key takes a value from its variable and from --set, and --set wins", async () => {
    using at = home({ mcpServers: { a: NODE } });
    const all = [...keyVariables(), ...serverKeyVariables("a")].filter(
      ({ path }) => !["mcpServers", "listen", "limits"].includes(path.join(".")),
    );
    expect(all.length).toBeGreaterThan(50);
    const valueAt = async (path: readonly string[], set: string[], env: Record<string, string>): Promise<unknown> => {
      const { value } = await readWritten(join(at.path, "mcp-host.config.json"), { set, env, cwd: at.path });
      return path.reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], value);
    };
    for (const { variable, path } of all) {
      if (/disabled|enabled/.test(path.at(-1) ?? "")) continue; // they take the server out
      const place = path.join(".");
      expect(await valueAt(path, [], { [variable]: '["of the environment"]' }), variable).toEqual(["of the environment"]);
      expect(await valueAt(path, [`${place}=["set"]`], { [variable]: "1" }), place).toEqual(["set"]);
    }
  });

  test("are one for each key, and docs/config.md lists them", () => {
    const page = readFileSync(join(ROOT, "docs/config.md"), "utf8");
    const all = [...keyVariables(), ...serverKeyVariables("<NAME>".replace(/\W/g, ""))].map(({ variable }) => variable);
    expect(new Set(all).size).toBe(all.length);
    for (const variable of all) expect(page).toContain(`\`${variable.replace("__NAME__", "__<NAME>__")}\``);
  });
});

describe("--env-file", () => {
  // Asked of the loader: Node 20 looks for the file itself before it runs anything, and ends with its own words if it is not there.
  test.each([
    ["none.env", 0o600, /^--env-file none\.env: there is no file .*none\.env$/],
    [".", 0o700, /^--env-file \.: .* is not a regular file$/],
    ["open.env", 0o622, /^--env-file open\.env: .*open\.env can be written by others; run `chmod go-w/],
  ])("%s that cannot be used is an error", async (name, mode, expected) => {
    using at = home({ mcpServers: { a: NODE } }, { "open.env": "A=1" });
    chmodSync(join(at.path, "open.env"), mode);
    await expect(loadConfig(undefined, { cwd: at.path, envFiles: [name] })).rejects.toMatchObject({
      path: join(at.path, "mcp-host.config.json"),
      problems: [expect.stringMatching(expected)],
    });
  });

  test("the quick start's example names variables that there are", async () => {
    const example = readFileSync(join(ROOT, "examples/quickstart/.env.example"), "utf8");
    const lines = example.split("\n").map((line) => line.replace(/^# ?(?=\w+=)/, ""));
    using at = home(undefined, { ".env": lines.join("\n") });
    const config = join(ROOT, "examples/quickstart/mcp-host.config.json");
    const { code, stderr } = await run(at, ["validate", "--config", config, "--env-file", ".env"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(example.match(/^# ?MCP_HOST_\w+=/gm)?.length).toBeGreaterThan(2);
  });
});

describe("mcp-host credentials check", () => {
  const config = {
    inputs: [{ id: "key", type: "promptString", password: true }],
    mcpServers: {
      a: { ...NODE, env: { T: "${TOKEN}", U: "${TOKEN:-none}", K: "${input:key}", F: "${file:secret}", P: "${userHome}" } },
      off: { ...NODE, disabled: true, env: { X: "${OF_NO_USE}" } },
    },
  };

  test("tells what is missing and where, with exit code 3, and never a value", async () => {
    using at = home(config, { secret: "very-secret-file" });
    const { code, stdout, stderr } = await run(at, ["credentials", "check"], { MCP_HOST_INPUT_KEY: "very-secret-key" });
    expect({ code, stderr }).toEqual({ code: EXIT.config.code, stderr: "" });
    expect(stdout).toMatch(/^TOKEN +MISSING +mcpServers\.a\.env\.T, mcpServers\.a\.env\.U$/m);
    expect(stdout).toMatch(/^MCP_HOST_INPUT_KEY +environment +mcpServers\.a\.env\.K$/m);
    expect(stdout).toMatch(/^secret +file +mcpServers\.a\.env\.F$/m);
    expect(stdout).not.toMatch(/very-secret|OF_NO_USE/);
  });

  test("tells why a source cannot be used, and warns of files that others can read", async () => {
    using at = home(config, { ".env": "TOKEN=very-secret\nMCP_HOST_INPUT_KEY=k" });
    chmodSync(join(at.path, ".env"), 0o644);
    const first = JSON.parse((await run(at, ["credentials", "check", "--json", "--env-file", ".env"])).stdout);
    expect(first).toMatchObject({
      ok: false,
      problems: [expect.stringMatching(/^mcpServers\.a\.env\.F: there is no file .*secret$/)],
      warnings: [expect.stringMatching(/--env-file .*\.env: others can read it/)],
    });
    mkdirSync(join(at.path, "user/mcp-host"), { recursive: true });
    const credentials = join(at.path, "user/mcp-host/credentials.json");
    writeFileSync(credentials, '{"TOKEN":"very-secret"}', { mode: 0o600 });
    chmodSync(credentials, 0o644);
    const { code, stdout, stderr } = await run(at, ["credentials", "check"]);
    expect(code).toBe(EXIT.config.code);
    expect(stderr).toContain(`the credentials file ${credentials} can be read by others; run \`chmod 600 ${credentials}\``);
    expect(stdout + stderr).not.toContain("very-secret");
  });
});

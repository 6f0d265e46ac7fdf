import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { clientOf, type Home, home, type Running, run, start } from "../harness/cli.ts";
import { upstream } from "../harness/hosts.ts";

const good = upstream({ only: ["echo"] });
const lacking = { url: "http://127.0.0.1:9/mcp", headers: { Authorization: "Bearer ${NOBODYS_TOKEN}" } };
const REASON = /^headers\.Authorization: the variable NOBODYS_TOKEN is not set; set it, /;

const begin = (at: Home, ...flags: string[]): Running => start(at, ["start", "--port", "0", "--log-format", "json", ...flags]);
const write = (at: Home, config: unknown): void => writeFileSync(join(at.path, "mcp-host.config.json"), JSON.stringify(config));

async function toolsOf(running: Running): Promise<string[]> {
  const client = await clientOf(running);
  const { tools } = await client.listTools();
  await client.close();
  return tools.map(({ name }) => name);
}

async function statusOf(
  at: Home,
): Promise<{ ready: boolean; upstreams: { name: string; state: string; reason?: string; wire: string }[] }> {
  return JSON.parse((await run(at, ["status", "--json"])).stdout);
}

describe("a server with a variable that nobody set", () => {
  test("is unconfigured in start and status, and the others run", async () => {
    using at = home({ mcpServers: { lacking, good, alone: { ...lacking, isolation: "session", start: "lazy" } } });
    await using running = begin(at);
    expect(await toolsOf(running)).toEqual(["echo"]);
    expect(running.stderr()).toMatch(
      /"warn".*mcpServers\.lacking\.headers\.Authorization: the variable NOBODYS_TOKEN is not set; .*; until then the server is unconfigured, and the others run/,
    );
    expect(await statusOf(at)).toMatchObject({
      ready: true,
      upstreams: [
        { name: "lacking", state: "unconfigured", reason: expect.stringMatching(REASON), wire: "http" },
        { name: "good", state: "ready", wire: "stdio" },
        { name: "alone", state: "unconfigured", reason: expect.stringMatching(REASON) },
      ],
    });
    expect((await run(at, ["status"])).stdout).toMatch(/^lacking +unconfigured .*headers\.Authorization:\s+the variable\s+NOBODYS_TOKEN/m);
  });

  test("is told of when people look at what starts", async () => {
    using at = home({ mcpServers: { lacking, good } });
    await using running = start(at, ["start", "--port", "0"]);
    await vi.waitFor(() => expect(running.stderr()).toMatch(/^ {2}lacking +unconfigured +headers\.Authorization: the variable/m));
    expect(running.stderr()).toMatch(/^ {2}good +ready/m);
  });

  test("is unconfigured in list, and hinders no call", async () => {
    using at = home({ mcpServers: { lacking, good } });
    const list = await run(at, ["list"]);
    expect(list).toMatchObject({ code: 0, stdout: expect.stringMatching(/^echo/) });
    expect(list.stderr).toMatch(/^mcp-host: server "lacking" is unconfigured: headers\.Authorization: the variable NOBODYS_TOKEN/);
    expect(list.stderr.split("NOBODYS_TOKEN is not set")).toHaveLength(2); // told once
    expect(await run(at, ["call", "echo", "--args", '{"text":"x"}'])).toMatchObject({ code: 0 });
  });

  test("leaves validate with the exit code of a config that cannot be used", async () => {
    using at = home({ mcpServers: { lacking, good } });
    const { code, stdout } = await run(at, ["validate"]);
    expect(code).toBe(EXIT.config.code);
    expect(stdout).toMatch(
      /is not complete: 2 servers, 1 of them unconfigured, 0 plugins\nlacking +unconfigured +headers\.Authorization: /,
    );
    for (const flags of [[], ["--connect"]]) {
      const json = await run(at, ["validate", "--json", ...flags]);
      expect({ code: json.code, ...JSON.parse(json.stdout) }).toMatchObject({
        code: EXIT.config.code,
        ok: false,
        problems: [expect.stringMatching(/^mcpServers\.lacking\.headers\.Authorization: the variable/)],
        upstreams: [{ name: "lacking", ok: false, state: "unconfigured" }, ...(flags.length > 0 ? [{ name: "good", ok: true }] : [])],
      });
    }
  });

  test("is told of with every other mistake where there is one", async () => {
    using at = home({ mcpServers: { lacking: { ...lacking, timeuot: 1 }, good } });
    const { code, stderr } = await run(at, ["validate"]);
    expect(code).toBe(EXIT.config.code);
    expect(stderr).toMatch(/mcpServers\.lacking\.headers\.Authorization: the variable .*\n +mcpServers\.lacking\.timeuot: unknown key/);
  });

  test("is a finding of doctor, which looks at the others", async () => {
    using at = home({ listen: { port: 0 }, mcpServers: { lacking, good } });
    const { stdout } = await run(at, ["doctor", "--json"]);
    const { findings } = JSON.parse(stdout) as { findings: { id: string; about?: string; problem?: string }[] };
    expect(findings.filter(({ id }) => id === "variable-missing")).toHaveLength(1);
    expect(findings.filter(({ id }) => id === "server" || id === "server-down")).toMatchObject([{ id: "server", about: "good" }]);
  });

  test.each([
    ["that is required", { mcpServers: { good, lacking: { ...lacking, required: true } } }],
    ["that is required by a text", { mcpServers: { good, lacking: { ...lacking, required: "${YES:-true}" } } }],
    ["of which nobody knows whether it is required", { mcpServers: { good, lacking: { ...good, required: "${NOBODYS_TOKEN}" } } }],
    ["as a whole", { mcpServers: { good, lacking: "${NOBODYS_TOKEN}" } }],
    ["beside a plugin with one", { mcpServers: { good }, plugins: ["${NOBODYS_TOKEN}"] }],
    ["beside a port with one", { mcpServers: { good, lacking }, listen: { path: "${NOBODYS_TOKEN}" } }],
  ])("stops the start: %s", async (_what, config) => {
    using at = home(config);
    for (const command of [["start", "--port", "0"], ["list"], ["validate"]]) {
      const { code, stderr } = await run(at, command);
      expect({ code, stderr }).toEqual({
        code: EXIT.config.code,
        stderr: expect.stringContaining("the variable NOBODYS_TOKEN is not set"),
      });
    }
  });
});

test.each([
  ["a secret", { ...good, args: ["${file:secret}"] }, /^args\[0\]: there is no file .*secret$/],
  ["variables", { ...good, envFile: "a.env" }, /^envFile: there is no file .*a\.env$/],
  ["variables by a name that nobody knows", { ...good, envFile: "${NOBODYS}.env" }, /^envFile: the variable NOBODYS is not set; [^;]*$/],
])("a server with a file of %s that is not there is unconfigured", async (_what, server, reason) => {
  using at = home({ mcpServers: { lacking: server, good } });
  const { stdout } = await run(at, ["validate", "--json"]);
  expect(JSON.parse(stdout).upstreams).toMatchObject([{ name: "lacking", state: "unconfigured", reason: expect.stringMatching(reason) }]);
});

test("a switch with a variable that nobody set is no switch, and a server that is off needs none", async () => {
  using at = home({ mcpServers: { a: { ...lacking, disabled: true }, b: { ...good, disabled: "${NOBODYS}" }, good } });
  const { stdout } = await run(at, ["validate", "--json"]);
  expect(JSON.parse(stdout).upstreams).toMatchObject([{ name: "b", reason: expect.stringMatching(/^disabled: the variable NOBODYS/) }]);
});

test("a credentials file that others can read stops the start: it is everybody's", async () => {
  using at = home({ mcpServers: { lacking, good } });
  mkdirSync(join(at.path, "user/mcp-host"), { recursive: true });
  writeFileSync(join(at.path, "user/mcp-host/credentials.json"), "{}");
  chmodSync(join(at.path, "user/mcp-host/credentials.json"), 0o644);
  expect(await run(at, ["list"])).toMatchObject({ code: EXIT.config.code, stderr: expect.stringContaining("can be read by others") });
});

test("no file says that a server is unconfigured", async () => {
  using at = home({ mcpServers: { good: { ...good, unconfigured: "so" } } });
  expect((await run(at, ["validate"])).stderr).toContain("mcpServers.good.unconfigured: unknown key");
});

test("config show tells what a server lacks, and what else is known of it", async () => {
  using at = home({ mcpServers: { lacking: { ...lacking, timeout: "5s", startTimeout: "${NOBODYS}" } } });
  const { code, stdout } = await run(at, ["config", "show", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).mcpServers).toMatchObject({
    lacking: { unconfigured: expect.stringMatching(REASON), timeout: 5_000, startTimeout: 30_000 },
  });
});

test("a backup of a group serves for a member that is unconfigured", async () => {
  const groups = { group: { members: ["lacking", { server: "good", priority: 2 }] } };
  using at = home({ mcpServers: { lacking, good }, plugins: [["@host/plugin-routing", { groups }]] });
  expect((await run(at, ["list"])).stdout).toMatch(/^echo/);
});

describe("a running host", () => {
  test("takes a server up when its variable comes, and lets none go that loses one", async () => {
    const server = { ...good, env: { ...good.env, TOKEN: "${LATE_TOKEN}" } };
    using at = home({ mcpServers: { late: server } }, { "late.env": "" });
    await using running = begin(at, "--watch", "--env-file", "late.env");
    expect(await toolsOf(running)).toEqual([]);
    writeFileSync(join(at.path, "late.env"), "LATE_TOKEN=t\n");
    await vi.waitFor(async () => expect(await toolsOf(running)).toEqual(["echo"]));
    writeFileSync(join(at.path, "late.env"), "");
    await vi.waitFor(() => expect(running.stderr()).toContain("the host goes on with the config that it has"));
    expect(running.stderr()).toMatch(/"problems":\["mcpServers\.late\.env\.TOKEN: the variable LATE_TOKEN is not set/);
    expect(await toolsOf(running)).toEqual(["echo"]);
    // One that is new keeps nobody from the rest.
    writeFileSync(join(at.path, "late.env"), "LATE_TOKEN=t\n");
    write(at, { mcpServers: { late: server, lacking } });
    await vi.waitFor(async () => expect((await statusOf(at)).upstreams.map(({ state }) => state)).toEqual(["ready", "unconfigured"]));
  });
});

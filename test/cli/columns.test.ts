import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { COMMANDS } from "../../packages/host/dist/cli/commands.js";
import { type Home, home, type Running, run, start } from "../harness/cli.ts";
import { MARKED, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** What cannot be broken: a path, a URL. */
const WORD = 40;

/** Lines that a terminal of 80 columns would break, but for those that hold a word which has to stay whole. */
function tooLong(text: string): string[] {
  return text.split("\n").filter((line) => line.length > 80 && !line.split(" ").some((word) => word.length > WORD));
}

const chatty = `console.log("Starting up, please wait"); console.log("more"); setTimeout(() => process.exit(3), 50);`;
const config = {
  mcpServers: {
    first: upstream({ only: ["echo", "log"] }),
    second: { ...upstream({ name: "second", only: ["echo"] }), required: true },
    missing: { command: "./there-is-no-such-program" },
    chatty: { command: process.execPath, args: ["-e", chatty], env: MARKED },
  },
};

describe("within 80 columns", () => {
  test.each(["", "config", ...Object.keys(COMMANDS)])("`mcp-host %s --help`", async (command) => {
    using at = home();
    const { code, stdout, stderr } = await run(at, [...command.split(" ").filter(Boolean), "--help"]);
    expect({ code, stderr, long: tooLong(stdout) }).toEqual({ code: 0, stderr: "", long: [] });
    expect(stdout.split("\n").every((line) => line.length <= 80)).toBe(true);
    expect(stdout).toMatch(new RegExp(`USAGE {2}mcp-host ?${command}`));
  });

  test.each([
    ["list"],
    ["resources"],
    ["validate --connect"],
    ["inspect"],
    ["doctor"],
    ["credentials check"],
    ["version"],
    ["install --help"],
  ])(
    "`mcp-host %s`",
    async (line) => {
      using at = home(config);
      const { stdout } = await run(at, line.split(" "));
      expect(stdout).not.toBe("");
      expect(tooLong(stdout)).toEqual([]);
    },
    60_000,
  );
});

describe("a running host", () => {
  let at: Home;
  let running: Running;

  beforeAll(async () => {
    at = home(config);
    running = start(at, ["start", "--port", "0", "--log-format", "pretty"]);
    await vi.waitFor(() => expect(running.stderr()).toContain("Stop with Ctrl-C."), { timeout: 20_000 });
  }, 30_000);

  afterAll(async () => {
    await running[Symbol.asyncDispose]();
    at[Symbol.dispose]();
  });

  const status = async (): Promise<string> => (await run(at, ["status"])).stdout;

  test("its banner and its status fit 80 columns", async () => {
    const banner = running.stderr().slice(running.stderr().indexOf("mcp-host serves"));
    expect(tooLong(banner.slice(0, banner.indexOf("Connect a client")))).toEqual([]);
    await vi.waitFor(async () => expect((await status()).replace(/\s+/g, " ")).toContain("garbage on stdout"));
    expect(tooLong(await status())).toEqual([]);
  });

  test("a server that prints to its stdout is named as that wherever its failure is shown", async () => {
    const garbage = /garbage\s+on\s+stdout:\s+Starting\s+up,\s+please\s+wait/;
    expect(await status()).toMatch(garbage);
    expect(running.stderr()).toMatch(garbage);
    expect((await run(at, ["list"])).stderr).toMatch(garbage);
    expect((await run(at, ["doctor"])).stdout).toMatch(garbage);
    expect((await run(at, ["validate", "--connect"])).stdout).toMatch(garbage);
  }, 60_000);

  test("names that are withheld are told once, in one line with the remedy", async () => {
    await vi.waitFor(() => expect(running.stderr()).toMatch(/names are withheld/));
    const lines = running
      .stderr()
      .split("\n")
      .filter((line) => line.includes("withheld"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/withheld: .*tool echo of second.*; add @host\/plugin-namespace to keep both/);
  });

  test("status tells who is connected: name, principal and since when", async () => {
    const client = await RawHttp.open(new URL(/at (http\S+)/.exec(running.stderr())?.[1] ?? ""));
    const told = await status();
    expect(told).toMatch(/^CLIENT +MCP +PRINCIPAL +SINCE +ENDPOINT$/m);
    expect(told).toMatch(/^\S.* +2025-11-25 +anonymous +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/m);
    expect(told).toContain("1 session, 0 requests in flight");
    const { clients } = JSON.parse((await run(at, ["status", "--json"])).stdout);
    expect(clients).toEqual([
      expect.objectContaining({ name: expect.any(String), era: "legacy", principal: "anonymous", since: expect.any(Number) }),
    ]);
    await client.close();
  });

  test("what is asked of it about a server that it has not is an error, with the nearest name", async () => {
    const { code, stderr } = await run(at, ["logs", "--no-follow", "--server", "frist"]);
    expect(code).toBe(2);
    expect(stderr).toContain(`--server: the host with pid ${running.child.pid} has no server "frist" (did you mean "first"?)`);
    expect((await run(at, ["logs", "--no-follow", "--server", "nosuch"])).stderr).toContain("it has first, second, missing, chatty");
    expect((await run(at, ["logs", "--no-follow", "--server", "first"])).code).toBe(0);
  });

  test("what goes on failing for the same reason is told once", async () => {
    const told = (): string[] =>
      running
        .stderr()
        .split("\n")
        .filter((line) => line.includes("could not be connected upstream=missing"));
    await vi.waitFor(async () => expect(await status()).toMatch(/^missing +failed/m), { timeout: 25_000, interval: 500 });
    expect(told()).toHaveLength(1);
  }, 30_000);
});

test("a server that is ready late is told in one line", async () => {
  const slow = upstream({ only: ["echo"] });
  const script = `setTimeout(() => import(${JSON.stringify(slow.args[0])}), 2200)`;
  using at = home({ mcpServers: { slow: { ...slow, args: ["-e", script, "--", "late", ...slow.args.slice(1)] } } });
  await using running = start(at, ["start", "--port", "0", "--log-format", "pretty"]);
  await vi.waitFor(() => expect(running.stderr()).toMatch(/info +an upstream is ready upstream=slow/), { timeout: 20_000 });
}, 30_000);

test("a mistake in a command points to that command's help", async () => {
  using at = home();
  expect((await run(at, ["logs", "--sever", "x"])).stderr).toMatch(/Run `\S.* logs --help` for what there is/);
  expect((await run(at, ["config", "shw"])).stderr).toMatch(/Run `\S.* config --help` for what there is/);
  expect((await run(at, ["config", "show", "--foo"])).stderr).toMatch(/Run `\S.* config show --help` for what there is/);
  expect((await run(at, ["lsit"])).stderr).toMatch(/mcp-host\.js --help` for what there is/);
});

test("list and doctor say that who comes from here has no roles where plugins give clients roles", async () => {
  const authenticates = `const apply = ({ hooks }) => hooks.authenticate.tap("who", () => ({ id: "ada", roles: ["reader"] }));
export default Object.assign(() => {}, { [Symbol.for("mcp-host.plugin")]: true, definition: { name: "who", host: "^1.0.0", apply } });`;
  const servers = { first: upstream({ only: ["echo"] }) };
  for (const [roles, expected] of [
    [[], /the\s+principal\s+"local",\s+which\s+has\s+no\s+roles;\s+`roles`\s+in\s+the\s+config/],
    [["reader"], undefined],
  ] as const) {
    using at = home({ mcpServers: servers, plugins: ["./who.mjs"], roles }, { "who.mjs": authenticates });
    const list = await run(at, ["list"]);
    const doctor = await run(at, ["doctor", "--offline"]);
    for (const told of [list.stderr, doctor.stdout])
      if (expected) expect(told).toMatch(expected);
      else expect(told).not.toContain("no roles");
    expect([list.code, doctor.code]).toEqual([0, 0]);
  }
});

import { expect, test } from "vitest";
import { home, run } from "../harness/cli.ts";
import { hostile, MARKED, upstream } from "../harness/hosts.ts";

/** Answers `initialize` when a list has stopped waiting, and its lists later still. */
const slow = { ...upstream({ name: "slow", only: ["echo"], delays: { initialize: 2_300, "*": 300 } }) };

/** A server that says on stderr why it ends, a secret included. */
const dying = {
  command: process.execPath,
  args: [
    "-e",
    "console.error(Array(30).fill('earlier').join('\\n')); console.error('cannot open the database, key ' + process.env.KEY); process.exit(3)",
  ],
  env: { ...MARKED, KEY: "${DB_KEY}" },
};
const DB_KEY = "S3cret-of-the-database";

test.each([
  ["list", ["list", "--json"], '"name": "echo"'],
  ["call", ["call", "echo", "--args", '{"text":"hi"}'], "hi"],
  ["validate --connect", ["validate", "--connect"], "slow  ok  1 tool"],
])("%s waits for the lists of a server that starts slowly", async (_command, args, expected) => {
  using at = home({ mcpServers: { slow } });
  const { code, stdout, stderr } = await run(at, args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(expected);
});

test("list tells on stderr which servers are missing, why, and their last words without secrets", async () => {
  using at = home({ mcpServers: { good: upstream({ only: ["echo"] }), dying } });
  const { code, stdout, stderr } = await run(at, ["list", "--log-level", "silent"], { DB_KEY });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^echo /);
  expect(stderr).toMatch(/^mcp-host: server "dying" is missing here: .*exited with code 3.*\n/);
  expect(stderr).toContain("    cannot open the database, key [redacted]\n");
  expect(stderr.split("earlier")).toHaveLength(5);
});

test("list exits with 1 when every server is down", async () => {
  using at = home({ mcpServers: { dying, missing: { command: "./none" } } });
  const { code, stdout, stderr } = await run(at, ["list", "--json", "--log-level", "silent"], { DB_KEY });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "[]\n" });
  expect(stderr).toMatch(/^mcp-host: server "dying" is missing here: /m);
  expect(stderr).toMatch(/^mcp-host: server "missing" is missing here: cannot start/m);
});

test("validate --connect tells of a server that never answers why it is down", async () => {
  using at = home({ mcpServers: { mute: { ...hostile("mute"), startTimeout: "300ms" }, late: slow } });
  const { code, stdout } = await run(at, ["validate", "--connect"]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^mute +backing off +.*300 ms/m);
  expect(stdout).not.toContain("connecting");
});

test("validate --connect shows the last words of a server that died, without secrets", async () => {
  using at = home({ mcpServers: { dying } });
  const people = await run(at, ["validate", "--connect"], { DB_KEY });
  expect(people.stdout).toMatch(
    /^dying +backing off +.*exited with code 3.*\n(?: {5,}.*\n)*(?: {4}earlier\n)+ {4}cannot open the database, key \[redacted\]$/m,
  );
  const { upstreams } = JSON.parse((await run(at, ["validate", "--connect", "--json"], { DB_KEY })).stdout);
  expect(upstreams).toMatchObject([
    { name: "dying", ok: false, stderr: expect.stringMatching(/cannot open the database, key \[redacted\]$/) },
  ]);
});

test("counts tell templates from resources", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"] }) } });
  const listed = async (kind: string): Promise<number> => JSON.parse((await run(at, ["list", kind, "--json"])).stdout).length;
  const [resources, templates] = [await listed("resources"), await listed("templates")];
  expect(templates).toBeGreaterThan(0);
  expect((await run(at, ["validate", "--connect"])).stdout).toContain(` ${resources} resources, ${templates} templates`);
});

test("a call of a tool that nobody has suggests the nearest one, and the one that ends like it", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"], prefix: "files__" }), dying } });
  const call = async (tool: string): Promise<string> => (await run(at, ["call", tool, "--log-level", "silent"], { DB_KEY })).stderr;
  expect(await call("files__ecko")).toContain('(did you mean "files__echo"?)');
  expect(await call("echo")).toContain('(did you mean "files__echo"?)');
  expect(await call("something_else_entirely")).not.toContain("did you mean");
  expect(await call("other")).toContain('server "dying" is missing here');
});

test("arguments of a call without --args point at --args", async () => {
  using at = home({ mcpServers: {} });
  const { code, stderr } = await run(at, ["call", "echo", '{"text":"hi"}']);
  expect(code).toBe(2);
  expect(stderr).toContain(`\`call\` takes no argument "{"text":"hi"}"; write --args '{"text":"hi"}'`);
});

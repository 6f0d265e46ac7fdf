import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { clientOf, type Home, home, run, start, TYPED } from "../harness/cli.ts";
import { upstream } from "../harness/hosts.ts";

const JSONC = `{
  // what we serve
  "mcpServers": {
    "first": { "command": "first" }, // stays
    /* tabs are fine */
    "second": { "url": "https://second.example/mcp", "disabled": true } // for now
  },
  "drain": "5s" // and so does this
}
`;
const YAML = `# what we serve
drain: 5s
mcpServers:
  # a program
  base: &base
    command: first # and an anchor
  second:
    <<: *base
    enabled: false # not yet
`;

const FILE = "mcp-host.config.json";
const textOf = (at: Home, name = FILE): string => readFileSync(join(at.path, name), "utf8");

test("add, disable, enable and remove leave order and comments of a JSON file as they are", async () => {
  using at = home(undefined, { [FILE]: JSONC });
  const path = join(at.path, FILE);
  expect(await run(at, ["add", "third", "--env", "A=1", "-e", "B=x=y", "--", "npx", "-y", "third", "--help"])).toEqual({
    code: 0,
    stdout: `server "third" is in ${path} now\n`,
    stderr: "",
  });
  const added = JSONC.replace(
    '"disabled": true } // for now\n',
    '"disabled": true }, // for now\n    "third": {\n      "command": "npx",\n      "args": [\n        "-y",\n        "third",\n        "--help"\n      ],\n      "env": {\n        "A": "1",\n        "B": "x=y"\n      }\n    }\n',
  );
  expect(textOf(at)).toBe(added);
  expect((await run(at, ["enable", "second"])).stdout).toBe(`server "second" is enabled in ${path}\n`);
  expect(textOf(at)).toBe(added.replace('"disabled": true', '"disabled": false'));
  expect((await run(at, ["enable", "second"])).stdout).toBe(`server "second" is enabled in ${path} already\n`);
  expect((await run(at, ["disable", "second"])).code).toBe(0);
  expect(textOf(at)).toBe(added);
  expect((await run(at, ["remove", "third"])).stdout).toBe(`server "third" is taken out of ${path}\n`);
  expect(textOf(at)).toBe(JSONC);
  // Each write can be undone.
  expect((await run(at, ["config", "restore"])).code).toBe(0);
  expect(textOf(at)).toBe(added);
});

test("a server that is taken out leaves the comments of its neighbours, wherever it stood", async () => {
  const file = (lines: readonly string[]): string => ['{"mcpServers": {', ...lines, "}}", ""].join("\n");
  const a = '  "a": { "command": "a" }, // of a';
  const c = '  "c": { "command": "c" } // of c';
  const b = '  "b": {\n    "command": "b"\n  },';
  using at = home(undefined, {
    "middle.json": file([a, `${b} // of b`, c]),
    "last.json": file([a, '  "b": { "command": "b" } /* of b */']),
  });
  for (const name of ["middle.json", "last.json"]) expect((await run(at, ["remove", "b", "--config", name])).code).toBe(0);
  expect(textOf(at, "middle.json")).toBe(file([a, c]));
  expect(textOf(at, "last.json")).toBe(file([a.replace("},", "}")]));
});

test("and those of a YAML file, whose anchors and merges stay", async () => {
  using at = home(undefined, { "mcp-host.config.yaml": YAML });
  const text = (): string => textOf(at, "mcp-host.config.yaml");
  expect((await run(at, ["enable", "second"])).code).toBe(0);
  expect(text()).toBe(YAML.replace("enabled: false # not yet", "enabled: true # not yet"));
  expect((await run(at, ["disable", "base"])).code).toBe(0);
  expect(text()).toContain("command: first # and an anchor\n    disabled: true\n");
  // What it merges is another server's.
  expect(await run(at, ["remove", "base"])).toMatchObject({ code: 3, stderr: expect.stringContaining("cannot be written into the file") });
  expect((await run(at, ["add", "remote", "wss://remote.example/ws"])).code).toBe(0);
  expect(text()).toContain("  # a program\n  base: &base\n");
  expect(text()).toContain("  remote:\n    url: wss://remote.example/ws\n");
});

test("a file that calls its servers `servers`, or has none yet, gets them where they belong", async () => {
  using at = home(undefined, { "other.json": '{ "servers": { "a": { "command": "a" } } }\n', "empty.json": '{ "mcpServers": null }\n' });
  for (const config of ["other.json", "empty.json"]) expect((await run(at, ["add", "b", "--config", config, "--", "b"])).code).toBe(0);
  expect(JSON.parse(textOf(at, "other.json"))).toEqual({ servers: { a: { command: "a" }, b: { command: "b" } } });
  expect(JSON.parse(textOf(at, "empty.json"))).toEqual({ mcpServers: { b: { command: "b" } } });
});

test.each([
  [["--url", "https://a.example/mcp"], { url: "https://a.example/mcp" }],
  [["https://a.example/mcp", "-t", "http"], { type: "http", url: "https://a.example/mcp" }],
  [
    ["--transport", "sse", "--url", "https://a.example/sse", "--header", "X-Team: blue", "-H", "X-Own:${TEAM:-red}"],
    { type: "sse", url: "https://a.example/sse", headers: { "X-Team": "blue", "X-Own": "${TEAM:-red}" } },
  ],
  [["--transport", "stdio", "--", "uvx", "a"], { command: "uvx", args: ["a"] }],
] as const)("add a %j writes %j", async (line, entry) => {
  using at = home({});
  expect(await run(at, ["add", "a", ...line])).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(textOf(at))).toEqual({ mcpServers: { a: entry } });
});

test.each([
  [["add", "first", "--", "x"], 1, `server "first" is in PATH already; choose another name, or run \`${TYPED} remove first\` first`],
  [["remove", "frist"], 1, 'there is no server "frist" in PATH (did you mean "first"?); it has first, second'],
  [["enable", "third"], 1, 'there is no server "third" in PATH'],
  [["add", "a"], 2, "`add` needs what the server is: `add a -- <command>`, or `add a --url <url>`"],
  [["add", "a", "npx", "--", "-y"], 2, '"npx" is no URL; a program stands behind --: `add a -- npx -y`'],
  [["add", "a", "npx", "-y"], 2, "`add` has no flag -y"],
  [["add", "a", "--url", "https://a.example", "--", "x"], 2, "either a URL or a program behind --"],
  [["add", "a", "--url", "https://a.example", "--env", "A=1"], 2, "a server with a URL takes --header"],
  [["add", "a", "--header", "A: 1", "--", "x"], 2, "a program takes --env"],
  [["add", "a", "--env", "A", "--", "x"], 2, '--env: must be --env "NAME=value"'],
  [["add", "a", "--env", "A=1", "--env", "A=2", "--", "x"], 2, "--env: A is given twice"],
  [["add", "a", "--transport", "sse", "--", "x"], 2, "--transport sse: is for a URL"],
  [["add", "a b", "--", "x"], 3, "mcpServers.a b: a server's name is 1 to 64 of A-Z a-z 0-9 _ . -"],
  [["add", "__proto__", "--", "x"], 3, "__proto__"],
  [["add", "a", "--url", "https://u:p@a.example"], 3, "mcpServers.a.url: must hold no user name or password"],
  [["add", "a", "ftp://a.example"], 3, "mcpServers.a.url: must be an http://"],
  [["add", "a", "--header", "A: \u2713", "--url", "https://a.example"], 3, "mcpServers.a.headers.A: holds the character U+2713"],
  [["remove", "first", "--", "x"], 2, "`remove` has no flag --"],
] as const)("`%j` is refused with exit code %d, and the file stays: %s", async (line, code, message) => {
  using at = home(undefined, { [FILE]: JSONC });
  const { stderr, ...output } = await run(at, [...line]);
  expect(output).toEqual({ code, stdout: "" });
  expect(stderr).toContain(message.replace("PATH", join(at.path, FILE)));
  expect(textOf(at)).toBe(JSONC);
});

test("a file that cannot be written back is left alone, and the entry is shown", async () => {
  using at = home(undefined, {
    "mcp-host.config.toml": "[mcpServers.a]\ncommand = 'a'\n",
    "own.config.mjs": "throw new Error('was run');",
  });
  expect(await run(at, ["add", "b", "--", "b", "1"])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining(
      'a TOML file cannot be written back with its comments; put this into its mcpServers: "b": {"command":"b","args":["1"]}',
    ),
  });
  const { code, stderr } = await run(at, ["remove", "a", "--config", "own.config.mjs"]);
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: expect.stringContaining("a config in code is for you alone to change; change it by hand"),
  });
});

test("what a new server lacks is told, and its secrets are kept where they are asked to be", async () => {
  using at = home({});
  const lacking = await run(at, ["add", "a", "--env", "KEY=${NO_SUCH_VARIABLE}", "--", "a"]);
  expect(lacking).toMatchObject({ code: 0, stderr: expect.stringContaining("the variable NO_SUCH_VARIABLE is not set") });
  const secret = "s3cr3t-of-the-test";
  const literal = await run(at, ["add", "b", "--header", `Authorization: Bearer ${secret}`, "--url", "https://b.example/mcp"]);
  expect(literal.stderr).toContain("a secret stands in ");
  const moved = await run(at, ["add", "c", "--credentials", "--env", `API_KEY=${secret}`, "--", "c"]);
  expect(moved.stderr).toMatch(/in \S+ now: API_KEY/);
  expect(literal.stderr + moved.stdout + moved.stderr).not.toContain(secret);
  expect(JSON.parse(textOf(at)).mcpServers.c).toEqual({ command: "c", env: { API_KEY: "${API_KEY}" } });
});

test("a running host takes each change on, and reconnect gives a server another life", async () => {
  using at = home({ listen: { port: 0 }, mcpServers: { a: upstream({ only: ["environment"] }) } });
  await using running = start(at, ["start", "--log-format", "json"]);
  const client = await clientOf(running);
  const { pid } = running.child;
  const names = async (): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);
  const { command, args } = upstream({ only: ["echo"] }) as { command: string; args: string[] };
  expect(await run(at, ["add", "b", "--", command, ...args])).toMatchObject({
    code: 0,
    stderr: `mcp-host: the host with pid ${pid} has taken it on: servers added b; 1 as before\n`,
  });
  expect(await names()).toEqual(["environment", "echo"]);
  const disabled = await run(at, ["disable", "b", "--json"]);
  expect(JSON.parse(disabled.stdout)).toMatchObject({ server: "b", written: true, hosts: [{ pid, upstreams: { removed: ["b"] } }] });
  expect(await names()).toEqual(["environment"]);
  const restored = await run(at, ["config", "restore"]);
  expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining(`pid ${pid} has taken it on: servers added b; 1 as before`) });
  expect(await names()).toEqual(["environment", "echo"]);
  const again = await run(at, ["config", "restore", "--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ written: true, hosts: [{ pid, upstreams: { removed: ["b"] } }] });
  expect(await names()).toEqual(["environment"]);

  const pidOf = async () => ((await client.callTool({ name: "environment" })).structuredContent as { pid: number }).pid;
  const before = await pidOf();
  expect(await run(at, ["reconnect", "a"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^server "a" was connected anew: 1 tool/),
  });
  expect(await pidOf()).not.toBe(before);
  expect(await run(at, ["reconnect", "aa"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no upstream is called "aa" (did you mean "a"?)'),
  });

  // Where the rest of the file cannot be used the change is written, and it is told that the host goes on without it.
  const file = join(at.path, FILE);
  writeFileSync(file, textOf(at).replace('"port": 0', '"prot": 0').replace('"port":0', '"prot":0'));
  const refused = await run(at, ["enable", "b"]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("the file is written, but the host with pid") });
  expect(refused.stderr).toContain("listen.prot");
  await vi.waitFor(async () => expect(await names()).toEqual(["environment"]));
  await client.close();
});

test("reconnect without a running host says how to start one", async () => {
  using at = home({ mcpServers: {} });
  expect(await run(at, ["reconnect", "a"])).toMatchObject({ code: 5, stderr: expect.stringContaining("start one with") });
});

import { expect, test, vi } from "vitest";
import { home, run, start } from "../harness/cli.ts";
import { hostile, httpProcess, upstream } from "../harness/hosts.ts";

test("resources shows resources and templates in two tables, and with --json every field of both", async () => {
  using at = home({ mcpServers: { a: upstream({ pageSize: 2 }) } });
  const people = await run(at, ["resources"]);
  expect({ code: people.code, stderr: people.stderr }).toEqual({ code: 0, stderr: "" });
  expect(people.stdout).toMatch(/^RESOURCE +NAME\ntest:\/\/upstream\/text +\S/m);
  expect(people.stdout).toMatch(/^TEMPLATE +NAME\ntest:\/\/upstream\/items\/\{id\} +\S/m);
  const { resources, resourceTemplates } = JSON.parse((await run(at, ["resources", "--json"])).stdout);
  expect(resources).toContainEqual(expect.objectContaining({ uri: "test://upstream/text", "x-vendor": expect.anything() }));
  expect(resourceTemplates).toContainEqual(expect.objectContaining({ uriTemplate: "test://upstream/items/{id}" }));
});

test("resources says that there are none, and exits with 1 when every server is down", async () => {
  using none = home({ mcpServers: { a: upstream({ without: ["resources"] }) } });
  expect(await run(none, ["resources"])).toEqual({ code: 0, stdout: "", stderr: "there are no resources and no templates\n" });
  using down = home({ mcpServers: { a: { command: "./none" } } });
  const { code, stderr } = await run(down, ["resources", "--log-level", "silent"]);
  expect(code).toBe(1);
  expect(stderr).toContain('mcp-host: server "a" is missing here: ');
});

test("read prints what a resource holds: its text, or what it is, or with --json all of it", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  const text = await run(at, ["read", "test://upstream/text"]);
  expect({ code: text.code, stderr: text.stderr }).toEqual({ code: 0, stderr: "" });
  expect(text.stdout).toContain("test://upstream/text");
  const binary = await run(at, ["read", "test://upstream/binary"]);
  expect(binary.stdout).toMatch(/^\[test:\/\/upstream\/binary, image\/png, \d+ bytes\]$/m);
  const json = JSON.parse((await run(at, ["read", "test://upstream/items/7", "--json"])).stdout);
  expect(json.contents[0]).toMatchObject({ uri: "test://upstream/items/7" });
});

test("prompt prints who says what, and with --json the whole result", async () => {
  using at = home({ mcpServers: { a: upstream() } });
  const greet = ["prompt", "greet", "--args", '{"name":"Ada"}'];
  const people = await run(at, greet);
  expect({ code: people.code, stderr: people.stderr }).toEqual({ code: 0, stderr: "" });
  expect(people.stdout).toMatch(/^user: .*Ada/m);
  expect(JSON.parse((await run(at, [...greet, "--json"])).stdout)).toMatchObject({
    messages: [{ role: "user" }],
    _meta: expect.anything(),
  });
});

test.each([
  [["prompt", "greet", "--args", "{"], "--args: is not valid JSON"],
  [["prompt", "greet", "--args", '"x"'], '--args: must be a JSON object, such as {"topic":"news"}'],
  [["prompt", "greet", "--args", '{"name":1}'], '--args: "name" must be a text'],
  [["subscribe", "test://x", "--count", "0"], '--count: "0" is not a number of updates'],
])("`mcp-host %j` is refused before a server is started", async (args, message) => {
  using at = home({ mcpServers: { a: hostile("mute") } });
  const { code, stdout, stderr } = await run(at, args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`mcp-host: ${message}`);
});

test.each([
  ["read", "test://upstream/txt", 'there is no resource "test://upstream/txt" (did you mean "test://upstream/text"?)'],
  ["prompt", "gret", 'there is no prompt "gret" (did you mean "greet"?)'],
  ["subscribe", "test://upstream/txt", 'there is no resource "test://upstream/txt" (did you mean "test://upstream/text"?)'],
])("%s of a misspelt %s is exit code 4 with the name that is near, and the servers that are missing", async (command, name, hint) => {
  using at = home({ mcpServers: { a: upstream(), b: upstream({ name: "b" }), down: { command: "./none" } } });
  const { code, stderr } = await run(at, [command, name, "--log-level", "silent"]);
  expect(code).toBe(4);
  expect(stderr).toContain(`mcp-host: ${hint}`);
  expect(stderr).toContain('server "down" is missing here');
  const json = await run(at, [command, name, "--json", "--log-level", "silent"]);
  expect(json.code).toBe(4);
  expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: expect.any(Number), data: { origin: "mcp-host" } } });
});

test("subscribe prints each update as it comes, and ends after --count", async () => {
  const server = await httpProcess("upstream", ["http"]);
  try {
    using at = home({ mcpServers: { a: { url: server.url } } });
    const touch = (): Promise<unknown> => run(at, ["call", "touch", "--args", '{"uri":"test://upstream/text"}']);
    await using two = start(at, ["subscribe", "test://upstream/text", "--count", "2", "--json"]);
    await using endless = start(at, ["subscribe", "test://upstream/text"]);
    for (const running of [two, endless]) await vi.waitFor(() => expect(running.stderr()).toContain("subscribed to test://upstream/text"));
    await touch();
    await vi.waitFor(() => expect(two.stdout()).not.toBe(""));
    await touch();
    const { code, stdout } = await two.exited;
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject(Array(2).fill({ uri: "test://upstream/text", _meta: expect.anything() }));
    await vi.waitFor(() => expect(endless.stdout().match(/^\d{4}-\S+Z test:\/\/upstream\/text$/gm)).toHaveLength(2));
    endless.child.kill("SIGINT");
    expect(await endless.exited).toMatchObject({ code: 130 });
  } finally {
    await server.stop();
  }
});

test("subscribe ends when nobody reads it any more", async () => {
  const server = await httpProcess("upstream", ["http"]);
  try {
    using at = home({ mcpServers: { a: { url: server.url } } });
    await using running = start(at, ["subscribe", "test://upstream/text"]);
    await vi.waitFor(() => expect(running.stderr()).toContain("subscribed to"));
    running.child.stdout.destroy();
    await run(at, ["call", "touch", "--args", '{"uri":"test://upstream/text"}']);
    expect(await running.exited).toMatchObject({ code: 0 });
  } finally {
    await server.stop();
  }
});

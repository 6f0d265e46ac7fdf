import { expect, test } from "vitest";
import { home, run } from "../harness/cli.ts";
import { freePort } from "../harness/free-port.ts";
import { type McpRegistry, type ServerJson, serveMcpRegistry } from "../harness/mcp-registry.ts";

const package_ = (registryType: string): object => ({ registryType, identifier: "x", version: "1.0.0", transport: { type: "stdio" } });

const SERVERS: readonly ServerJson[] = [
  { name: "io.github.ada/weather", version: "0.9.0", packages: [package_("npm")] },
  { name: "io.github.ada/weather", version: "1.0.0", description: "Rain and sun", packages: [package_("npm"), package_("oci")] },
  { name: "com.example/weather-remote", version: "2.0.0", remotes: [{ type: "streamable-http", url: "https://mcp.example.com/mcp" }] },
  { name: "com.example/weather-old", version: "3.0.0", packages: [package_("pypi")] },
  { name: "com.example/weather-gone", version: "4.0.0" },
  ...Array.from({ length: 230 }, (_, index) => ({ name: `org.many/tool-${index}`, version: "1.0.0" })),
];

async function registry(): Promise<McpRegistry> {
  const served = await serveMcpRegistry(SERVERS);
  served.tell("com.example/weather-old", { status: "deprecated", statusMessage: "use weather-remote" });
  served.tell("com.example/weather-gone", { status: "deleted" });
  return served;
}

test("search shows the newest version of each server, how it is run or where it is, and what is wrong with it", async () => {
  await using served = await registry();
  using at = home();
  const { code, stdout, stderr } = await run(at, ["search", "weather", "--registry", `${served.url}/`]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  // The last column is broken at the terminal's width.
  const rows = stdout.replace(/\n +/g, " ").trimEnd().split("\n");
  expect(rows.map((line) => line.split(/ {2,}/))).toEqual([
    ["io.github.ada/weather", "1.0.0", "npm, oci", "Rain and sun"],
    ["com.example/weather-remote", "2.0.0", "mcp.example.com", "What com.example/weather-remote does"],
    ["com.example/weather-old", "3.0.0", "pypi", "[deprecated: use weather-remote] What com.example/weather-old does"],
  ]);
  expect(served.asked).toEqual(["/v0.1/servers?search=weather&version=latest&limit=20"]);
});

test("search asks for pages until it has as many as were asked for, and says that there are more", async () => {
  await using served = await registry();
  using at = home();
  const search = (...args: string[]) => run(at, ["search", "tool", "--json", ...args], { MCP_HOST_REGISTRY: `${served.url}/v0.1` });
  const { servers, more, registry: base } = JSON.parse((await search("--limit", "205")).stdout);
  expect({ base, count: servers.length, more }).toEqual({ base: served.url, count: 205, more: true });
  expect(new Set(servers.map(({ name }: { name: string }) => name)).size).toBe(205);
  expect(served.asked).toHaveLength(3);
  expect(JSON.parse((await search("--limit", "230")).stdout)).toMatchObject({ more: false, notes: [] });
  expect(JSON.parse((await search()).stdout)).toMatchObject({
    more: true,
    notes: ["there are more than these 20; `--limit` above 20 shows more, and another word fewer"],
  });
});

test("of several words the others may stand in the description, and nothing found is told", async () => {
  await using served = await registry();
  using at = home();
  const search = (...words: string[]) => run(at, ["search", ...words, "--registry", served.url]);
  expect((await search("rain", "weather")).stdout).toMatch(/^io\.github\.ada\/weather .*\n$/);
  expect(await search("weather", "snow")).toMatchObject({
    code: 0,
    stdout: "",
    stderr: `mcp-host: ${served.url} has no server whose name holds "weather snow"\n`,
  });
});

test("texts of a registry steer no terminal and are clamped, and an entry that is none is left out", async () => {
  await using served = await serveMcpRegistry([
    { name: "a.b/evil", version: "1\u001b[31m", description: `\u001b]0;title\u0007\u202e${"long ".repeat(500)}` },
    { name: "a.b/evil2", version: "1.0.0", packages: "none" },
  ]);
  using at = home();
  const { stdout, stderr } = await run(at, ["search", "evil", "--registry", served.url]);
  for (const character of ["\u001b", "\u0007", "\u202e"]) expect(stdout).not.toContain(character);
  expect(stdout.length).toBeLessThan(400);
  expect(stderr).toBe(`mcp-host: an entry of ${served.url} could not be read\n`);
});

test.each([
  ["is slow", ["--timeout", "100ms"], () => true, "did not answer within 100 ms; try again, or give it more with --timeout"],
  ["answers a page", [], html, "does not answer as an MCP registry: the answer is no JSON (text/html); check the address"],
  ["answers other JSON", [], json('{"servers": 1}'), "does not answer as an MCP registry: it has no list of servers"],
  ["redirects", [], redirect, "it redirects to https://elsewhere.example/"],
  ["answers without end", [], endless, "the answer has more than 8388608 bytes"],
  ["is broken", [], json('{"detail":"out of \\u001b[1morder"}', 503), "answers 503: out of \\u{1b}[1morder; try again later"],
] as const)("search says what to do where the registry %s", async (_what, args, instead, told) => {
  await using served = await registry();
  using at = home();
  served.instead = (_request, response) => {
    instead(response);
    return true;
  };
  const { code, stdout, stderr } = await run(at, ["search", "weather", "--registry", served.url, ...args]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(told);
});

type Response = Parameters<NonNullable<McpRegistry["instead"]>>[1];

function html(response: Response): void {
  response.writeHead(200, { "content-type": "text/html" }).end("<html>");
}

function redirect(response: Response): void {
  response.writeHead(302, { location: "https://elsewhere.example/" }).end();
}

function json(text: string, status = 200): (response: Response) => void {
  return (response) => void response.writeHead(status, { "content-type": "application/json" }).end(text);
}

function endless(response: Response): void {
  response.writeHead(200, { "content-type": "application/json" });
  const more = (): void => {
    while (!response.destroyed && response.write(" ".repeat(65_536)));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
}

test("a registry that cannot be reached, and an address that is none, are told", async () => {
  using at = home();
  const port = await freePort();
  const down = await run(at, ["search", "x", "--registry", `http://127.0.0.1:${port}`]);
  expect(down).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/cannot be reached: .*ECONNREFUSED.*; check the network and HTTPS_PROXY/),
  });
  for (const url of ["ftp://a.example", "http://a.example", "https://u:p@a.example", "a"])
    expect(await run(at, ["search", "x", "--registry", url])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--registry: must be the https:// URL"),
    });
  expect(await run(at, ["search", "x", "--limit", "0"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--limit: "0" is no number'),
  });
});

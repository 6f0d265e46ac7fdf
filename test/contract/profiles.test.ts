import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { definePlugin } from "mcp-host";
import { createTestHost, fakeUpstream, type TestClient, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import profiles from "./profiles.ts";
import search from "./tool-search.ts";

testPlugin(profiles, {
  test,
  module: new URL("./profiles.ts", import.meta.url),
  options: { profiles: { reading: { use: ["read_*"] } } },
  badOptions: [{ options: { profiles: { reading: {} } }, place: "plugins[0].options.profiles.reading.use", hint: "array" }],
});

const make = () =>
  fakeUpstream({
    tools: { read_file: () => "read", write_file: () => "written" },
    prompts: { read_all: { get: () => "read all" }, write_all: { get: () => "write all" } },
    templates: { "memory:///open/{+path}": { read: (uri) => uri }, "memory:///secret/{+path}": { read: (uri) => uri } },
  });
const options = {
  profiles: {
    reading: { use: ["read_*", "memory:///open/*"] },
    small: { use: ["read_*"], hidden: true },
    search: { use: ["find_tool", "call_tool", "read_*"] },
  },
};
const names = async (client: TestClient) => [...(await client.listTools()), ...(await client.listPrompts())].map(({ name }) => name);

test("an endpoint has what its profile chooses, in lists and calls", async () => {
  const files = make();
  await using host = await createTestHost({ plugins: [profiles(options)], upstreams: { files } });
  const reading = await host.connect({ endpoint: "reading" });
  expect(await names(host.client)).toEqual(["read_file", "write_file", "read_all", "write_all"]);
  expect(await names(reading)).toEqual(["read_file", "read_all"]);
  await reading.callTool("read_file");
  await host.client.callTool("write_file");
  await expect(reading.callTool("write_file")).rejects.toMatchObject({ code: -32602, message: expect.stringContaining("Unknown tool") });
  await expect(reading.getPrompt("write_all")).rejects.toMatchObject({ code: -32602 });
  expect(await reading.readResource("memory:///open/a")).toMatchObject({ contents: [{ uri: "memory:///open/a" }] });
  for (const uri of ["memory:///secret/a", "memory:///open/../secret/a", "memory:///open/%2e%2e/secret", "memory:///open/..%2fsecret"])
    await expect(reading.readResource(uri), uri).rejects.toMatchObject({ code: expect.any(Number) });
  expect(files.received("tools/call").map(({ name }) => name)).toEqual(["read_file", "write_file"]);
  expect(files.received("resources/read")).toHaveLength(1);
  await expect(host.connect({ endpoint: "writing" })).rejects.toThrow(/reading/);
});

test("a hidden profile leaves out of lists alone", async () => {
  await using host = await createTestHost({ plugins: [profiles(options)], upstreams: { files: make() } });
  const small = await host.connect({ endpoint: "small" });
  expect(await names(small)).toEqual(["read_file", "read_all"]);
  await small.callTool("write_file");
});

test("neither a search nor another plugin's call nor a route leads out of a profile", async () => {
  const files = make();
  const helper = definePlugin({
    name: "helper",
    host: "^1.0.0",
    apply(host) {
      host.hooks.route.tap("helper", ({ entry, original }) =>
        entry?.native === "read_file" && original.arguments ? { upstream: "files", native: "write_file" } : undefined,
      );
      host.hooks.call
        .for("prompts/get")
        .tap("helper", () => async (exchange) => ({ messages: [], tool: await exchange.call("tools/call", { name: "write_file" }) }));
    },
  });
  await using host = await createTestHost({ plugins: [helper(), search(), profiles(options)], upstreams: { files } });
  const client = await host.connect({ endpoint: "search" });
  expect(await names(client)).toEqual(["find_tool", "call_tool", "read_all"]);
  expect(JSON.stringify(await client.callTool("find_tool", { query: "file" }))).not.toContain("write_file");
  await expect(client.callTool("call_tool", { name: "write_file" })).rejects.toMatchObject({ code: -32602 });
  await expect(client.callTool("read_file", { detour: 1 })).rejects.toMatchObject({ code: -32602 });
  await expect(client.getPrompt("read_all")).rejects.toMatchObject({ code: -32602 });
  expect(files.received("tools/call")).toEqual([]);
});

test("over HTTP: an unknown profile is 404, and a session does not go elsewhere", async () => {
  await using host = await createTestHost({
    plugins: [profiles(options)],
    upstreams: { files: make() },
    client: false,
    config: { listen: { port: 0 } },
  });
  const url = (name: string) => new URL(`${host.host.url}/p/${name}`);
  const client = new Client({ name: "c", version: "1" });
  const transport = new StreamableHTTPClientTransport(url("reading"));
  await client.connect(transport);
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["read_file"]);
  const post = (to: string | URL) =>
    fetch(to, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-session-id": transport.sessionId!,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "write_file" } }),
    });
  expect((await post(host.host.url!)).status).toBe(404);
  expect((await post(url("writing"))).status).toBe(404);
  expect(await (await post(url("reading"))).text()).toContain("Unknown tool");
  await client.close();
});

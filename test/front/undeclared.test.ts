import type { Config } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { home, run } from "../harness/cli.ts";
import { startHost, upstream } from "../harness/hosts.ts";
import { WireClient } from "../harness/wire.ts";

const SECTIONS = ["tools", "prompts", "resources", "completions", "logging", "tasks", "vendor"] as const;

const server = (...sections: (typeof SECTIONS)[number][]) => ({
  transport: () => inProcessTransport({ name: "up", without: SECTIONS.filter((section) => !sections.includes(section)) }),
});

/** What the host says to each of these, in short. */
async function answers(client: WireClient, asked: Record<string, object>): Promise<Record<string, unknown>> {
  const given: [string, unknown][] = [];
  for (const [method, params] of Object.entries(asked)) {
    const { json } = await client.request(method, params);
    given.push([method, json.error ? `${json.error.code} ${json.error.message}` : json.result]);
  }
  return Object.fromEntries(given);
}

const PROMPTS = { "prompts/list": {}, "prompts/get": { name: "x" } };
const RESOURCES = {
  "resources/list": {},
  "resources/templates/list": {},
  "resources/read": { uri: "x:1" },
  "resources/subscribe": { uri: "x:1" },
  "resources/unsubscribe": { uri: "x:1" },
};
const TOOLS = { "tools/list": {}, "tools/call": { name: "x" } };
const REST = {
  "logging/setLevel": { level: "info" },
  "completion/complete": { ref: { type: "ref/prompt", name: "x" }, argument: { name: "a", value: "" } },
  "tasks/list": {},
  "tasks/get": { taskId: "x" },
  "tasks/result": { taskId: "x" },
  "tasks/cancel": { taskId: "x" },
};

test.each<[string, Config["mcpServers"], object]>([
  ["no server", {}, { ...PROMPTS, ...RESOURCES, ...REST }],
  ["servers with tools only", { a: server("tools"), b: server("tools") }, { ...PROMPTS, ...RESOURCES, ...REST }],
  ["a sole server with prompts only", { a: server("prompts") }, { ...TOOLS, ...RESOURCES }],
])("methods of a capability that nobody has are not found: %s", async (_, mcpServers, asked) => {
  await using host = await startHost({ mcpServers });
  const client = await WireClient.connect(host.url);
  expect(await answers(client, asked as Record<string, object>)).toEqual(
    Object.fromEntries(Object.keys(asked).map((method) => [method, `-32601 Method not found: ${method}`])),
  );
  expect((await client.request("ping")).json.result).toEqual({});
});

test("a host without any server has tools, of which there may be some after a reload", async () => {
  await using host = await startHost({ mcpServers: {} });
  const client = await WireClient.connect(host.url);
  expect(client.server.capabilities).toEqual({ tools: { listChanged: true } });
  expect(await answers(client, TOOLS)).toEqual({ "tools/list": { tools: [] }, "tools/call": "-32602 Unknown tool: x" });
});

test("where one server has the capability, its methods are there, and what they name is unknown or not", async () => {
  await using host = await startHost({ mcpServers: { a: server("tools"), b: server("prompts", "resources", "logging", "tasks") } });
  const client = await WireClient.connect(host.url);
  expect(
    await answers(client, {
      "tools/call": { name: "x" },
      "prompts/get": { name: "x" },
      "logging/setLevel": { level: "info" },
      "tasks/list": {},
      "tasks/get": { taskId: "x" },
    }),
  ).toEqual({
    "tools/call": "-32602 Unknown tool: x",
    "prompts/get": "-32602 Unknown prompt: x",
    "logging/setLevel": {},
    "tasks/list": { tasks: [] },
    "tasks/get": "-32602 Unknown task: x",
  });
});

test("what is not subscribed to at a server without subscriptions cannot be given up there, whatever others have", async () => {
  const plain = fakeUpstream({ resources: { "plain:1": { read: () => "x" } }, capabilities: { resources: {} } });
  await using host = await startHost({ mcpServers: { a: server("resources"), b: { transport: plain.transport } } });
  const client = await WireClient.connect(host.url);
  const unsubscribe = (uri: string) => client.request("resources/unsubscribe", { uri });
  expect((await unsubscribe("plain:1")).json.error).toMatchObject({ code: -32601, message: "Method not found: resources/unsubscribe" });
  const { json } = await client.request("resources/list");
  const other = json.result.resources.map(({ uri }: { uri: string }) => uri).find((uri: string) => uri !== "plain:1");
  expect((await unsubscribe(other)).json.result).toEqual({});
});

test("what a client was told of a server that was not there yet holds when it turns out to have less", async () => {
  let there = (): void => {};
  const late = fakeUpstream({
    tools: { one: () => "1" },
    capabilities: { tools: {} },
    methods: {
      initialize: (_, context) =>
        new Promise((resolve) => {
          there = () => resolve({ protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "late", version: "1" } });
          context.signal.addEventListener("abort", () => resolve({}), { once: true });
        }),
    },
  });
  await using host = await startHost({ mcpServers: { late: { transport: late.transport } } });
  const early = await WireClient.connect(host.url);
  expect(early.server.capabilities).toHaveProperty("prompts");
  there();
  await vi.waitFor(async () => expect((await early.request("tools/list")).json.result.tools).toHaveLength(1));
  expect((await early.request("prompts/list")).json.result).toEqual({ prompts: [] });
  expect((await early.request("logging/setLevel", { level: "info" })).json.result).toEqual({});
  const client = await WireClient.connect(host.url);
  expect((await client.request("prompts/list")).json.error).toMatchObject({ code: -32601 });
});

test("who embeds the host, tests a plugin or lists on the command line finds nothing, and no error", async () => {
  await using test = await createTestHost({ upstreams: { a: fakeUpstream({ tools: { one: () => "1" } }) } });
  expect(await test.client.listPrompts()).toEqual([]);
  expect(await test.host.listPrompts()).toEqual({ prompts: [] });
  expect(await test.host.listResourceTemplates()).toEqual({ resourceTemplates: [] });
  await expect(test.client.request("prompts/list")).rejects.toMatchObject({ code: -32601 });
  using at = home({ mcpServers: { a: upstream({ only: ["echo"], without: ["prompts", "resources"] }) } });
  expect(await run(at, ["list", "prompts", "--json"])).toMatchObject({ code: 0, stdout: "[]\n" });
  expect(await run(at, ["inspect"])).toMatchObject({ code: 0 });
});

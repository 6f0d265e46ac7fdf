import { readFileSync } from "node:fs";
import { join } from "node:path";
import { namespace } from "@host/plugin-namespace";
import { toolSearch } from "@host/plugin-tool-search";
import { definePlugin, type Json } from "mcp-host";
import { createTestHost, fakeUpstream, type TestClient, type TestHost } from "mcp-host/testing";
import { expect, test } from "vitest";
import { type Measured, measure, OTHERS, TASKS } from "./measure.mjs";

interface Recorded {
  readonly upstream: string;
  readonly definition: Json & { readonly name: string };
}

const read = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8");
const recorded = read("tools.jsonl")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Recorded);
const results = JSON.parse(read("results.json")) as Measured & { servers: Record<string, string> };
const keys = [...new Set(recorded.map(({ upstream }) => upstream))];

/** A host in front of servers that list what the real ones did. */
async function hosting(plugins: Parameters<typeof createTestHost>[0] & object): Promise<TestHost> {
  const upstreams = Object.fromEntries(
    keys.map((key) => {
      const own = recorded.filter(({ upstream }) => upstream === key);
      const tools = Object.fromEntries(
        own.map(({ definition: { name, ...rest } }) => [name, { ...rest, outputSchema: undefined, call: () => `${key}:${name}` }]),
      );
      return [key, fakeUpstream({ tools: tools as NonNullable<Parameters<typeof fakeUpstream>[0]>["tools"] & object })]; // as they were listed
    }),
  );
  return createTestHost({ ...plugins, upstreams, client: false });
}

const nameOf = (key: string): string => key.replace(":", "__");
const find = async (client: TestClient, query: string): Promise<string[]> => {
  const { content } = (await client.callTool("find_tools", { query })) as { content: { text: string }[] };
  return content[0]!.text
    .split("\n")
    .slice(1)
    .map((line) => (JSON.parse(line) as { name: string }).name);
};

test("the last run had the servers that are pinned, and their tools", async () => {
  const { dependencies } = JSON.parse(read("../zoo/package.json")) as { dependencies: Record<string, string> };
  for (const [key, server] of Object.entries(results.servers)) {
    const at = server.lastIndexOf("@");
    expect(dependencies[server.slice(0, at)], `${key}; run \`npm run search\``).toBe(server.slice(at + 1));
  }
  expect([...keys].sort()).toEqual(Object.keys(results.servers).sort());
  expect(keys.length).toBeGreaterThanOrEqual(15);
  expect(recorded).toHaveLength(results.tools);
  const there = new Set(recorded.map(({ upstream, definition }) => `${upstream}:${definition.name}`));
  for (const { task, tools } of [...TASKS, ...OTHERS]) for (const tool of tools) expect(there, task).toContain(tool);
});

test("a list of hundreds of tools costs a model a hundredth, and what is asked for is found as the README says", async () => {
  const rules = [{ clients: ["whole"], show: "list" as const }];
  await using host = await hosting({ plugins: [namespace({ prefixes: { "tool-search": "" } }), toolSearch({ rules })] });
  const whole = await host.connect({ info: { name: "whole", version: "1" } });
  const client = await host.connect({ info: { name: "some client", version: "1" } });
  const figures = await measure({
    list: await whole.listTools(),
    search: await client.listTools(),
    call: async (name, args) => ((await client.callTool(name, args)) as { content: { text: string }[] }).content[0]!.text,
    nameOf,
  });
  const { servers: _, ...published } = results;
  expect(figures, "run `npm run search`, and `npm run docs`").toEqual(published);
  expect(figures.some.tools).toBe(250);
  expect(figures.tokens.search).toBeLessThanOrEqual(figures.some.list * 0.1);
  expect(figures.tasks).toMatchObject({ tasks: 60 });
  expect(figures.tasks.amongFive).toBeGreaterThanOrEqual(54);
  expect(figures.tasks.first).toBeGreaterThanOrEqual(40);
  // Nobody chose words with these: as good, or the others say nothing.
  expect(figures.others.amongFive / figures.others.tasks).toBeGreaterThanOrEqual(0.9);
});

test("with rules for who may do what, nobody finds or calls what they may not, whatever they ask for", async () => {
  const hidden = new Set(["github", "slack", "todoist"]);
  const policy = definePlugin({
    name: "policy",
    host: "^1.0.0",
    security: true,
    apply: (host) =>
      host.hooks.permit.tap("policy", ({ upstream }, { principal }) =>
        hidden.has(upstream) && principal.id === "guest" ? false : undefined,
      ),
  });
  await using host = await hosting({ plugins: [policy(), namespace({ prefixes: { "tool-search": "" } }), toolSearch()] });
  const guest = await host.connect({ principal: { id: "guest", roles: [] } });
  const member = await host.connect({ principal: { id: "member", roles: [] } });
  let told = 0;
  for (const { task, tools } of TASKS) {
    const found = await find(guest, task);
    expect(found.filter((name) => hidden.has(name.split("__")[0] ?? ""))).toEqual([]);
    for (const name of (await find(member, task)).filter((name) => hidden.has(name.split("__")[0] ?? ""))) {
      told++;
      const call = { name, arguments: {} };
      await expect(guest.callTool("call_tool", call)).rejects.toMatchObject({ code: -32602 });
      expect(await member.callTool("call_tool", call)).toMatchObject({ content: [{ text: name.replace("__", ":") }] });
    }
    expect(tools.length).toBeGreaterThan(0);
  }
  expect(told).toBeGreaterThan(50);
});

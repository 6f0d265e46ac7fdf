import { definePlugin, type Json } from "mcp-host";
import type { TestClient } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { call, find, manyTools, names, started } from "./made.ts";

const OWN = ["find_tools", "call_tool"];
const ALL = 63;

test("a long list is the search, which tells how many tools there are and whose", async () => {
  await using host = await started();
  const tools = await host.client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(OWN);
  expect(tools[0]?.description).toContain("There are 63 tools, by server: office (63).");
  expect(tools[0]?.annotations).toMatchObject({ readOnlyHint: true });
});

test("a short list stays as it is, and a client is told when it became long, and short again", async () => {
  await using host = await started({ threshold: 3_000 });
  host.office.set({ tools: manyTools(3) });
  await expect.poll(() => names(host.client)).toEqual(["item_0", "item_1", "item_2"]);
  host.office.set({ tools: manyTools(80) });
  await host.client.until("notifications/tools/list_changed");
  await expect.poll(() => names(host.client)).toEqual(OWN);
});

test("what must be spared is counted without what stays listed", async () => {
  await using host = await started({ pinned: ["item_*"] });
  expect(await names(host.client)).toHaveLength(ALL); // 3 tools could be left out, and that is not worth it
});

test("pinned tools stay in the list, and are not told twice", async () => {
  await using host = await started({ pinned: ["office:send_*", "item_1"] });
  expect(new Set(await names(host.client))).toEqual(new Set([...OWN, "send_letter", "item_1"]));
});

test.each(["search", "list"] as const)("show: %s holds however long the list is", async (show) => {
  await using host = await started({ show });
  expect(await names(host.client)).toHaveLength(show === "search" ? 2 : ALL);
  host.office.set({ tools: manyTools(1) });
  await expect.poll(async () => (await names(host.client)).length).toBe(show === "search" ? 2 : 1);
});

test("where nobody is ever shown the search, there is none", async () => {
  await using host = await started({ show: "list", rules: [{ clients: ["a"], show: "list" }] });
  expect(host.host.pipeline().taps).toEqual([]);
  await expect(host.client.callTool("find_tools", { query: "letter" })).rejects.toMatchObject({ code: -32602 });
});

describe.each(["legacy", "modern"] as const)("a client of the %s era", (era) => {
  test("has the whole list where it searches by itself, and is called as the config says in any case", async () => {
    await using host = await started({}, { client: false });
    const as = (name: string): Promise<TestClient> => host.connect({ era, info: { name, version: "1" } });
    expect(await names(await as("Claude-Code"))).toHaveLength(ALL);
    expect(await names(await as("cursor-vscode"))).toHaveLength(ALL);
    expect(await names(await as("other"))).toEqual(OWN);
    expect(await names(await as("Claude-Code"))).toHaveLength(ALL);
  });

  test("has what the first rule says that fits it", async () => {
    const rules = [
      { clients: ["tiny*"], show: "search" as const },
      { endpoints: ["work"], roles: ["dev"], show: "list" as const },
      { endpoints: [""], show: "search" as const },
    ];
    const endpoint = definePlugin({ name: "endpoint", host: "^1.0.0", apply: (host) => host.endpoint("work") });
    await using host = await started({ rules, show: "list" }, { before: [endpoint()], client: false });
    const shown = async (options: { name?: string; endpoint?: string; roles?: string[] }): Promise<number> => {
      const { name = "x", endpoint, roles = [] } = options;
      const principal = { id: `p ${roles}`, roles };
      const client = await host.connect({ era, info: { name, version: "1" }, principal, ...(endpoint !== undefined && { endpoint }) });
      return (await names(client)).length;
    };
    expect(await shown({ name: "tiny-1", endpoint: "work", roles: ["dev"] })).toBe(2);
    expect(await shown({ endpoint: "work", roles: ["dev"] })).toBe(ALL);
    expect(await shown({ endpoint: "work" })).toBe(ALL); // no rule fits: `show`
    expect(await shown({})).toBe(2);
  });

  test("what it found is listed for it from then on, and for nobody else", async () => {
    await using host = await started({ listFound: 2 }, { client: false });
    const principal = { id: "ann", roles: [] };
    const ann = await host.connect({ era, principal });
    const other = await host.connect({ era, principal: era === "legacy" ? principal : { id: "bob", roles: [] } });
    const told = era === "modern" ? await ann.listen({ toolsListChanged: true }) : undefined;
    expect([await names(ann), await names(other)]).toEqual([OWN, OWN]);
    await find(ann, "send a letter by post", 1);
    await ann.until("notifications/tools/list_changed");
    expect(new Set(await names(ann))).toEqual(new Set([...OWN, "send_letter"]));
    expect(await names(other)).toEqual(OWN);
    // As before: nothing new is told.
    const before = ann.notifications.length;
    await find(ann, "send a letter by post", 1);
    expect(ann.notifications).toHaveLength(before);
    await find(ann, "burn a letter", 1);
    await find(ann, "broken", 1);
    expect(new Set(await names(ann))).toEqual(new Set([...OWN, "burn_letter", "broken"])); // the oldest made room
    expect(other.notifications.filter(({ method }) => method === "notifications/tools/list_changed")).toEqual([]);
    await told?.close();
  });
});

test("other lists, and calls that are none of the search's, are as without it", async () => {
  await using host = await started();
  expect(await host.client.callTool("item_3")).toEqual({ content: [{ type: "text", text: "item 3" }] });
  expect(await host.client.callTool("send_letter", { to: "Ann" })).toMatchObject({ content: [{ text: "sent to Ann" }] });
  expect(host.traces.at(-1)).toMatchObject({ method: "tools/call" });
  expect(host.host.pipeline().taps.map(({ hook, method }) => `${hook} ${method ?? ""}`.trim())).toEqual([
    "list",
    "respond tools/list",
    "session",
    "ready",
  ]);
});

test("who may not search has the whole list", async () => {
  const closed = definePlugin({
    name: "closed",
    host: "^1.0.0",
    security: true,
    apply: (host) => host.hooks.permit.tap("closed", ({ native }) => (native === "find_tools" ? false : undefined)),
  });
  await using host = await started({ show: "search" }, { before: [closed()] });
  expect(await names(host.client)).toHaveLength(ALL);
});

test("names that another plugin gives the two are those that are told", async () => {
  const { namespace } = await import("@host/plugin-namespace");
  await using host = await started({}, { before: [namespace()] });
  expect(await names(host.client)).toEqual(["tool-search__find_tools", "tool-search__call_tool"]);
  const result = (await host.client.callTool("tool-search__find_tools", { query: "letter" })) as { content: { text: string }[] };
  expect(result.content[0]?.text).toContain("Call one with tool-search__call_tool.");
  expect(result.content[0]?.text).toContain('"name":"office__send_letter"');
});

test("the report and the figures tell what was shown, searched and called", async () => {
  await using host = await started();
  await names(host.client);
  await find(host.client, "send a letter");
  await find(host.client, "xyzzy");
  await call(host.client, "send_letter", { to: "Ann" });
  const report = host.host.reports()["tool-search"] as Json;
  expect(report).toMatchObject({ searches: 2, withoutResult: 1, calls: 1, indexes: { kept: 1, built: 1 }, scorer: "words" });
  const { list, search } = report.tokens as { list: number; search: number };
  expect(list).toBeGreaterThan(5_000);
  expect(search).toBeLessThan(list / 10);
});

test("a reload with other options changes lists and loses no call", async () => {
  await using host = await started({ threshold: 2_000 });
  expect(await names(host.client)).toEqual(OWN);
  const { toolSearch } = await import("@host/plugin-tool-search");
  let go!: () => void;
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  host.office.set({ tools: { ...manyTools(60), slow: { description: "Is slow.", call: () => gone.then(() => "done") } } });
  await expect.poll(async () => (await find(host.client, "slow")).tools.length).toBe(1);
  const running = call(host.client, "slow");
  await host.office.until("tools/call");
  await host.host.reload({
    drain: 5_000,
    mcpServers: { office: { transport: host.office.transport } },
    plugins: [toolSearch({ show: "list" })],
  });
  go();
  expect(await running).toMatchObject({ content: [{ text: "done" }] });
  await expect.poll(async () => (await names(host.client)).length).toBe(61);
});

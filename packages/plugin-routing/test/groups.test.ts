import { namespace } from "@host/plugin-namespace";
import { routing } from "@host/plugin-routing";
import { definePlugin, matcher } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { FakeClock, server, tally, textOf, world } from "./world.ts";

const members = ["a", "b", "c"];

test("what members have alike is listed once, under the group's name, and each gets its turn", async () => {
  await using w = await world({ members }, { plugins: [namespace()] });
  const { tools } = (await w.client.request("tools/list")) as { tools: { name: string }[] };
  expect(tools.map(({ name }) => name)).toEqual(["group__who", "group__write"]);
  expect(await w.answered(6, { tool: "group__who" })).toEqual(["a", "b", "c", "a", "b", "c"]);
  expect(w.report().groups.group.members).toMatchObject({ a: { state: "up", calls: 2, failed: 0, inFlight: 0 } });
});

test("a member that says so is listed under its own name, too", async () => {
  await using w = await world({ members: ["a", { server: "b", listed: true }] }, { plugins: [namespace()] });
  const names = (await w.client.listTools()).map(({ name }) => name);
  expect(names).toEqual(["group__who", "group__write", "b__who", "b__write", "c__who", "c__write"]);
  expect(textOf(await w.client.callTool("b__who"))).toBe("b");
});

test("weights are shares, and a weight of 0 is for rules alone", async () => {
  const weighted = [{ server: "a", weight: 3 }, { server: "b" }, { server: "c", weight: 0 }];
  await using w = await world({ members: weighted, policy: "weighted" });
  const by = await w.answered(40);
  expect(tally(by)).toEqual({ a: 30, b: 10 });
  expect(by.slice(0, 4)).not.toEqual(["a", "a", "a", "b"]); // mixed evenly
});

test("least in flight: whoever has nothing to do gets the next", async () => {
  const hanging = (key: string) => server(key, { tools: { hang: () => new Promise(() => {}) } });
  await using w = await world({ members: ["a", "b"], policy: "least-in-flight" }, { servers: { a: hanging("a"), b: hanging("b") } });
  void w.client.callTool("hang").catch(() => {});
  await expect
    .poll(() =>
      Object.values(w.report().groups.group.members)
        .map(({ inFlight }) => inFlight)
        .sort(),
    )
    .toEqual([0, 1]);
  const busy = w.report().groups.group.members.a?.inFlight === 1 ? "a" : "b";
  expect(tally(await w.answered(10))).toEqual({ [busy === "a" ? "b" : "a"]: 10 });
});

test("calls that come at once are spread, too", async () => {
  await using w = await world({ members, policy: "least-in-flight" });
  const all = await Promise.all(Array.from({ length: 30 }, () => w.client.callTool("who")));
  expect(tally(all.map(textOf))).toEqual({ a: 10, b: 10, c: 10 });
});

test("two choices: the slow one gets less", async () => {
  const clock = new FakeClock();
  const slow = server("b", { tools: { who: { annotations: { readOnlyHint: true }, call: () => clock.advance(500).then(() => "b") } } });
  await using w = await world({ members: ["a", "b"], policy: "two-choices" }, { servers: { a: server("a"), b: slow }, clock });
  const counts = tally(await w.answered(30));
  expect(counts.b ?? 0).toBeLessThan(5);
  expect(counts.a).toBeGreaterThan(25);
});

test("hash: an argument decides, and only the keys of a server that goes move", async () => {
  await using w = await world({ members, policy: "hash", hash: "arguments.key", ejectFor: "1h" });
  const where = async (): Promise<string[]> => {
    const by: string[] = [];
    for (let key = 0; key < 60; key++) by.push(...(await w.answered(1, { args: { key } })));
    return by;
  };
  const before = await where();
  expect(await where()).toEqual(before);
  expect(Object.values(tally(before)).every((count) => count > 8)).toBe(true);
  w.up.b?.fail("down");
  const after = await where();
  expect(after).not.toContain("b");
  expect(after.filter((by, key) => by !== before[key] && before[key] !== "b")).toEqual([]);
});

test("what members have otherwise is not offered, and told in the log and the report", async () => {
  const other = server("b", { tools: { who: { description: "another", call: () => "b" }, only: () => "b" } });
  await using w = await world({ members }, { servers: { a: server("a"), b: other, c: server("c") } });
  expect((await w.client.listTools()).map(({ name }) => name)).toEqual(["write"]);
  expect(w.report().groups.group.differences).toEqual([
    { kind: "tool", native: "who", missing: [], differing: ["b"], offered: false },
    { kind: "tool", native: "only", missing: ["a", "c"], differing: [], offered: false },
  ]);
  const told = w.log.filter(({ message }) => message.startsWith("the members of a group"));
  expect(told.at(-1)?.message).toContain("tool who (otherwise at b; not offered), tool only (missing at a, c; not offered)");
  await expect(w.client.callTool("only")).rejects.toThrow("Unknown tool: only");
  other.set({ tools: { who: { annotations: { readOnlyHint: true }, call: () => "b" }, write: () => "b" } });
  await expect.poll(async () => (await w.client.listTools()).map(({ name }) => name)).toEqual(["who", "write"]);
});

test("by a majority, what most have is offered, and served by those alone", async () => {
  const other = server("b", { tools: { who: { description: "another", call: () => "b" }, only: () => "b" } });
  await using w = await world({ members, offer: "majority" }, { servers: { a: server("a"), b: other, c: server("c") } });
  expect((await w.client.listTools()).map(({ name }) => name)).toEqual(["who", "write"]);
  expect(await w.answered(4)).toEqual(["a", "c", "a", "c"]);
});

test("prompts are served as tools are; a resource is listed once and read from any", async () => {
  const make = (key: string) =>
    server(key, {
      prompts: { greet: { get: () => `from ${key}` } },
      resources: { "memory:///note": { read: () => key }, [`memory:///${key}`]: { read: () => key } },
    });
  await using w = await world({ members: ["a", "b"] }, { servers: { a: make("a"), b: make("b") }, plugins: [namespace()] });
  expect(((await w.client.request("prompts/list")) as { prompts: unknown[] }).prompts).toMatchObject([{ name: "group__greet" }]);
  const { resources } = (await w.client.request("resources/list")) as { resources: { uri: string }[] };
  expect(resources.map(({ uri }) => uri)).toEqual(["memory:///note", "memory:///a", "memory:///b"]);
  const read = async (uri: string): Promise<string> =>
    ((await w.client.readResource(uri)) as { contents: { text: string }[] }).contents[0]?.text ?? "";
  expect([await read("memory:///note"), await read("memory:///note")]).toEqual(["a", "b"]);
  expect([await read("memory:///b"), await read("memory:///b")]).toEqual(["b", "b"]);
  const prompts = [
    await w.client.request("prompts/get", { name: "group__greet" }),
    await w.client.request("prompts/get", { name: "group__greet" }),
  ];
  expect(JSON.stringify(prompts)).toMatch(/from [ab].*from [ab]/);
});

test("a caller sees only what its own connections list", async () => {
  const list = fakeUpstream({ tools: { who: () => "a" } });
  await using w = await world(
    { members: ["a", "b"] },
    { servers: { a: list, b: fakeUpstream({ tools: { who: () => "b" } }) }, settings: { b: { isolation: "session" } } },
  );
  expect((await w.client.listTools()).map(({ name }) => name)).toEqual(["who"]);
});

test("a call that no member may serve to this caller is refused as one of an unknown name; a member that it may not use is passed over", async () => {
  const denied = matcher(["a:who", "a:write", "b:write", "c:write"]);
  const rule = definePlugin({
    name: "rule",
    host: "^1.0.0",
    apply: ({ hooks }) => hooks.permit.tap("rule", (entry) => (denied(entry) ? false : undefined)),
  });
  await using w = await world({ members }, { plugins: [rule()] });
  expect(await w.answered(4)).toEqual(["b", "c", "b", "c"]);
  // No list shows what a call would refuse.
  expect((await w.client.listTools()).map(({ name }) => name)).toEqual(["who"]);
  await expect(w.client.callTool("write")).rejects.toThrow("Unknown tool: write");
  expect(w.counts()).toEqual({ a: 0, b: 2, c: 2 });
});

test("a reload makes servers a group under the names that they had, and takes it apart again", async () => {
  await using w = await world({ members });
  const names = async (): Promise<unknown[]> => (await w.client.listTools()).map(({ name }) => name);
  expect(await w.reload([])).toMatchObject({ removed: ["routing"] });
  expect(await names()).toEqual(["who", "write"]);
  expect(await w.answered(2)).toEqual(["a", "a"]);
  w.up.a?.fail("down");
  await expect.poll(() => w.host.status().upstreams[0]?.state).not.toBe("ready");
  expect(await w.reload([routing({ groups: { other: { members } } })])).toMatchObject({ added: ["routing"] });
  expect(await names()).toEqual(["who", "write"]);
  // What is away was so before.
  expect(w.host.reports().routing).toMatchObject({ groups: { other: { members: { a: { state: "down" }, b: { state: "up" } } } } });
  expect(await w.answered(2)).toEqual(["b", "c"]);
});

test("a member that is listed is judged by its own name, too", async () => {
  const denied = matcher(["b__who"]);
  const rule = definePlugin({
    name: "rule",
    host: "^1.0.0",
    apply: ({ hooks }) => hooks.permit.tap("rule", (entry) => (denied(entry) ? false : undefined)),
  });
  await using w = await world({ members: ["a", { server: "b", listed: true }] }, { plugins: [namespace(), rule()] });
  expect(await w.answered(4, { tool: "group__who" })).toEqual(["a", "a", "a", "a"]);
});

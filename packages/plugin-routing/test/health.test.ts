import { routing } from "@host/plugin-routing";
import { definePlugin, STORE } from "mcp-host";
import { expect, test } from "vitest";
import { FakeClock, server, tally, textOf, world } from "./world.ts";

const members = ["a", "b"];

test("a server that is down gets nothing, and comes back slowly", async () => {
  const clock = new FakeClock();
  await using w = await world({ members, slowStart: "10s" }, { clock });
  w.up.a?.fail("down");
  expect(tally(await w.answered(10))).toEqual({ b: 10 });
  w.up.a?.fail(undefined);
  await w.host.reconnect("a");
  await expect.poll(() => w.report().groups.group.members.a?.state).toBe("up");
  expect(w.report().groups.group.members.a?.share).toBe(0.1);
  const first = tally(await w.answered(22));
  expect(first.a).toBeGreaterThan(0);
  expect(first.a).toBeLessThan(5);
  await clock.advance(10_000);
  expect(tally(await w.answered(20))).toEqual({ a: 10, b: 10 });
});

test("one that fails too often is left alone, for longer each time", async () => {
  const clock = new FakeClock();
  await using w = await world({ members, failures: 2, ejectFor: "10s", slowStart: 0 }, { clock });
  w.up.a?.fail("disconnect");
  const call = () => w.client.callTool("write").catch(() => {});
  for (let count = 0; count < 6; count++) {
    await call();
    await expect.poll(() => w.host.status().upstreams.every(({ state }) => state === "ready")).toBe(true);
  }
  expect(w.report().groups.group.members.a).toMatchObject({ state: "left alone", failed: 2 });
  expect(w.counts().a).toBe(2);
  await clock.advance(10_001);
  expect(w.report().groups.group.members.a?.state).toBe("up");
});

test("an error that a server answers is no reason to leave it alone", async () => {
  await using w = await world({ members, failures: 1 });
  w.up.a?.fail({ error: { code: -32000, message: "no" } });
  for (let count = 0; count < 6; count++) await w.client.callTool("who").catch(() => {});
  expect(w.counts()).toMatchObject({ a: 3, b: 3 });
});

test("where all are away, one is tried all the same", async () => {
  await using w = await world({ members });
  w.up.a?.fail("down");
  w.up.b?.fail("down");
  await expect(w.client.callTool("who")).rejects.toMatchObject({ rpc: { data: { type: "upstream_down", sent: "no" } } });
});

test("sticky: a caller stays with one, and moves when that is gone", async () => {
  await using w = await world({ members, sticky: "session" });
  const other = await w.connect();
  const [mine] = await w.answered(1);
  const [theirs] = await w.answered(1, { client: other });
  expect(mine).not.toBe(theirs);
  expect(tally(await w.answered(5))).toEqual({ [mine as string]: 5 });
  w.up[mine as string]?.fail("down");
  expect(tally(await w.answered(5))).toEqual({ [theirs as string]: 5 });
  w.up[mine as string]?.fail(undefined);
  await w.host.reconnect(mine as string);
  expect(tally(await w.answered(5))).toEqual({ [theirs as string]: 5 });
});

test("sticky: first calls that come at once stay together, too", async () => {
  await using w = await world({ members, sticky: "session" });
  const all = await Promise.all(Array.from({ length: 10 }, () => w.client.callTool("who")));
  expect(new Set(all.map(textOf)).size).toBe(1);
});

test("what is for rules alone serves nobody else, though all others are drained", async () => {
  await using w = await world({ members: ["a", { server: "c", weight: 0 }], rules: [{ name: "writes", match: ["write"], to: "c" }] });
  await w.host.operator.run("routing:drain", { server: "a" }, "test");
  await expect(w.client.callTool("who")).rejects.toThrow("can be called: a is drained, c is for rules alone; nothing was sent");
  expect(await w.answered(1, { tool: "write" })).toEqual(["c"]);
});

test("calls of a session stay with one where a member is each session's own", async () => {
  await using w = await world({ members }, { settings: { a: { isolation: "session" }, b: { isolation: "session" } } });
  expect(Object.keys(tally(await w.answered(6)))).toHaveLength(1);
});

test("a drained member gets no new callers, and none at all when it is said so; a reload leaves it so", async () => {
  await using w = await world({ members, sticky: "session" });
  const { operator } = w.host;
  const run = (name: string, params = {}) => operator.run(`routing:${name}`, params, "test");
  const [mine = ""] = await w.answered(1);
  const other = mine === "a" ? "b" : "a";
  expect(await run("drain", { server: mine })).toEqual({ server: mine, drained: "new", inFlight: 0 });
  expect(await w.answered(2)).toEqual([mine, mine]);
  expect(await w.answered(2, { client: await w.connect() })).toEqual([other, other]);
  expect(await run("drain", { server: mine, now: true })).toMatchObject({ drained: "all" });
  expect(await w.answered(2)).toEqual([other, other]);
  await run("drain", { server: other, now: true });
  await expect(w.client.callTool("who")).rejects.toThrow(/no member of the group "group" can be called: a is drained, b is drained/);
  expect(w.report().groups.group.members.a?.state).toBe("drained");
  const groups = { group: { members, sticky: "session", stickyFor: "1m" } } as const;
  expect(await w.reload([routing({ groups })])).toMatchObject({ changed: ["routing"] });
  expect(w.report().groups.group.members.a?.state).toBe("drained");
  await run("resume", { server: other });
  expect(await w.answered(1)).toEqual([other]);
  await expect(run("drain", { server: "x" })).rejects.toThrow('no group has a member "x"; there are a, b');
});

test("a backup serves while the others cannot, and gives back", async () => {
  const backup = server("c", { tools: { who: { description: "the backup's own words", call: () => "c" } } });
  await using w = await world(
    { members: ["a", "b", { server: "c", priority: 2 }] },
    { servers: { a: server("a"), b: server("b"), c: backup } },
  );
  expect(tally(await w.answered(10))).toEqual({ a: 5, b: 5 });
  w.up.a?.fail("down");
  expect(tally(await w.answered(4))).toEqual({ b: 4 });
  w.up.b?.fail("down");
  expect(tally(await w.answered(4))).toEqual({ c: 4 });
  w.up.a?.fail(undefined);
  await w.host.reconnect("a");
  expect(tally(await w.answered(4))).toEqual({ a: 4 });
});

test("a reload that changes the group loses no call that is under way", async () => {
  let give = (_: string): void => {};
  const answer = new Promise<string>((resolve) => void (give = resolve));
  const hanging = (key: string) => server(key, { tools: { hang: () => answer } });
  await using w = await world({ members }, { servers: { a: hanging("a"), b: hanging("b") } });
  const calls = [w.client.callTool("hang"), w.client.callTool("hang"), w.client.callTool("hang")];
  await Promise.all([w.up.a?.until("tools/call"), w.up.b?.until("tools/call")]);
  const groups = { group: { members, policy: "least-in-flight" } } as const;
  expect(await w.reload([routing({ groups })])).toMatchObject({ changed: ["routing"] });
  expect(tally(await w.answered(10)).a).toBeGreaterThan(0);
  give("done");
  for (const result of await Promise.all(calls)) expect(result).toMatchObject({ content: [{ text: "done" }] });
  expect(w.report().groups.group.members).toMatchObject({ a: { inFlight: 0 }, b: { inFlight: 0 } });
});

test("where the store fails, calls go on and the log tells it", async () => {
  const broken = definePlugin({
    name: "broken",
    host: "^1.0.0",
    apply(host) {
      const fail = (): never => {
        throw new Error("the store is gone");
      };
      const store = {
        get: fail,
        set: fail,
        delete: fail,
        increment: fail,
        update: fail,
        lease: fail,
        publish: fail,
        subscribe: () => () => {},
      };
      host.provide(STORE, () => store);
    },
  });
  await using w = await world({ members, sticky: "session" }, { plugins: [broken()] });
  const [first = ""] = await w.answered(1);
  expect(tally(await w.answered(4))).toEqual({ [first]: 4 });
  const told = w.log.filter(({ plugin, level }) => plugin === "routing" && level === "warn").map(({ message }) => message);
  expect(told).toContain("the store did not tell which servers are drained, so none is");
  expect(told).toContain("the store was not reached, so a caller may come to another member");
});

import { fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { server, tally, world } from "./world.ts";

const stable = ["a", "b", { server: "c", weight: 0 }];

test("calls go by tool, argument and principal; the first rule that fits decides", async () => {
  await using w = await world({
    members: stable,
    rules: [
      { name: "ann", principals: ["ann"], to: "b" },
      { name: "big", match: ["group:who"], when: "arguments.size > 10", to: "c" },
      { name: "writes", match: ["write"], to: ["a"] },
    ],
  });
  const ann = await w.connect({ principal: { id: "ann", roles: [] } });
  expect(await w.answered(2, { client: ann, args: { size: 100 } })).toEqual(["b", "b"]);
  expect(await w.answered(2, { args: { size: 11 } })).toEqual(["c", "c"]);
  // A condition that cannot be decided is not about the call.
  expect(tally(await w.answered(4))).toEqual({ a: 2, b: 2 });
  expect(await w.answered(2, { tool: "write" })).toEqual(["a", "a"]);
});

test("calls go by role and by the endpoint that clients came in by", async () => {
  const { definePlugin } = await import("mcp-host");
  const open = definePlugin({ name: "open", host: "^1.0.0", apply: (host) => host.endpoint("work") });
  const rules = [
    { name: "admins", roles: ["admin"], to: "c" },
    { name: "work", endpoints: ["work"], to: "b" },
  ];
  await using w = await world({ members: stable, rules }, { plugins: [open()] });
  const [admin, worker] = [await w.connect({ principal: { id: "bob", roles: ["admin"] } }), await w.connect({ endpoint: "work" })];
  expect(await w.answered(2, { client: admin })).toEqual(["c", "c"]);
  expect(await w.answered(2, { client: worker })).toEqual(["b", "b"]);
});

test("a canary has the same principals always, and more of them when it grows; figures are by arm", async () => {
  const canary = async (percent: number): Promise<Set<string>> => {
    await using w = await world({ members: stable, rules: [{ name: "next", percent, to: "c" }] });
    const chosen = new Set<string>();
    for (let person = 0; person < 60; person++) {
      const client = await w.connect({ principal: { id: `p${person}`, roles: [] } });
      const by = tally(await w.answered(2, { client }));
      if (by.c) expect(by).toEqual({ c: 2 });
      if (by.c) chosen.add(`p${person}`);
    }
    const arms = w.report().groups.group.rules?.next?.arms;
    expect(arms).toMatchObject({ in: { calls: chosen.size * 2, errors: 0 }, rest: { calls: (60 - chosen.size) * 2 } });
    return chosen;
  };
  const [few, more] = [await canary(20), await canary(50)];
  expect(few.size).toBeGreaterThan(3);
  expect(few.size).toBeLessThan(24);
  expect(more.size).toBeGreaterThan(few.size);
  expect([...few].filter((person) => !more.has(person))).toEqual([]);
});

test("arms split by cohort, each with its figures", async () => {
  const failing = fakeUpstream({
    tools: { who: { annotations: { readOnlyHint: true }, call: () => Promise.reject(new Error("no")) }, write: () => "b" },
  });
  const arms = [
    { name: "old", percent: 50, to: "a" },
    { name: "new", percent: 50, to: "b" },
  ];
  await using w = await world(
    { members: ["a", "b"], rules: [{ name: "trial", by: "session", arms }] },
    { servers: { a: server("a"), b: failing } },
  );
  for (let session = 0; session < 20; session++) await (await w.connect()).callTool("who");
  const { old, new: other } = w.report().groups.group.rules?.trial?.arms ?? {};
  expect((old?.calls ?? 0) + (other?.calls ?? 0)).toBe(20);
  expect(old).toMatchObject({ errors: 0 });
  expect(other?.errors).toBe(other?.calls);
  expect(w.counts()).toEqual({ a: old?.calls, b: other?.calls });
});

test("where a rule's members are away the others serve, unless it is strict", async () => {
  const rules = [
    { name: "here", match: ["write"], to: "a", strict: true },
    { name: "soft", to: "a" },
  ];
  await using w = await world({ members: ["a", "b"], rules });
  w.up.a?.fail("down");
  expect(await w.answered(2)).toEqual(["b", "b"]);
  await expect(w.client.callTool("write")).rejects.toMatchObject({ rpc: { data: { type: "upstream_down", sent: "no" } } });
  await w.host.operator.run("routing:drain", { server: "a" }, "test");
  await expect(w.client.callTool("write")).rejects.toThrow(
    'no member that the rule "here" leads to can be called: a is drained; nothing was sent',
  );
  expect(w.counts().b).toBe(2);
});

test("a read-only call is mirrored once it is answered; answers are compared, and none is given", async () => {
  const other = server("c", { tools: { who: { annotations: { readOnlyHint: true }, call: ({ same }) => (same ? "a" : "c") } } });
  await using w = await world(
    { members: ["a", { server: "c", weight: 0 }], rules: [{ name: "shadow", mirror: "c" }] },
    { servers: { a: server("a"), c: other } },
  );
  const mirrored = () => w.report().groups.group.rules?.shadow?.mirrored;
  expect(await w.answered(1)).toEqual(["a"]);
  await expect.poll(mirrored).toEqual({ same: 0, different: 1, failed: 0, skipped: 0 });
  expect(await w.answered(1, { args: { same: true } })).toEqual(["a"]);
  await expect.poll(mirrored).toMatchObject({ same: 1, different: 1 });
  expect(other.received("tools/call")).toMatchObject([{ name: "who" }, { name: "who", arguments: { same: true } }]);
  expect(w.log.filter(({ message }) => message.startsWith("a mirrored call"))).toHaveLength(1);
  // What may change something is made once.
  await w.answered(1, { tool: "write" });
  other.fail({ error: { code: -32000, message: "no" } });
  await w.answered(1);
  await expect.poll(mirrored).toMatchObject({ same: 1, different: 1, failed: 1 });
  other.fail("down");
  await expect.poll(() => w.report().groups.group.members.c?.state).toBe("down");
  await w.answered(1);
  expect(mirrored()).toMatchObject({ skipped: 1 });
  expect(other.received("tools/call").filter(({ name }) => name === "write")).toEqual([]);
});

test("what a mirror's caller may not use there is not called for it", async () => {
  const { definePlugin } = await import("mcp-host");
  const rule = definePlugin({
    name: "rule",
    host: "^1.0.0",
    apply: ({ hooks }) => hooks.permit.tap("rule", ({ upstream }) => (upstream === "c" ? false : undefined)),
  });
  await using w = await world({ members: stable, rules: [{ name: "shadow", mirror: "c", readOnly: true }] }, { plugins: [rule()] });
  await w.answered(2, { tool: "write" });
  await expect.poll(() => w.report().groups.group.rules?.shadow?.mirrored).toMatchObject({ failed: 2 });
  expect(w.counts().c).toBe(0);
});

test("equal read-only calls of one caller at the same time are one", async () => {
  let give = (_: string): void => {};
  const answer = new Promise<string>((resolve) => void (give = resolve));
  const slow = server("a", { tools: { read: { annotations: { readOnlyHint: true }, call: () => answer }, write: () => answer } });
  await using w = await world({ members: ["a"] }, { servers: { a: slow }, options: { coalesce: [{ match: ["*"] }] } });
  const other = await w.connect();
  const calls = [
    ...Array.from({ length: 5 }, () => w.client.callTool("read", { x: 1 })),
    w.client.callTool("read", { x: 2 }),
    other.callTool("read", { x: 1 }),
    w.client.callTool("write"),
    w.client.callTool("write"),
  ];
  await slow.until("tools/call", 5);
  give("done");
  for (const result of await Promise.all(calls)) expect(result).toMatchObject({ content: [{ text: "done" }] });
  expect(slow.received("tools/call")).toHaveLength(5);
  await w.client.callTool("read", { x: 1 });
  expect(slow.received("tools/call")).toHaveLength(6);
});

test("whoever waited for a call that is cancelled makes its own", async () => {
  const slow = server("a", {
    tools: {
      read: {
        annotations: { readOnlyHint: true },
        call: (_, { signal }) =>
          new Promise((resolve, reject) => {
            if (slow.received("tools/call").length > 1) resolve("second");
            signal.addEventListener("abort", () => reject(new Error("aborted")));
          }),
      },
    },
  });
  await using w = await world({ members: ["a"] }, { servers: { a: slow }, options: { coalesce: [{ match: ["group:read"] }] } });
  const abort = new AbortController();
  const first = w.client.callTool("read", {}, { signal: abort.signal }).catch((error: unknown) => error);
  await slow.until("tools/call");
  const second = w.client.callTool("read");
  await w.client.request("ping");
  abort.abort();
  expect(await second).toMatchObject({ content: [{ text: "second" }] });
  await first;
});

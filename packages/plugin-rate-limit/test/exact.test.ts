import { join } from "node:path";
import { rateLimit } from "@host/plugin-rate-limit";
import { sqlite } from "@host/plugin-sqlite";
import type { Plugin } from "mcp-host";
import { createTestHost, FakeClock, FakeRandom, fakeUpstream, type TestHost } from "mcp-host/testing";
import { describe, expect, test, vi } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { NOON, passed, times, tried } from "./limited.ts";

/** @param clock that stands still, so that no turn of a window comes between; null for that of this machine */
async function around(plugins: readonly Plugin[], clock: FakeClock | null = new FakeClock(NOON)): Promise<TestHost> {
  const running = await createTestHost({
    plugins: [...plugins],
    upstreams: { up: fakeUpstream({ tools: { a: () => "a" } }) },
    client: false,
    ...(clock && { clock }),
  });
  await running.host.known(1_000);
  return running;
}

describe.each(["memory", "SQLite"] as const)("under calls at the same time, with the counters in %s", (kind) => {
  test("a limit lets through exactly what it says, whatever it is and however many come", async () => {
    const random = new FakeRandom(20);
    for (let round = 0; round < 12; round++) {
      using folder = temporary();
      const limit = 1 + Math.floor(random.float() * 40);
      const callers = 1 + Math.floor(random.float() * 8);
      const stored = kind === "SQLite" ? [sqlite({ file: join(folder.path, "store.db") })] : [];
      const rules = [
        { name: "each", per: ["principal" as const], requests: limit, window: "day" as const },
        { name: "slots", per: ["principal" as const], concurrent: 1_000 },
      ];
      await using host = await around([rateLimit({ rules }), ...stored]);
      const clients = await Promise.all(times(callers, (index) => host.connect({ principal: { id: `p${index}`, roles: [] } })));
      // In waves, so that some come when the limit is reached already.
      const counts = times(callers, () => 0);
      for (let wave = 0; wave < 3; wave++) {
        await Promise.all(
          clients.map(async (client, index) => {
            const sent = Math.floor(random.float() * 30);
            counts[index] = (counts[index] ?? 0) + (await passed(times(sent, () => client.callTool("a"))));
          }),
        );
      }
      const rest = await Promise.all(clients.map((client) => passed(times(60, () => client.callTool("a")))));
      expect(counts.map((count, index) => count + (rest[index] ?? 0))).toEqual(times(callers, () => limit));
    }
  });

  test("what one rule refuses is not counted by another, and a limit that several callers share is exact, too", async () => {
    using folder = temporary();
    const stored = kind === "SQLite" ? [sqlite({ file: join(folder.path, "store.db") })] : [];
    const rules = [
      { name: "all", requests: 30, window: "day" as const },
      { name: "each", per: ["principal" as const], requests: 5, window: "day" as const },
    ];
    await using host = await around([rateLimit({ rules }), ...stored]);
    const clients = await Promise.all(times(6, (index) => host.connect({ principal: { id: `p${index}`, roles: [] } })));
    const greedy = await passed(times(40, () => clients[0]?.callTool("a") as Promise<unknown>));
    expect(greedy, "its own share").toBe(5);
    const others = await Promise.all(clients.slice(1).map((client) => passed(times(5, () => client.callTool("a")))));
    expect(
      others.reduce((sum, each) => sum + each, 0),
      "the rest of what is shared",
    ).toBe(25);
    const late = await host.connect({ principal: { id: "late", roles: [] } });
    expect(await tried(late.callTool("a"))).toBe("rate_limited");
  });
});

test.each(["memory", "SQLite"] as const)("what a shared limit refuses, in %s, is given back to each caller whole", async (kind) => {
  const random = new FakeRandom(7);
  for (let round = 0; round < 5; round++) {
    using folder = temporary();
    const stored = kind === "SQLite" ? [sqlite({ file: join(folder.path, "store.db") })] : [];
    const rules = [
      { name: "all", requests: 30, window: "day" as const },
      { name: "each", per: ["principal" as const], requests: 10, window: "day" as const },
    ];
    await using host = await around([rateLimit({ rules }), ...stored]);
    const clients = await Promise.all(times(6, (index) => host.connect({ principal: { id: `p${index}`, roles: [] } })));
    const counts = times(6, () => 0);
    await Promise.all(
      times(120, async () => {
        const at = Math.floor(random.float() * 6);
        if ((await tried(clients[at]?.callTool("a") as Promise<unknown>)) === "ok") counts[at] = (counts[at] ?? 0) + 1;
      }),
    );
    const sum = counts.reduce((total, each) => total + each, 0);
    expect([29, 30], `never more, and never fewer by more than one: ${sum}`).toContain(sum);
    await host.host.operator.run("rate-limit:reset", { rule: "all" });
    for (const [at, client] of clients.slice(0, 2).entries())
      expect((counts[at] ?? 0) + (await passed(times(20, () => client.callTool("a"))))).toBe(10);
  }
});

test("two hosts that share a file count as one, and a reset in one is one in the other", async () => {
  using folder = temporary();
  const shared = () => [
    rateLimit({ rules: [{ name: "each", per: ["principal"], requests: 25, window: "24d" }] }),
    sqlite({ file: join(folder.path, "store.db"), poll: "10ms" }),
  ];
  // What one tells the other takes the time of this machine.
  await using first = await around(shared(), null);
  await using second = await around(shared(), null);
  const clients = [
    await first.connect({ principal: { id: "ann", roles: [] } }),
    await second.connect({ principal: { id: "ann", roles: [] } }),
  ] as const;
  const all = await Promise.all(clients.map((client) => passed(times(40, () => client.callTool("a")))));
  expect(all.reduce((sum, each) => sum + each, 0)).toBe(25);
  await first.host.operator.run("rate-limit:reset", { rule: "each" });
  await vi.waitFor(async () => expect(await tried(clients[1].callTool("a"))).toBe("ok"), { timeout: 10_000 });
});

test("a quota survives a restart, and a reload that changes other rules loses nothing", async () => {
  using folder = temporary();
  const file = join(folder.path, "store.db");
  const quota = { name: "quota", per: ["principal" as const], requests: 5, window: "month" as const };
  const config = (more: object[] = []) => ({ plugins: [rateLimit({ rules: [quota, ...(more as [])] }), sqlite({ file })] });
  {
    await using host = await around(config().plugins);
    const ann = await host.connect({ principal: { id: "ann", roles: [] } });
    expect(await passed(times(3, () => ann.callTool("a")))).toBe(3);
  }
  await using host = await around(config().plugins);
  const ann = await host.connect({ principal: { id: "ann", roles: [] } });
  expect(await tried(ann.callTool("a"))).toBe("ok");
  await host.host.reload({
    ...config([{ name: "more", per: ["principal"], requests: 1_000, window: "1m" }]),
    mcpServers: { up: { transport: fakeUpstream({ tools: { a: () => "a" } }).transport } },
    drain: 0,
  });
  expect(await passed(times(4, () => ann.callTool("a")))).toBe(1);
});

import { definePlugin, type Plugin, STORE, type Store } from "mcp-host";
import { describe, expect, test } from "vitest";
import { inProcessTransport } from "../../../test/fixtures/upstream.mjs";
import { startHost } from "../../../test/harness/hosts.ts";
import { ask, initialize } from "../../../test/harness/wire.ts";
import { rateLimit } from "../dist/index.js";
import { limited, passed, times, tried } from "./limited.ts";

/** A store whose counters do what the test says. */
function faulty(): { plugin: Plugin; fault: { how: "rejects" | "throws" | "hangs" | undefined } } {
  const fault: { how: "rejects" | "throws" | "hangs" | undefined } = { how: undefined };
  const counters = new Map<string, number>();
  const meet = <T>(good: () => T): T | Promise<never> => {
    if (fault.how === "throws") throw new Error("the disk is full");
    if (fault.how === "rejects") return Promise.reject(new Error("the disk is full"));
    return fault.how === "hangs" ? new Promise<never>(() => {}) : good();
  };
  const store: Partial<Store> = {
    get: (key) => meet(() => counters.get(key)),
    increment: (key, by = 1) =>
      meet(() => {
        const count = (counters.get(key) ?? 0) + by;
        counters.set(key, count);
        return count;
      }),
    subscribe: () => () => {},
  };
  const plugin = definePlugin({
    name: "faulty",
    host: "^1.0.0",
    apply: (host) => host.provide(STORE, () => store as Store), // as much of one as the plugin asks
  })();
  return { plugin, fault };
}

const rules = [{ name: "few", per: ["principal" as const], requests: 1, window: "1m" }];

describe.each(["rejects", "throws", "hangs"] as const)("a store that %s", (how) => {
  test("lets requests pass uncounted, unless the options say otherwise, and that is told once a minute", async () => {
    const { plugin, fault } = faulty();
    await using host = await limited({ rules }, { plugins: [plugin] });
    const ann = await host.as("ann");
    fault.how = how;
    const calls = times(3, () => ann.callTool("a"));
    await host.clock.advance(2_000);
    expect(await passed(calls)).toBe(3);
    fault.how = undefined;
    expect(await tried(ann.callTool("a"))).toBe("ok");
    expect(await tried(ann.callTool("a"))).toBe("rate_limited");
    expect(host.report()).toMatchObject({ storeErrors: 3 });
    const lines = host.log.filter(({ message }) => message.startsWith("the store cannot be counted in"));
    expect(lines).toMatchObject([{ level: "error", rule: "few" }]);
  });

  test("refuses them where it is to be closed, and says that it is not their fault", async () => {
    const { plugin, fault } = faulty();
    await using host = await limited({ rules, onStoreError: "closed" }, { plugins: [plugin] });
    const ann = await host.as("ann");
    fault.how = how;
    const call = ann.callTool("a").catch((error: unknown) => error);
    await host.clock.advance(2_000);
    expect(await call).toMatchObject({
      code: -31430,
      message: 'rule "few" cannot count at the moment, so that nothing passes it; try again',
      data: { type: "overloaded", retryAfterMs: 1_000, sent: "no" },
    });
  });
});

test("a host starts although its store fails, and says so", async () => {
  const { plugin, fault } = faulty();
  fault.how = "rejects";
  await using host = await limited({ rules }, { plugins: [plugin] });
  expect(host.log).toContainEqual(expect.objectContaining({ level: "warn", message: expect.stringContaining("the store fails") }));
  fault.how = undefined;
  expect(await passed(times(3, async () => (await host.as("ann")).callTool("a")))).toBe(1);
});

test.each([
  ["open", 200],
  ["closed", 503],
] as const)("at the edge a store that fails is %s: %i", async (onStoreError, status) => {
  const { plugin, fault } = faulty();
  await using running = await startHost({
    mcpServers: { up: { transport: () => inProcessTransport({ name: "up" }) } },
    plugins: [rateLimit({ rules: [], addresses: { requests: 5, window: "1m" }, onStoreError }), plugin],
  });
  fault.how = "rejects";
  expect((await ask(running.url, { body: initialize() })).status).toBe(status);
});

test("two rules with the same limit are two, and so are two instances", async () => {
  await using host = await limited({ rules: [...rules, { name: "few too", per: ["principal"], requests: 5, window: "1m" }] });
  expect(await tried((await host.as("ann")).callTool("a"))).toBe("ok");
  expect(host.report().rules).toMatchObject({ few: { top: [{ used: 1 }] }, "few too": { top: [{ used: 1 }] } });
});

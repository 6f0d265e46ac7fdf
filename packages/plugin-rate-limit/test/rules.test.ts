import { approval } from "@host/plugin-approval";
import { cache } from "@host/plugin-cache";
import { definePlugin, type Exchange, type Plugin } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { limited, passed, servers, times, tried } from "./limited.ts";

const watching = (): { plugin: Plugin; seen: Exchange[] } => {
  const seen: Exchange[] = [];
  const plugin = definePlugin({
    name: "watch",
    host: "^1.0.0",
    apply: (host) => host.hooks.settled.tap("watch", (exchange) => void seen.push(exchange)),
  })();
  return { plugin, seen };
};

describe.each(["legacy", "modern"] as const)("requests in a window, of a client of the %s era", (era) => {
  test("pass up to the limit, and again when it is over; the refusal says when, and names the rule", async () => {
    const { plugin, seen } = watching();
    await using host = await limited({ rules: [{ name: "few", per: ["principal"], requests: 3, window: "1m" }] }, { plugins: [plugin] });
    const ann = await host.as("ann", { era });
    expect(await passed(times(5, () => ann.callTool("a")))).toBe(3);
    const error = await ann.callTool("a").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: -31429, data: { type: "rate_limited", retryable: true, sent: "no" } });
    const { message, data } = error as { message: string; data: { retryAfterMs: number } };
    expect(message).toMatch(/^rule "few" lets through 3 requests in a minute, which are used up; try again in \d+ seconds?$/);
    expect(data.retryAfterMs).toBeGreaterThan(0);
    expect(data.retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(seen.at(-1)?.decisions).toEqual([{ plugin: "rate-limit", hook: "call", did: "refused", rule: "few" }]);
    await host.clock.advance(data.retryAfterMs - 1);
    expect(await tried(ann.callTool("a"))).toBe("rate_limited");
    await host.clock.advance(1);
    expect(await passed(times(5, () => ann.callTool("a")))).toBe(3);
    expect(host.report().rules.few).toMatchObject({ refused: 6, top: [{ who: "ann", used: 3 }] });
  });

  test("a burst passes beyond it, once", async () => {
    await using host = await limited({ rules: [{ name: "few", per: ["principal"], requests: 3, window: "1m", burst: 2 }] });
    const ann = await host.as("ann", { era });
    expect(await passed(times(9, () => ann.callTool("a")))).toBe(5);
    const error = (await ann.callTool("a").catch((thrown: unknown) => thrown)) as { message: string; data: { retryAfterMs: number } };
    expect(error.message).toContain('rule "few" lets through 3 requests in a minute and 2 more in a burst');
    expect(error.data.retryAfterMs, "the window is over before the burst comes back").toBeLessThanOrEqual(60_000);
    expect(host.report().rules.few?.top).toEqual([{ who: "ann", used: 3 }]);
    await host.clock.advance(60_000);
    expect(await passed(times(9, () => ann.callTool("a")))).toBe(3);
    await host.clock.advance(600_000);
    expect(await passed(times(9, () => ann.callTool("a")))).toBe(5);
  });

  test("what the host answers itself is limited where a rule names it", async () => {
    const first = era === "legacy" ? "initialize" : "server/discover";
    await using host = await limited({
      rules: [
        { name: "lists", per: ["principal"], methods: ["tools/list"], requests: 1, window: "1m" },
        { name: "begin", per: ["principal"], methods: ["initialize", "server/discover"], requests: 2, window: "1m" },
      ],
    });
    const ann = await host.as("ann", { era });
    await ann.listTools();
    await expect(ann.listTools()).rejects.toMatchObject({ code: -31429, data: { type: "rate_limited" } });
    expect(await passed(times(3, () => ann.callTool("a")))).toBe(3);
    await host.as("ann", { era });
    await expect(host.as("ann", { era })).rejects.toMatchObject({ code: -31429, message: expect.stringContaining('rule "begin"') });
    expect((await host.as("bob", { era })).initialized, first).toBeDefined();
  });
});

describe("what is counted apart", () => {
  const rule = (more: object) => ({ name: "few", requests: 1, window: "1m", ...more });

  test("nothing: all together", async () => {
    await using host = await limited({ rules: [rule({})] });
    const [ann, bob] = [await host.as("ann"), await host.as("bob")];
    expect(await tried(ann.callTool("a"))).toBe("ok");
    expect(await tried(bob.callTool("c"))).toBe("rate_limited");
  });

  test("principals, over all their sessions; roles; endpoints", async () => {
    const opens = definePlugin({ name: "opens", host: "^1.0.0", apply: (host) => host.endpoint("work") })();
    await using host = await limited({ rules: [rule({ per: ["principal"] })] });
    const [ann, again, bob] = [await host.as("ann"), await host.as("ann", { era: "modern" }), await host.as("bob")];
    expect([await tried(ann.callTool("a")), await tried(again.callTool("a")), await tried(bob.callTool("a"))]).toEqual([
      "ok",
      "rate_limited",
      "ok",
    ]);
    await using byRole = await limited({ rules: [rule({ per: ["role", "endpoint"] })] }, { plugins: [opens] });
    const [eve, dan] = [await byRole.as("eve", { roles: ["x", "y"] }), await byRole.as("dan", { roles: ["y", "x"] })];
    expect([await tried(eve.callTool("a")), await tried(dan.callTool("a"))]).toEqual(["ok", "rate_limited"]);
    expect(await tried((await byRole.as("dan", { roles: ["y", "x"], endpoint: "work" })).callTool("a"))).toBe("ok");
    expect(await tried((await byRole.as("joe", { roles: ["x"] })).callTool("a"))).toBe("ok");
  });

  test("servers, tools, methods, and any of them with who calls", async () => {
    await using byServer = await limited({ rules: [rule({ per: ["server"] })] });
    const ann = await byServer.as("ann");
    expect([await tried(ann.callTool("a")), await tried(ann.callTool("b")), await tried(ann.callTool("c"))]).toEqual([
      "ok",
      "rate_limited",
      "ok",
    ]);
    await using byTool = await limited({ rules: [rule({ per: ["tool", "principal"] })] });
    const [bob, eve] = [await byTool.as("bob"), await byTool.as("eve")];
    expect([await tried(bob.callTool("a")), await tried(bob.callTool("b")), await tried(bob.callTool("a"))]).toEqual([
      "ok",
      "ok",
      "rate_limited",
    ]);
    expect(await tried(eve.callTool("a"))).toBe("ok");
    expect(await passed(times(3, () => eve.readResource("memo:///1"))), "which is no tool").toBe(3);
    await using byMethod = await limited({ rules: [rule({ per: ["method"] })] });
    const dan = await byMethod.as("dan");
    expect([await tried(dan.callTool("a")), await tried(dan.readResource("memo:///1")), await tried(dan.callTool("b"))]).toEqual([
      "ok",
      "ok",
      "rate_limited",
    ]);
  });

  test("sessions, each of which has its own; a client without one has what it has in common with its principal", async () => {
    await using host = await limited({ rules: [rule({ per: ["session"] })] });
    const sessions = [await host.as("ann"), await host.as("ann")];
    expect(await passed(sessions.map((each) => each.callTool("a")))).toBe(2);
    expect(await passed(sessions.map((each) => each.callTool("a")))).toBe(0);
    const modern = await host.as("ann", { era: "modern" });
    expect(await passed(times(3, () => modern.callTool("a")))).toBe(1);
    const shown = JSON.stringify(host.report());
    expect(shown).toMatch(/session [\w-]{8}"/);
    await expect(
      limited({ rules: [rule({ per: ["session"] })] }, { config: { listen: { port: 0, protocols: ["modern"] } } }),
    ).rejects.toThrow(/options\.rules\[0\]\.per: has "session", which clients of 2026-07-28 do not have/);
  });

  test("when and unless say what a rule is about", async () => {
    await using host = await limited({
      rules: [
        { name: "basic", per: ["principal"], unless: { roles: ["gold"] }, requests: 1, window: "1m" },
        { name: "gold", per: ["principal"], when: { roles: ["gold"], servers: ["u*"] }, requests: 2, window: "1m" },
        { name: "b", when: { tools: ["up:b"], principals: ["ann"] }, requests: 1, window: "1m" },
      ],
    });
    const [ann, bob] = [await host.as("ann", { roles: ["gold"] }), await host.as("bob")];
    expect(await passed(times(4, () => bob.callTool("a")))).toBe(1);
    expect(await passed(times(4, () => ann.callTool("a")))).toBe(2);
    expect(await passed(times(4, () => ann.callTool("c"))), "of the other server").toBe(4);
    await host.clock.advance(120_000);
    expect(await passed(times(4, () => ann.callTool("b"))), "both rules hold").toBe(1);
    expect(await passed(times(4, () => ann.callTool("a"))), "what the other refused was not counted").toBe(1);
  });
});

describe("what counts once", () => {
  test("a request that plugins have others done for, unless it is about what servers do", async () => {
    const workflow = definePlugin({
      name: "workflow",
      host: "^1.0.0",
      apply: (host) =>
        host.offer({
          tools: {
            both: {
              call: async (_args, { exchange }) => {
                for (const name of ["a", "a", "b"]) await exchange.call("tools/call", { name, arguments: {} });
                return "done";
              },
            },
          },
        }),
    })();
    const rules = [
      { name: "mine", per: ["principal" as const], requests: 2, window: "1m" },
      { name: "slot", per: ["principal" as const], concurrent: 1 },
    ];
    await using host = await limited({ rules }, { plugins: [workflow] });
    const ann = await host.as("ann");
    expect([await tried(ann.callTool("both")), await tried(ann.callTool("both")), await tried(ann.callTool("both"))]).toEqual([
      "ok",
      "ok",
      "rate_limited",
    ]);
    await using tight = await limited(
      { rules: [...rules, { name: "a", when: { tools: ["up:a"] }, requests: 2, window: "1m" }] },
      { plugins: [workflow] },
    );
    const bob = await tight.as("bob");
    expect(await tried(bob.callTool("both"))).toBe("ok");
    await expect(bob.callTool("a")).rejects.toMatchObject({ message: expect.stringContaining('rule "a"') });
  });

  test.each(["legacy", "modern"] as const)(
    "a call that asks its client something, round after round, before a server of the %s era",
    async (era) => {
      const question = { message: "Sure?", requestedSchema: { type: "object", properties: {} } };
      const up = fakeUpstream({
        era,
        tools: {
          sure: async (_args, { ask }) => {
            await ask("elicitation/create", question);
            return String((await ask("elicitation/create", question)).action);
          },
        },
      });
      await using host = await limited({ rules: [{ name: "few", per: ["principal"], requests: 2, window: "1m" }] }, { upstreams: { up } });
      const ann = await host.connect({ principal: { id: "ann", roles: [] }, era: "modern", capabilities: { elicitation: {} } });
      ann.on("elicitation/create", () => ({ action: "accept", content: {} }));
      expect(await ann.callTool("sure")).toMatchObject({ content: [{ text: "accept" }] });
      expect(ann.rounds.length).toBeGreaterThan(0);
      expect(await tried(ann.callTool("sure"))).toBe("ok");
      expect(await tried(ann.callTool("sure"))).toBe("rate_limited");
    },
  );
});

test("a rule that only observes refuses nothing, and tells what it would have", async () => {
  await using host = await limited({
    mode: "observe",
    rules: [
      { name: "dry", per: ["principal"], requests: 2, window: "1m" },
      { name: "wet", per: ["principal"], requests: 4, window: "1m", mode: "enforce" },
    ],
  });
  const ann = await host.as("ann");
  expect(await passed(times(6, () => ann.callTool("a")))).toBe(4);
  expect(host.report().rules).toMatchObject({
    dry: { mode: "observe", refused: 0, observed: 4 },
    wet: { mode: "enforce", refused: 2, observed: 0 },
  });
  expect(host.log.filter(({ message }) => message.includes("would have refused"))).toMatchObject([{ rule: "dry", times: 1 }]);
});

test("bytes: once they are out, nothing more is asked; in process they are measured", async () => {
  await using host = await limited({ rules: [{ name: "out", per: ["principal"], bytes: "3kb", window: "1m" }] });
  const ann = await host.as("ann");
  const outcomes = [];
  for (let i = 0; i < 5; i++) outcomes.push(await tried(ann.callTool("big")));
  expect(outcomes).toEqual(["ok", "ok", "ok", "rate_limited", "rate_limited"]);
  await expect(ann.callTool("a")).rejects.toMatchObject({ message: expect.stringContaining("3072 bytes in a minute") });
  expect(await tried((await host.as("bob")).callTool("big"))).toBe("ok");
  await host.clock.advance(60_000);
  expect(await tried(ann.callTool("big"))).toBe("ok");
});

test("days and months are those of the calendar, in the zone that the options say", async () => {
  await using host = await limited({
    timeZone: "America/New_York", // where it is 7 in the morning
    rules: [
      { name: "daily", per: ["principal"], requests: 2, window: "day" },
      { name: "monthly", per: ["principal"], requests: 3, window: "month" },
    ],
  });
  const ann = await host.as("ann");
  expect(await passed(times(3, () => ann.callTool("a")))).toBe(2);
  const daily = (await ann.callTool("a").catch((thrown: unknown) => thrown)) as { data: { retryAfterMs: number }; message: string };
  expect(daily.message).toContain('rule "daily" lets through 2 requests in a day of the calendar');
  expect(daily.data.retryAfterMs).toBe(17 * 3_600_000);
  await host.clock.advance(17 * 3_600_000);
  expect(await passed(times(3, () => ann.callTool("a")))).toBe(1);
  const monthly = (await ann.callTool("a").catch((thrown: unknown) => thrown)) as { data: { retryAfterMs: number }; message: string };
  expect(monthly.message).toContain('rule "monthly"');
  expect(monthly.data.retryAfterMs, "the 30th is the last").toBe(24 * 3_600_000);
  await host.clock.advance(24 * 3_600_000);
  expect(await passed(times(3, () => ann.callTool("a")))).toBe(2);
});

test("it stands around approval and a cache, wherever in the config they are", async () => {
  const others = [approval({ rules: [{ ask: "person" }] }), cache({ tools: ["*"] })];
  await using host = await limited({ rules: [{ name: "few", requests: 1, window: "1m" }] }, { plugins: others, first: false });
  const calls = host.host.pipeline().taps.filter(({ hook }) => hook === "call");
  expect(calls[0]?.plugin).toBe("rate-limit");
  const ann = await host.connect({ principal: { id: "ann", roles: [] }, capabilities: { elicitation: {} } });
  let asked = 0;
  ann.on("elicitation/create", () => {
    asked++;
    return { action: "accept", content: { answer: "only this call" } };
  });
  await ann.callTool("a");
  expect([await tried(ann.callTool("a")), asked]).toEqual(["rate_limited", 1]);
});

test("in process and for the program around it is as it is for clients", async () => {
  await using host = await limited({ rules: [{ name: "few", per: ["principal"], requests: 1, window: "1m" }] }, { upstreams: servers() });
  await host.host.callTool("a", {});
  await expect(host.host.callTool("a", {})).rejects.toMatchObject({ type: "rate_limited" });
});

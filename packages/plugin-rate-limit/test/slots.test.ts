import { fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { limited, times, tried } from "./limited.ts";

/** A server whose calls end when the test says so. */
function held() {
  const under: { who: string; end: () => void }[] = [];
  const served: string[] = [];
  let most = 0;
  const up = fakeUpstream({
    tools: {
      work: ({ who }) =>
        new Promise<string>((resolve) => {
          served.push(String(who));
          under.push({ who: String(who), end: () => resolve("done") });
          most = Math.max(most, under.length);
        }),
    },
  });
  return {
    upstreams: { up },
    served,
    under,
    get most() {
      return most;
    },
    /** Ends what came first. */
    endOne(): void {
      under.shift()?.end();
    },
  };
}

/** Lets everything follow that does not wait for anything else. */
const turn = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe.each(["legacy", "modern"] as const)("calls at a time, of clients of the %s era", (era) => {
  test("beyond the limit are refused at once where nothing may wait; in a place that is free others pass", async () => {
    const server = held();
    await using host = await limited({ rules: [{ name: "slots", per: ["principal"], concurrent: 2 }] }, server);
    const [ann, bob] = [await host.as("ann", { era }), await host.as("bob", { era })];
    const first = times(2, () => tried(ann.callTool("work", { who: "ann" })));
    await turn();
    await expect(ann.callTool("work", { who: "ann" })).rejects.toMatchObject({
      code: -31429,
      message: 'rule "slots" lets 2 calls be under way at a time; try again when others have ended',
      data: { type: "rate_limited", sent: "no", retryAfterMs: 1_000 },
    });
    const others = tried(bob.callTool("work", { who: "bob" }));
    await turn();
    expect(host.report().rules.slots).toMatchObject({ active: 3, queued: 0, refused: 1 });
    server.endOne();
    await turn();
    const third = tried(ann.callTool("work", { who: "ann" }));
    await turn();
    for (let i = 0; i < 3; i++) server.endOne();
    expect(await Promise.all([...first, others, third])).toEqual(["ok", "ok", "ok", "ok"]);
    expect(host.report().rules.slots).toMatchObject({ active: 0, queued: 0 });
  });

  test("wait for their turn, and are refused at the deadline; who gives up leaves the row", async () => {
    const server = held();
    const queue = { max: 10, deadline: "5s" };
    await using host = await limited({ rules: [{ name: "slots", concurrent: 1, queue }] }, server);
    const [ann, bob] = [await host.as("ann", { era }), await host.as("bob", { era })];
    const first = tried(ann.callTool("work", { who: "first" }));
    await turn();
    const late = tried(bob.callTool("work", { who: "late" }));
    const gone = new AbortController();
    const left = ann.callTool("work", { who: "gone" }, { signal: gone.signal }).catch(() => "gone");
    await turn();
    expect(host.report().rules.slots).toMatchObject({ active: 1, queued: 2 });
    gone.abort(new Error("gone"));
    expect(await left).toBe("gone");
    await turn();
    expect(host.report().rules.slots).toMatchObject({ queued: 1 });
    await host.clock.advance(5_000);
    expect(await late).toBe("rate_limited");
    const next = tried(bob.callTool("work", { who: "next" }));
    await turn();
    server.endOne();
    await turn();
    server.endOne();
    expect([await first, await next, server.served]).toEqual(["ok", "ok", ["first", "next"]]);
  });
});

test("one greedy client of fifty gets its turn, and the others do not notice", async () => {
  const server = held();
  const queue = { max: 100, deadline: "1m" };
  await using host = await limited({ rules: [{ name: "slots", per: ["server"], concurrent: 4, queue }] }, server);
  const greedy = await host.as("greedy");
  const others = await Promise.all(times(49, (index) => host.as(`p${index}`)));
  const flood = times(200, () => tried(greedy.callTool("work", { who: "greedy" })));
  await turn();
  // All places and the whole row are the greedy one's now.
  expect(host.report().rules.slots).toMatchObject({ active: 4, queued: 100, refused: 96 });
  const calls = others.map((client, index) => tried(client.callTool("work", { who: `p${index}` })));
  await turn();
  const order = (): string[] => server.served.slice(4);
  for (let i = 0; i < 110; i++) {
    server.endOne();
    await turn();
  }
  expect(await Promise.all(calls), "nobody else was refused").toEqual(times(49, () => "ok"));
  // In turn: until every other one was served, the greedy one was once.
  const until = Math.max(...times(49, (index) => order().indexOf(`p${index}`)));
  expect(
    order()
      .slice(0, until + 1)
      .filter((who) => who === "greedy"),
  ).toHaveLength(1);
  expect(until).toBe(49);
  expect(server.most).toBe(4);
  const outcomes = await Promise.all(flood);
  expect(outcomes.filter((each) => each === "ok")).toHaveLength(4 + 100 - 49);
  expect(host.report().rules.slots).toMatchObject({ active: 0, queued: 0 });
});

test("one greedy client of fifty uses up its own window, and nobody else's", async () => {
  await using host = await limited({ rules: [{ name: "each", per: ["principal"], requests: 20, window: "1m" }] });
  const clients = await Promise.all(times(50, (index) => host.as(`p${index}`)));
  const outcomes = await Promise.all(
    clients.map(async (client, index) => {
      const all = await Promise.all(times(index === 0 ? 250 : 10, () => tried(client.callTool("a"))));
      return all.filter((each) => each === "ok").length;
    }),
  );
  expect(outcomes).toEqual([20, ...times(49, () => 10)]);
  const { each } = host.report().rules;
  expect(each).toMatchObject({ refused: 230 });
  expect(each?.top[0]).toEqual({ who: "p0", used: 20 });
});

test("a limit that is only observed holds nobody up", async () => {
  const server = held();
  await using host = await limited({ rules: [{ name: "slots", concurrent: 1, queue: {}, mode: "observe" }] }, server);
  const ann = await host.as("ann");
  const calls = times(3, () => tried(ann.callTool("work", { who: "ann" })));
  await turn();
  expect(server.most).toBe(3);
  expect(host.report().rules.slots).toMatchObject({ active: 3, queued: 0, observed: 2, refused: 0 });
  for (let i = 0; i < 3; i++) server.endOne();
  expect(await Promise.all(calls)).toEqual(["ok", "ok", "ok"]);
});

test("a host that stops tells those who wait", async () => {
  const server = held();
  const host = await limited({ rules: [{ name: "slots", concurrent: 1, queue: {} }] }, server);
  const ann = await host.as("ann");
  const first = tried(ann.callTool("work", { who: "first" }));
  await turn();
  const waiting = tried(ann.callTool("work", { who: "second" }));
  await turn();
  await host.close();
  expect(await waiting).not.toBe("ok");
  expect(await first).not.toBe("ok");
  expect(server.served).toEqual(["first"]);
});

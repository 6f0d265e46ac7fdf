import { FakeClock } from "mcp-host/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { failure, held, refusal, rpcError, type Scripted, scripted as scriptedBy, typeOf } from "./scripted.ts";

/** What the breaker goes by. */
let clock = new FakeClock();
beforeEach(() => {
  clock = new FakeClock(1_000_000);
});
const scripted = (...[options, own, config]: Parameters<typeof scriptedBy>): Promise<Scripted> => scriptedBy(options, own, config, clock);

const off = { retry: false, bulkhead: false } as const;
const breaker = (options: object) => ({ defaults: { ...off, breaker: options } });
const lost = () => failure("upstream_lost");
/** The host waits between two tries to connect, and nothing was tried. */
const pausing = () => failure("upstream_down", "no", 700);

/** Calls once for each step, and gives what came of them. */
async function meets(world: Scripted, ...steps: Scripted["steps"]): Promise<string[]> {
  const outcomes: string[] = [];
  for (const step of steps) {
    world.steps = [step];
    outcomes.push(await world.call());
  }
  return outcomes;
}

test("closed to open: after so many failures in a row, and then nothing is sent", async () => {
  await using world = await scripted(breaker({ consecutive: 3, openFor: "10s" }));
  await meets(world, lost(), lost(), "ok", lost(), lost());
  expect(world.report().breaker).toMatchObject({ state: "closed", opened: 0 });
  await meets(world, lost());
  expect(world.report().breaker).toEqual({ state: "open", opened: 1, refused: 0, triedInMs: 10_000, lastFailure: "upstream_lost" });
  expect(world.reading("breaker.state")).toBe(2);

  const before = world.sent.length;
  await expect(world.client.callTool("scripted")).rejects.toMatchObject({
    code: -31504,
    message: 'upstream "up" failed too often (upstream_lost) and is left alone for another 10000 ms; nothing was sent',
    data: { type: "circuit_open", upstream: "up", sent: "no", retryable: true, retryAfterMs: 10_000 },
  });
  await expect(world.client.getPrompt("hello")).rejects.toMatchObject({ data: { type: "circuit_open" } });
  expect(world.sent).toHaveLength(before);
  expect(world.reading("breaker.refused")).toBe(2);
  expect(world.reading("breaker.opened")).toBe(1);
  expect(world.log).toContainEqual(
    expect.objectContaining({
      level: "warn",
      message: "a circuit opened",
      plugin: "resilience",
      upstream: "up",
      reason: "upstream_lost",
      forMs: 10_000,
    }),
  );
});

test("open to half-open to closed: when its time is up one call tries, and its success closes it", async () => {
  await using world = await scripted(breaker({ consecutive: 1, openFor: "10s" }));
  await meets(world, lost());
  await clock.advance(9_999);
  expect(await meets(world, "ok")).toEqual(["circuit_open"]);
  await clock.advance(1);
  const probe = held();
  world.steps = [probe.step];
  const trying = world.call();
  await probe.started;
  expect(world.report().breaker).toMatchObject({ state: "half-open" });
  expect(world.reading("breaker.state")).toBe(1);
  await expect(world.client.callTool("scripted")).rejects.toThrow("is being tried by another call; nothing was sent");
  probe.end();
  expect(await trying).toBe("held");
  expect(world.report().breaker).toMatchObject({ state: "closed" });
  expect(world.reading("breaker.state")).toBe(0);
  expect(await meets(world, "ok", "ok")).toEqual(["ok", "ok"]);
  expect(world.log.filter(({ plugin }) => plugin === "resilience").map(({ message }) => message)).toEqual([
    "a circuit opened",
    "an open circuit is tried",
    "a circuit closed",
  ]);
});

test("half-open to open: a try that fails opens it for twice as long, up to the longest time", async () => {
  await using world = await scripted(breaker({ consecutive: 2, openFor: "10s", maxOpenFor: "30s" }));
  await meets(world, lost(), lost());
  for (const pause of [10_000, 20_000, 30_000, 30_000]) {
    expect(world.report().breaker).toMatchObject({ state: "open", triedInMs: pause });
    await clock.advance(pause - 1);
    expect(await meets(world, "ok")).toEqual(["circuit_open"]);
    await clock.advance(1);
    expect(await meets(world, failure("upstream_timeout"))).toEqual(["upstream_timeout"]);
  }
  await clock.advance(30_000);
  await meets(world, "ok");
  // Once it was closed it is as patient as at first.
  await meets(world, lost());
  expect(world.report().breaker).toMatchObject({ state: "closed" });
  await meets(world, lost());
  expect(world.report().breaker).toMatchObject({ state: "open", triedInMs: 10_000 });
});

test("an upstream that has connected anew is tried by the next call, however long the circuit was to stay open", async () => {
  await using world = await scripted(breaker({ consecutive: 1, openFor: "10s", maxOpenFor: "10m" }));
  await meets(world, lost());
  expect(await meets(world, "ok")).toEqual(["circuit_open"]);
  await world.host.reconnect("up");
  expect(world.report().breaker).toMatchObject({ state: "open", triedInMs: 0 });
  const probe = held();
  world.steps = [probe.step];
  const trying = world.call();
  await probe.started;
  expect(world.report().breaker).toMatchObject({ state: "half-open" });
  expect(await meets(world, "ok")).toEqual(["circuit_open"]);
  probe.end();
  expect(await trying).toBe("held");
  expect(world.report().breaker).toMatchObject({ state: "closed" });

  // That it connected is no answer: a try that fails opens it for longer.
  await meets(world, lost());
  await world.host.reconnect("up");
  expect(await meets(world, lost(), "ok")).toEqual(["upstream_lost", "circuit_open"]);
  expect(world.report().breaker).toMatchObject({ state: "open", triedInMs: 20_000 });
  // One that is closed has nothing to forget.
  await world.host.reconnect("up");
  await meets(world, "ok");
  await world.host.reconnect("up");
  expect(world.report().breaker).toMatchObject({ state: "closed" });
});

test("a try that the host's own pause between two connections refuses says nothing about the upstream", async () => {
  await using world = await scripted(breaker({ consecutive: 1, openFor: "10s", maxOpenFor: "10m" }));
  await meets(world, lost());
  await clock.advance(10_000);
  expect(await meets(world, pausing(), pausing(), pausing())).toEqual(["upstream_down", "upstream_down", "upstream_down"]);
  expect(world.report().breaker).toMatchObject({ state: "half-open", opened: 1 });
  expect(await meets(world, "ok")).toEqual(["ok"]);
  expect(world.report().breaker).toMatchObject({ state: "closed" });
});

test("with several probes all must be answered, one failure is enough to open it, and no more go through", async () => {
  await using world = await scripted(breaker({ consecutive: 1, openFor: "10s", probes: 2 }));
  await meets(world, lost());
  await clock.advance(10_000);
  const first = held();
  world.steps = [first.step];
  const one = world.call();
  await first.started;
  expect(await meets(world, "ok")).toEqual(["ok"]);
  expect(world.report().breaker).toMatchObject({ state: "half-open" });
  expect(await meets(world, "ok")).toEqual(["circuit_open"]);
  first.end();
  await one;
  expect(world.report().breaker).toMatchObject({ state: "closed" });

  await meets(world, lost());
  await clock.advance(10_000);
  const second = held();
  world.steps = [second.step];
  const two = world.call();
  await second.started;
  await meets(world, lost());
  expect(world.report().breaker).toMatchObject({ state: "open" });
  second.end();
  expect(await two).toBe("held");
  expect(world.report().breaker).toMatchObject({ state: "open" });
});

test("a probe that says nothing about the upstream leaves its place to the next; one that is answered with an error is a sign of life", async () => {
  await using world = await scripted(breaker({ consecutive: 1, openFor: "10s" }));
  await meets(world, lost());
  await clock.advance(10_000);
  expect(await meets(world, failure("rate_limited", "no"))).toEqual(["rate_limited"]);
  expect(world.report().breaker).toMatchObject({ state: "half-open" });
  expect(await meets(world, rpcError())).toEqual(["-32000"]);
  expect(world.report().breaker).toMatchObject({ state: "closed" });
});

test("a call from before it opened does not end the try that goes on", async () => {
  await using world = await scripted(breaker({ consecutive: 1, openFor: "10s" }));
  const old = held();
  world.steps = [old.step];
  const slow = world.call();
  await old.started;
  await meets(world, lost());
  await clock.advance(10_000);
  const probe = held();
  world.steps = [probe.step];
  const trying = world.call();
  await probe.started;
  old.end(lost());
  expect(await slow).toBe("upstream_lost");
  expect(world.report().breaker).toMatchObject({ state: "half-open" });
  probe.end();
  await trying;
  expect(world.report().breaker).toMatchObject({ state: "closed" });
});

describe("what counts", () => {
  const failures = [
    failure("upstream_lost"),
    failure("upstream_down", "no"),
    failure("upstream_timeout"),
    failure("upstream_protocol", "yes"),
    failure("upstream_error"),
  ];
  test.each(failures)("$type opens it", async (error) => {
    await using world = await scripted(breaker({ consecutive: 2 }));
    await meets(world, error, error);
    expect(world.report().breaker).toMatchObject({ state: "open", lastFailure: error.type });
  });

  const others: [string, Scripted["steps"][number]][] = [
    ["a JSON-RPC error of the upstream", rpcError()],
    ["isError", async () => ({ content: [], isError: true })],
    ["429", failure("rate_limited", "no")],
    ["too many in flight", failure("overloaded", "no")],
    ["an HTTP error about the request itself", failure("upstream_error", "no")],
    ["refused credentials", failure("upstream_auth", "no")],
    ["the host's own pause between two tries to connect", pausing()],
    ["a cancelled call", failure("cancelled")],
    ["another plugin's refusal", refusal("upstream_down")],
    ["another plugin's mistake", new TypeError("oops")],
  ];
  test.each(others)("%s does not", async (_, step) => {
    await using world = await scripted(breaker({ consecutive: 1 }));
    await meets(world, step, step);
    expect(world.report().breaker).toMatchObject({ state: "closed", opened: 0 });
  });

  test("an error that the upstream answered with ends a row of failures", async () => {
    await using world = await scripted(breaker({ consecutive: 2 }));
    await meets(world, lost(), rpcError(), lost());
    expect(world.report().breaker).toMatchObject({ state: "closed" });
  });
});

test("by ratio it opens when more than the share of the last calls failed, and not before there are enough", async () => {
  await using world = await scripted(breaker({ consecutive: false, ratio: { threshold: 0.5, calls: 6, minimum: 4 } }));
  await meets(world, lost(), lost(), lost());
  expect(world.report().breaker).toMatchObject({ state: "closed" });
  await meets(world, "ok");
  expect(world.report().breaker).toMatchObject({ state: "closed" });
  await meets(world, lost());
  expect(world.report().breaker).toMatchObject({ state: "open" });
});

test("upstreams have breakers of their own", async () => {
  const { fakeUpstream } = await import("mcp-host/testing");
  const other = fakeUpstream({ tools: { else: () => "unreached" } });
  await using world = await scripted(
    { ...breaker({ consecutive: 1 }), servers: { calm: { breaker: { consecutive: 2 } }, bare: { breaker: false } } },
    {},
    { mcpServers: { calm: { transport: other.transport }, bare: { transport: fakeUpstream({ tools: { bare: () => "" } }).transport } } },
  );
  await world.host.known(1_000);
  await meets(world, lost());
  expect(world.report().breaker).toMatchObject({ state: "open" });
  world.steps = [lost()];
  await world.client.callTool("else").catch((error: unknown) => expect(typeOf(error)).toBe("upstream_lost"));
  expect(world.report("calm").breaker).toMatchObject({ state: "closed" });
  expect(await world.client.callTool("else")).toMatchObject({ content: [{ text: "ok" }] });
  expect(world.report("bare")).toEqual({});
  expect(world.reading("breaker.state", "bare")).toBeUndefined();
});

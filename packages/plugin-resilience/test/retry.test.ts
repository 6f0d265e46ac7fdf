import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { pass, settle, stopClocks } from "./clock.ts";
import { failure, refusal, rpcError, scripted, typeOf } from "./scripted.ts";

beforeAll(stopClocks);
afterAll(() => void vi.useRealTimers());
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0.5));
afterEach(() => vi.restoreAllMocks());

const off = { breaker: false, bulkhead: false } as const;
const down = (retryAfterMs?: number) => failure("upstream_down", "no", retryAfterMs);

test("what was not sent is tried again twice, after pauses that double, with jitter", async () => {
  await using world = await scripted({ defaults: off });
  world.steps = [down(), down()];
  const result = world.call("write");
  await pass(49);
  expect(world.sent).toHaveLength(1);
  await pass(1);
  expect(world.sent).toHaveLength(2);
  await pass(99);
  expect(world.sent).toHaveLength(2);
  await pass(1);
  expect(await result).toBe("ok");
  expect(world.sent).toHaveLength(3);
  expect(world.sent[2]?.attempts).toEqual([
    { upstream: "up", error: "upstream_down" },
    { upstream: "up", error: "upstream_down" },
    { upstream: "up" },
  ]);
  expect(world.reading("retry.attempts")).toBe(2);
  expect(world.report().retry).toMatchObject({ retries: 2 });
});

test("the last error is told when no try succeeds", async () => {
  await using world = await scripted({ defaults: { ...off, retry: { retries: 1 } } });
  world.steps = [down(), failure("upstream_down", "no", 7_000)];
  const result = world.client.callTool("write").catch((error: unknown) => error);
  await pass(50);
  expect(await result).toMatchObject({ data: { type: "upstream_down", sent: "no", retryAfterMs: 7_000 } });
  expect(world.sent).toHaveLength(2);
});

test("a tool that may have run is not called again", async () => {
  await using world = await scripted({ defaults: off });
  for (const type of ["upstream_lost", "upstream_timeout", "upstream_error"] as const) {
    world.steps = [failure(type)];
    expect(await world.call("write")).toBe(type);
  }
  expect(world.sent).toHaveLength(3);
});

test("a tool that the upstream's config calls idempotent is called again, as often as configured", async () => {
  await using world = await scripted({ defaults: off }, { idempotent: ["wri*"] });
  world.steps = [failure("upstream_lost"), failure("upstream_timeout"), "ok"];
  const result = world.call("write");
  await pass(50);
  await pass(100);
  expect(await result).toBe("ok");
  world.steps = [failure("upstream_lost")];
  expect(await world.call("other")).toBe("upstream_lost");
});

test("a read that was lost is tried once more and not twice", async () => {
  await using world = await scripted({ defaults: off });
  world.steps = [failure("upstream_lost"), failure("upstream_lost"), "ok"];
  const result = world.client.getPrompt("hello").catch(typeOf);
  await pass(1_000);
  expect(await result).toBe("upstream_lost");
  expect(world.sent).toHaveLength(2);
});

test("after a loss, an error that says that nothing was sent is not what is told", async () => {
  await using world = await scripted({ defaults: off });
  world.steps = [failure("upstream_lost"), failure("upstream_auth", "no")];
  const result = world.client.getPrompt("hello").catch((error: unknown) => error);
  await pass(50);
  expect(await result).toMatchObject({ data: { type: "upstream_lost", sent: "unknown" } });
});

test("what a person was asked in is not repeated", async () => {
  await using world = await scripted({ defaults: off });
  world.steps = [
    async (exchange) => {
      Object.assign(exchange, { asked: true }); // as the host notes it when a server asks something
      throw failure("upstream_lost");
    },
  ];
  expect(await world.client.getPrompt("hello").catch(typeOf)).toBe("upstream_lost");
  expect(world.sent).toHaveLength(1);
});

test("Retry-After is waited for, if it is no longer than the longest pause; 429 without it is not tried again", async () => {
  await using world = await scripted({ defaults: off });
  world.steps = [failure("rate_limited", "no", 1_500)];
  const result = world.call();
  await pass(1_549);
  expect(world.sent).toHaveLength(1);
  await pass(1);
  expect(await result).toBe("ok");
  world.steps = [failure("rate_limited", "no", 2_000)];
  const longest = world.call();
  await pass(2_000); // and not a random part of `backoff` more
  expect(await longest).toBe("ok");
  world.steps = [failure("rate_limited", "no", 2_001)];
  expect(await world.call()).toBe("rate_limited");
  world.steps = [failure("rate_limited", "no")];
  expect(await world.call()).toBe("rate_limited");
  world.steps = [down(60_000)];
  expect(await world.call()).toBe("upstream_down");
});

test("answers, refusals and other errors are not tried again", async () => {
  await using world = await scripted({ defaults: off });
  const steps = [
    rpcError(),
    refusal("upstream_down"),
    failure("upstream_auth", "no"),
    failure("overloaded", "no"),
    failure("upstream_error", "no"),
  ];
  for (const step of steps) {
    world.steps = [step];
    await world.call();
  }
  expect(world.sent).toHaveLength(steps.length);
});

test("retries are a share of the calls, beyond a reserve", async () => {
  await using world = await scripted({ defaults: { ...off, retry: { retries: 1, budget: 0.5 } } });
  const failing = async (): Promise<void> => {
    world.steps = [down(), down()];
    const result = world.call();
    await pass(50);
    expect(await result).toBe("upstream_down");
  };
  // The reserve of 10, and half a retry for each of these calls.
  for (let calls = 0; calls < 30; calls++) await failing();
  expect(world.reading("retry.attempts")).toBeGreaterThanOrEqual(20);
  expect(world.reading("retry.attempts")).toBeLessThanOrEqual(25);
  expect(world.report().retry).toMatchObject({ budget: 0 });
});

test("no retry begins after the deadline of the call", async () => {
  await using world = await scripted({ defaults: off }, { maxTimeout: 40 });
  world.steps = [down()];
  expect(await world.call("write")).toBe("upstream_down");
  expect(world.sent).toHaveLength(1);
});

test("a client that cancels during the pause is not called for, and nothing stays behind", async () => {
  await using world = await scripted({ defaults: off });
  world.steps = [down()];
  const controller = new AbortController();
  const result = world.client.callTool("write", {}, { signal: controller.signal }).catch((error: unknown) => error);
  await settle();
  expect(world.sent).toHaveLength(1);
  controller.abort(new Error("enough"));
  await result;
  await pass(10_000);
  expect(world.sent).toHaveLength(1);
});

test("a host that closes ends the pauses", async () => {
  const world = await scripted({ defaults: { ...off, retry: { backoff: "1m", maxBackoff: "1m" } } });
  world.steps = [down()];
  const result = world.call("write");
  await settle();
  const closing = world.close();
  await pass(1);
  await closing;
  await pass(60_000);
  expect(await Promise.race([result, "no answer"])).not.toBe("ok");
  expect(world.sent).toHaveLength(1);
});

test("a retry into an open breaker is none: the first error is told", async () => {
  await using world = await scripted({ defaults: { bulkhead: false, breaker: { consecutive: 1 } } });
  world.steps = [failure("upstream_lost"), "ok"];
  const result = world.client.getPrompt("hello").catch((error: unknown) => error);
  await pass(50);
  expect(await result).toMatchObject({ data: { type: "upstream_lost", sent: "unknown" } });
  expect(world.sent).toHaveLength(1);
});

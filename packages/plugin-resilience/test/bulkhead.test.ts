import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { pass, settle, stopClocks } from "./clock.ts";
import { failure, held, scripted } from "./scripted.ts";

beforeAll(stopClocks);
afterAll(() => void vi.useRealTimers());

const bulkhead = (options: object) => ({ defaults: { retry: false, breaker: false, bulkhead: options } }) as const;

test("so many at a time, so many in the queue, and further ones are refused at once", async () => {
  await using world = await scripted(bulkhead({ concurrent: 2, queue: 1 }));
  const calls = [held(), held(), held()] as const;
  world.steps = calls.map(({ step }) => step);
  const first = world.call();
  const second = world.call();
  const third = world.call();
  await settle();
  expect(world.sent).toHaveLength(2);
  expect(world.report().bulkhead).toEqual({ active: 2, concurrent: 2, queued: 1, rejected: 0 });
  expect([world.reading("bulkhead.active"), world.reading("bulkhead.queued")]).toEqual([2, 1]);
  await expect(world.client.callTool("scripted")).rejects.toMatchObject({
    message: 'upstream "up" has 2 calls in flight and a full queue; nothing was sent',
    data: { type: "overloaded", upstream: "up", sent: "no", retryable: true },
  });
  expect(world.reading("bulkhead.rejected")).toBe(1);

  calls[0].end(failure("upstream_lost"));
  expect(await first).toBe("upstream_lost");
  await settle();
  expect(world.sent).toHaveLength(3);
  calls[1].end();
  calls[2].end();
  expect([await second, await third]).toEqual(["held", "held"]);
  expect(world.report().bulkhead).toMatchObject({ active: 0, queued: 0 });
});

test("who waits too long is refused, and the next in the queue still has its turn", async () => {
  await using world = await scripted(bulkhead({ concurrent: 1, queue: 5, queueTimeout: "5s" }));
  const busy = held();
  world.steps = [busy.step];
  const first = world.call();
  await settle();
  const second = world.call();
  await pass(4_000);
  const third = world.call();
  await pass(1_000);
  expect(await second).toBe("overloaded");
  busy.end();
  expect(await first).toBe("held");
  expect(await third).toBe("ok");
  expect(world.sent).toHaveLength(2);
  expect(world.report().bulkhead).toMatchObject({ active: 0, queued: 0, rejected: 1 });
});

test("a call that is cancelled while it waits is never sent, and leaves its place to the next", async () => {
  await using world = await scripted(bulkhead({ concurrent: 1, queue: 1 }));
  const busy = held();
  world.steps = [busy.step];
  const first = world.call();
  await settle();
  const controller = new AbortController();
  const second = world.client.callTool("write", {}, { signal: controller.signal }).catch(() => "cancelled");
  await settle();
  controller.abort(new Error("enough"));
  expect(await second).toBe("cancelled");
  await settle();
  expect(world.report().bulkhead).toMatchObject({ active: 1, queued: 0 });
  const third = world.call("other");
  await settle();
  busy.end();
  expect([await first, await third]).toEqual(["held", "ok"]);
  expect(world.sent.map(({ params }) => params.name)).toEqual(["scripted", "other"]);
});

test("while the breaker is open nobody waits for a turn", async () => {
  await using world = await scripted({ defaults: { retry: false, breaker: { consecutive: 1 }, bulkhead: { concurrent: 1, queue: 5 } } });
  const [busy, waiting] = [held(), held()];
  world.steps = [busy.step, waiting.step];
  const first = world.call();
  await settle();
  const second = world.call();
  await settle();
  busy.end(failure("upstream_lost"));
  expect(await first).toBe("upstream_lost");
  expect(await second).toBe("circuit_open");
  expect(await world.call()).toBe("circuit_open");
  expect(world.sent).toHaveLength(1);
});

test("a host that closes ends the waits", async () => {
  const world = await scripted(bulkhead({ concurrent: 1, queue: 5 }));
  const busy = held();
  world.steps = [busy.step];
  const first = world.call();
  await settle();
  const second = world.call();
  await settle();
  const closing = world.close();
  await pass(1);
  await closing;
  busy.end();
  await pass(60_000);
  expect(await Promise.race([second, "no answer"])).not.toBe("ok");
  expect(await Promise.race([first, "no answer"])).not.toBe("ok");
  expect(world.sent).toHaveLength(1);
});

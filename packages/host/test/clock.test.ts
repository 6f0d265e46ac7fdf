import { definePlugin, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, FakeClock, FakeRandom } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { clockOf, machineClock } from "../src/plugin/clock.ts";
import { machineRandom } from "../src/plugin/random.ts";

/** A plugin that does nothing but hand out what it is given. */
function taken(): { plugin: Plugin; host(): PluginHost } {
  let given: PluginHost | undefined;
  const plugin = definePlugin({
    name: "taken",
    host: "^1.0.0",
    apply(host) {
      host.hooks.close.tap("taken", () => {});
      given = host;
    },
  })();
  return {
    plugin,
    host() {
      if (!given) throw new Error("the plugin was not applied");
      return given;
    },
  };
}

describe("the clock of a plugin", () => {
  test("is the test's: what waits on it comes when it is turned, in order", async () => {
    const clock = new FakeClock(1_000);
    const { plugin, host } = taken();
    await using _ = await createTestHost({ plugins: [plugin], clock });
    const { now, monotonic, setTimeout, setInterval, sleep } = host().clock;
    const seen: unknown[] = [];
    setTimeout(() => seen.push(["timeout", now()]), 250);
    const end = setInterval(() => seen.push(["interval", monotonic()]), 100);
    void sleep(300).then(() => seen.push(["slept", now()]));
    setTimeout(() => seen.push("never"), 200)();
    await clock.advance(350);
    end();
    await clock.advance(1_000);
    expect(seen).toEqual([
      ["interval", 1_100],
      ["interval", 1_200],
      ["timeout", 1_250],
      ["slept", 1_300],
      ["interval", 1_300],
    ]);
    expect(clock.waiting).toBe(0);
  });

  test("an interval can be ended by its own work", async () => {
    const clock = new FakeClock();
    const { plugin, host } = taken();
    await using _ = await createTestHost({ plugins: [plugin], clock });
    let times = 0;
    const end = host().clock.setInterval(() => {
      if (++times === 3) end();
    }, 10);
    await clock.advance(1_000);
    expect([times, clock.waiting]).toEqual([3, 0]);
  });

  test("a sleep ends early with its signal, and never rejects", async () => {
    const clock = new FakeClock();
    const { plugin, host } = taken();
    await using _ = await createTestHost({ plugins: [plugin], clock });
    const stop = new AbortController();
    const sleeping = host().clock.sleep(1_000, stop.signal);
    stop.abort();
    await sleeping;
    await host().clock.sleep(1_000, stop.signal);
    expect(clock.waiting).toBe(0);
  });

  test("what waits ends with the plugin: timers come no more, sleeps are over", async () => {
    const clock = new FakeClock();
    const { plugin, host } = taken();
    await using running = await createTestHost({ plugins: [plugin], clock });
    const gone = host();
    let called = 0;
    gone.clock.setTimeout(() => called++, 100);
    gone.clock.setInterval(() => called++, 100);
    const sleeping = gone.clock.sleep(100);
    expect(clock.waiting).toBe(3);
    await running.host.reload({ plugins: [] });
    await sleeping;
    expect(gone.signal.aborted).toBe(true);
    gone.clock.setTimeout(() => called++, 100);
    gone.clock.setInterval(() => called++, 100);
    await gone.clock.sleep(100);
    await clock.advance(1_000);
    expect([called, clock.waiting]).toEqual([0, 0]);
  });

  test("work that fails is logged with the plugin's name and harms nobody", async () => {
    const clock = new FakeClock();
    const { plugin, host } = taken();
    await using running = await createTestHost({ plugins: [plugin], clock });
    host().clock.setTimeout(() => {
      throw new Error("the timer is broken");
    }, 10);
    const end = host().clock.setInterval(async () => {
      throw new Error("each time");
    }, 20);
    await clock.advance(40);
    end();
    const failed = running.log.filter(({ message }) => message === "work of a plugin that waited for its time failed");
    expect(failed.map(({ plugin: id, error }) => [id, error])).toEqual([
      ["taken", "Error: the timer is broken"],
      ["taken", "Error: each time"], // the second time it is only counted
    ]);
  });

  test("is this machine's without a test's, and keeps no process alive", async () => {
    const gone = new AbortController();
    const clock = clockOf({ clock: machineClock, signal: gone.signal, failed: () => {} });
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1_000);
    expect(Math.abs(clock.monotonic() - performance.now())).toBeLessThan(1_000);
    const before = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    clock.setInterval(() => {}, 60_000);
    clock.setTimeout(() => {}, 60_000);
    const sleeping = clock.sleep(60_000);
    expect(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length).toBe(before); // those that hold the process
    gone.abort();
    await sleeping;
    let over = false;
    await new Promise<void>((resolve) => {
      const held = setInterval(() => {}, 1_000); // the timer itself holds nothing
      clockOf({ clock: machineClock, signal: new AbortController().signal, failed: () => {} }).setTimeout(() => {
        over = true;
        clearInterval(held);
        resolve();
      }, 1);
    });
    expect(over).toBe(true);
  });

  test("stores in memory go by it: a time to live is over when the test says so", async () => {
    const clock = new FakeClock();
    const { plugin, host } = taken();
    await using _ = await createTestHost({ plugins: [plugin], clock });
    const store = host().store("counts");
    await store.set("a", 1, 60_000);
    await clock.advance(59_999);
    expect(await store.get("a")).toBe(1);
    await clock.advance(1);
    expect(await store.get("a")).toBeUndefined();
  });
});

describe("random", () => {
  test("is the test's: the same seed gives the same", async () => {
    const drawn = async (seed: number) => {
      const { plugin, host } = taken();
      await using _ = await createTestHost({ plugins: [plugin], random: new FakeRandom(seed) });
      const { random } = host();
      return [random.float(), Buffer.from(random.bytes(8)).toString("hex"), random.uuid()];
    };
    expect(await drawn(7)).toEqual(await drawn(7));
    expect(await drawn(7)).not.toEqual(await drawn(8));
  });

  test.each([
    ["this machine's", machineRandom],
    ["the fake one", new FakeRandom()],
  ])("%s gives what it says", (_name, random) => {
    expect(random.bytes(33)).toHaveLength(33);
    expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(random.uuid()).not.toBe(random.uuid());
    const floats = Array.from({ length: 1_000 }, () => random.float());
    expect(floats.every((float) => float >= 0 && float < 1)).toBe(true);
    expect(floats.some((float) => float < 0.1) && floats.some((float) => float > 0.9)).toBe(true);
  });
});

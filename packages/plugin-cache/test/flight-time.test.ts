import { expect, test, vi } from "vitest";
import { gated, numbered, served } from "./served.ts";

// Alone in its process: the host's one timer for all deadlines stays on the fake clock.
test("a call that joined late has its own time: when the first one's is up, it asks again", async () => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  const turns = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  };
  try {
    const { a, gates } = gated();
    await using host = await served({ a }, { tools: "get" }, { upstream: { timeout: 1_000, healthInterval: 0 } });
    const first = host.client.call("get");
    first.catch(() => {});
    await turns();
    vi.advanceTimersByTime(600);
    const second = host.client.text("get");
    await turns();
    vi.advanceTimersByTime(500);
    await expect(first).rejects.toMatchObject({ data: { type: "upstream_timeout", sent: "unknown" } });
    await turns();
    expect(gates).toHaveLength(2);
    gates[1]?.open(numbered(2));
    expect(await second).toBe("2");
  } finally {
    vi.useRealTimers();
  }
});

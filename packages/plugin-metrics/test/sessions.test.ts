import type { SessionEvent } from "mcp-host";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Runtime } from "../dist/runtime.js";
import { Sessions } from "../dist/sessions.js";
import { Upstreams } from "../dist/upstreams.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

const session = (network: boolean, version = "2025-11-25") => ({ network, client: { version } }) as unknown as SessionEvent["session"]; // all that is read of it

test("sessions are counted by transport while they are open, and timed when they end", () => {
  const sessions = new Sessions();
  const [far, near, silent] = [session(true), session(false), session(true, "")];
  for (const each of [far, near, silent]) sessions.changed({ event: "opened", session: each });
  expect(Object.fromEntries(sessions.open())).toEqual({ tcp: 2, pipe: 1 });
  vi.advanceTimersByTime(30_000);
  for (const each of [far, silent]) sessions.changed({ event: "closed", session: each });
  sessions.changed({ event: "closed", session: far });
  expect(Object.fromEntries(sessions.open())).toEqual({ tcp: 0, pipe: 1 });
  expect(Object.fromEntries(sessions.opened())).toEqual({ tcp: 2, pipe: 1 });
  expect([...sessions.durations()].map(({ labels, duration }) => [labels, duration.sum, duration.count])).toEqual([
    [{ network_transport: "tcp", mcp_protocol_version: "2025-11-25" }, 30, 1],
    [{ network_transport: "tcp", mcp_protocol_version: "" }, 30, 1],
  ]);
});

test("changes of state are counted by upstream and state", () => {
  const upstreams = new Upstreams();
  const changed = (key: string, state: Parameters<Upstreams["changed"]>[0]["state"]): void =>
    upstreams.changed({ key, state, wire: "stdio", isolation: "shared", reason: undefined });
  changed("a", "connecting");
  changed("a", "ready");
  changed("a", "connecting");
  changed("b", "failed");
  expect([...upstreams.changes].map(([key, changes]) => [key, Object.fromEntries(changes)])).toEqual([
    ["a", { connecting: 2, ready: 1 }],
    ["b", { failed: 1 }],
  ]);
});

test("before it was started and after it was stopped, there is no lag to tell", () => {
  const runtime = new Runtime();
  const none = { mean: 0, p50: 0, p99: 0, max: 0 };
  expect(runtime.lag(true)).toEqual(none);
  runtime.start();
  expect(runtime.lag(true)).toEqual(none);
  runtime.stop();
  runtime.stop();
  expect(runtime.lag(true)).toEqual(none);
});

test("an event loop that is kept waiting lags, until somebody has looked anew", async () => {
  vi.useRealTimers();
  const runtime = new Runtime();
  runtime.start();
  try {
    const blocked = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 50)); // the delay is measured from one look to the next
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await vi.waitFor(async () => {
      await blocked();
      expect(runtime.lag(false).max).toBeGreaterThan(0.1);
    });
    expect(runtime.lag(true).max).toBeGreaterThan(0.1);
    expect(runtime.lag(false).max).toBeLessThan(0.1);
  } finally {
    runtime.stop();
  }
});

import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { HostError } from "../dist/errors.js";
import type { Caller } from "../dist/exchange/caller.js";
import { HostExchange } from "../dist/exchange/host-exchange.js";

beforeAll(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterAll(() => void vi.useRealTimers());

const session: Caller = {
  id: "s",
  principal: { id: "local", roles: [] },
  client: { info: {}, version: "2025-11-25", logLevel: undefined },
  capabilities: {},
  endpoint: undefined,
  network: false,
  sole: true,
};

function started(): HostExchange {
  const exchange = new HostExchange({ method: "tools/call", params: {}, caller: session, sink: undefined });
  exchange.route = { upstream: "up" };
  exchange.start();
  return exchange;
}

const forever = (): Promise<never> => new Promise(() => {});
/** What a promise ended with, as far as it has. */
function ending(promise: Promise<unknown>): { error?: unknown; result?: unknown } {
  const seen: { error?: unknown; result?: unknown } = {};
  promise.then(
    (result) => Object.assign(seen, { result }),
    (error: unknown) => Object.assign(seen, { error }),
  );
  return seen;
}

test("what is in time is given, and leaves no clock running", async () => {
  const exchange = started();
  expect(await exchange.within({ timeout: 100, maxTimeout: 200 }, () => Promise.resolve({ fine: true }))).toEqual({ fine: true });
  await expect(exchange.within({ timeout: 100, maxTimeout: 200 }, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(
    exchange.within({ timeout: 100, maxTimeout: 200 }, () => {
      throw new Error("at once");
    }),
  ).rejects.toThrow("at once");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(exchange.stopped).toBeUndefined();
  exchange.release();
});

test("silence ends it and not the exchange; signs of life and questions to a person put it off, up to the total", async () => {
  const exchange = started();
  const first = ending(exchange.within({ timeout: 100, maxTimeout: 1_000 }, forever));
  await vi.advanceTimersByTimeAsync(90);
  exchange.touch();
  await vi.advanceTimersByTimeAsync(90);
  expect(first).toEqual({});
  await vi.advanceTimersByTimeAsync(20);
  expect(first.error).toMatchObject({ type: "upstream_timeout", message: expect.stringContaining("within 100 ms; nothing was sent") });
  expect(exchange.stopped).toBeUndefined();

  const second = ending(exchange.within({ timeout: 100, maxTimeout: 1_000 }, forever));
  exchange.pause();
  await vi.advanceTimersByTimeAsync(900);
  expect(second).toEqual({});
  await vi.advanceTimersByTimeAsync(101);
  expect(second.error).toMatchObject({ message: expect.stringContaining("within 1000 ms") });
  exchange.resume();
  exchange.release();
});

test("what listens since it began is stopped, and nothing else", async () => {
  const exchange = started();
  const before = vi.fn();
  exchange.onStop(before);
  const stopped: unknown[] = [];
  const call = ending(
    exchange.within({ timeout: 50, maxTimeout: 50 }, () => {
      exchange.sent = "unknown";
      return new Promise((_, reject) => {
        exchange.onStop((error) => {
          stopped.push(error);
          reject(new Error("given up"));
        });
      });
    }),
  );
  await vi.advanceTimersByTimeAsync(60);
  expect(stopped).toEqual([expect.any(HostError)]);
  expect(call.error).toMatchObject({ message: "given up" });
  expect(before).not.toHaveBeenCalled();
  exchange.release();
});

test("a plugin that hangs inside is named", async () => {
  const exchange = started();
  const call = ending(
    exchange.within({ timeout: 50, maxTimeout: 50 }, () => {
      exchange.at = { plugin: "sleepy", hook: "call" };
      return forever();
    }),
  );
  await vi.advanceTimersByTimeAsync(60);
  expect(call.error).toMatchObject({ type: "plugin_failure", plugin: "sleepy" });
  exchange.release();
});

test("the exchange's own patience goes before", async () => {
  const exchange = started();
  exchange.allow({ timeout: 30, maxTimeout: 1_000 });
  const call = ending(exchange.within({ timeout: 500, maxTimeout: 500 }, () => new Promise((_, reject) => exchange.onStop(reject))));
  await vi.advanceTimersByTimeAsync(40);
  expect(exchange.stopped).toMatchObject({ type: "upstream_timeout" });
  expect(call.error).toBe(exchange.stopped);
  exchange.release();
});

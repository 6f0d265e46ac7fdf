import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Backoff } from "../dist/upstream/backoff.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const fail = (backoff: Backoff, times: number): number[] =>
  Array.from({ length: times }, () => {
    backoff.tries();
    return backoff.failed();
  });

test("the longest wait doubles from one second to one minute", () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  expect(fail(new Backoff(), 9)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test("a wait is anywhere below the longest one, and never shorter than a quarter of a second", () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  expect(fail(new Backoff(), 3)).toEqual([250, 250, 250]);
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  expect(fail(new Backoff(), 3)).toEqual([500, 1_000, 2_000]);
});

test("a thousand failures later the wait is still a minute at most", () => {
  for (const wait of fail(new Backoff(), 2_000)) expect(wait).toBeLessThanOrEqual(60_000);
});

test("five failures in a row are hopeless, four are not", () => {
  const backoff = new Backoff();
  fail(backoff, 4);
  expect(backoff.isHopeless).toBe(false);
  fail(backoff, 1);
  expect(backoff.isHopeless).toBe(true);
  backoff.reset();
  expect(backoff.isHopeless).toBe(false);
});

test("a use may try again at once after the first failure, and after that not at every call", () => {
  const backoff = new Backoff();
  fail(backoff, 1);
  expect(backoff.pause).toBe(0);
  fail(backoff, 1);
  expect(backoff.pause).toBe(250);
  vi.advanceTimersByTime(249);
  expect(backoff.pause).toBe(1);
  vi.advanceTimersByTime(1);
  expect(backoff.pause).toBe(0);
});

test("once it is hopeless, a use may try once a minute", () => {
  const backoff = new Backoff();
  fail(backoff, 5);
  expect(backoff.pause).toBe(60_000);
  vi.advanceTimersByTime(60_000);
  expect(backoff.pause).toBe(0);
});

test("a healthy minute makes failures forgotten, a shorter one does not", () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  const backoff = new Backoff();
  fail(backoff, 3);
  backoff.succeeded();
  vi.advanceTimersByTime(60_000);
  expect(backoff.failed()).toBe(8_000);
  backoff.succeeded();
  vi.advanceTimersByTime(60_001);
  expect(backoff.failed()).toBe(1_000);
});

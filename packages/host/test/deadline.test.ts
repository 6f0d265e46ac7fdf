import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withDeadline } from "../dist/wire/deadline.js";

const forever = new Promise<never>(() => {});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test("what is done in time is given, and its timer is gone", async () => {
  expect(await withDeadline(Promise.resolve("done"), 100, () => "late")).toBe("done");
  await expect(withDeadline(Promise.reject(new Error("failed")), 100, () => "late")).rejects.toThrow("failed");
  expect(vi.getTimerCount()).toBe(0);
});

test("once the time is up, what was said for that case is given", async () => {
  const given = withDeadline(forever, 100, () => "late");
  await vi.advanceTimersByTimeAsync(100);
  expect(await given).toBe("late");
});

test("what is thrown for a wait that must not be given up rejects", async () => {
  const given = withDeadline(forever, 100, () => {
    throw new Error("too late");
  });
  await Promise.all([expect(given).rejects.toThrow("too late"), vi.advanceTimersByTimeAsync(100)]);
});

test("a process may end before the time is up where that is wanted", () => {
  const made = vi.spyOn(globalThis, "setTimeout");
  void withDeadline(forever, 100, () => {});
  void withDeadline(forever, 100, () => {}, { unref: true });
  expect(made.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([true, false]);
});

import { FakeClock } from "mcp-host/testing";
import { expect, test } from "vitest";
import { Consumers } from "../dist/consumers.js";
import { Ledger } from "../dist/ledger.js";
import { windowsOf } from "../dist/windows.js";
import { NOON } from "./limited.ts";

test("what is known to be used up is bounded, and what is forgotten of it is still refused", async () => {
  const clock = new FakeClock(NOON);
  const counters = new Map<string, number>();
  let asked = 0;
  const store = {
    increment: (key: string, by = 1) => {
      asked++;
      counters.set(key, (counters.get(key) ?? 0) + by);
      return counters.get(key) ?? 0;
    },
  } as never; // as much of a store as is asked here
  const windows = windowsOf("day", "UTC");
  const ledger = new Ledger({
    name: "few",
    limit: 1,
    window: "day",
    windows,
    stores: { known: store, anyone: store },
    clock,
    generation: () => "",
  });
  const bucket = (key: string) => ({ key, label: key, isKnown: false });
  const SOME = 10_050;
  for (let i = 0; i < SOME; i++) {
    expect((await ledger.take(bucket(`a${i}`), true)).passes).toBe(true);
    expect((await ledger.take(bucket(`a${i}`), true)).passes).toBe(false);
  }
  expect(ledger.spentUntil(bucket(`a${SOME - 1}`)), "asked of nobody").toBe(NOON + 12 * 3_600_000);
  expect(ledger.spentUntil(bucket("a0")), "the oldest has made room").toBeUndefined();
  const before = asked;
  expect((await ledger.take(bucket("a0"), true)).passes).toBe(false);
  expect(asked).toBeGreaterThan(before);
  await clock.advance(12 * 3_600_000);
  expect(ledger.spentUntil(bucket(`a${SOME - 1}`)), "the day is over").toBeUndefined();
  expect((await ledger.take(bucket(`a${SOME - 1}`), true)).passes).toBe(true);
});

test("of those who use most a hundred are known, and a flood of others pushes none of them out", () => {
  const consumers = new Consumers();
  consumers.note("most", 50, 1_000, 0);
  for (let i = 0; i < 5_000; i++) consumers.note(`a${i}`, 1, 1_000, 0);
  consumers.note("more", 60, 1_000, 0);
  expect(consumers.top(3, 500)).toEqual([
    { who: "more", used: 60 },
    { who: "most", used: 50 },
    { who: expect.any(String), used: 1 },
  ]);
  expect(consumers.top(1_000, 500).length).toBe(100);
  expect(consumers.top(3, 1_000), "their windows are over").toEqual([]);
});

test("a window of a calendar ends where its time zone says, also on days of 23 and 25 hours", () => {
  const day = windowsOf("day", "Europe/Berlin");
  const at = (text: string): { id: string; end: string } => {
    const { id, end } = day(Date.parse(text), "");
    return { id, end: new Date(end).toISOString() };
  };
  expect(at("2026-03-29T00:30:00Z")).toEqual({ id: "2026-03-29", end: "2026-03-29T22:00:00.000Z" });
  expect(at("2026-10-25T12:00:00Z")).toEqual({ id: "2026-10-25", end: "2026-10-25T23:00:00.000Z" });
  expect(at("2026-10-24T22:00:00Z")).toEqual({ id: "2026-10-25", end: "2026-10-25T23:00:00.000Z" });
  const month = windowsOf("month", "Pacific/Auckland");
  const { id, end } = month(Date.parse("2026-12-31T11:00:00Z"), "");
  expect([id, new Date(end).toISOString()]).toEqual(["2027-01", "2027-01-31T11:00:00.000Z"]);
});

test("windows of a duration follow one another without a gap, each key's at its own moment", () => {
  const minute = windowsOf(60_000, "UTC");
  const first = minute(NOON, "ann");
  const next = minute(first.end, "ann");
  expect([next.end - first.end, minute(first.end - 1, "ann")]).toEqual([60_000, first]);
  expect(next.id).not.toBe(first.id);
  const ends = new Set(Array.from({ length: 50 }, (_, index) => minute(NOON, `p${index}`).end));
  expect(ends.size).toBeGreaterThan(40);
});

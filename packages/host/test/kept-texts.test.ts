import { randomBytes } from "node:crypto";
import { KeptTexts } from "mcp-host";
import { describe, expect, test } from "vitest";

describe("kept texts", () => {
  const make = (size: number) => {
    let now = 0;
    return { rests: new KeptTexts<string>({ size, time: 1_000, now: () => now, bytes: randomBytes }), later: (ms: number) => (now += ms) };
  };

  test("one scope has at most a quarter; its own oldest make room, never another's", () => {
    const { rests } = make(800);
    const other = rests.keep("b", "x".repeat(100), "t") ?? "";
    const first = rests.keep("a", "x".repeat(60), "t") ?? "";
    const second = rests.keep("a", "y".repeat(60), "t") ?? "";
    expect([rests.read(first, "a"), rests.read(second, "a")?.text.length, rests.read(other, "b")?.text.length]).toEqual([
      undefined,
      60,
      100,
    ]);
    expect(rests.keep("a", "x".repeat(101), "t")).toBeUndefined();
    expect([rests.bytes, rests.count]).toEqual([320, 2]);
  });

  test("all together have so many bytes, and each its time", () => {
    const { rests, later } = make(800);
    const ids = ["a", "b", "c", "d", "e"].map((scope) => rests.keep(scope, "x".repeat(100), "t") ?? "");
    expect(rests.bytes).toBe(800);
    expect(rests.read(ids[0] ?? "", "a")).toBeUndefined();
    expect(rests.read(ids[4] ?? "", "e")).toMatchObject({ text: "x".repeat(100), about: "t" });
    later(1_001);
    expect(rests.read(ids[4] ?? "", "e")).toBeUndefined();
    expect([rests.bytes, rests.count]).toEqual([0, 0]);
  });
});

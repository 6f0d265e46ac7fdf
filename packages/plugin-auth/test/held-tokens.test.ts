import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HeldTokens } from "../dist/held-tokens.js";

const alice = { id: "jwt:alice", roles: [], binding: "one" };
const HOUR = 3_600_000;
const issuer = "https://issuer.example";

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: 0 }));
afterEach(() => void vi.useRealTimers());

test("nothing is held until somebody needs it, and nothing when nobody does any more", () => {
  const held = new HeldTokens();
  held.note(alice, "t1", issuer, HOUR);
  expect(held.of(alice)).toBeUndefined();
  const ends = [held.keep(), held.keep()];
  held.note(alice, "t1", issuer, HOUR);
  expect(held.of(alice)).toEqual({ value: "t1", issuer, expires: HOUR });
  ends[0]?.();
  ends[0]?.();
  expect(held.of(alice)).toBeDefined();
  ends[1]?.();
  expect(held.of(alice)).toBeUndefined();
});

test("of several the one that ends last is held, until it ends; of no other binding", () => {
  const held = new HeldTokens();
  held.keep();
  held.note(alice, "t1", issuer, HOUR);
  held.note(alice, "t2", issuer, 2 * HOUR);
  held.note(alice, "t1", issuer, HOUR);
  expect(held.of(alice)).toMatchObject({ value: "t2" });
  expect(held.of({ id: alice.id, binding: "two" })).toBeUndefined();
  expect(held.of({ id: alice.id })).toBeUndefined();
  vi.setSystemTime(2 * HOUR);
  expect(held.of(alice)).toBeUndefined();
});

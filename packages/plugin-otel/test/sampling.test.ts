import type { Exchange } from "mcp-host";
import { expect, test } from "vitest";
import { Sampler } from "../dist/sampling.js";

const FIRST = "0".repeat(32);
/** Of an exchange the sampler looks at the time alone, where there are no rules. */
const at = (start: number): Exchange => ({ timings: { start } }) as unknown as Exchange;

/** How many of a hundred traces in one second are sampled, and of as many in the next. */
function sampled(settings: { ratio?: number; perSecond?: number | false }): [number, number] {
  const sampler = new Sampler({ parent: true, rules: [], ratio: undefined, perSecond: undefined, ...settings });
  const count = (start: number): number =>
    Array.from({ length: 100 }, () => sampler.samples(at(start), FIRST, undefined)).filter(Boolean).length;
  return [count(5_100), count(6_900)];
}

test.each([
  [{}, 20],
  [{ ratio: 1 }, 100],
  [{ ratio: 1, perSecond: 7 }, 7],
  [{ perSecond: 7 }, 7],
  [{ perSecond: false as const }, 100],
  [{ ratio: 0 }, 0],
])("with %j, %i of a hundred traces in a second are sampled, all of which the ratio takes", (settings, most) => {
  expect(sampled(settings)).toEqual([most, most]);
});

test("what a client wants sampled is not counted", () => {
  const sampler = new Sampler({ parent: true, rules: [], ratio: undefined, perSecond: 1 });
  const wanted = { traceId: FIRST, spanId: "1".repeat(16), isSampled: true, state: undefined };
  for (let i = 0; i < 50; i++) expect(sampler.samples(at(5_000), FIRST, wanted)).toBe(true);
  expect(sampler.samples(at(5_000), FIRST, undefined)).toBe(true);
  expect(sampler.samples(at(5_000), FIRST, undefined)).toBe(false);
});

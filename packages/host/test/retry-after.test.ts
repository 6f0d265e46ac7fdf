import { expect, test } from "vitest";
import { retryAfter } from "../dist/upstream/http-failure.js";

const date = "Wed, 21 Oct 2015 07:28:00 GMT";

test.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ["0", 0],
  ["2", 2_000],
  ["999999999", 86_400_000],
  ["9999999999", undefined],
  ["-1", undefined],
  ["1.5", undefined],
  ["soon", undefined],
  ["2020", 2_020_000],
  ["", undefined],
  ["Wed, 21 Oct 2015 07:28:05 GMT", 5_000],
  ["Wednesday, 21-Oct-15 07:28:05 GMT", 5_000],
  ["Wed, 21 Oct 2015 07:27:00 GMT", 0],
  ["Wed, 21 Oct 2099 07:27:00 GMT", 86_400_000],
  ["Wed, the day after", undefined],
])("Retry-After: %s is %s ms", (text, expected) => {
  expect(retryAfter({ date, ...(text !== undefined && { "retry-after": text }) })).toBe(expected);
});

test("without a Date of the server's, its date is taken by the host's clock", () => {
  const pause = retryAfter({ "retry-after": new Date(Date.now() + 60_000).toUTCString() });
  expect(pause).toBeGreaterThan(0);
  expect(pause).toBeLessThanOrEqual(60_000);
});

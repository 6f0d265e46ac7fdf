import { expect, test } from "vitest";
import { duration, size } from "../dist/config/units.js";

test.each([
  ["250ms", 250],
  ["30s", 30_000],
  ["5m", 300_000],
  ["1h", 3_600_000],
  ["1d", 86_400_000],
  ["1.5s", 1_500],
  [" 2 S ", 2_000],
  [0, 0],
  [42, 42],
])("the duration %j is %d ms", (written, milliseconds) => {
  expect(duration.parse(written)).toBe(milliseconds);
});

test.each([
  ["1b", 1],
  ["64kb", 65_536],
  ["8mb", 8_388_608],
  ["1GB", 1_073_741_824],
  ["0.5 kb", 512],
  [7, 7],
])("the size %j is %d bytes", (written, bytes) => {
  expect(size.parse(written)).toBe(bytes);
});

test.each(["", "30", "s", "-1s", "1,5s", "1e3s", "30 seconds", "5constructor", "1h30m", "∞s"])("%j is no duration", (written) => {
  expect(duration.safeParse(written).error?.issues[0]?.message).toBe(`"${written}" is not one of the forms "250ms", "30s", "5m", "1h"`);
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, null, true, {}])("%s is no duration", (written) => {
  expect(duration.safeParse(written).success).toBe(false);
});

test("a size is no duration and a duration is no size", () => {
  expect(duration.safeParse("8mb").success).toBe(false);
  expect(size.safeParse("30s").error?.issues[0]?.message).toBe('"30s" is not one of the forms "64kb", "8mb"');
});

test("a duration beyond what a timer can wait is refused, since a timer would fire at once", () => {
  expect(duration.parse(2 ** 31 - 1)).toBe(2 ** 31 - 1);
  for (const written of [2 ** 31, "25d"]) expect(duration.safeParse(written).error?.issues[0]?.message).toMatch(/longer than 24 days/);
  expect(size.parse(2 ** 31)).toBe(2 ** 31);
});

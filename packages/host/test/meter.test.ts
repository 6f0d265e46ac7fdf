import { describe, expect, test } from "vitest";
import { Meters } from "../dist/plugin/meter.js";

/** What an instrument tells, as pairs. */
const told = (meters: Meters, name: string): unknown =>
  meters
    .of("reader")
    .instruments()
    .filter((instrument) => instrument.name === name)
    .map(({ plugin, readings }) => [plugin, readings().map(({ labels, value }) => [...labels, value])]);

describe("a counter", () => {
  test("is read by everybody, with its facts and its plugin", () => {
    const meters = new Meters();
    meters.of("cache").counter({ name: "cache.hits", description: "Answers from the cache.", labels: ["upstream"] });
    expect(meters.of("metrics").instruments()).toMatchObject([
      { name: "cache.hits", description: "Answers from the cache.", unit: "1", labels: ["upstream"], kind: "counter", plugin: "cache" },
    ]);
  });

  test("counts by one or by more, for each set of labels", () => {
    const meters = new Meters();
    const counter = meters.of("a").counter({ name: "n", description: "", labels: ["x", "y"] });
    counter.add(1, "1", "2");
    counter.add(undefined, "1", "2");
    counter.add(2.5, "2", "1");
    counter.add(1, "", "1,2");
    expect(told(meters, "n")).toEqual([
      [
        "a",
        [
          ["1", "2", 2],
          ["2", "1", 2.5],
          ["", "1,2", 1],
        ],
      ],
    ]);
  });

  test("without labels is there from the start, with labels from its first use", () => {
    const meters = new Meters();
    meters.of("a").counter({ name: "plain", description: "" });
    meters.of("a").counter({ name: "labelled", description: "", labels: ["x"] });
    expect(told(meters, "plain")).toEqual([["a", [[0]]]]);
    expect(told(meters, "labelled")).toEqual([["a", []]]);
  });

  test("keeps a thousand sets of labels and counts the rest together, losing nothing", () => {
    const meters = new Meters();
    const counter = meters.of("a").counter({ name: "n", description: "", labels: ["x"] });
    for (let round = 0; round < 2; round++) for (let i = 0; i < 1_100; i++) counter.add(1, String(i));
    const [[, readings]] = told(meters, "n") as [[string, [string, number][]]];
    expect(readings).toHaveLength(1_001);
    expect(readings).toContainEqual(["999", 2]);
    expect(readings.at(-1)).toEqual(["other", 200]);
  });

  test("refuses to count down, and labels that are not its own", () => {
    const counter = new Meters().of("a").counter({ name: "n", description: "", labels: ["x"] });
    expect(() => counter.add(-1, "1")).toThrow('"n" only counts up and was given -1');
    expect(() => counter.add(Number.NaN, "1")).toThrow("given NaN");
    expect(() => counter.add(1)).toThrow('"n" has 1 labels and was given 0');
    expect(() => counter.add(1, "1", "2")).toThrow("given 2");
  });
});

test("a gauge is asked whenever it is read; readings that cannot be published are left out", () => {
  const meters = new Meters();
  let value = 0;
  meters.of("a").gauge({ name: "g", description: "", unit: "By", labels: ["x"] }, () => [
    { labels: ["1"], value: ++value },
    { labels: [], value: 7 },
    { labels: ["1", "2"], value: 7 },
    { labels: ["2"], value: 8 },
    { labels: ["2"], value: 9 },
  ]);
  expect(told(meters, "g")).toEqual([
    [
      "a",
      [
        ["1", 1],
        ["2", 9],
      ],
    ],
  ]);
  expect(told(meters, "g")).toMatchObject([["a", [["1", 2], {}]]]);
});

test("a gauge gives no more than a thousand readings", () => {
  const meters = new Meters();
  meters
    .of("a")
    .gauge({ name: "g", description: "", labels: ["x"] }, () =>
      Array.from({ length: 5_000 }, (_, i) => ({ labels: [String(i)], value: i })),
    );
  expect(meters.of("a").instruments()[0]?.readings()).toHaveLength(1_000);
});

describe("an instrument's name", () => {
  test("may be used by two copies of a plugin, whose figures stay apart", () => {
    const meters = new Meters();
    for (const id of ["cache", "second"]) meters.of(id).counter({ name: "cache.hits", description: "" }).add(id.length);
    expect(told(meters, "cache.hits")).toEqual([
      ["cache", [[5]]],
      ["second", [[6]]],
    ]);
  });

  test("may not be used twice by one, nor for two kinds of things", () => {
    const meters = new Meters();
    meters.of("cache").counter({ name: "cache.hits", description: "", labels: ["upstream"] });
    expect(() => meters.of("cache").counter({ name: "cache.hits", description: "", labels: ["upstream"] })).toThrow("was made already");
    const clash = 'the instrument "cache.hits" of plugin "cache" is a counter in 1 with the labels [upstream]; give this one another name';
    expect(() => meters.of("b").gauge({ name: "cache.hits", description: "", labels: ["upstream"] }, () => [])).toThrow(clash);
    expect(() => meters.of("b").counter({ name: "cache.hits", description: "" })).toThrow(clash);
    expect(() => meters.of("b").counter({ name: "cache.hits", description: "", labels: ["upstream"], unit: "s" })).toThrow(clash);
  });

  test.each(["", "Cache.Hits", "cache-hits", "cache..hits", ".hits", "1st"])("is not %j", (name) => {
    expect(() => new Meters().of("a").counter({ name, description: "" })).toThrow('has no dotted lower case name, such as "cache.hits"');
  });

  test.each([[["Upstream"]], [["le-vel"]], [["plugin"]]])("has no labels %j", (labels) => {
    expect(() => new Meters().of("a").counter({ name: "a", description: "", labels })).toThrow(`has the label "${labels[0]}"`);
  });

  test("has no label twice", () => {
    expect(() => new Meters().of("a").counter({ name: "a", description: "", labels: ["x", "x"] })).toThrow("one label twice");
  });
});

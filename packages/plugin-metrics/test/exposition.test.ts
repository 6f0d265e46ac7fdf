import { Writable } from "node:stream";
import { createLogger, type Instrument } from "mcp-host";
import { expect, test } from "vitest";
import { Distribution } from "../dist/distribution.js";
import { Exposition } from "../dist/exposition.js";
import { metricName, publishInstruments } from "../dist/instruments.js";

function exposition(): { exposition: Exposition; log: ReturnType<typeof createLogger>; logs: string[] } {
  const logs: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      logs.push(String(chunk));
      done();
    },
  });
  const log = createLogger({ level: "debug", format: "json", stream });
  return { exposition: new Exposition(log), log, logs };
}

/** The lines of a scrape that are values. */
const values = async (subject: Exposition): Promise<string[]> =>
  (await subject.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));

const instrument = (facts: Partial<Instrument>): Instrument => ({
  name: "cache.hits",
  description: "Hits.",
  unit: "1",
  labels: [],
  kind: "counter",
  plugin: "cache",
  readings: () => [{ labels: [], value: 1 }],
  ...facts,
});

test("a value on a bound belongs to its bucket, and buckets hold those below", async () => {
  const { exposition: subject } = exposition();
  const distribution = new Distribution([1, 2]);
  for (const value of [0.5, 1, 1.5, 2, 9]) distribution.observe(value);
  subject.histogram({ name: "t_seconds", help: "T.", labels: ["a"], read: () => [[{ a: 'x"y\n' }, distribution]] });
  expect((await subject.text()).split("\n").slice(0, 2)).toEqual(["# HELP t_seconds T.", "# TYPE t_seconds histogram"]);
  expect(await values(subject)).toEqual([
    't_seconds_bucket{a="x\\"y\\n",le="1"} 2',
    't_seconds_bucket{a="x\\"y\\n",le="2"} 4',
    't_seconds_bucket{a="x\\"y\\n",le="+Inf"} 5',
    't_seconds_sum{a="x\\"y\\n"} 14',
    't_seconds_count{a="x\\"y\\n"} 5',
  ]);
});

test("a family is read anew by each scrape, and what is gone is gone", async () => {
  const { exposition: subject } = exposition();
  let rows: [Record<string, string>, number][] = [[{ a: "1" }, 1]];
  subject.counter({ name: "c_total", help: "C.", labels: ["a"], read: () => rows });
  subject.gauge({ name: "g", help: "G.", labels: ["a"], read: () => rows });
  expect(await values(subject)).toEqual(['c_total{a="1"} 1', 'g{a="1"} 1']);
  rows = [[{ a: "2" }, 5]];
  expect(await values(subject)).toEqual(['c_total{a="2"} 5', 'g{a="2"} 5']);
});

test("a family that cannot be read is told in the log and keeps nobody else from being scraped", async () => {
  const { exposition: subject, logs } = exposition();
  const read = (): never => {
    throw new Error("broken");
  };
  subject.gauge({ name: "bad", help: "B.", labels: [], read });
  subject.histogram({ name: "worse", help: "B.", labels: [], read });
  subject.gauge({ name: "good", help: "G.", labels: [], read: () => [[{}, 1]] });
  expect(await values(subject)).toContain("good 1");
  expect(logs.join("")).toContain('"metric":"bad","reason":"broken"');
  expect(logs.join("")).toContain('"metric":"worse"');
});

test.each([
  [{ name: "cache.hits", unit: "1", kind: "counter" }, "mcp_host_cache_hits_total"],
  [{ name: "cache.saved", unit: "s", kind: "counter" }, "mcp_host_cache_saved_seconds_total"],
  [{ name: "cache.bytes", unit: "By", kind: "gauge" }, "mcp_host_cache_bytes"],
  [{ name: "cache.size", unit: "By", kind: "gauge" }, "mcp_host_cache_size_bytes"],
  [{ name: "breaker.state", unit: "1", kind: "gauge" }, "mcp_host_breaker_state"],
  [{ name: "queue.length", unit: "{call}", kind: "gauge" }, "mcp_host_queue_length"],
  [{ name: "speed", unit: "m/s", kind: "gauge" }, "mcp_host_speed_m_s"],
  [{ name: "requests.total", unit: "1", kind: "counter" }, "mcp_host_requests_total"],
] as const)("%j is %s", (facts, name) => {
  expect(metricName(facts)).toBe(name);
});

test("copies of a plugin are published side by side, with their labels", async () => {
  const { exposition: subject, log } = exposition();
  const readings = () => [{ labels: ["files"], value: 3 }];
  publishInstruments(
    subject,
    [instrument({ labels: ["upstream"], readings }), instrument({ labels: ["upstream"], readings, plugin: "second" })],
    log,
  );
  expect(await values(subject)).toEqual([
    'mcp_host_cache_hits_total{plugin="cache",upstream="files"} 3',
    'mcp_host_cache_hits_total{plugin="second",upstream="files"} 3',
  ]);
});

test("an instrument whose name is taken, by another or by the host, is left out and told", async () => {
  const { exposition: subject, log, logs } = exposition();
  subject.gauge({ name: "mcp_host_sessions", help: "S.", labels: [], read: () => [[{}, 7]] });
  publishInstruments(
    subject,
    [instrument({}), instrument({ name: "cache_hits", plugin: "b" }), instrument({ name: "sessions", kind: "gauge", plugin: "c" })],
    log,
  );
  expect(await values(subject)).toEqual(["mcp_host_sessions 7", 'mcp_host_cache_hits_total{plugin="cache"} 1']);
  expect(logs).toEqual([expect.stringContaining('"instrument":"cache_hits"'), expect.stringContaining('"metric":"mcp_host_sessions"')]);
});

test("a counter that a plugin lets fall is told in the log", async () => {
  const { exposition: subject, log, logs } = exposition();
  publishInstruments(subject, [instrument({ readings: () => [{ labels: [], value: -1 }] })], log);
  subject.gauge({ name: "good", help: "G.", labels: [], read: () => [[{}, 1]] });
  expect(await values(subject)).toContain("good 1");
  expect(logs.join("")).toContain("mcp_host_cache_hits_total");
});

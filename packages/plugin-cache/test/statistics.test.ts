import { CACHE, type CacheService, cache } from "@host/plugin-cache";
import { definePlugin, type Meter } from "mcp-host";
import { expect, test } from "vitest";
import { runWorkload } from "../bench/workload.mjs";
import { Scripted, served } from "./served.ts";

/** A plugin of somebody else's that uses the cache and reads the instruments. */
function observer() {
  const seen: { service?: CacheService; meter?: Meter } = {};
  const plugin = definePlugin({
    name: "observer",
    host: "^1.0.0",
    apply(host) {
      host.hooks.ready.tap("observer", () => {
        seen.service = host.use(CACHE);
        seen.meter = host.meter;
      });
    },
  });
  const figures = () =>
    Object.fromEntries(
      (seen.meter?.instruments() ?? []).map(({ name, readings }) => [
        name,
        Object.fromEntries(readings().map(({ labels, value }) => [labels.join(), value])),
      ]),
    );
  return { plugin, seen, figures };
}

test("it counts per upstream, and tells in figures, in its report, to other plugins and to operators", async () => {
  const { plugin, seen, figures } = observer();
  const [a, b] = [new Scripted(["get"]), new Scripted(["look"])];
  await using host = await served({ a, b }, { tools: "*" }, { before: [plugin()] });
  const { client } = host;
  for (const name of ["get", "get", "get", "look"]) await client.call(name);
  const stats = host.stats() as unknown as ReturnType<CacheService["stats"]> & { upstreams: Record<string, unknown> };
  expect(stats).toMatchObject({ hits: 2, misses: 2, joined: 0, stale: 0, ratio: 0.5, entries: 2, evictions: 0 });
  expect(stats.savedMs).toBeGreaterThanOrEqual(0);
  expect(stats.upstreams).toMatchObject({ a: { hits: 2, misses: 1, entries: 1 }, b: { hits: 0, misses: 1, ratio: 0 } });
  expect(seen.service?.stats("a")).toMatchObject({ hits: 2, misses: 1, ratio: 2 / 3 });
  expect(await host.host.operator.run("cache:stats")).toEqual(stats);
  expect(figures()).toMatchObject({
    "cache.hits": { a: 2 },
    "cache.misses": { a: 1, b: 1 },
    "cache.entries": { a: 1, b: 1 },
    "cache.bytes": { a: expect.any(Number), b: expect.any(Number) },
    "cache.saved": { a: expect.any(Number) },
  });
});

test("clear drops what a glob matches, by exposed name, native name or URI, and says how much that was", async () => {
  const { plugin, seen } = observer();
  const a = new Scripted(["get_1", "get_2"]);
  await using host = await served({ a }, { tools: "*" }, { before: [plugin()] });
  const { client } = host;
  const fill = async () => {
    for (const name of ["get_1", "get_2"]) await client.call(name);
    await client.request("resources/read", { uri: "test://a/1" });
  };
  await fill();
  expect(await seen.service?.clear("get_*")).toBe(2);
  await fill();
  expect(await seen.service?.clear("a:get_1")).toBe(1);
  expect(await host.host.operator.run("cache:clear", { pattern: "test://*" })).toEqual({ dropped: 1 });
  await fill();
  expect(await seen.service?.clear()).toBe(3);
  await expect(host.host.operator.run("cache:clear")).rejects.toThrow(
    'operation "clear" of plugin "cache": params.pattern: must be a text, not missing',
  );
});

test("two copies keep apart what they count, and the first provides the service", async () => {
  const { plugin, seen } = observer();
  const a = new Scripted(["get"]);
  await using host = await served({ a }, { tools: "get" }, { before: [plugin(), { use: cache({ tools: "get" }), id: "outer" }] });
  await host.client.call("get");
  await host.client.call("get");
  expect(host.host.reports()).toMatchObject({ outer: { hits: 1, misses: 1 }, cache: { hits: 0, misses: 1 } });
  expect(seen.service?.stats()).toMatchObject({ hits: 1 });
});

test.each([
  [{ trust: ["aa"] }, 'options.trust[0]: no upstream is called "aa" (did you mean "a"?)'],
  [{ ttl: "soon" }, "options.ttl"],
  [{ scope: "everybody" }, "options.scope"],
  [{ tool: [] }, "options.tool"],
  [{ invalidate: [{ call: "x" }] }, "options.invalidate[0].drop"],
  [{ store: 1 }, "options.store"],
] as const)("%j is refused with its place", async (options, message) => {
  await expect(served({ a: new Scripted([]) }, options as never)).rejects.toThrow(message);
});

test("the workload: more than 80 % hits, at least 95 % of an ideal cache's, no stale read; with one caller, several, and a store", async () => {
  for (const workload of [
    {},
    { seed: 7, concurrency: 8 },
    { seed: 3, options: { store: true } },
    { seed: 5, concurrency: 8, options: { store: true } },
  ]) {
    const { ratio, ideal, stale, stats, reads } = await runWorkload(workload);
    expect(reads).toBeGreaterThan(4_600);
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeGreaterThanOrEqual(0.95 * ideal);
    expect(stale).toBe(0);
    expect(stats.ratio).toBeCloseTo(ratio, 5);
  }
});

test("the workload finds stale reads where there are any", async () => {
  const { stale } = await runWorkload({ options: { invalidate: [] } });
  expect(stale).toBeGreaterThan(0);
});

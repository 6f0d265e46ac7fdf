import { FakeClock } from "mcp-host/testing";
import { expect, test } from "vitest";
import { type Answer, numbered, Scripted, type Served, served } from "./served.ts";

const A = { uri: "test://a/1" };

/** A server of 2026-07-28 that says this of what is read. */
function saying(said: Record<string, unknown>, read?: Answer): Scripted {
  return new Scripted([], {
    "server/discover": () => ({
      supportedVersions: ["2026-07-28"],
      capabilities: { resources: {} },
      resultType: "complete",
    }),
    "resources/read": (params, call) => ({
      resultType: "complete",
      ...(read ? (read(params, call) as object) : numbered(call.server.count("resources/read"))),
      ...said,
    }),
  });
}

const modern = { protocol: "modern" };
const reads = (a: Scripted): number => a.count("resources/read");
const read = ({ client }: Pick<Served, "client">) => client.request("resources/read", A);

test.each([
  ["as long as its server says", { ttlMs: 10_000 }, {}, 9_999, 10_000],
  ["longer than what nobody says anything of", { ttlMs: 600_000 }, {}, 599_999, 600_000],
  ["no longer than an hour", { ttlMs: 86_400_000 }, {}, 3_599_999, 3_600_000],
  ["as long as the options say, where they do", { ttlMs: 10_000 }, { ttl: "20s" }, 19_999, 20_000],
  ["as long as they say of it", { ttlMs: 10_000 }, { ttls: { "test://a/*": "20s" } }, 19_999, 20_000],
])("what is read is kept %s", async (_, said, options, before, after) => {
  const clock = new FakeClock();
  const a = saying(said);
  await using host = await served({ a }, options, { upstream: modern, clock });
  const first = await read(host);
  expect(first).not.toHaveProperty("ttlMs");
  clock.advance(before);
  expect(await read(host)).toEqual(first);
  expect(reads(a)).toBe(1);
  clock.advance(after - before);
  expect(await read(host)).not.toEqual(first);
  expect(reads(a)).toBe(2);
});

test("what its server calls stale, or says nothing of, is not kept, unless the options say how long", async () => {
  for (const said of [{ ttlMs: 0, cacheScope: "public" }, {}]) {
    const a = saying(said);
    await using host = await served({ a }, { staleWhileRevalidate: "1m" }, { upstream: modern });
    for (let time = 0; time < 3; time++) await read(host);
    expect(reads(a)).toBe(3);
    const b = saying(said);
    await using told = await served({ b }, { ttl: "1m" }, { upstream: modern });
    for (let time = 0; time < 3; time++) await read(told);
    expect(reads(b)).toBe(1);
  }
});

test.each([
  ["which its server calls public is everybody's", "public", {}, {}, 1],
  ["which its server calls private is one client's", "private", {}, {}, 2],
  ["of which its server says nothing is one client's", undefined, {}, {}, 2],
  ["which is public is one client's, where the options say so", "public", { scope: "principal" }, {}, 2],
  ["which is private is everybody's, where the options say so", "private", { scope: "shared" }, {}, 1],
  ["which is public is one client's, of a server that has a connection for each", "public", {}, { isolation: "session" }, 2],
  ["which is public is one client's, of a server that has a connection for each principal", "public", {}, { isolation: "principal" }, 2],
] as const)("a read %s", async (_, cacheScope, options, upstream, expected) => {
  const a = saying({ ttlMs: 60_000, cacheScope });
  await using host = await served({ a }, options, { upstream: { ...modern, ...upstream } });
  const other = { client: await host.connect() };
  for (const each of [host, other, host, other]) await read(each);
  expect(reads(a)).toBe(expected);
});

test("what is everybody's is dropped like anything else, and another answer takes its place", async () => {
  const a = saying({ ttlMs: 60_000, cacheScope: "public" });
  await using host = await served({ a }, {}, { upstream: modern });
  const other = { client: await host.connect() };
  const first = await read(host);
  expect(await read(other)).toEqual(first);
  await host.host.operator.run("cache:clear", { pattern: "*" });
  const second = await read(other);
  expect(second).not.toEqual(first);
  expect(await read(host)).toEqual(second);
});

test("a read that asked the client something is not kept, whatever its server says", async () => {
  const ask = { method: "elicitation/create", params: { message: "Sure?", requestedSchema: { type: "object", properties: {} } } };
  const a = saying({ ttlMs: 60_000, cacheScope: "public" }, ({ inputResponses }, { server }) =>
    inputResponses ? numbered(reads(server)) : { resultType: "input_required", inputRequests: { ask } },
  );
  await using host = await served({ a }, {}, { upstream: modern, capabilities: { elicitation: {} } });
  host.client.reply = () => ({ action: "accept", content: {} });
  for (let time = 0; time < 2; time++) await read(host);
  expect(host.client.asked).toHaveLength(2);
  expect(host.stats()).toMatchObject({ hits: 0, entries: 0 });
});

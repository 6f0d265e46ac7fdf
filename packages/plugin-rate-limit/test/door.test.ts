import { type RateLimitOptions, rateLimit } from "@host/plugin-rate-limit";
import type { Plugin, RefusedEvent } from "mcp-host";
import { definePlugin } from "mcp-host";
import { FakeClock } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { inProcessTransport } from "../../../test/fixtures/upstream.mjs";
import { startHost, type TestHost } from "../../../test/harness/hosts.ts";
import { ModernHttp } from "../../../test/harness/modern-client.ts";
import { refusal, SocketClient } from "../../../test/harness/socket.ts";
import { ask, initialize, open, WireClient } from "../../../test/harness/wire.ts";
import { Addresses } from "../dist/address.js";
import { NOON, times } from "./limited.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };

/** A host over HTTP with the plugin, and what was turned away. */
async function serving(options: RateLimitOptions, listen = {}): Promise<TestHost & { refused: RefusedEvent[]; clock: FakeClock }> {
  const refused: RefusedEvent[] = [];
  const audit: Plugin = definePlugin({
    name: "audit",
    host: "^1.0.0",
    apply: (host) => host.hooks.refused.tap("audit", (event) => void refused.push(event)),
  })();
  const clock = new FakeClock(NOON);
  const running = await startHost({ mcpServers, listen, plugins: [rateLimit(options), audit] }, { clock });
  await running.host.known(1_000);
  return { ...running, refused, clock };
}

/** Behind a proxy on this machine, who a request comes from. */
const from = (address: string): Record<string, string> => ({ "x-forwarded-for": address });
const PROXIES = ["127.0.0.0/8", "::1"];

describe("floods", () => {
  test("are refused with 429 before a body is read, on every way in, and come again when the time is over", async () => {
    await using at = await serving({ rules: [], addresses: { requests: 3, window: "1m" } }, { websocket: true, sse: true });
    expect((await ask(at.url, { body: initialize() })).status).toBe(200);
    expect((await ask(at.url, { body: "no JSON" })).status).toBe(400);
    expect((await open(at.url, { path: "/nowhere" })).status).toBe(404);
    // A body that never ends: nobody waits for it.
    const { status, headers, json } = await ask(at.url, { body: initialize(), headers: { "content-length": "1000000" } }).catch(() =>
      expect.fail("it was waited for the body"),
    );
    const wait = Number(headers["retry-after"]);
    expect([status, json.error]).toMatchObject([429, { code: -31429, data: { type: "rate_limited", retryable: true, sent: "no" } }]);
    expect(json.error.message).toMatch(/^more than 3 requests in a minute came from this address; try again in \d+ seconds?$/);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect(headers).toMatchObject({ "ratelimit-policy": '"addresses";q=3;w=60', ratelimit: `"addresses";r=0;t=${wait}` });
    expect(at.refused.at(-1)).toMatchObject({
      decision: { plugin: "rate-limit", hook: "admit" },
      rule: "addresses",
      type: "rate_limited",
      status: 429,
    });
    for (const path of ["/sse", "/mcp/p/x"]) expect((await open(at.url, { path })).status, path).toBe(429);
    expect(await refusal(at.url)).toMatchObject({ status: 429 });
    expect((await ask(at.url, { path: "/healthz" })).status).toBe(200);
    expect((await new ModernHttp(at.url).send("tools/list")).status).toBe(429);
    await at.clock.advance(wait * 1_000);
    expect((await new ModernHttp(at.url).send("tools/list")).status).toBe(200);
    expect(at.host.reports()["rate-limit"]).toMatchObject({ addresses: { refused: 5, top: [{ who: "127.0.0.1", used: 1 }] } });
  });

  test("of one address are nobody else's, behind proxies that are believed; an IPv6 network counts as one", async () => {
    await using at = await serving({ rules: [], proxies: PROXIES, addresses: { requests: 2, window: "1m", burst: 1 } });
    const get = async (address?: string): Promise<number> =>
      (await open(at.url, { path: "/nowhere", headers: address === undefined ? {} : from(address) })).status;
    expect(await Promise.all(times(5, () => get("203.0.113.9"))).then((all) => all.filter((status) => status === 404))).toHaveLength(3);
    expect(await get("198.51.100.7")).toBe(404);
    // Whatever stands before what the proxy itself added is the client's word.
    expect(await get("198.51.100.8, 203.0.113.9")).toBe(429);
    const six = await Promise.all(times(5, (index) => get(`2001:db8:1:2:${index}::1`)));
    expect(six.filter((status) => status === 404)).toHaveLength(3);
    expect(await get("2001:db8:1:3::1")).toBe(404);
    expect(await get("nonsense"), "the proxy's own").toBe(404);
  });

  test("without proxies a header says nothing", async () => {
    await using at = await serving({ rules: [], addresses: { requests: 1, window: "1m" } });
    await ask(at.url, { body: initialize(), headers: from("203.0.113.1") });
    expect((await ask(at.url, { body: initialize(), headers: from("203.0.113.2") })).status).toBe(429);
  });

  test("that are only observed come through, and are told", async () => {
    await using at = await serving({ rules: [], addresses: { requests: 1, window: "1m", mode: "observe" } });
    for (let i = 0; i < 3; i++) expect((await ask(at.url, { body: initialize() })).status).toBe(200);
    expect(at.host.reports()["rate-limit"]).toMatchObject({ addresses: { mode: "observe", observed: 2, refused: 0 } });
  });

  test("of addresses nobody has seen before take nothing from those that are known", async () => {
    const rules = [{ name: "mine", per: ["principal" as const], requests: 2, window: "month" as const }];
    await using at = await serving({ rules, proxies: PROXIES, addresses: { requests: 5, window: "1m" } });
    await at.host.callTool("echo", {});
    for (let i = 0; i < 300; i++) await open(at.url, { path: "/nowhere", headers: from(`10.1.${i >> 8}.${i & 255}`) });
    await at.host.callTool("echo", {});
    await expect(at.host.callTool("echo", {})).rejects.toMatchObject({ type: "rate_limited" });
    const { addresses } = at.host.reports()["rate-limit"] as { addresses: { top: unknown[] } };
    expect(addresses.top).toHaveLength(10);
  });
});

describe("clients over HTTP whom nobody knows", () => {
  test("are told apart by address, however many sessions they open, in either era", async () => {
    const rules = [{ name: "each", per: ["principal" as const], requests: 3, window: "1m" }];
    await using at = await serving({ rules, proxies: PROXIES });
    const call = async (address: string): Promise<unknown> => {
      const client = await WireClient.connect(at.url, { headers: from(address) });
      return (await client.request("tools/call", { name: "echo", arguments: {} })).json.error?.data.type ?? "ok";
    };
    const modern = async (address: string): Promise<unknown> =>
      (await new ModernHttp(at.url, from(address)).call("echo")).error?.data.type ?? "ok";
    expect([await call("203.0.113.1"), await call("203.0.113.1"), await modern("203.0.113.1"), await call("203.0.113.1")]).toEqual([
      "ok",
      "ok",
      "ok",
      "rate_limited",
    ]);
    expect([await modern("203.0.113.1"), await call("203.0.113.2"), await modern("203.0.113.3")]).toEqual(["rate_limited", "ok", "ok"]);
    expect(at.host.reports()["rate-limit"]).toMatchObject({
      rules: { each: { top: [{ who: "anonymous at 203.0.113.1", used: 3 }, {}, {}] } },
    });
  });

  test("are told over WebSocket, too, by where they came from", async () => {
    const rules = [{ name: "each", per: ["address" as const], requests: 1, window: "1m" }];
    await using at = await serving({ rules, proxies: PROXIES }, { websocket: true });
    const [first, second] = [
      await SocketClient.connect(at.url, { headers: from("203.0.113.1") }),
      await SocketClient.connect(at.url, { headers: from("203.0.113.2") }),
    ];
    expect([
      (await first.request("tools/call", { name: "echo", arguments: {} })).error,
      (await second.request("tools/call", { name: "echo", arguments: {} })).error,
    ]).toEqual([undefined, undefined]);
    expect((await first.request("tools/call", { name: "echo", arguments: {} })).error).toMatchObject({ code: -31429 });
  });
});

describe("answers tell what is left", () => {
  const rules = [
    { name: "per minute", per: ["principal" as const], requests: 5, window: "1m" },
    { name: "monthly", per: ["principal" as const], requests: 100, window: "month" as const },
    { name: "out", per: ["principal" as const], bytes: "1mb", window: "1h" },
    { name: "slots", concurrent: 5 },
  ];
  const POLICY = '"per minute";q=5;w=60, "monthly";q=100, "out";q=1048576;qu="content-bytes";w=3600';

  test.each(["legacy", "modern"] as const)("in the %s era, refusals included, and only where a rule is about the request", async (era) => {
    await using at = await serving({ rules });
    const wire = await WireClient.connect(at.url);
    const modern = new ModernHttp(at.url);
    const send = (method: string, params: object): Promise<{ headers: Record<string, unknown>; status: number }> =>
      era === "legacy" ? wire.request(method, params) : modern.send(method, params);
    const first = await send("tools/call", { name: "echo", arguments: {} });
    expect(first.headers["ratelimit-policy"]).toBe(POLICY);
    expect(first.headers.ratelimit).toMatch(/^"per minute";r=4;t=\d+, "monthly";r=99;t=129600, "out";r=1048576;t=\d+$/);
    for (let i = 0; i < 4; i++) await send("tools/call", { name: "echo", arguments: {} });
    const refused = await send("tools/call", { name: "echo", arguments: {} });
    expect([refused.status, refused.headers.ratelimit]).toEqual([200, expect.stringMatching(/^"per minute";r=0;t=\d+$/)]);
    expect((await send("tools/list", {})).headers.ratelimit).toBeUndefined();
  });

  test("unless they are not to", async () => {
    await using at = await serving({ rules, headers: false });
    const { headers } = await new ModernHttp(at.url).send("tools/call", { name: "echo", arguments: {} });
    expect([headers.ratelimit, headers["ratelimit-policy"]]).toEqual([undefined, undefined]);
  });
});

test.each([
  ["203.0.113.9", undefined, "203.0.113.9"],
  ["::ffff:203.0.113.9", undefined, "203.0.113.9"],
  ["::FFFF:203.0.113.9", undefined, "203.0.113.9"],
  ["2001:db8::1", undefined, "2001:db8:0:0::/64"],
  ["2001:db8:0:0:ffff::1", undefined, "2001:db8:0:0::/64"],
  ["fe80::1%eth0", undefined, "fe80:0:0:0::/64"],
  ["::1", undefined, "0:0:0:0::/64"],
  ["", undefined, undefined],
  ["10.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["10.0.0.1", "evil, 203.0.113.9", "203.0.113.9"],
  ["10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"],
  ["10.0.0.1", "[2001:db8::7]", "2001:db8:0:0::/64"],
  ["10.0.0.1", "evil", "10.0.0.1"],
  ["10.0.0.1", "", "10.0.0.1"],
  ["10.0.0.1", `1.1.1.1, ${times(40, () => "10.0.0.2").join(", ")}`, "10.0.0.2"],
  ["203.0.113.1", "203.0.113.9", "203.0.113.1"],
])("the address of a request from %s that is forwarded for %s is %s", (address, forwarded, expected) => {
  expect(new Addresses(["10.0.0.0/8"], 64, "proxies").of(address, forwarded)).toBe(expected);
});

test("networks of IPv6 may be of any size", () => {
  expect(new Addresses([], 48, "proxies").of("2001:db8:abcd:ffff::1", undefined)).toBe("2001:db8:abcd::/48");
  expect(new Addresses([], 56, "proxies").of("2001:db8:abcd:1234::1", undefined)).toBe("2001:db8:abcd:1200::/56");
});

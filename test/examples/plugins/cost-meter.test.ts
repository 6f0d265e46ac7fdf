import { definePlugin } from "mcp-host";
import { createTestHost, FakeRpcError, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import costMeter from "../../../examples/plugins/cost-meter.ts";

testPlugin(costMeter, {
  test,
  module: new URL("../../../examples/plugins/cost-meter.ts", import.meta.url),
  options: { prices: { "contract:*": 1 } },
  badOptions: [{ options: { prices: { "a:*": -1 } }, place: "plugins[0].options.prices.a:*", hint: ">=0" }],
});

test("what goes out costs, by the first price that fits, and what does not is free", async () => {
  const counts = new Map<string, number>();
  const others = definePlugin({
    name: "others",
    host: "^1.0.0",
    apply(host) {
      host.hooks.permit.tap("others", ({ native }) => (native === "denied" ? false : undefined));
      host.hooks.call
        .for("tools/call")
        .tap("others", (next) => async (exchange) => (exchange.params.name === "cached" ? { content: [] } : next(exchange)));
      host.operator.report(() => {
        for (const { name, readings } of host.meter.instruments())
          for (const { labels, value } of readings()) counts.set([name, ...labels].join(" "), value);
        return {};
      });
    },
  });
  const search = fakeUpstream({
    tools: {
      find: () => "found",
      broken: () => Promise.reject(new FakeRpcError(-1, "broken")),
      cached: () => "",
      denied: () => "",
      free: () => "",
    },
  });
  const prices = { "search:free": 0, "search:find": 0.1, "search:*": 0.2 };
  await using host = await createTestHost({ plugins: [costMeter({ prices, currency: "USD" }), others()], upstreams: { search } });
  const bob = await host.connect({ principal: { id: "bob", roles: [] } });
  for (let turn = 0; turn < 3; turn++) await host.client.callTool("find");
  for (const name of ["cached", "free", "find"]) await bob.callTool(name);
  for (const name of ["denied", "invented", "broken"]) await expect(bob.callTool(name)).rejects.toThrow();
  expect(host.host.reports()["cost-meter"]).toEqual({
    currency: "USD",
    total: 0.6,
    principals: [
      { principal: "local", calls: 3, cost: 0.3 },
      { principal: "bob", calls: 2, cost: 0.3 },
    ],
  });
  expect(counts.get("cost search find")).toBeCloseTo(0.4);
  expect(counts.get("cost search broken")).toBe(0.2);
});

test("a call that asks in rounds is charged once", async () => {
  const deploy = fakeUpstream({
    era: "modern",
    tools: { deploy: (_args, { ask }) => ask("elicitation/create", { message: "?", requestedSchema: { type: "object", properties: {} } }) },
  });
  const client = { era: "modern", capabilities: { elicitation: { form: {} } } } as const;
  await using host = await createTestHost({ plugins: [costMeter({ prices: { "*": 1 } })], upstreams: { deploy }, client });
  host.client.on("elicitation/create", () => ({ action: "accept", content: {} }));
  await host.client.callTool("deploy");
  expect(host.client.rounds).toHaveLength(1);
  expect(host.host.reports()["cost-meter"]).toMatchObject({ total: 1, principals: [{ calls: 1 }] });
});

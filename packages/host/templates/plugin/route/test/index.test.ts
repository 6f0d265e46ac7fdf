import { createTestHost, fakeUpstream, type TestClient, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import templatePlugin from "../src/index.ts";

testPlugin(templatePlugin, {
  test,
  module: new URL("../src/index.ts", import.meta.url),
  options: { stable: "blue", canary: "green", tools: ["nothing"] },
  upstreams: ["contract", "blue", "green"],
  badOptions: [{ options: { stable: "blue", canary: "gren" }, place: 'plugin "template-plugin": options.canary', hint: "green" }],
});

const server = (id: string) =>
  fakeUpstream({ tools: { who: () => ({ structuredContent: { id }, content: [] }), [`only_${id}`]: () => id } });
const whoAnswers = async (client: TestClient) => (await client.callTool("who")).structuredContent;

test("a share of the callers, each always to the same side", async () => {
  const plugins = [templatePlugin({ stable: "blue", canary: "green", percent: 50 })];
  await using host = await createTestHost({ plugins, upstreams: { blue: server("blue"), green: server("green") }, client: false });
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const client = await host.connect({ principal: { id: `caller-${i}`, roles: [] } });
    const first = await whoAnswers(client);
    expect(await whoAnswers(client)).toEqual(first);
    seen.add(JSON.stringify(first));
  }
  expect([...seen].sort()).toEqual(['{"id":"blue"}', '{"id":"green"}']);
});

test("clients know the tools of the stable server, which answers where the other is down", async () => {
  const green = server("green");
  const plugins = [templatePlugin({ stable: "blue", canary: "green", percent: 100 })];
  await using host = await createTestHost({ plugins, upstreams: { blue: server("blue"), green } });
  expect((await host.client.listTools()).map(({ name }) => name).sort()).toEqual(["only_blue", "who"]);
  expect(await whoAnswers(host.client)).toEqual({ id: "green" });
  green.fail("down");
  expect(await whoAnswers(host.client)).toEqual({ id: "blue" });
});

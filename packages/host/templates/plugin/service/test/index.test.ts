import { definePlugin } from "mcp-host";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import templatePlugin, { USAGE, type Usage } from "../src/index.ts";

testPlugin(templatePlugin, {
  test,
  module: new URL("../src/index.ts", import.meta.url),
  options: { tools: 10 },
  badOptions: [{ options: { tools: 0 }, place: "plugins[0].options.tools", hint: ">=1" }],
});

/** A plugin that uses the service, and what it was given. */
function reader() {
  const found: { usage?: Usage } = {};
  const plugin = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply(host) {
      host.hooks.ready.tap("reader", () => {
        found.usage = host.use(USAGE);
      });
    },
  });
  return { plugin, found };
}

const work = () => fakeUpstream({ tools: { a: () => "", b: () => "", c: () => "" } });

test("another plugin learns how often tools were called, wherever in the config it stands", async () => {
  const { plugin, found } = reader();
  await using host = await createTestHost({ plugins: [plugin(), templatePlugin()], upstreams: { work: work() } });
  for (const tool of ["a", "a", "b"]) await host.client.callTool(tool);
  expect(["a", "b", "c"].map((tool) => found.usage?.callsOf(tool))).toEqual([2, 1, 0]);
});

test("of more tools than it counts, the one that was called longest ago is forgotten", async () => {
  const { plugin, found } = reader();
  await using host = await createTestHost({ plugins: [templatePlugin({ tools: 2 }), plugin()], upstreams: { work: work() } });
  for (const tool of ["a", "b", "a", "c"]) await host.client.callTool(tool);
  expect(["a", "b", "c"].map((tool) => found.usage?.callsOf(tool))).toEqual([2, 0, 1]);
});

test("without it, a plugin that needs the service stops the start and names it", async () => {
  await expect(createTestHost({ plugins: [reader().plugin()] })).rejects.toThrow(/reader.*template-plugin\.usage/);
});

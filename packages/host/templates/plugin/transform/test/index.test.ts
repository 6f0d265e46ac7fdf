import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import templatePlugin from "../src/index.ts";

testPlugin(templatePlugin, {
  test,
  module: new URL("../src/index.ts", import.meta.url),
  options: { defaults: { nothing: { limit: 10 } } },
  badOptions: [{ options: { defaults: { search: 10 } }, place: "plugins[0].options.defaults.search", hint: "record" }],
});

test("a call gets the arguments that it does not have, and keeps those that it has", async () => {
  const work = fakeUpstream({ tools: { search: (given) => ({ structuredContent: given, content: [] }), other: () => "" } });
  const plugins = [templatePlugin({ defaults: { search: { limit: 10, language: "en" } } })];
  await using host = await createTestHost({ plugins, upstreams: { work } });
  const given = async (args?: Record<string, unknown>) => (await host.client.callTool("search", args)).structuredContent;
  expect(await given()).toEqual({ limit: 10, language: "en" });
  expect(await given({ text: "x", limit: 3 })).toEqual({ text: "x", limit: 3, language: "en" });
  await host.client.callTool("other", { a: 1 });
  expect(work.received("tools/call").at(-1)).toMatchObject({ name: "other", arguments: { a: 1 } });
});

import { createTestHost, FakeClock, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import templatePlugin from "../src/index.ts";

testPlugin(templatePlugin, {
  test,
  module: new URL("../src/index.ts", import.meta.url),
  options: { timeZone: "Europe/Oslo" },
  badOptions: [{ options: { timeZone: "Oslo" }, place: "plugins[0].options.timeZone", hint: "time zone" }],
});

test("the tool tells the time in the zone of the call, or else in that of the options", async () => {
  const clock = new FakeClock();
  await using host = await createTestHost({ plugins: [templatePlugin({ timeZone: "Asia/Tokyo" })], clock });
  const told = async (args = {}) => (await host.client.callTool("current_time", args)).structuredContent;
  expect(await told()).toMatchObject({ timeZone: "Asia/Tokyo", epochMs: clock.now() });
  await clock.advance(60_000);
  expect(await told({ timeZone: "UTC" })).toMatchObject({ timeZone: "UTC", text: expect.stringContaining("UTC"), epochMs: clock.now() });
});

test("a model is told which argument does not fit", async () => {
  await using host = await createTestHost({ plugins: [templatePlugin()] });
  const result = await host.client.callTool("current_time", { timeZone: "Oslo" });
  expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("must be a time zone") }] });
});

import { createTestHost, FakeClock, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import openingHours from "../../../examples/plugins/opening-hours.ts";

testPlugin(openingHours, {
  test,
  module: new URL("../../../examples/plugins/opening-hours.ts", import.meta.url),
  options: { rules: [{ tools: ["nothing"], from: "08:00", to: "09:00" }] },
  badOptions: [
    { options: { rules: [{ tools: ["a"], from: "8", to: "09:00" }] }, place: "plugins[0].options.rules[0].from", hint: "such as 08:30" },
    {
      options: { zone: "Mars/Base", rules: [{ tools: ["a"], from: "08:00", to: "09:00" }] },
      place: "plugins[0].options.zone",
      hint: "no such time zone",
    },
  ],
});

const server = () => fakeUpstream({ tools: { deploy: () => "deployed", backup: () => "", read: () => "" } });
const HOUR = 3_600_000;

test("open on its days, in its zone; clients are told when that changes", async () => {
  const clock = new FakeClock(Date.parse("2026-01-05T06:30:00Z")); // a Monday; 07:30 in Vienna
  const rules = [{ tools: ["deploy"], days: ["mon" as const, "tue" as const], from: "08:00", to: "16:30" }];
  await using host = await createTestHost({
    plugins: [openingHours({ zone: "Europe/Vienna", rules })],
    upstreams: { ops: server() },
    clock,
  });
  const names = async () => (await host.client.listTools()).map(({ name }) => name);
  expect(await names()).toEqual(["backup", "read"]);
  await expect(host.client.callTool("deploy")).rejects.toMatchObject({ message: "Unknown tool: deploy" });
  await clock.advance(HOUR / 2);
  await clock.advance(10_000);
  await host.client.until("notifications/tools/list_changed");
  expect(await names()).toEqual(["deploy", "backup", "read"]);
  await host.client.callTool("deploy");
  await clock.advance(8 * HOUR + HOUR / 2);
  expect(await names()).toEqual(["backup", "read"]);
  await clock.advance(16 * HOUR);
  expect(await names()).toContain("deploy"); // Tuesday
  await clock.advance(24 * HOUR);
  expect(await names()).not.toContain("deploy"); // Wednesday
});

test("over midnight, on the day on which it begins; several rules open what one of them has open", async () => {
  const clock = new FakeClock(Date.parse("2026-01-09T23:00:00Z")); // a Friday
  const night = { tools: ["backup"], days: ["fri" as const], from: "22:00", to: "04:00" };
  const noon = { tools: ["backup", "deploy"], from: "12:00", to: "13:00" };
  await using host = await createTestHost({ plugins: [openingHours({ rules: [night, noon] })], upstreams: { ops: server() }, clock });
  const names = async () => (await host.client.listTools()).map(({ name }) => name);
  expect(await names()).toEqual(["backup", "read"]);
  await clock.advance(4 * HOUR); // Saturday, 03:00
  expect(await names()).toEqual(["backup", "read"]);
  await clock.advance(HOUR);
  expect(await names()).toEqual(["read"]);
  await clock.advance(8 * HOUR);
  expect(await names()).toEqual(["deploy", "backup", "read"]);
  await clock.advance(HOUR * 11); // Saturday, 23:00: the night is Friday's
  expect(await names()).toEqual(["read"]);
});

import { definePlugin, matcher } from "mcp-host";
import { createTestHost, FakeClock, FakeRpcError, fakeUpstream, type TestClient, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import canary from "../../../examples/plugins/canary.ts";

testPlugin(canary, {
  test,
  module: new URL("../../../examples/plugins/canary.ts", import.meta.url),
  options: { stable: "blue", canary: "green", tools: ["nothing"] },
  upstreams: ["contract", "blue", "green"],
  badOptions: [{ options: { stable: "blue", canary: "gren" }, place: 'plugin "canary": options.canary', hint: "green" }],
});

const server = (id: string) => fakeUpstream({ tools: { who: () => id, [`only_${id}`]: () => id } });
const said = async (client: TestClient, tool = "who") => ((await client.callTool(tool)).content as { text: string }[])[0]!.text;
const deny = definePlugin({
  name: "deny",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ globs: z.array(z.string()) }),
  apply(host, { globs }) {
    const denied = matcher(globs);
    host.hooks.permit.tap("deny", (entry, { principal }) => (principal.roles.includes("guest") && denied(entry) ? false : undefined));
  },
});

test("a share of the principals, each always to the same side", async () => {
  await using host = await createTestHost({
    plugins: [canary({ stable: "blue", canary: "green", percent: 30 })],
    upstreams: { blue: server("blue"), green: server("green") },
    client: false,
  });
  let green = 0;
  for (let i = 0; i < 40; i++) {
    const principal = { id: `p${i}`, roles: [] };
    const sides = await Promise.all([0, 1].map(async () => said(await host.connect({ principal }))));
    expect(sides[0]).toBe(sides[1]);
    if (sides[0] === "green") green++;
  }
  expect(green).toBeGreaterThan(4);
  expect(green).toBeLessThan(20);
  const names = (await (await host.connect()).listTools()).map(({ name }) => name);
  expect(names.sort()).toEqual(["only_blue", "who"]);
});

test("back to the stable server where nothing was sent, and for a while after errors", async () => {
  const clock = new FakeClock();
  const [blue, green] = [server("blue"), server("green")];
  await using host = await createTestHost({
    plugins: [canary({ stable: "blue", canary: "green", percent: 100, errors: 2 })],
    upstreams: { blue, green },
    clock,
  });
  expect(await said(host.client)).toBe("green");
  expect(await said(host.client, "only_blue")).toBe("blue");
  green.set({ tools: { who: () => Promise.reject(new FakeRpcError(-1, "broken")) } });
  await expect(said(host.client)).rejects.toMatchObject({ message: "broken" });
  await expect(said(host.client)).rejects.toMatchObject({ message: "broken" });
  expect(await said(host.client)).toBe("blue");
  green.set({ tools: { who: () => "green" } });
  await clock.advance(60_000);
  expect(await said(host.client)).toBe("green");
  green.fail("down");
  expect(await said(host.client)).toBe("blue");
});

test("whoever may not call the stable one does not reach the canary by its name", async () => {
  const [blue, green] = [server("blue"), server("green")];
  const upstreams = { blue, green };
  const plugins = [canary({ stable: "blue", canary: "green", percent: 100 }), { use: deny({ globs: ["blue:who"] }), id: "deny-blue" }];
  await using host = await createTestHost({ plugins, upstreams, client: false });
  const guest = await host.connect({ principal: { id: "guest", roles: ["guest"] } });
  await expect(guest.callTool("who")).rejects.toMatchObject({ code: -32602, message: "Unknown tool: who" });
  expect(green.received("tools/call")).toEqual([]);
});

test("whoever may not call the canary gets the stable one, and nobody gets at what only it has", async () => {
  const [blue, green] = [server("blue"), server("green")];
  await using host = await createTestHost({
    plugins: [canary({ stable: "blue", canary: "green", percent: 100 }), deny({ globs: ["green:*"] })],
    upstreams: { blue, green },
    client: false,
  });
  const guest = await host.connect({ principal: { id: "guest", roles: ["guest"] } });
  expect(await said(guest)).toBe("blue");
  expect(await said(await host.connect())).toBe("green");
  await expect(guest.callTool("only_green")).rejects.toMatchObject({ code: -32602 });
  blue.fail("down");
  await expect(guest.callTool("who")).rejects.toMatchObject({ data: { type: "upstream_down" } });
  expect(green.received("tools/call")).toHaveLength(1);
});

import { approval } from "@host/plugin-approval";
import { cache } from "@host/plugin-cache";
import { resilience } from "@host/plugin-resilience";
import { definePlugin, HostError } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { asked, textOf } from "./asked.ts";

test("a cache answers nothing that was not approved, wherever in the config it stands", async () => {
  const up = fakeUpstream({ tools: { find: () => "found" } });
  await using host = await createTestHost({
    plugins: [cache({ tools: ["find"] }), approval({ rules: [{ ask: "person" }] })],
    upstreams: { up },
    client: { capabilities: { elicitation: {} } },
  });
  let action = "accept";
  let questions = 0;
  host.client.on("elicitation/create", () => {
    questions++;
    return { action };
  });
  expect(textOf(await host.client.callTool("find"))).toBe("found");
  action = "decline";
  expect(textOf(await host.client.callTool("find"))).toContain("declined it");
  action = "accept";
  expect(textOf(await host.client.callTool("find"))).toBe("found");
  expect([questions, up.received("tools/call").length]).toEqual([3, 1]);
});

test("what is sent again after a failure asks once", async () => {
  let tries = 0;
  const flaky = definePlugin({
    name: "flaky",
    host: "^1.0.0",
    enforce: "post",
    apply: (host) =>
      host.hooks.call.for("tools/call").tap("flaky", (next) => (exchange) => {
        if (++tries < 3) throw new HostError("upstream_down", "not yet");
        return next(exchange);
      }),
  });
  await using at = await asked({ rules: [{ ask: "person" }] }, { plugins: [resilience(), flaky()] });
  const call = at.person.client.callTool("delete", { path: "x" });
  await vi.waitFor(async () => {
    await at.clock.advance(100); // a pause before each retry
    expect(tries).toBe(3);
  });
  expect(textOf(await call)).toBe("deleted x");
  expect([tries, at.person.questions.length]).toEqual([3, 1]);
});

test("a call of another plugin's own is asked about, and told as that plugin's", async () => {
  const flow = definePlugin({
    name: "flow",
    host: "^1.0.0",
    apply: (host) =>
      host.hooks.call.for("tools/call").tap("flow", (next) => async (exchange) => {
        if (exchange.called?.native !== "read") return next(exchange);
        return exchange.call("tools/call", { name: "delete", arguments: { path: "x" } });
      }),
  });
  await using at = await asked({ rules: [{ match: ["delete"], ask: "person" }] }, { plugins: [flow()] });
  expect(textOf(await at.person.client.callTool("read"))).toBe("deleted x");
  expect(at.person.questions.map(({ message }) => message)).toEqual([
    expect.stringContaining('    Tool: "delete"\n    Called by: the plugin "flow"\n    Arguments:\n      "path": "x"'),
  ]);
  at.person.answer = () => ({ action: "decline" });
  const refused = await at.person.client.callTool("read");
  expect([refused.isError, textOf(refused)]).toEqual([true, expect.stringContaining("declined it")]);
  expect(at.up.received("tools/call")).toHaveLength(1);
});

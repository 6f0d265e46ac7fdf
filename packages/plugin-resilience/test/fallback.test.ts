import { expect, test } from "vitest";
import { failure, refusal, rpcError, scripted } from "./scripted.ts";

const FALLBACK = "io.mcp-host/fallback";

test("the configured result stands in when the upstream fails, and says so", async () => {
  await using world = await scripted({
    defaults: { retry: false },
    tools: [{ match: ["up:scr*"], fallback: { text: "nothing found for now" } }],
  });
  world.steps = [failure("upstream_lost")];
  expect(await world.client.callTool("scripted")).toEqual({
    content: [{ type: "text", text: "nothing found for now" }],
    _meta: { [FALLBACK]: { reason: "upstream_lost", sent: "unknown" } },
  });
  expect(world.reading("fallback.used")).toBe(1);
  expect(world.report().fallback).toEqual({ used: 1 });
  world.steps = [failure("upstream_lost")];
  expect(await world.call("other")).toBe("upstream_lost");
  expect(await world.call()).toBe("ok");
});

test("structured, as an error, and while the breaker is open", async () => {
  await using world = await scripted({
    defaults: { retry: false, breaker: { consecutive: 1 } },
    tools: [{ match: ["scripted"], fallback: { structured: { hits: [] }, isError: true } }],
  });
  world.steps = [failure("upstream_down", "no")];
  await world.call();
  expect(await world.client.callTool("scripted")).toEqual({
    content: [{ type: "text", text: '{"hits":[]}' }],
    structuredContent: { hits: [] },
    isError: true,
    _meta: { [FALLBACK]: { reason: "circuit_open", sent: "no" } },
  });
  expect(world.sent).toHaveLength(1);
});

test("while the host pauses between two tries to connect", async () => {
  await using world = await scripted({ defaults: { retry: false }, tools: [{ match: ["*"], fallback: { text: "later" } }] });
  world.steps = [failure("upstream_down", "no", 700)];
  expect(await world.call()).toBe("later");
});

test("answers, refusals and calls that want a task get what there is", async () => {
  await using world = await scripted({ defaults: { retry: false }, tools: [{ match: ["*"], fallback: { text: "never" } }] });
  world.steps = [rpcError(), refusal("forbidden"), failure("overloaded", "no"), failure("upstream_auth", "no")];
  expect([await world.call(), await world.call(), await world.call(), await world.call()]).toEqual([
    "-32000",
    "forbidden",
    "overloaded",
    "upstream_auth",
  ]);
  world.steps = [failure("upstream_lost")];
  await expect(world.client.request("tools/call", { name: "scripted", task: {} })).rejects.toMatchObject({
    data: { type: "upstream_lost" },
  });
  expect(world.report().fallback).toEqual({ used: 0 });
});

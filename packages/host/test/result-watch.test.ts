import { once } from "node:events";
import { definePlugin, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";

const plugin = (apply: (host: PluginHost) => unknown): Plugin =>
  definePlugin({ name: "odd", host: "^1.0.0", apply: (host) => void apply(host) })();
const echo = () => fakeUpstream({ tools: { echo: () => "hi" } });
const WARNING = "a tap gave a result that is none of MCP";

test.each<[hook: string, problem: string, apply: (host: PluginHost) => unknown]>([
  ["respond", "content: it is missing", ({ hooks }) => hooks.respond.for("tools/call").tap("odd", () => ({ text: "hi" }))],
  [
    "respond",
    "content: Invalid input: expected array",
    ({ hooks }) => hooks.respond.for("tools/call").tap("odd", async () => ({ content: "hi" })),
  ],
  ["call", "content: it is missing", ({ hooks }) => hooks.call.for("tools/call").tap("odd", () => async () => ({ text: "hi" }))],
  [
    "call",
    "content.0.text: Invalid input: expected string",
    ({ hooks }) =>
      hooks.call.for("tools/call").tap("odd", (next) => async (exchange) => ({ ...(await next(exchange)), content: [{ type: "text" }] })),
  ],
])("a tap of %s that makes a result with %s is warned of once", async (hook, problem, apply) => {
  const warned = once(process, "warning") as Promise<[Error & { detail?: string }]>;
  await using host = await createTestHost({ plugins: [plugin(apply)], upstreams: { a: echo() } });
  const lines = () => host.log.filter(({ message }) => message === WARNING);
  for (let count = 0; count < 3; count++) {
    await host.client.callTool("echo"); // nothing fails by it
    await vi.waitFor(() => expect(lines()).toHaveLength(1));
  }
  const place = expect.stringContaining("result-watch.test.ts:");
  const told = { level: "warn", plugin: "odd", hook, tapped: place, problem: expect.stringContaining(problem) };
  expect(lines()).toEqual([expect.objectContaining(told)]);
  const [warning] = await warned;
  expect(warning).toMatchObject({ name: "McpHostWarning", message: expect.stringContaining(problem) });
});

test("nothing is told of what came so, of results that MCP has, and of methods that it does not know", async () => {
  const apply = ({ hooks }: PluginHost): void => {
    hooks.respond.for("tools/call").tap("odd", (result) => ({ ...result, _meta: { seen: true } }));
    hooks.respond.for("*").tap("odd", (result) => result);
    hooks.call.for("*").tap("odd", (next) => async (exchange) => ({ ...(await next(exchange)) }));
    hooks.call.for("acme/search").tap("odd", () => async () => ({ anything: 1 }));
  };
  const odd = fakeUpstream({ tools: { echo: () => ({ content: [{ type: "text" }] }) }, methods: { "acme/search": () => ({}) } });
  await using host = await createTestHost({ plugins: [plugin(apply)], upstreams: { odd } });
  expect(await host.client.callTool("echo")).toEqual({ content: [{ type: "text" }], _meta: { seen: true } });
  await host.client.request("acme/search");
  await host.client.listTools();
  await import("../dist/wire/result-problems.js"); // what looks has had its turn
  expect(host.log.filter(({ message }) => message === WARNING)).toEqual([]);
});

import auth from "@host/plugin-auth";
import cache from "@host/plugin-cache";
import metrics from "@host/plugin-metrics";
import namespace from "@host/plugin-namespace";
import otel from "@host/plugin-otel";
import resilience from "@host/plugin-resilience";
import transform from "@host/plugin-transform";
import { type Config, definePlugin, type Json } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";

const call = { name: "read", arguments: {} };

test("the stock plugins that have something to lose keep it when a server comes", async () => {
  const a = fakeUpstream({ tools: { read: { annotations: { readOnlyHint: true }, call: () => "a" } } });
  const b = fakeUpstream({ tools: { write: () => "b" } });
  const plugins = [
    auth({ default: "allow" }),
    metrics(),
    otel({ endpoint: "http://127.0.0.1:9", context: { out: ["a"] } }),
    transform(),
    namespace({ strategy: "conflict" }),
    cache({ tools: ["read"] }),
    resilience(),
  ];
  await using running = await createTestHost({ upstreams: { a }, plugins });
  await running.client.request("tools/call", call);
  const mcpServers = { a: { transport: a.transport }, b: { transport: b.transport } };
  const { plugins: changes } = await running.host.reload({ drain: 0, plugins, mcpServers });
  // Who may use what, and what it is called, is worked out from the servers; there is nothing in it to lose.
  expect(changes).toEqual({
    added: [],
    removed: [],
    changed: [],
    renewed: ["auth", "namespace"],
    kept: ["metrics", "transform", "cache", "resilience", "otel"],
  });
  await running.client.request("tools/call", call);
  expect(a.received("tools/call")).toHaveLength(1);
  expect(Object.keys(running.host.reports().resilience as Json)).toEqual(["a", "b"]);
});

test("what a server answered is not given for another one that takes its place", async () => {
  const upstream = (text: string) => fakeUpstream({ tools: { read: { annotations: { readOnlyHint: true }, call: () => text } } });
  const servers = (text: string): Config["mcpServers"] => ({ a: { transport: upstream(text).transport } });
  const plugins = [cache({ tools: ["read"] })];
  const old = upstream("old");
  await using running = await createTestHost({ upstreams: { a: old }, plugins });
  const text = async () => (await running.client.request("tools/call", call)).content;
  await text();
  expect(await text()).toEqual([{ type: "text", text: "old" }]);
  expect(old.received("tools/call")).toHaveLength(1);
  await running.host.reload({ drain: 0, plugins, mcpServers: servers("new") });
  expect(await text()).toEqual([{ type: "text", text: "new" }]);
});

test("a host that stops waits for what a plugin that was just replaced still saves", async () => {
  const saved: string[] = [];
  const saving = (name: string, turns: number) =>
    definePlugin({
      name: "saving",
      host: "^1.0.0",
      apply: ({ hooks }) =>
        hooks.close.tap("saving", async () => {
          for (let turn = 0; turn < turns; turn++) await new Promise((later) => setImmediate(later));
          saved.push(name);
        }),
    })();
  await using running = await createTestHost({ plugins: [saving("old", 1_000)] });
  await running.host.reload({ mcpServers: {}, drain: 0, plugins: [saving("new", 0)] });
  await running.close();
  expect(saved.sort()).toEqual(["new", "old"]);
});

import { cache } from "@host/plugin-cache";
import { metrics } from "@host/plugin-metrics";
import { routing } from "@host/plugin-routing";
import { type Config, definePlugin } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { startHost } from "../../../test/harness/hosts.ts";
import { WireClient } from "../../../test/harness/wire.ts";

const reads = (from: string) => fakeUpstream({ tools: { read: () => from, [`only_${from}`]: () => from } });

/** A reload cannot change it. */
const listen = { port: 0 };

/** The lines of a scrape that have something of an upstream, or of a metric. */
async function lines(url: URL, word: string): Promise<string[]> {
  const text = await (await fetch(new URL("/metrics", url))).text();
  return text.split("\n").filter((line) => !line.startsWith("#") && line.includes(word));
}

const servers = (...upstreams: [key: string, upstream: ReturnType<typeof reads>][]): Config["mcpServers"] =>
  Object.fromEntries(upstreams.map(([key, { transport }]) => [key, { transport }]));

test("the series of an upstream go with it, those of one that is replaced go on, and those of a new one come", async () => {
  const [a, b, c] = [reads("a"), reads("b"), reads("c")];
  const plugins = [metrics()];
  await using running = await startHost({ mcpServers: servers(["a", a], ["b", b]), plugins, drain: 0 });
  await (await WireClient.connect(running.url)).request("tools/list");
  expect(await lines(running.url, 'mcp_host_upstream_up{upstream="b"} 1')).toHaveLength(1);
  const { plugins: changes } = await running.host.reload({ listen, mcpServers: servers(["a", c], ["new", b]), plugins, drain: 0 });
  expect(changes.kept).toEqual(["metrics"]);
  expect(await lines(running.url, 'upstream="b"')).toEqual([]);
  for (const key of ["a", "new"]) {
    expect(await lines(running.url, `mcp_host_upstream_up{upstream="${key}"} 1`)).toHaveLength(1);
    expect(await lines(running.url, `mcp_host_upstream_state_changes_total{upstream="${key}",state="ready"}`)).toHaveLength(1);
  }
  expect(await lines(running.url, "removed")).toEqual([]);
});

test("what plugins count is published after they were applied anew, came, or went", async () => {
  const a = reads("a");
  const counting = (name: string) =>
    definePlugin({
      name,
      host: "^1.0.0",
      apply: (host) => {
        const calls = host.meter.counter({ name: `${name}.calls`, description: "Calls." });
        host.hooks.settled.tap(name, ({ method }) => {
          if (method === "tools/call") calls.add(1);
        });
      },
    })();
  const [one, two] = [counting("one"), counting("two")];
  const mcpServers = servers(["a", a]);
  await using running = await startHost({ mcpServers, plugins: [metrics(), one, cache({ tools: ["read"] })], drain: 0 });
  const client = await WireClient.connect(running.url);
  const misses = () => lines(running.url, "mcp_host_cache_misses_total");
  await client.call("read");
  expect(await misses()).toEqual([expect.stringMatching(/ 1$/)]);
  await running.host.reload({ listen, mcpServers, plugins: [metrics(), two, cache({ tools: ["*"] })], drain: 0 });
  for (const name of ["read", "only_a"]) await client.call(name);
  expect(await misses()).toEqual([expect.stringMatching(/ 2$/)]);
  expect(await lines(running.url, "mcp_host_one_calls")).toEqual([]);
  expect(await lines(running.url, "mcp_host_two_calls_total")).toEqual(['mcp_host_two_calls_total{plugin="two"} 2']);
});

test("a call that a backup served is the backup's, under the name that was called", async () => {
  const main = reads("main");
  const backup = reads("backup");
  const mcpServers = { ...servers(["main", main]), backup: { transport: backup.transport } };
  const group = routing({ groups: { group: { members: ["main", { server: "backup", priority: 2 }] } } });
  await using running = await startHost({ mcpServers, plugins: [group, metrics()], drain: 0 });
  const client = await WireClient.connect(running.url);
  await client.request("tools/list");
  main.fail("down");
  await client.call("read");
  expect(backup.received("tools/call")).toHaveLength(1);
  const counted = await lines(running.url, "mcp_server_operation_duration_seconds_count");
  const calls = counted.filter((line) => line.includes("tools/call"));
  expect(calls).toEqual([expect.stringContaining('upstream="backup",gen_ai_tool_name="read"')]);
});

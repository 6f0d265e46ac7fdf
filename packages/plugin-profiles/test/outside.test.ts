import { profiles } from "@host/plugin-profiles";
import { routing } from "@host/plugin-routing";
import { type Config, definePlugin, type Json, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream, type TestClient } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { shown, started } from "./scripted.ts";

const plugin = (name: string, apply: (host: PluginHost) => void): Plugin => definePlugin({ name, host: "^1.0.0", apply })();

/** Leads calls of a tool that is in the profile to one that is not. */
const route = plugin("route", (host) =>
  host.hooks.route.tap("route", ({ entry }) => (entry?.native === "git_read" ? { upstream: "files", native: "files_write" } : undefined)),
);
/** Offers a tool that calls what its caller names. */
const offering = plugin("offering", (host) => {
  host.offer({
    tools: {
      relay: {
        description: "Calls another tool",
        input: { type: "object" },
        call: async ({ name }: Json, { exchange }) => (await exchange.call("tools/call", { name })) as { content: [] },
      },
    },
  });
});

/** What is outside of a profile with the server `git` and the offered tool, by each way to it; and what the client is told. */
const WAYS: Record<
  string,
  { act: (client: TestClient) => Promise<unknown>; told: string; method: string; plugins?: Config["plugins"] & object }
> = {
  "a tool": { act: (client) => client.callTool("files_write"), told: "Unknown tool: files_write", method: "tools/call" },
  "a prompt": { act: (client) => client.getPrompt("files_pack"), told: "Unknown prompt: files_pack", method: "prompts/get" },
  "a resource": { act: (client) => client.readResource("files:///open"), told: "Resource not found", method: "resources/read" },
  "a resource of a template": {
    act: (client) => client.readResource("files:///items/1"),
    told: "Resource not found",
    method: "resources/read",
  },
  "the updates of a resource": {
    act: (client) => client.request("resources/subscribe", { uri: "files:///open" }),
    told: "Resource not found",
    method: "resources/subscribe",
  },
  "a completion for a prompt": {
    act: (client) =>
      client.request("completion/complete", { ref: { type: "ref/prompt", name: "files_pack" }, argument: { name: "city", value: "O" } }),
    told: "Unknown prompt: files_pack",
    method: "completion/complete",
  },
  "a completion for a template": {
    act: (client) =>
      client.request("completion/complete", {
        ref: { type: "ref/resource", uri: "files:///items/{id}" },
        argument: { name: "id", value: "1" },
      }),
    told: "Unknown resource: files:///items/{id}",
    method: "completion/complete",
  },
  "a route that leads to it": {
    act: (client) => client.callTool("git_read"),
    told: "Unknown tool: git_read",
    method: "tools/call",
    plugins: [route],
  },
  "an entry of a plugin that calls it": {
    act: (client) => client.callTool("relay", { name: "files_write" }),
    told: "Unknown tool: files_write",
    method: "tools/call",
    plugins: [offering],
  },
};

describe.each(Object.entries(WAYS))("%s", (_way, { act, told, method, plugins = [] }) => {
  const selected = { work: { servers: ["git", "offering*"], outside: "refuse" as const } };

  test("is refused as unknown, and reaches no server", async () => {
    await using running = await started({ profiles: selected, outside: "hide" }, { plugins });
    await expect(act(await running.connect({ endpoint: "work" }))).rejects.toThrow(told);
    expect(running.files.received(method)).toEqual([]);
    await act(await running.connect());
    expect(running.files.received(method)).toHaveLength(1);
  });

  test("is only left out of lists where the profile hides", async () => {
    await using running = await started({ profiles: { work: { ...selected.work, outside: "hide" } } }, { plugins });
    const client = await running.connect({ endpoint: "work" });
    expect((await shown(client)).filter((name) => name.startsWith("files"))).toEqual([]);
    await act(client);
    expect(running.files.received(method)).toHaveLength(1);
  });
});

test("what is inside is answered, entries that plugins offer as well", async () => {
  await using running = await started({ profiles: { work: { servers: ["git", "offering"] } } }, { plugins: [offering] });
  const client = await running.connect({ endpoint: "work" });
  expect((await client.callTool("relay", { name: "git_read" })).content).toEqual([{ type: "text", text: "read git" }]);
  expect(await shown(client)).toContain("relay");
  await using other = await started({ profiles: { work: { servers: ["git"] } } }, { plugins: [offering] });
  const without = await other.connect({ endpoint: "work" });
  expect(await shown(without)).not.toContain("relay");
  await expect(without.callTool("relay", { name: "git_read" })).rejects.toThrow("Unknown tool: relay");
});

test("the updates of what is outside are not told to whoever subscribed where it is inside", async () => {
  await using running = await started({ profiles: { work: { servers: ["git"] }, all: {} } });
  const [all, work] = [await running.connect({ endpoint: "all" }), await running.connect({ endpoint: "work" })];
  await all.request("resources/subscribe", { uri: "files:///open" });
  await work.request("resources/subscribe", { uri: "git:///open" });
  running.files.notify("notifications/resources/updated", { uri: "files:///open" });
  running.git.notify("notifications/resources/updated", { uri: "git:///open" });
  expect(await all.until("notifications/resources/updated")).toEqual({ uri: "files:///open" });
  expect(await work.until("notifications/resources/updated")).toEqual({ uri: "git:///open" });
});

test("a member of a group serves a profile that it is in, and no other", async () => {
  const main = fakeUpstream({ tools: { read: () => "main" } });
  const spare = fakeUpstream({ tools: { read: () => "spare" } });
  await using running = await createTestHost({
    upstreams: { main, spare },
    plugins: [
      routing({ groups: { group: { members: ["main", { server: "spare", priority: 2 }] } } }),
      profiles({ profiles: { both: {}, alone: { servers: ["main", "group"] } } }),
    ],
    client: false,
  });
  const [both, alone] = [await running.connect({ endpoint: "both" }), await running.connect({ endpoint: "alone" })];
  expect((await alone.callTool("read")).content).toEqual([{ type: "text", text: "main" }]);
  main.fail("down");
  await expect.poll(() => running.host.status().upstreams[0]?.state).not.toBe("ready");
  expect((await both.callTool("read")).content).toEqual([{ type: "text", text: "spare" }]);
  await expect(alone.callTool("read")).rejects.toThrow();
  expect(spare.received("tools/call")).toHaveLength(1);
});

test("`outside` is the profile's own, else that of the first that it extends, else the plugin's", async () => {
  await using running = await started({
    outside: "hide",
    profiles: {
      plain: { servers: ["git"] },
      base: { servers: ["git"], outside: "refuse" },
      child: { extends: ["plain", "base"] },
      own: { extends: ["base"], outside: "hide" },
    },
  });
  const isCalled = async (endpoint: string): Promise<boolean> =>
    (await running.connect({ endpoint })).callTool("files_read").then(
      () => true,
      () => false,
    );
  expect(await Promise.all(["plain", "base", "child", "own"].map(isCalled))).toEqual([true, false, false, true]);
});

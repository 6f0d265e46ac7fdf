import { type AuthOptions, auth } from "@host/plugin-auth";
import { namespace } from "@host/plugin-namespace";
import { resilience } from "@host/plugin-resilience";
import { CreateTaskResultSchema, GetTaskResultSchema, ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { definePlugin, type PluginHost } from "mcp-host";
import { expect, test } from "vitest";
import { createWorld, inProcessTransport, type UpstreamOptions } from "../fixtures/upstream.mjs";
import { memoryTransport, sdkClient } from "../harness/clients.ts";
import { startHost } from "../harness/hosts.ts";

type Rule = NonNullable<AuthOptions["rules"]>[number];

/** A server in process that a test can take away and give back. */
function server(options: UpstreamOptions) {
  const world = createWorld(options);
  const open = new Set<ReturnType<typeof inProcessTransport>>();
  let isUp = true;
  return {
    world,
    calls: () => world.received.filter(({ method }) => method === "tools/call").length,
    config: {
      transport: () => {
        if (!isUp) throw new Error("it is down");
        const transport = inProcessTransport(world.settings, world);
        open.add(transport);
        return transport;
      },
    },
    async down() {
      isUp = false;
      for (const transport of open) await transport.close();
      open.clear();
    },
    up() {
      isUp = true;
    },
  };
}

const main = () => server({ name: "main", only: ["echo", "slow"] });
const backup = () => server({ name: "backup", only: ["echo", "fail"] });

/** A host with a main server and its fallback, whatever comes first in the config. */
async function hosts(first: "main" | "backup" = "main", more: Partial<Parameters<typeof startHost>[0]> = {}) {
  const [one, two] = [main(), backup()];
  const both = { main: one.config, backup: { ...two.config, fallback: true } };
  const mcpServers = first === "main" ? both : { backup: both.backup, main: both.main };
  const running = await startHost({ mcpServers, listen: null, drain: 0, ...more });
  return { one, two, host: running.host, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

test.each(["main", "backup"] as const)(
  "a fallback's tools are offered while nobody else can be reached (%s comes first)",
  async (first) => {
    await using running = await hosts(first);
    const { one, two, host } = running;
    const names = async (): Promise<string[]> => (await host.listTools()).tools.map(({ name }) => name);
    expect(await names()).toEqual(["echo", "slow"]);
    await expect(host.callTool("fail")).rejects.toThrow("Unknown tool: fail");
    await host.callTool("echo");
    expect([one.calls(), two.calls()]).toEqual([1, 0]);

    const client = sdkClient();
    await client.connect(await memoryTransport(host));
    const changes: string[][] = [];
    client.setNotificationHandler(ToolListChangedNotificationSchema, async () => void changes.push(await names()));
    await one.down();
    // What the main server listed last stays: a call to it may go to the fallback.
    await expect.poll(() => changes).toEqual([["echo", "slow", "fail"]]);
    await expect(host.callTool("fail")).rejects.toThrow("failed as asked");
    expect(host.status().withheld).toContainEqual(expect.objectContaining({ kind: "tool", name: "echo", upstream: "backup" }));

    one.up();
    await host.reconnect("main");
    await expect.poll(() => changes.at(-1)).toEqual(["echo", "slow"]);
    await host.callTool("echo");
    expect(one.calls()).toBe(2);
    await client.close();
  },
);

test("a call that could not be sent to its owner goes to the fallback, if that lists the tool by its native name", async () => {
  await using running = await hosts("main", { plugins: ["@host/plugin-namespace"] });
  const { one, two, host } = running;
  await host.listTools();
  await one.down();
  expect(await host.callTool("main__echo", { a: 1 })).toMatchObject({ structuredContent: { arguments: { a: 1 } } });
  expect(two.calls()).toBe(1);
  await expect(host.callTool("main__slow")).rejects.toMatchObject({ type: "upstream_down", upstream: "main", sent: "no" });
  await two.down();
  await expect(host.callTool("main__echo")).rejects.toMatchObject({ type: "upstream_down", sent: "no" });
});

test("a call that may have been sent is not sent again", async () => {
  await using running = await hosts();
  const { one, two, host } = running;
  await host.listTools();
  two.world.catalog.tools.push({ name: "slow", inputSchema: { type: "object" } });
  await host.reconnect("backup");
  const call = host.callTool("slow", { ms: 60_000 });
  await expect.poll(one.calls).toBe(1);
  await one.down();
  await expect(call).rejects.toMatchObject({ type: "upstream_lost", sent: "unknown" });
  expect(two.calls()).toBe(0);
});

test("names that a fallback was lent go back to their owner, even one that comes late", async () => {
  const [one, two] = [main(), backup()];
  await one.down();
  await using running = await startHost({
    mcpServers: { backup: { ...two.config, fallback: true }, main: one.config },
    listen: null,
    drain: 0,
  });
  const { host } = running;
  await expect.poll(async () => (await host.listTools()).tools.map(({ name }) => name)).toEqual(["echo", "fail"]);
  await host.callTool("echo");
  expect(two.calls()).toBe(1);
  one.up();
  await host.reconnect("main");
  await host.callTool("echo");
  expect([one.calls(), two.calls()]).toEqual([1, 1]);
  expect((await host.listTools()).tools.map(({ name }) => name)).toEqual(["echo", "slow"]);
});

test("while another server can be reached, a fallback's tools stay hidden, but it serves for the one that is down", async () => {
  const [one, two, three] = [main(), backup(), server({ name: "third", only: ["progress"] })];
  await using running = await startHost({
    mcpServers: { main: one.config, third: three.config, backup: { ...two.config, fallback: true } },
    listen: null,
    drain: 0,
  });
  const { host } = running;
  await host.listTools();
  await one.down();
  await host.callTool("echo");
  expect(two.calls()).toBe(1);
  expect((await host.listTools()).tools.map(({ name }) => name)).toEqual(["echo", "slow", "progress"]);
});

test("plugins that route are asked first", async () => {
  const asked: string[] = [];
  const watch = definePlugin({
    name: "watch",
    host: "^1.0.0",
    apply({ hooks }: PluginHost) {
      hooks.route.tap("watch", ({ attempts }) => {
        asked.push(attempts.map(({ upstream, error }) => `${upstream} ${error}`).join());
        return undefined;
      });
    },
  });
  await using running = await hosts("main", { plugins: [watch()] });
  const { one, two, host } = running;
  await host.listTools();
  await one.down();
  await host.callTool("echo", { a: 1 });
  expect(asked).toEqual(["", "main upstream_down"]);
  expect(two.calls()).toBe(1);
});

const forbidden: [what: string, rule: Rule, type: string][] = [
  ["its server", { deny: { servers: ["backup"] } }, "upstream_down"],
  ["its tool by native name", { deny: { tools: ["backup:echo"] } }, "upstream_down"],
  ["its tool by the name that it would have", { deny: { tools: ["backup__echo"] } }, "upstream_down"],
  ["certain arguments there", { deny: { servers: ["backup"] }, when: "arguments.secret == true" }, "forbidden"],
];

test.each(forbidden)("what is forbidden of a fallback is not reached by a call to another server: %s", async (_, rule, type) => {
  const third = server({ name: "third", only: ["progress"] });
  const [one, two] = [main(), backup()];
  await using running = await startHost({
    mcpServers: { main: one.config, third: third.config, backup: { ...two.config, fallback: true } },
    plugins: [auth({ rules: [rule], default: "allow" }), namespace()],
    listen: null,
    drain: 0,
  });
  const { host } = running;
  await host.listTools();
  await expect.poll(() => host.status().upstreams.find(({ name }) => name === "backup")?.entries.tools).toBe(2);
  await one.down();
  await expect(host.callTool("main__echo", { secret: true })).rejects.toMatchObject({ type, sent: "no" });
  expect(two.calls()).toBe(0);
  if (type !== "forbidden") return;
  await host.callTool("main__echo", { secret: false });
  expect(two.calls()).toBe(1);
});

test("a call that a circuit breaker refuses goes to the fallback", async () => {
  const [one, two] = [main(), backup()];
  const mcpServers = { main: one.config, backup: { ...two.config, fallback: true } };
  const dying = { breaker: { consecutive: 1, openFor: "10m", maxOpenFor: "10m" }, retry: false, timeout: { total: 100 } } as const;
  await using running = await startHost({ mcpServers, plugins: [resilience({ servers: { main: dying } })], listen: null, drain: 0 });
  const { host } = running;
  await host.listTools();
  await expect.poll(() => host.status().upstreams.map(({ entries }) => entries.tools)).toEqual([2, 2]);
  // It hangs, and stays connected: one that connects anew is tried at once.
  await expect(host.callTool("slow", { ms: 3_600_000 })).rejects.toThrow(/did not answer|within/);
  expect(host.reports().resilience).toMatchObject({ main: { breaker: { state: "open" } } });
  await host.callTool("echo");
  expect([one.calls(), two.calls()]).toEqual([1, 1]);
});

test("a task that a fallback began is asked about through its own handlers, also when the owner is back", async () => {
  const passed: string[] = [];
  const watch = definePlugin({
    name: "watch",
    host: "^1.0.0",
    apply({ hooks }: PluginHost) {
      hooks.call.for("tasks/get").tap("watch", (next, { key }) => (exchange) => {
        passed.push(key);
        return next(exchange);
      });
    },
  });
  const [one, two] = [server({ name: "main", only: ["work"] }), server({ name: "backup", only: ["work"] })];
  const mcpServers = { main: one.config, backup: { ...two.config, fallback: true } };
  await using running = await startHost({ mcpServers, plugins: [watch()], listen: null, drain: 0 });
  const { host } = running;
  const client = sdkClient();
  await client.connect(await memoryTransport(host));
  await client.listTools();
  await one.down();
  const params = { name: "work", arguments: { steps: 1_000, delayMs: 1_000 }, task: {} };
  const { task } = await client.request({ method: "tools/call", params }, CreateTaskResultSchema);
  one.up();
  await host.reconnect("main");
  const { status } = await client.request({ method: "tasks/get", params: { taskId: task.taskId } }, GetTaskResultSchema);
  expect(status).toBe("working");
  expect(passed).toEqual(["backup"]);
  await client.close();
});

test("a fallback does not change the names of what it stands in for", async () => {
  await using running = await hosts("backup", { plugins: [namespace({ strategy: "conflict" })] });
  const { one, two, host } = running;
  const names = async (): Promise<string[]> => (await host.listTools()).tools.map(({ name }) => name);
  expect(await names()).toEqual(["echo", "slow"]);
  await one.down();
  expect(await names()).toEqual(["echo", "slow", "fail"]);
  await host.callTool("echo");
  expect(two.calls()).toBe(1);
  one.up();
  await host.reconnect("main");
  expect(await names()).toEqual(["echo", "slow"]);
});

import { type AuthOptions, auth } from "@host/plugin-auth";
import { namespace } from "@host/plugin-namespace";
import { resilience } from "@host/plugin-resilience";
import { type RoutingOptions, routing } from "@host/plugin-routing";
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

/** A main server and its backup. */
const group = (more: Partial<NonNullable<RoutingOptions["groups"]>[string]> = {}) =>
  routing({ groups: { group: { members: ["main", { server: "backup", priority: 2 }], ...more } } });

/** A breaker that one timeout opens. */
const dying = { breaker: { consecutive: 1, openFor: "10m", maxOpenFor: "10m" }, retry: false, timeout: { total: 100 } } as const;

/** A host with a main server and its backup in a group. */
async function hosts(more: Partial<Parameters<typeof startHost>[0]> = {}, [one, two] = [main(), backup()]) {
  const mcpServers = { main: one.config, backup: two.config };
  const running = await startHost({ mcpServers, listen: null, drain: 0, ...more, plugins: [group(), ...(more.plugins ?? [])] });
  return { one, two, host: running.host, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

test("a backup's own tools are offered while nothing is known of the others, and no longer", async () => {
  const one = main();
  await one.down();
  await using running = await hosts({}, [one, backup()]);
  const { two, host } = running;
  const names = async (): Promise<string[]> => (await host.listTools()).tools.map(({ name }) => name);
  await expect.poll(names).toEqual(["echo", "fail"]);
  await host.callTool("echo");
  expect(two.calls()).toBe(1);

  const client = sdkClient();
  await client.connect(await memoryTransport(host));
  const changes: string[][] = [];
  client.setNotificationHandler(ToolListChangedNotificationSchema, async () => void changes.push(await names()));
  one.up();
  await host.reconnect("main");
  await expect.poll(() => changes.at(-1)).toEqual(["echo", "slow"]);
  await host.callTool("echo");
  expect([one.calls(), two.calls()]).toEqual([1, 1]);
  await client.close();
});

test("a call that could not be sent goes to the backup, if that lists the tool by its native name", async () => {
  await using running = await hosts({ plugins: [namespace()] });
  const { one, two, host } = running;
  await host.listTools();
  await one.down();
  expect(await host.callTool("group__echo", { a: 1 })).toMatchObject({ structuredContent: { arguments: { a: 1 } } });
  expect(two.calls()).toBe(1);
  await expect(host.callTool("group__slow")).rejects.toMatchObject({ type: "upstream_down", upstream: "main", sent: "no" });
  await two.down();
  await expect(host.callTool("group__echo")).rejects.toMatchObject({ type: "upstream_down", sent: "no" });
});

test("a call that may have been sent is not sent again, unless the config says that it may run twice", async () => {
  const slow = { name: "slow", inputSchema: { type: "object" } };
  const [one, two] = [main(), backup()];
  two.world.catalog.tools.push(slow);
  await using running = await hosts({}, [one, two]);
  const { host } = running;
  await host.listTools();
  const call = host.callTool("slow", { ms: 60_000 });
  await expect.poll(one.calls).toBe(1);
  await one.down();
  await expect(call).rejects.toMatchObject({ type: "upstream_lost", sent: "unknown" });
  expect(two.calls()).toBe(0);

  // Each server has to say it for itself.
  for (const own of [{}, { idempotent: ["slow"] }]) {
    one.up();
    const mcpServers = { main: { ...one.config, idempotent: ["slow"] }, backup: { ...two.config, ...own } };
    await host.reload({ mcpServers, plugins: [group()], drain: 0 });
    await expect.poll(() => host.status().upstreams.map(({ state }) => state)).toEqual(["ready", "ready", "ready"]);
    const before = one.calls();
    const lost = host.callTool("slow", { ms: 1_500 }).catch((error: unknown) => error);
    await expect.poll(one.calls).toBe(before + 1);
    await one.down();
    const came = await lost;
    expect([came instanceof Error, two.calls()]).toEqual("idempotent" in own ? [false, 1] : [true, 0]);
  }
});

test("plugins that route before are asked first, and told what was tried", async () => {
  const asked: string[] = [];
  const watch = definePlugin({
    name: "watch",
    host: "^1.0.0",
    enforce: "pre",
    apply({ hooks }: PluginHost) {
      hooks.route.tap("watch", ({ attempts }) => {
        asked.push(attempts.map(({ upstream, error }) => `${upstream} ${error}`).join());
        return undefined;
      });
    },
  });
  await using running = await hosts({ plugins: [watch(), resilience({ servers: { main: dying } })] });
  const { two, host } = running;
  await host.listTools();
  await expect(host.callTool("slow", { ms: 3_600_000 })).rejects.toThrow(/did not answer|within/);
  asked.length = 0;
  await host.callTool("echo", { a: 1 });
  expect(asked).toEqual(["", "main circuit_open"]);
  expect(two.calls()).toBe(1);
});

test("without another route a call fails as it did, and is not tried twice at its owner", async () => {
  const asked: number[] = [];
  const watch = definePlugin({
    name: "watch",
    host: "^1.0.0",
    apply: ({ hooks }: PluginHost) =>
      hooks.route.tap("watch", ({ attempts }) => {
        asked.push(attempts.length);
        return undefined;
      }),
  });
  const one = main();
  await using running = await startHost({ mcpServers: { main: one.config }, plugins: [watch()], listen: null, drain: 0 });
  await running.host.listTools();
  await one.down();
  await expect(running.host.callTool("echo")).rejects.toMatchObject({ type: "upstream_down" });
  expect(asked).toEqual([0, 1]);
});

const forbidden: [what: string, rule: Rule, type: string][] = [
  ["its server", { deny: { servers: ["backup"] } }, "upstream_down"],
  ["its tool by native name", { deny: { tools: ["backup:echo"] } }, "upstream_down"],
  ["certain arguments there", { deny: { servers: ["backup"] }, when: "arguments.secret == true" }, "forbidden"],
];

test.each(forbidden)("what is forbidden of a backup is not reached by a call of its group: %s", async (_, rule, type) => {
  await using running = await hosts({ plugins: [auth({ rules: [rule], default: "allow" }), namespace()] });
  const { one, two, host } = running;
  await host.listTools();
  await one.down();
  await expect(host.callTool("group__echo", { secret: true })).rejects.toMatchObject({ sent: "no" });
  expect(two.calls()).toBe(0);
  if (type !== "forbidden") return;
  await host.callTool("group__echo", { secret: false });
  expect(two.calls()).toBe(1);
});

test("what is allowed by the group's name is allowed at each member, and by server only where both are named", async () => {
  const named = auth({ rules: [{ allow: { tools: ["group__echo"] } }], default: "deny" });
  await using running = await hosts({ plugins: [named, namespace()] });
  await running.host.callTool("group__echo");
  const alone = auth({ rules: [{ allow: { servers: ["group"] } }], default: "deny" });
  await using closed = await hosts({ plugins: [alone, namespace()] });
  await expect(closed.host.callTool("group__echo")).rejects.toThrow("Unknown tool");
  const both = auth({ rules: [{ allow: { servers: ["group", "main"] } }], default: "deny" });
  await using open = await hosts({ plugins: [both, namespace()] });
  await open.host.callTool("group__echo");
  await open.one.down();
  await expect(open.host.callTool("group__echo")).rejects.toMatchObject({ sent: "no" });
  expect(open.two.calls()).toBe(0);
});

test("a call that a circuit breaker refuses goes to the backup", async () => {
  await using running = await hosts({ plugins: [resilience({ servers: { main: dying } })] });
  const { one, two, host } = running;
  await host.listTools();
  // It hangs, and stays connected: one that connects anew is tried at once.
  await expect(host.callTool("slow", { ms: 3_600_000 })).rejects.toThrow(/did not answer|within/);
  expect(host.reports().resilience).toMatchObject({ main: { breaker: { state: "open" } } });
  await host.callTool("echo");
  expect([one.calls(), two.calls()]).toEqual([1, 1]);
});

test("a task that a backup began is asked about through its own handlers, also when the main server is back", async () => {
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
  const both = [server({ name: "main", only: ["work"] }), server({ name: "backup", only: ["work"] })] as const;
  await using running = await hosts({ plugins: [watch()] }, [...both]);
  const { one, host } = running;
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

test("the old key is refused with the new spelling", async () => {
  const config = { mcpServers: { main: main().config, backup: { ...backup().config, fallback: true } } };
  await expect(startHost(config as object)).rejects.toThrow(
    'mcpServers.backup.fallback: unknown key; it is a backup in a group now: remove it, and add to "plugins" ["@host/plugin-routing", { "groups": { "<name>": { "members": ["<server>", { "server": "backup", "priority": 2 }] } } }]',
  );
});

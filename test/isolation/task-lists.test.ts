import { definePlugin } from "mcp-host";
import { expect, test } from "vitest";
import { startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { bearer, WireClient } from "../harness/wire.ts";

/** The plugin's word on each tool. */
const forbidden = new Set<string>();
const guard = definePlugin({
  name: "guard",
  host: "^1.0.0",
  apply(host) {
    host.hooks.permit.tap("guard", (entry) => (forbidden.has(entry.native) ? false : undefined));
  },
});

test("tasks/list leaves out what cannot be asked or may not be seen, and waits for nobody else", async () => {
  await using running = await startHost({
    mcpServers: {
      quick: upstream({ name: "quick", prefix: "quick_" }),
      slow: { ...upstream({ name: "slow", prefix: "slow_", delays: { "tasks/list": 60_000 } }), timeout: "300ms" },
      other: upstream({ name: "other", prefix: "other_" }),
    },
    plugins: [guard()],
  });
  const client = await RawHttp.open(running.url);
  const begin = async (tool: string): Promise<string> => {
    const { result } = await client.ask("tools/call", { name: tool, arguments: { steps: 1_000, delayMs: 1_000 }, task: {} });
    return result.task.taskId;
  };
  const [quick, , other] = [await begin("quick_work"), await begin("slow_work"), await begin("other_work")];
  const list = async () => (await client.ask("tasks/list")).result;
  const first = await list();
  expect(first.tasks.map(({ taskId }: { taskId: string }) => taskId)).toEqual([quick, other]);
  expect(first._meta).toEqual({ "io.mcp-host/partial": ["slow"] });
  forbidden.add("other_work");
  expect((await list()).tasks.map(({ taskId }: { taskId: string }) => taskId)).toEqual([quick]);
  expect((await client.ask("tasks/get", { taskId: other })).error).toBeDefined();
});

test("the tasks of a principal are there for all its sessions and for nobody else; without an auth plugin a session is alone", async () => {
  const work = { name: "work", arguments: { steps: 1_000, delayMs: 1_000 }, task: {} };
  const mcpServers = { up: upstream({ only: ["work"] }) };
  await using running = await startHost({ mcpServers, plugins: [bearer()] });
  await running.host.known(20_000);
  const open = (url: URL, name?: string): Promise<WireClient> =>
    WireClient.connect(url, name === undefined ? {} : { headers: { authorization: `Bearer ${name}` } });
  /** Whether a session lists a task, and may ask for it. */
  const sees = async (client: WireClient, taskId: string): Promise<[listed: boolean, told: boolean]> => {
    const { tasks } = (await client.request("tasks/list")).json.result as { tasks: { taskId: string }[] };
    return [tasks.some((task) => task.taskId === taskId), (await client.request("tasks/get", { taskId })).json.result !== undefined];
  };
  const [first, second, bob] = [await open(running.url, "alice"), await open(running.url, "alice"), await open(running.url, "bob")];
  const { taskId } = (await first.request("tools/call", work)).json.result.task;
  expect(await sees(first, taskId)).toEqual([true, true]);
  expect(await sees(second, taskId)).toEqual([true, true]);
  expect(await sees(bob, taskId)).toEqual([false, false]);

  await using nobody = await startHost({ mcpServers });
  await nobody.host.known(20_000);
  const [one, other] = [await open(nobody.url), await open(nobody.url)];
  const alone = (await one.request("tools/call", work)).json.result.task.taskId;
  expect(await sees(one, alone)).toEqual([true, true]);
  expect(await sees(other, alone)).toEqual([false, false]);
});

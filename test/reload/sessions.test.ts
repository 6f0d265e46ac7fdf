import { routing } from "@host/plugin-routing";
import type { Config } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { type Deliver, httpPipe, type Pipe, RawClient, socketPipe, ssePipe, transportPipe } from "../fidelity/raw.ts";
import { createWorld, inProcessTransport, type Message, serveHttp, serveSse, serveWebSocket } from "../fixtures/upstream.mjs";
import { memoryTransport } from "../harness/clients.ts";
import { startHost, type TestHost, upstream } from "../harness/hosts.ts";

type Servers = NonNullable<Config["mcpServers"]>;

/** How clients come in, each with a stream that stays open. */
const INTO: Record<string, (running: TestHost, deliver: Deliver) => Promise<Pipe>> = {
  http: ({ url }, deliver) => httpPipe(url, deliver),
  sse: ({ url }, deliver) => ssePipe(url, deliver),
  websocket: ({ url }, deliver) => socketPipe(url, deliver),
  memory: async ({ host }, deliver) => transportPipe(await memoryTransport(host), deliver),
};
const OUT = ["http", "sse", "websocket", "stdio", "memory"] as const;
const SERVE = { http: serveHttp, sse: serveSse, websocket: serveWebSocket } as const;

/** A server over a wire: its settings in the config, and its end. */
async function server(out: (typeof OUT)[number], options: Message): Promise<{ config: object; close(): Promise<unknown> }> {
  if (out === "stdio") return { config: upstream(options), close: async () => {} };
  if (out === "memory") {
    const world = createWorld(options);
    const transport = () => inProcessTransport(undefined, world);
    return { config: { transport }, close: async () => {} };
  }
  const { url, close } = await SERVE[out](options);
  return { config: { type: out, url }, close };
}

const host = (mcpServers: Servers, more: Partial<Config> = {}): Promise<TestHost> =>
  startHost({ mcpServers, listen: { sse: true, websocket: true }, drain: 0, ...more });

async function client(running: TestHost, into = "http", capabilities: Message = {}): Promise<RawClient> {
  const raw = await RawClient.open((deliver) => (INTO[into] as (typeof INTO)[string])(running, deliver));
  await raw.initialize(capabilities);
  return raw;
}

const payloadOf = ({ result }: Message): string => result.structuredContent.payload;
/** Which connection of a server answered: the payload begins with its name and the connection's number. */
const connectionOf = (response: Message): string => payloadOf(response).split("/").slice(0, 2).join("/");
const news = (raw: RawClient): number => raw.all("notifications/tools/list_changed").length;

describe.each(Object.keys(INTO))("a session over %s", (into) => {
  test.each(OUT)("goes on when a server over %s is replaced, with what is in flight and its stream", async (out) => {
    const [kept, old, other] = await Promise.all([
      server(out, { name: "kept", prefix: "kept_", only: ["echo", "change"] }),
      server(out, { name: "old", only: ["echo", "progress", "work"] }),
      server(out, { name: "new", only: ["echo", "progress", "slow"] }),
    ]);
    await using running = await host({ kept: kept.config, it: old.config });
    const [raw, second] = await Promise.all([client(running, into), client(running, into)]);
    const before = connectionOf(await raw.call("kept_echo"));
    const inFlight = [raw, second].map((one, n) =>
      one.call("progress", { steps: 20, delayMs: 25 }, { _meta: { progressToken: `p${n}` } }, `flight-${n}`),
    );
    await Promise.all([raw, second].map((one) => one.next(({ method }) => method === "notifications/progress")));

    const report = await running.host.reload({
      mcpServers: { kept: kept.config, it: other.config },
      listen: { port: 0, sse: true, websocket: true },
      drain: 0,
    });
    expect(report.upstreams).toEqual({ added: [], changed: ["it"], removed: [], kept: ["kept"] });
    // New calls go to the new server, while those in flight end on the old one: one answer each, and all of the progress.
    expect(payloadOf(await raw.call("echo"))).toMatch(/^new\//);
    for (const { result } of await Promise.all(inFlight)) expect(result.structuredContent).toMatchObject({ steps: 20 });
    for (const [n, one] of [raw, second].entries()) {
      const steps = one.all("notifications/progress").map(({ message }) => [message.params.progressToken, message.params.progress]);
      expect(steps).toEqual(Array.from({ length: 20 }, (_, step) => [`p${n}`, step + 1]));
      expect(one.received.filter(({ message }) => message.id === `flight-${n}` && message.method === undefined)).toHaveLength(1);
    }
    // What was not changed is on the connection that it was on, and the list's change is told once, on the stream.
    expect(connectionOf(await raw.call("kept_echo"))).toBe(before);
    await vi.waitFor(() => expect([news(raw), news(second)]).toEqual([1, 1]));
    const { result } = await raw.request("tools/list");
    expect(result.tools.map(({ name }: Message) => name)).toEqual(["kept_echo", "kept_change", "echo", "progress", "slow"]);
    // The stream still brings what servers say later.
    await raw.call("kept_change", { kinds: ["tools"], name: "later" });
    await vi.waitFor(() => expect([news(raw), news(second)]).toEqual([2, 2]));
    expect(running.host.status().sessions).toBe(2);
    await Promise.all([raw, second].map((one) => one.pipe.close()));
    await running.host.close();
    await Promise.all([kept, old, other].map((one) => one.close()));
  });

  test("with servers of its own keeps its connections, questions and subscriptions to itself", async () => {
    const only = ["echo", "elicit", "touch", "subscriptions"];
    const [a, b, c] = await Promise.all([
      server("stdio", { name: "a", prefix: "a_", base: "a://", only: ["environment"] }),
      server("http", { name: "b", base: "b://", only }),
      server("http", { name: "c", base: "b://", only }),
    ]);
    const own = (config: object) => ({ ...config, isolation: "session" });
    const servers = (it: typeof b): Servers => ({ a: own(a.config), it: own(it.config) });
    await using running = await host(servers(b));
    const clients = await Promise.all([client(running, into, { elicitation: {} }), client(running, into, { elicitation: {} })]);
    const [one, two] = clients;
    const pids = async (): Promise<number[]> =>
      Promise.all(clients.map(async (each) => (await each.call("a_environment")).result.structuredContent.pid));
    const before = await pids();
    expect(new Set(before).size).toBe(2);
    await one.request("resources/subscribe", { uri: "b://text" });
    const asking = one.call("elicit", { params: { message: "whose?" } }, {}, "asking");
    const { message: question } = await one.next(({ method }) => method === "elicitation/create");

    await running.host.reload({ mcpServers: servers(c), listen: { port: 0, sse: true, websocket: true }, drain: 0 });
    // The question of before is answered on the connection of before.
    await one.pipe.send({ jsonrpc: "2.0", id: question.id, result: { action: "decline" } });
    expect((await asking).result.structuredContent).toMatchObject({ result: { action: "decline" } });
    expect(two.all("elicitation/create")).toEqual([]);
    expect(await pids()).toEqual(before);
    // Each has a new connection of its own, and the subscription is on that of whom it belongs to.
    const connections = await Promise.all(clients.map(async (each) => connectionOf(await each.call("echo"))));
    expect(new Set(connections).size).toBe(2);
    expect(connections.every((connection) => connection.startsWith("c/"))).toBe(true);
    const subscribed = await Promise.all(clients.map(async (each) => (await each.call("subscriptions")).result.structuredContent.uris));
    expect(subscribed).toEqual([["b://text"], []]);
    await two.call("touch", { uri: "b://text" });
    await one.next(({ method }) => method === "notifications/resources/updated");
    expect(two.all("notifications/resources/updated")).toEqual([]);
    await Promise.all(clients.map((each) => each.pipe.close()));
    await running.host.close();
    await Promise.all([a, b, c].map((each) => each.close()));
  });
});

test("servers of a principal's own stay that principal's", async () => {
  const { config } = await server("stdio", { only: ["environment"] });
  const isolated = (timeout: string): Servers => ({
    it: { ...config, isolation: "principal" },
    other: { ...upstream({ prefix: "o_", only: ["environment"] }), isolation: "principal", timeout },
  });
  await using running = await host(isolated("50s"));
  const pid = async (id: string, name: string): Promise<number> => {
    const result = await running.host.callTool(name, {}, { principal: { id, roles: [] } });
    return (result.structuredContent as { pid: number }).pid;
  };
  const all = () => Promise.all(["ada", "ada", "bob"].flatMap((id) => [pid(id, "environment"), pid(id, "o_environment")]));
  const before = await all();
  await running.host.reload({ mcpServers: isolated("60s"), listen: { port: 0, sse: true, websocket: true }, drain: 0 });
  const after = await all();
  // The first server is as before, the second one's processes are new ones, and ada's two sessions share theirs.
  const [kept, replaced] = [0, 1].map((which) => (pids: number[]) => pids.filter((_, index) => index % 2 === which));
  expect(kept?.(after)).toEqual(kept?.(before));
  for (const pids of [before, after].map((each) => replaced?.(each) ?? [])) {
    expect(pids[0]).toBe(pids[1]);
    expect(pids[2]).not.toBe(pids[0]);
  }
  expect(replaced?.(after).some((one) => replaced?.(before).includes(one))).toBe(false);
});

test("tasks of a server that stays go on over a reload; those of one that is replaced are told to be gone", async () => {
  const options = { only: ["work"] };
  const [stays, goes, other] = await Promise.all([
    server("http", { ...options, prefix: "stays_" }),
    server("stdio", { ...options, prefix: "goes_" }),
    server("stdio", { ...options, version: "2.0.0", prefix: "goes_" }),
  ]);
  await using running = await host({ stays: stays.config, it: goes.config });
  const raw = await client(running);
  const begin = async (name: string): Promise<string> =>
    (await raw.call(name, { steps: 10, delayMs: 20, text: name }, { task: { ttl: 60_000 } })).result.task.taskId;
  const [kept, lost] = [await begin("stays_work"), await begin("goes_work")];
  await running.host.reload({
    mcpServers: { stays: stays.config, it: other.config },
    listen: { port: 0, sse: true, websocket: true },
    drain: 0,
  });
  expect((await raw.request("tasks/result", { taskId: kept })).result.structuredContent).toEqual({ text: "stays_work" });
  expect((await raw.request("tasks/get", { taskId: kept })).result.status).toBe("completed");
  expect((await raw.request("tasks/get", { taskId: lost })).error).toMatchObject({
    code: -31503,
    data: { type: "upstream_down", sent: "no" },
  });
  const again = await begin("goes_work");
  expect((await raw.request("tasks/result", { taskId: again })).result.structuredContent).toEqual({ text: "goes_work" });
  await raw.pipe.close();
  await running.host.close();
  await Promise.all([stays, goes, other].map((one) => one.close()));
});

test("a backup takes over when its main server turns into one that is down, and steps back when that comes back", async () => {
  const [main, backup] = await Promise.all([
    server("http", { name: "main", only: ["echo"] }),
    server("http", { name: "backup", only: ["echo"] }),
  ]);
  const gone = { url: "http://127.0.0.1:9/mcp", type: "http" } as const;
  const config = (it: object): Config => ({
    mcpServers: { main: it, backup: backup.config },
    plugins: [routing({ groups: { group: { members: ["main", { server: "backup", priority: 2 }] } } })],
    listen: { port: 0, sse: true, websocket: true },
    drain: 0,
  });
  await using running = await startHost(config(main.config));
  const raw = await client(running);
  const who = async (): Promise<string> => payloadOf(await raw.call("echo")).split("/")[0] ?? "";
  expect(await who()).toBe("main");
  await running.host.reload(config(gone));
  await vi.waitFor(async () => expect(await who()).toBe("backup"));
  await running.host.reload(config(main.config));
  expect(await who()).toBe("main");
  await raw.pipe.close();
  await running.host.close();
  await Promise.all([main, backup].map((one) => one.close()));
});

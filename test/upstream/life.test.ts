import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host, UpstreamStatus } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { MARKER, ownMarker, survivors } from "../harness/census.ts";
import { startHost, type TestHost, temporary, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A scripted upstream whose processes can be counted. */
function counted(options: Record<string, unknown> = {}) {
  const marker = ownMarker();
  return { server: { ...upstream({ only: ["echo", "slow"], ...options }), env: { [MARKER]: marker } }, children: () => survivors(marker) };
}

/** A scripted upstream that cannot be started while a file says so. */
function breakable(folder: string, options: Record<string, unknown> = {}) {
  const flag = join(folder, "broken");
  const { command, args, env } = upstream({ only: ["echo"], ...options });
  const script = `
    if (require("node:fs").existsSync(${JSON.stringify(flag)})) process.exit(3);
    process.argv.splice(1, 0, ${JSON.stringify(args[0])});
    import(${JSON.stringify(args[0])});`;
  return {
    server: { command, args: ["-e", script, ...args.slice(1)], env },
    break: () => writeFileSync(flag, ""),
    mend: () => existsSync(flag) && rmSync(flag),
  };
}

const statusOf = (host: Host, name: string): UpstreamStatus => host.status().upstreams.find((one) => one.name === name) as UpstreamStatus; // it is configured
const pidOf = (host: Host, name: string): number => statusOf(host, name).connections[0]?.pid as number; // it runs

/** The states that an upstream went through. */
const statesOf = ({ logs }: TestHost, name: string): unknown[] =>
  logs
    .filter(({ msg, message, upstream }) => /changed its state/.test(String(msg ?? message)) && upstream === name)
    .map(({ state }) => state);

async function waitForState(host: Host, name: string, state: string, timeout = 10_000): Promise<void> {
  await vi.waitFor(() => expect(statusOf(host, name).state).toBe(state), { timeout, interval: 10 });
}

const listChanges = (messages: readonly Message[]): unknown[] =>
  messages.map(({ method }) => method).filter((method) => method.endsWith("/list_changed"));

describe("start", () => {
  test("a lazy upstream is started by the first use and not before", async () => {
    const { server, children } = counted();
    await using running = await startHost({ mcpServers: { one: { ...server, start: "lazy" } } });
    const client = await RawHttp.open(running.url);
    expect(children()).toEqual([]);
    expect(client.server.capabilities.tools).toEqual({ listChanged: true });
    expect(await client.tools()).toEqual(["echo", "slow"]);
    expect(children()).toHaveLength(1);
  });

  test("upstreams are connected at the same time, not one after the other", async () => {
    const names = ["a", "b", "c", "d", "e"];
    const servers = names.map((name) => [name, upstream({ name, prefix: name, only: ["echo"], delays: { initialize: 600 } })]);
    const started = performance.now();
    await using running = await startHost({ mcpServers: Object.fromEntries(servers) });
    const client = await RawHttp.open(running.url);
    expect(await client.tools()).toEqual(names.map((name) => `${name}echo`));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test("slow and dead upstreams delay nobody; the slow one is announced once, after its entries are there", async () => {
    await using running = await startHost({
      mcpServers: {
        good: upstream({ name: "good", only: ["echo", "change"], without: ["prompts", "resources"] }),
        slow: upstream({ name: "slow", prefix: "slow_", only: ["echo"], delays: { initialize: 5_500 }, without: ["prompts", "resources"] }),
        dead: { command: process.execPath, args: ["-e", "process.exit(1)"] },
      },
    });
    const started = performance.now();
    const client = await RawHttp.open(running.url);
    expect(performance.now() - started).toBeLessThan(3_000);
    const stream = await client.listen();
    const first = await client.ask("tools/list");
    expect(first.result.tools.map(({ name }: Message) => name)).toEqual(["echo", "change"]);
    expect(first.result._meta["io.mcp-host/partial"].sort()).toEqual(["dead", "slow"]);
    await vi.waitFor(() => expect(listChanges(stream.messages)).toEqual(["notifications/tools/list_changed"]));
    expect(await client.tools()).toEqual(["echo", "change", "slow_echo"]);
    // The next change is the next announcement: there was no second one for the first.
    await client.call("change", { kinds: ["tools"] });
    await vi.waitFor(() => expect(listChanges(stream.messages).length).toBeGreaterThan(1));
    expect(await client.tools()).toContain("extra");
    expect(listChanges(stream.messages)).toEqual(Array(2).fill("notifications/tools/list_changed"));
  });

  test("an upstream that dies while it lists is unknown, not empty", async () => {
    const script = `
      require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
        const { id, method, params } = JSON.parse(line);
        const result = { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "x", version: "1" } };
        if (method === "initialize") console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
        if (method === "tools/list") process.exit(1);
      });`;
    await using running = await startHost({
      mcpServers: { good: upstream({ only: ["echo"] }), bad: { command: process.execPath, args: ["-e", script] } },
    });
    const client = await RawHttp.open(running.url);
    expect((await client.ask("tools/list")).result._meta).toEqual({ "io.mcp-host/partial": ["bad"] });
  });

  test("a slow start never redirects calls: a name stays with whom it was given to first", async () => {
    await using running = await startHost({
      mcpServers: {
        slow: upstream({ name: "slow", only: ["echo", "slow"], without: ["prompts", "resources"], delays: { initialize: 3_000 } }),
        fast: upstream({ name: "fast", only: ["echo"] }),
      },
    });
    const client = await RawHttp.open(running.url);
    const owner = async () => String((await client.call("echo")).result.structuredContent.payload).split("/")[0];
    expect(await owner()).toBe("fast");
    await waitForState(running.host, "slow", "ready");
    await vi.waitFor(async () => expect(await client.tools()).toContain("slow"));
    expect(await owner()).toBe("fast");
    expect(running.host.status().tools).toContainEqual({ name: "echo", upstream: "fast", native: "echo" });
    expect(running.host.status().withheld).toMatchObject([
      { kind: "tool", name: "echo", upstream: "slow", reason: expect.stringMatching(/"fast"/) },
    ]);
  });
});

describe("idleness", () => {
  test("an unused upstream is stopped, its list stays, and the next use starts it again", async () => {
    const { server, children } = counted();
    await using running = await startHost({ mcpServers: { one: { ...server, idleTimeout: "200ms" } } });
    const client = await RawHttp.open(running.url);
    const stream = await client.listen();
    const pid = pidOf(running.host, "one");
    await waitForState(running.host, "one", "idle");
    await vi.waitFor(() => expect(children()).toEqual([]));
    expect(await client.tools()).toEqual(["echo", "slow"]);
    expect(children()).toEqual([]);
    expect((await client.call("echo", { again: true })).result.structuredContent.arguments).toEqual({ again: true });
    expect(pidOf(running.host, "one")).not.toBe(pid);
    expect(listChanges(stream.messages)).toEqual([]);
  });

  test("an upstream with a call in flight, or with a subscription, is in use", async () => {
    const { server, children } = counted({ only: ["slow", "touch"] });
    await using running = await startHost({ mcpServers: { one: { ...server, idleTimeout: "100ms" } } });
    const client = await RawHttp.open(running.url);
    const pid = pidOf(running.host, "one");
    expect((await client.call("slow", { ms: 600 })).result.structuredContent).toEqual({ waited: 600 });
    await client.ask("resources/subscribe", { uri: "test://upstream/text" });
    expect((await client.call("slow", { ms: 10 })).result).toBeDefined();
    const idle = performance.now() + 500;
    await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(idle)); // five times the timeout, without a use
    expect(children().map((child) => child.pid)).toEqual([pid]);
    await client.ask("resources/unsubscribe", { uri: "test://upstream/text" });
    await waitForState(running.host, "one", "idle");
  });
});

describe("loss", () => {
  test("a killed upstream comes back by itself, and the first use does not wait for that", async () => {
    await using running = await startHost({ mcpServers: { one: upstream() } });
    const client = await RawHttp.open(running.url);
    const stream = await client.listen();
    const pids = [pidOf(running.host, "one")];
    process.kill(pids[0] as number, "SIGKILL");
    await waitForState(running.host, "one", "backing off");
    expect(statusOf(running.host, "one").reason).toMatch(/was ended by SIGKILL/);
    await waitForState(running.host, "one", "ready");
    pids.push(pidOf(running.host, "one"));
    expect(pids[1]).not.toBe(pids[0]);
    expect((await client.call("echo")).result).toBeDefined();
    expect(statusOf(running.host, "one").connections).toMatchObject([{ restarts: 1, inFlight: 0 }]);
    // The lists are what they were: nothing to announce.
    await client.call("change", { kinds: ["prompts"] });
    await vi.waitFor(() => expect(listChanges(stream.messages)).toEqual(["notifications/prompts/list_changed"]));
  });

  test("a lost lazy upstream is connected by the next use, in the same call", async () => {
    await using running = await startHost({ mcpServers: { one: { ...upstream(), start: "lazy" } } });
    const client = await RawHttp.open(running.url);
    await client.tools();
    process.kill(pidOf(running.host, "one"), "SIGKILL");
    await waitForState(running.host, "one", "idle");
    expect((await client.call("echo")).result).toBeDefined();
    expect(statesOf(running, "one")).toEqual(["connecting", "ready", "idle", "connecting", "ready"]);
  });

  test("a use tries to connect once", async () => {
    using folder = temporary();
    const one = breakable(folder.path);
    await using running = await startHost({ mcpServers: { one: { ...one.server, start: "lazy" } } });
    const client = await RawHttp.open(running.url);
    await client.tools();
    one.break();
    process.kill(pidOf(running.host, "one"), "SIGKILL");
    await waitForState(running.host, "one", "idle");
    expect((await client.call("echo")).error).toMatchObject({ data: { type: "upstream_down", sent: "no" } });
    expect(statesOf(running, "one")).toEqual(["connecting", "ready", "idle", "connecting", "failed"]);
  });

  test("subscriptions and the log level are told to the next life", async () => {
    await using running = await startHost({ mcpServers: { one: upstream() } });
    const client = await RawHttp.open(running.url);
    await client.ask("resources/subscribe", { uri: "test://upstream/text" });
    await client.ask("logging/setLevel", { level: "error" });
    process.kill(pidOf(running.host, "one"), "SIGKILL");
    await waitForState(running.host, "one", "backing off");
    await waitForState(running.host, "one", "ready");
    await vi.waitFor(async () => {
      expect((await client.call("subscriptions")).result.structuredContent).toEqual({ uris: ["test://upstream/text"] });
      expect((await client.call("level")).result.structuredContent).toEqual({ level: "error" });
    });
  });

  test("the last-known catalog survives while an upstream is down, and a required one shows on /readyz", async () => {
    using folder = temporary();
    const one = breakable(folder.path);
    await using running = await startHost({ mcpServers: { one: { ...one.server, required: true } } });
    const client = await RawHttp.open(running.url);
    const stream = await client.listen();
    const get = async (path: string) => {
      const response = await fetch(new URL(path, running.url));
      return [response.status, await response.json()];
    };
    const before = await client.ask("tools/list");
    expect(await get("/readyz")).toEqual([200, { status: "ok" }]);
    one.break();
    process.kill(pidOf(running.host, "one"), "SIGKILL");
    await waitForState(running.host, "one", "backing off");
    expect(await get("/readyz")).toEqual([503, { status: "not ready", down: ["one"] }]);
    expect(await get("/healthz")).toEqual([200, { status: "ok" }]);
    expect((await client.ask("tools/list")).result).toEqual(before.result);
    expect((await client.call("echo")).error).toMatchObject({
      code: -31503,
      data: { type: "upstream_down", upstream: "one", sent: "no", retryable: true },
    });
    one.mend();
    await waitForState(running.host, "one", "ready", 20_000);
    expect(await get("/readyz")).toEqual([200, { status: "ok" }]);
    expect((await client.call("echo")).result).toBeDefined();
    expect(listChanges(stream.messages)).toEqual([]);
  });

  test("an upstream that keeps failing is tried less and less often, whatever its use", async () => {
    using folder = temporary();
    const one = breakable(folder.path);
    one.break();
    await using running = await startHost({ mcpServers: { one: one.server } });
    const client = await RawHttp.open(running.url);
    const tries = () => statesOf(running, "one").filter((state) => state === "connecting").length;
    await vi.waitFor(() => expect(tries()).toBeGreaterThanOrEqual(3));
    const uses = performance.now();
    const before = tries();
    while (performance.now() - uses < 300) await client.call("echo");
    expect(tries() - before).toBeLessThanOrEqual(2); // at most one in 250 ms
  });
});

describe("health", () => {
  test("an upstream that stops answering is degraded, then ended and started again", async () => {
    const { server, children } = counted();
    await using running = await startHost({ mcpServers: { one: { ...server, healthInterval: "100ms" } } });
    const client = await RawHttp.open(running.url);
    const pid = pidOf(running.host, "one");
    process.kill(pid, "SIGSTOP");
    await vi.waitFor(() => expect(statesOf(running, "one")).toContain("degraded"));
    await waitForState(running.host, "one", "ready");
    expect(pidOf(running.host, "one")).not.toBe(pid);
    expect((await client.call("echo")).result).toBeDefined();
    expect(statesOf(running, "one")).toEqual(["connecting", "ready", "degraded", "degraded", "backing off", "connecting", "ready"]);
    await vi.waitFor(() => expect(children().map((child) => child.pid)).not.toContain(pid));
  });

  test("a degraded upstream that answers again is ready again, the same process", async () => {
    await using running = await startHost({ mcpServers: { one: { ...upstream(), healthInterval: "500ms" } } });
    await RawHttp.open(running.url);
    const pid = pidOf(running.host, "one");
    process.kill(pid, "SIGSTOP");
    await waitForState(running.host, "one", "degraded");
    process.kill(pid, "SIGCONT");
    await waitForState(running.host, "one", "ready");
    expect(pidOf(running.host, "one")).toBe(pid);
  });

  test("a host that is closed while it ends a stopped child waits for its end", async () => {
    const { server, children } = counted();
    const running = await startHost({ mcpServers: { one: { ...server, healthInterval: "100ms" } } });
    await RawHttp.open(running.url);
    process.kill(pidOf(running.host, "one"), "SIGSTOP");
    await waitForState(running.host, "one", "backing off");
    await running.host.close();
    expect(children()).toEqual([]);
  });
});

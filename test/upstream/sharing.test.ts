import { ElicitRequestSchema, ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { definePlugin } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { MARKER, ownMarker, survivors } from "../harness/census.ts";
import { httpTransport, memoryTransport, sdkClient } from "../harness/clients.ts";
import { httpProcess, startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A scripted upstream over stdio whose processes can be counted. */
function counted(options: Record<string, unknown> = {}) {
  const marker = ownMarker();
  return { server: { ...upstream(options), env: { [MARKER]: marker } }, children: () => survivors(marker).map(({ pid }) => pid) };
}

/** The params of the `initialize` that the upstream of this client got. */
const declared = async (client: RawHttp): Promise<Message> => (await client.call("capabilities")).result.structuredContent;
const pidFor = async (client: RawHttp): Promise<number> => (await client.call("environment")).result.structuredContent.pid;

/** Takes whom the client says it is for granted. */
const headerAuth = definePlugin({
  name: "header-auth",
  host: "^1.0.0",
  apply(host) {
    host.hooks.authenticate.tap("header-auth", ({ headers }) => ({ id: String(headers["x-user"]), roles: [] }));
  },
});

describe("isolation", () => {
  test("`shared` is one child for many sessions, and it outlives them", async () => {
    const { server, children } = counted();
    await using running = await startHost({ mcpServers: { one: server } });
    const sessions = await Promise.all(Array.from({ length: 5 }, () => RawHttp.open(running.url)));
    expect(new Set(await Promise.all(sessions.map(pidFor)))).toEqual(new Set(children()));
    expect(children()).toHaveLength(1);
    for (const session of sessions) await session.close();
    expect(children()).toHaveLength(1);
    expect(running.host.status().upstreams[0]?.connections).toMatchObject([{ key: "shared", sessions: 0 }]);
  });

  test("`session` is a child for each session, gone when the session has ended", async () => {
    const { server, children } = counted();
    await using running = await startHost({ mcpServers: { one: { ...server, isolation: "session" } } });
    expect(children()).toEqual([]);
    const sessions = await Promise.all(Array.from({ length: 3 }, () => RawHttp.open(running.url)));
    const pids = await Promise.all(sessions.map(pidFor));
    expect(new Set(pids)).toEqual(new Set(children()));
    expect(new Set(pids).size).toBe(3);
    await sessions[0]?.close();
    await vi.waitFor(() => expect(children().sort()).toEqual(pids.slice(1).sort()));
    expect((await sessions[1]?.call("echo"))?.result).toBeDefined();
  });

  test("`principal` is a child for each principal, gone after its last session", async () => {
    const { server, children } = counted();
    await using running = await startHost({ mcpServers: { one: { ...server, isolation: "principal" } }, plugins: [headerAuth()] });
    const open = (user: string) => RawHttp.open(running.url, { headers: { "x-user": user } });
    const [alice, alsoAlice, bob] = await Promise.all([open("alice"), open("alice"), open("bob")]);
    const pid = await pidFor(alice);
    expect(await pidFor(alsoAlice)).toBe(pid);
    expect(await pidFor(bob)).not.toBe(pid);
    expect(children()).toHaveLength(2);
    await alice.close();
    expect(await pidFor(alsoAlice)).toBe(pid);
    await alsoAlice.close();
    await vi.waitFor(() => expect(children()).not.toContain(pid));
    expect((await bob.call("echo")).result).toBeDefined();
  });

  test("a session that has ended opens nothing any more, whatever still runs for it", async () => {
    const { server, children } = counted();
    let reached!: () => void;
    let goOn!: () => void;
    const waiting = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const released = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const settled: unknown[] = [];
    const slow = definePlugin({
      name: "slow",
      host: "^1.0.0",
      apply(host) {
        host.hooks.transform.for("tools/call").tap("slow", async (params) => {
          reached();
          await released;
          return params;
        });
        host.hooks.settled.tap("slow", ({ method, outcome }) => void (method === "tools/call" && settled.push(outcome)));
      },
    });
    await using running = await startHost({ mcpServers: { one: { ...server, isolation: "session" } }, plugins: [slow()] });
    const client = await RawHttp.open(running.url);
    await client.tools();
    const call = client.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo" } });
    await waiting;
    await client.request("DELETE");
    await call;
    await vi.waitFor(() => expect(children()).toEqual([]));
    goOn();
    const other = await RawHttp.open(running.url);
    const pid = await pidFor(other);
    expect(children()).toEqual([pid]);
    expect(running.host.status().upstreams[0]?.connections).toMatchObject([{ pid, sessions: 1 }]);
    expect(settled).toHaveLength(2);
  });

  test.each(["shared", "session"] as const)("closing the host lets calls finish and leaves no child of `%s`", async (isolation) => {
    const { server, children } = counted();
    const running = await startHost({ mcpServers: { one: { ...server, isolation } } });
    const sessions = await Promise.all([RawHttp.open(running.url), RawHttp.open(running.url)]);
    const calls = sessions.map((session) => session.call("slow", { ms: 400 }));
    await vi.waitFor(() => expect(running.host.status().inFlight).toBe(2));
    await running.host.close();
    expect(children()).toEqual([]);
    for (const call of calls) expect((await call).result.structuredContent).toEqual({ waited: 400 });
  });
});

describe("a shared upstream", () => {
  test("over stdio is told of nothing that a client can be asked, and of the host as its client", async () => {
    await using running = await startHost({ mcpServers: { one: upstream() } });
    const client = await RawHttp.open(running.url, { capabilities: { sampling: {}, elicitation: {}, roots: {} } });
    expect(await declared(client)).toMatchObject({ capabilities: {}, clientInfo: { name: "mcp-host" } });
    expect(Object.keys((await declared(client)).capabilities)).toEqual([]);
  });

  test("over stdio is refused its questions in words that name `isolation`", async () => {
    await using running = await startHost({ mcpServers: { one: upstream() } });
    const client = await RawHttp.open(running.url, { capabilities: { sampling: {}, elicitation: {}, roots: {} } });
    for (const tool of ["sample", "elicit", "roots"]) {
      // One call in flight is no evidence that the question belongs to it.
      const { error } = (await client.call(tool)).result.structuredContent;
      expect(error).toMatchObject({ code: -31511, data: { type: "unattributable", upstream: "one" } });
      expect(error.message).toMatch(/set "isolation": "session" for upstream "one"/);
    }
    expect(running.host.status().upstreams[0]?.relays).toMatch(/isolation/);
  });

  test("over HTTP has a connection for each set of capabilities", async () => {
    const process = await httpProcess("upstream", ["http"]);
    await using running = await startHost({ mcpServers: { one: { url: process.url } } });
    const open = (capabilities: Message) => RawHttp.open(running.url, { capabilities });
    const sampling = { sampling: {} };
    const both = { sampling: { tools: {} }, elicitation: { form: {}, url: {} } };
    const clients = [await open({}), await open(sampling), await open(both), await open({ ...sampling, "example.test/own": {} })];
    const seen = await Promise.all(clients.map(async (client) => (await declared(client)).capabilities));
    expect(seen).toEqual([{}, sampling, both, sampling]);
    const numbers = await Promise.all(
      clients.map(async (client) => (await client.call("connections")).result.structuredContent.this as number),
    );
    expect(numbers[1]).toBe(numbers[3]);
    expect(new Set(numbers).size).toBe(3);
    // The connection of a set goes with its last session.
    await clients[2]?.close();
    await vi.waitFor(async () => expect((await clients[0]?.call("connections"))?.result.structuredContent.open).toBe(2));
    await process.stop();
  });
});

describe("an upstream of one client's own", () => {
  const capabilities = { sampling: { tools: {} }, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };

  test("is what the only in-process client gets: its capabilities and its name; a second client gets the shared one", async () => {
    const { server, children } = counted();
    await using running = await startHost({ mcpServers: { one: server }, listen: null });
    const [first, second] = [sdkClient(capabilities), sdkClient(capabilities)];
    first.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { ok: true } }));
    await first.connect(await memoryTransport(running.host));
    const probe = async (client: typeof first, name: string, args: Message = {}): Promise<Message> =>
      (await client.callTool({ name, arguments: args })).structuredContent as Message;
    expect(await probe(first, "capabilities")).toMatchObject({ capabilities, clientInfo: { name: "test-client", version: "1.2.3" } });
    await second.connect(await memoryTransport(running.host));
    const shared = await probe(second, "capabilities");
    expect(shared).toMatchObject({ capabilities: {}, clientInfo: { name: "mcp-host" } });
    expect(Object.keys(shared.capabilities)).toEqual([]);
    expect(children()).toHaveLength(2);
    // The first one's connection stays its own: even what belongs to no call is asked of it, and only of it.
    expect(await probe(first, "elicit", { push: true })).toMatchObject({ result: { action: "accept" } });
    expect(await probe(second, "elicit", { push: true })).toMatchObject({ error: { code: -31511 } });
    await first.close();
    await vi.waitFor(() => expect(children()).toHaveLength(1));
    await second.close();
  });

  test.each([false, true])("learns the roots of a network client only with relayRoots (%s)", async (relayRoots) => {
    await using running = await startHost({ mcpServers: { one: { ...upstream(), isolation: "session", relayRoots } } });
    const client = sdkClient(capabilities);
    const roots = [{ uri: "file:///somewhere", name: "somewhere" }];
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots }));
    await client.connect(httpTransport(running.url));
    const probe = async (name: string): Promise<Message> => (await client.callTool({ name })).structuredContent as Message;
    const { roots: relayed, ...rest } = (await probe("capabilities")).capabilities;
    expect(rest).toEqual({ sampling: capabilities.sampling, elicitation: capabilities.elicitation });
    expect(relayed).toEqual(relayRoots ? capabilities.roots : undefined);
    const answer = await probe("roots");
    if (relayRoots) expect(answer.result).toEqual({ roots });
    else expect(answer.error).toMatchObject({ code: -32601, message: expect.stringContaining("relayRoots") });
    await client.close();
  });
});

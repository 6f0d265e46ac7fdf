import { definePlugin, type Json } from "mcp-host";
import { expect, test, vi } from "vitest";
import { gate, gated, numbered, Scripted, type Served, served } from "./served.ts";

const joined = (host: Served, count: number) => vi.waitFor(() => expect(host.stats().joined).toBe(count));

test("equal calls of one client share one call to the upstream, and what comes later is a hit", async () => {
  const { a, gates } = gated();
  await using host = await served({ a }, { tools: "get" });
  const calls = Array.from({ length: 5 }, () => host.client.text("get", { x: 1 }));
  const other = host.client.text("get", { x: 2 });
  await joined(host, 4);
  await vi.waitFor(() => expect(gates).toHaveLength(2));
  gates[0]?.open(numbered(1));
  gates[1]?.open(numbered(2));
  expect(await Promise.all(calls)).toEqual(["1", "1", "1", "1", "1"]);
  expect(await other).toBe("2");
  expect(await host.client.text("get", { x: 1 })).toBe("1");
  expect(host.stats()).toMatchObject({ joined: 4, misses: 2, hits: 1, ratio: 5 / 7 });
});

test("calls of two clients share one only if results are shared", async () => {
  for (const [scope, expected] of [
    ["principal", 2],
    ["shared", 1],
  ] as const) {
    const { a, gates } = gated();
    await using host = await served({ a }, { tools: "get", scope });
    const other = await host.connect();
    const calls = [host.client.text("get"), other.text("get")];
    await vi.waitFor(() => expect(Number(host.stats().misses) + Number(host.stats().joined)).toBe(2));
    await vi.waitFor(() => expect(gates).toHaveLength(expected));
    for (const [index, each] of gates.entries()) each.open(numbered(index));
    expect(await Promise.all(calls)).toEqual(scope === "shared" ? ["0", "0"] : ["0", "1"]);
  }
});

test("the first client's going away does not end the call that others wait for", async () => {
  const { a, gates } = gated();
  await using host = await served({ a }, { tools: "get", scope: "shared" });
  const other = await host.connect();
  const first = host.client.begin("tools/call", { name: "get", arguments: {} });
  await vi.waitFor(() => expect(gates).toHaveLength(1));
  const second = other.text("get");
  await joined(host, 1);
  first.cancel();
  await host.client.request("ping", {});
  expect(a.cancelled).toEqual([]);
  gates[0]?.open(numbered(1));
  expect(await second).toBe("1");
  expect(await host.client.text("get")).toBe("1");
});

test("when nobody waits any more the upstream is told, and nothing is kept", async () => {
  const { a, gates } = gated();
  await using host = await served({ a }, { tools: "get", scope: "shared" });
  const other = await host.connect();
  const first = host.client.begin("tools/call", { name: "get", arguments: {} });
  await vi.waitFor(() => expect(gates).toHaveLength(1));
  const second = other.begin("tools/call", { name: "get", arguments: {} });
  await joined(host, 1);
  second.cancel();
  await other.request("ping", {});
  expect(a.cancelled).toHaveLength(0);
  first.cancel();
  await vi.waitFor(() => expect(a.cancelled).toHaveLength(1));
  gates[0]?.open(numbered(1));
  const third = host.client.text("get");
  await vi.waitFor(() => expect(gates).toHaveLength(2));
  gates[1]?.open(numbered(2));
  expect(await third).toBe("2");
});

test("an error is everybody's and is not kept", async () => {
  const { a, gates } = gated();
  await using host = await served({ a }, { tools: "get" });
  const calls = [host.client.call("get"), host.client.call("get")];
  await joined(host, 1);
  await vi.waitFor(() => expect(gates).toHaveLength(1));
  gates[0]?.open({ error: { code: -32001, message: "broken" } });
  for (const { status, reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[])
    expect([status, reason.message]).toEqual(["rejected", "broken"]);
  void host.client.call("get");
  await vi.waitFor(() => expect(gates).toHaveLength(2));
  gates[1]?.open(numbered(2));
});

test("progress goes to the one whose call runs, and not to those who wait", async () => {
  const opened = gate<Json>();
  const get = async (params: Json, { server }: { server: Scripted }) => {
    const { progressToken } = params._meta as Json;
    server.notify("notifications/progress", { progressToken, progress: 1 });
    return opened.opened;
  };
  const a = new Scripted(["get"], { get });
  await using host = await served({ a }, { tools: "get", scope: "shared" });
  const other = await host.connect();
  const first = host.client.call("get", {}, { _meta: { progressToken: "mine" } });
  await vi.waitFor(() => expect(host.client.notifications).toHaveLength(1));
  const second = other.call("get", {}, { _meta: { progressToken: "other" } });
  await joined(host, 1);
  const token = (a.received.at(0)?.params._meta as Json | undefined)?.progressToken;
  a.notify("notifications/progress", { progressToken: token, progress: 2 });
  opened.open(numbered(1));
  await Promise.all([first, second]);
  expect(host.client.notifications.map(({ params }) => params)).toEqual([
    { progressToken: "mine", progress: 1 },
    { progressToken: "mine", progress: 2 },
  ]);
  expect(other.notifications).toEqual([]);
});

test("the result of a call that asked the client something is that client's alone, and is not kept", async () => {
  const question = { messages: [], maxTokens: 1 };
  const asks = async (_: Json, { server }: { server: Scripted }) => {
    if (server.count("asks") === 1) await server.ask("sampling/createMessage", question);
    return numbered(server.count("asks"));
  };
  const a = new Scripted(["asks"], { asks });
  // Each client has its own connection, which says whose a question is.
  await using host = await served({ a }, { tools: "asks" }, { upstream: { isolation: "session" }, capabilities: { sampling: {} } });
  const { client } = host;
  const first = client.text("asks");
  await vi.waitFor(() => expect(client.asked).toHaveLength(1));
  expect(await client.text("asks")).toBe("2"); // not joined: the question is open
  client.reply = () => ({ role: "assistant", content: { type: "text", text: "x" }, model: "m" });
  client.asked.splice(0);
  expect(host.stats()).toMatchObject({ joined: 0, entries: 1 }); // the second one's
  first.catch(() => {}); // nobody answers it: it ends with the host
});

test("who waits for a call that then asks its client something goes alone", async () => {
  const opened = gate<void>();
  const asks = async (_: Json, { server }: { server: Scripted }) => {
    if (server.count("asks") > 1) return numbered(2);
    await opened.opened;
    const { result } = await server.ask("elicitation/create", { message: "?", requestedSchema: { type: "object", properties: {} } });
    return { content: [{ type: "text", text: String((result as Json).action) }] };
  };
  const a = new Scripted(["asks"], { asks });
  await using host = await served({ a }, { tools: "asks" }, { upstream: { isolation: "session" }, capabilities: { elicitation: {} } });
  const { client } = host;
  client.reply = () => ({ action: "decline" });
  const calls = [client.text("asks"), client.text("asks")];
  await joined(host, 1);
  opened.open();
  expect(await Promise.all(calls)).toEqual(["decline", "2"]);
  expect(host.stats()).toMatchObject({ entries: 0 });
});

test("a tap that fails outside is no reason to blame the cache, and a timeout is the upstream's", async () => {
  const settled: string[] = [];
  const watch = definePlugin({
    name: "watch",
    host: "^1.0.0",
    apply(host) {
      host.hooks.settled.tap("watch", ({ method, sent, timings, outcome }) => {
        if (method !== "tools/call") return;
        settled.push(`${sent} ${timings.sent !== undefined} ${outcome && "error" in outcome ? "error" : "result"}`);
      });
    },
  });
  const { a, gates } = gated();
  await using host = await served({ a }, { tools: "get" }, { before: [watch()], upstream: { timeout: 200, healthInterval: 0 } });
  await expect(host.client.call("get")).rejects.toMatchObject({ data: { type: "upstream_timeout", upstream: "a" } });
  const again = host.client.call("get");
  await vi.waitFor(() => expect(gates).toHaveLength(2));
  gates[1]?.open(numbered(1));
  await again;
  await host.client.call("get");
  // The first one knows how far its call came, although a child made it; a hit was not sent at all.
  expect(settled).toEqual(["unknown true error", "yes true result", "no false result"]);
});

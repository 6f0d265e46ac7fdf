import { ElicitRequestSchema, ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { definePlugin } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { type ModernServer, type Seen, serveModern } from "../fixtures/modern.mjs";
import type { Message } from "../fixtures/upstream.mjs";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { startHost } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { RawHttp } from "../harness/raw-http.ts";

const KEY = "io.modelcontextprotocol/";
const textOf = (result: unknown): string => (result as Message).content[0].text;
const ABLE = { meta: { [`${KEY}clientCapabilities`]: { elicitation: { form: {} } } } };

async function serving(legacy: boolean | "sessions"): Promise<ModernServer & AsyncDisposable> {
  const server = await serveModern({ legacy });
  return { ...server, [Symbol.asyncDispose]: () => server.close() };
}

/** The methods that the server got in each era, in order. */
function methods({ received }: ModernServer): { legacy: string[]; modern: string[] } {
  const isModern = ({ body }: Seen): boolean => body?.params?._meta?.[`${KEY}protocolVersion`] !== undefined;
  const posts = received.filter(({ body }) => body?.method !== undefined);
  const named = (wanted: boolean): string[] => posts.filter((each) => isModern(each) === wanted).map(({ body }) => body?.method);
  return { legacy: named(false), modern: named(true) };
}

const count = (all: readonly string[], method: string): number => all.filter((each) => each === method).length;

/** An SDK client of the legacy era that says yes to everything. */
async function person(url: URL) {
  const client = sdkClient({ elicitation: {} });
  const asked: Message[] = [];
  const updated: string[] = [];
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    asked.push(params);
    return { action: "accept", content: { ok: true } };
  });
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
  await client.connect(httpTransport(url));
  return { client, asked, updated };
}

describe("a server of both eras over HTTP", () => {
  test("is initialized for sessions and asked without for others, at once, and nothing is translated", async () => {
    await using server = await serving("sessions");
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await vi.waitFor(() => expect(running.host.status().upstreams).toMatchObject([{ state: "ready", protocolVersion: "2026-07-28" }]));
    expect(methods(server).legacy).toEqual([]); // nobody needed it yet
    const { client, asked } = await person(running.url);
    const modern = new ModernHttp(running.url);
    const [old, first] = await Promise.all([client.callTool({ name: "confirm" }), modern.call("confirm", {}, ABLE)]);
    expect(JSON.parse(textOf(old))).toMatchObject({ answer: { action: "accept", content: { ok: true } } });
    expect(asked).toMatchObject([{ message: "Sure?" }]);
    expect(first.result).toMatchObject({ resultType: "input_required" });
    const [key = ""] = Object.keys(first.result.inputRequests);
    const inputResponses = { [key]: { action: "decline" } };
    const params = { name: "confirm", arguments: {}, inputResponses, requestState: first.result.requestState };
    const { result } = await modern.ask("tools/call", params, ABLE);
    expect(JSON.parse(textOf(result))).toMatchObject({ answer: { action: "decline" } });
    // One call of each era: what was asked in the legacy one came on its stream, and was answered there.
    expect(count(methods(server).legacy, "tools/call")).toBe(1);
    expect(count(methods(server).modern, "tools/call")).toBe(2);
    const { connections } = running.host.status().upstreams[0] ?? {};
    expect(connections?.map(({ key }) => key).sort()).toEqual(["modern shared", 'shared {"elicitation":{}}']);
    await client.close();
  });

  test("is asked once what it speaks, and each of its lists read once for each way", async () => {
    await using server = await serving("sessions");
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    const clients = await Promise.all([1, 2, 3].map(() => person(running.url)));
    for (const { client } of clients) {
      const { tools } = await client.listTools();
      expect(tools.filter(({ name }) => name === "echo")).toHaveLength(1);
      expect(textOf(await client.callTool({ name: "echo", arguments: { a: 1 } }))).toBe('{"a":1}');
    }
    const { result } = await new ModernHttp(running.url).ask("tools/list");
    expect(result.tools.find(({ name }: Message) => name === "list").outputSchema).toEqual({ type: "array" });
    const { legacy, modern } = methods(server);
    expect([count(legacy, "initialize"), count(modern, "server/discover")]).toEqual([1, 1]);
    expect([count(legacy, "tools/list"), count(modern, "tools/list")]).toEqual([1, 1]);
    for (const { client } of clients) await client.close();
  });

  test("that a session uses first is not asked twice either", async () => {
    await using server = await serving("sessions");
    await using running = await startHost({ mcpServers: { one: { url: server.url, start: "lazy" } } });
    const { client } = await person(running.url);
    await client.listTools();
    expect(methods(server).modern).toEqual(["server/discover"]);
    expect(count(methods(server).legacy, "tools/list")).toBe(1);
    await new ModernHttp(running.url).call("echo");
    expect(running.host.status().upstreams[0]?.connections.map(({ key }) => key)).toEqual(['shared {"elicitation":{}}', "modern shared"]);
    await client.close();
  });

  test("has its own connection for each session where they are kept apart, and one for all others", async () => {
    await using server = await serving("sessions");
    await using running = await startHost({ mcpServers: { one: { url: server.url, isolation: "session" } } });
    const clients = await Promise.all([1, 2].map(() => RawHttp.open(running.url)));
    for (const client of clients) await client.call("echo");
    const modern = new ModernHttp(running.url);
    for (const _ of [1, 2, 3]) await modern.call("echo");
    expect(server.sessions.size).toBe(2);
    const { legacy, modern: asked } = methods(server);
    expect([count(legacy, "initialize"), count(asked, "tools/list"), count(asked, "tools/call")]).toEqual([2, 1, 3]);
    for (const client of clients) await client.request("DELETE");
    await vi.waitFor(() => expect(running.host.status().upstreams[0]?.connections.map(({ key }) => key)).toEqual(["modern anonymous"]));
    await vi.waitFor(() => expect(server.sessions.size).toBe(0));
  });

  test("tells changes in the era of who listens, after a reconnect and a reload, too", async () => {
    await using server = await serving("sessions");
    const config = { mcpServers: { one: { url: server.url } } };
    await using running = await startHost(config);
    const { client, updated } = await person(running.url);
    const modern = new ModernHttp(running.url);
    await client.subscribeResource({ uri: "test://a" });
    const listening = modern.open("subscriptions/listen", { notifications: { resourceSubscriptions: ["test://by/b"] } });
    await vi.waitFor(() => expect(listening.messages).toHaveLength(1));
    const told = (): string[] => listening.messages.slice(1).map(({ params }) => params.uri);
    const bothAreTold = async (): Promise<void> => {
      updated.length = 0;
      listening.messages.length = 1;
      await vi.waitFor(async () => {
        for (const uri of ["test://a", "test://by/b"]) await modern.call("touch", { uri });
        expect([new Set(updated), new Set(told())]).toEqual([new Set(["test://a"]), new Set(["test://by/b"])]);
      });
    };
    await bothAreTold();
    await running.host.reconnect("one");
    await bothAreTold();
    const { connections } = running.host.status().upstreams[0] ?? {};
    expect(connections?.map(({ state }) => state)).toEqual(["ready", "ready"]);
    await running.host.reload({ ...running.host.config, mcpServers: { one: { url: server.url, timeout: 50_000 } } } as never);
    await bothAreTold();
    const { legacy, modern: asked } = methods(server);
    expect([count(legacy, "resources/subscribe"), count(asked, "resources/subscribe")]).toEqual([3, 0]);
    listening.close();
    await client.close();
  });

  test("is spoken to in the legacy era alone where no client is of the modern one", async () => {
    await using server = await serving("sessions");
    await using running = await startHost({ mcpServers: { one: { url: server.url } }, listen: { protocols: ["legacy"] } });
    const client = await RawHttp.open(running.url);
    await client.call("echo");
    expect(methods(server).modern).toEqual(["server/discover"]);
    expect(running.host.status().upstreams).toMatchObject([{ protocolVersion: "2025-11-25", connections: [{ key: "shared {}" }] }]);
  });
});

describe("a server of the modern era alone", () => {
  test.each(["eager", "lazy"] as const)("is tried with `initialize` once, and then all share one connection to it (%s)", async (start) => {
    await using server = await serving(false);
    await using running = await startHost({ mcpServers: { one: { url: server.url, start } } });
    const clients = await Promise.all([1, 2].map(() => person(running.url)));
    for (const { client, asked } of clients) {
      await client.callTool({ name: "confirm" });
      expect(asked).toHaveLength(1);
    }
    const later = await RawHttp.open(running.url, { capabilities: { roots: {} } });
    expect((await later.call("echo")).result).toBeDefined();
    await new ModernHttp(running.url).call("echo");
    const { legacy, modern } = methods(server);
    expect(new Set(legacy)).toEqual(new Set(["initialize"]));
    expect(legacy.length).toBeLessThanOrEqual(2); // of two at once each may try
    expect([count(modern, "server/discover"), count(modern, "tools/list")]).toEqual([1, 1]);
    expect(running.host.status().upstreams[0]?.connections.map(({ key }) => key)).toEqual(["modern shared"]);
    for (const { client } of clients) await client.close();
  });
});

describe("who shares a connection to a server of 2026-07-28", () => {
  /** Who calls is what the header says, and the server gets a token of each. */
  const signedIn = definePlugin({
    name: "signed-in",
    host: "^1.0.0",
    apply(host) {
      host.isolate("one", "principal");
      host.hooks.authenticate.tap("who", ({ headers }) => ({ id: String(headers["x-user"]), roles: [] }));
      host.hooks.credentials.tap("token", (given, { principal }) => ({
        ...given,
        headers: { authorization: `Bearer of ${principal?.id}` },
      }));
    },
  });

  test("are those of one principal where each has credentials", async () => {
    await using server = await serving(false);
    await using running = await startHost({ mcpServers: { one: { url: server.url } }, plugins: [signedIn()] });
    for (const user of ["ada", "bob"]) {
      const old = await RawHttp.open(running.url, { headers: { "x-user": user } });
      expect((await old.call("echo", { user })).result).toBeDefined();
      expect((await new ModernHttp(running.url, { "x-user": user }).call("echo", { user })).result).toBeDefined();
    }
    const calls = server.received.filter(({ body }) => body?.method === "tools/call");
    expect(calls.map(({ headers, body }) => [body?.params.arguments.user, headers.authorization])).toEqual(
      ["ada", "ada", "bob", "bob"].map((user) => [user, `Bearer of ${user}`]),
    );
    const { connections } = running.host.status().upstreams[0] ?? {};
    expect(connections?.map(({ key }) => key)).toEqual(["modern principal:ada", "modern principal:bob"]);
  });

  test("are all sessions, although its config says otherwise, and the log says once why", async () => {
    await using server = await serving(false);
    await using running = await startHost({ mcpServers: { one: { url: server.url, isolation: "session" } } });
    const clients = await Promise.all([1, 2].map(() => person(running.url)));
    for (const { client } of clients) await client.callTool({ name: "confirm" });
    expect(clients.map(({ asked }) => asked.length)).toEqual([1, 1]);
    expect(running.host.status().upstreams[0]?.connections.map(({ key }) => key)).toEqual(["modern anonymous"]);
    expect(running.logs.filter(({ msg, message = msg }) => String(message).includes("knows no sessions"))).toMatchObject([
      { upstream: "one" },
    ]);
    for (const { client } of clients) await client.close();
  });
});

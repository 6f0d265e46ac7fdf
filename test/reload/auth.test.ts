import { createHmac } from "node:crypto";
import { auth } from "@host/plugin-auth";
import type { Config } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { httpPipe, RawClient, socketPipe, ssePipe } from "../fidelity/raw.ts";
import { inProcessTransport, type Message } from "../fixtures/upstream.mjs";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { SocketClient } from "../harness/socket.ts";

const PEPPER = "a pepper that only these tests know";
const KEYS = { ada: `mcph_ada_${"a".repeat(43)}`, bob: `mcph_bob_${"b".repeat(43)}` };
const bearer = (who: keyof typeof KEYS) => ({ authorization: `Bearer ${KEYS[who]}` });

type Rules = { allow?: { tools: string[] }; deny?: { tools: string[] }; roles?: string[] }[];
const ALL: Rules = [{ roles: ["dev"], allow: { tools: ["*"] } }];

/** A config in which these people have keys, with these roles. */
function config(people: Partial<Record<keyof typeof KEYS, string[]>>, rules: Rules = ALL, more: string[] = []): Config {
  const keys = Object.entries(people).map(([id, roles]) => ({
    id,
    digest: createHmac("sha256", PEPPER)
      .update(KEYS[id as keyof typeof KEYS])
      .digest("base64url"),
    roles,
  }));
  return {
    mcpServers: Object.fromEntries(["up", ...more].map((name) => [name, SERVERS[name]])),
    plugins: [auth({ apiKeys: { pepper: PEPPER, keys }, rules })],
    listen: { port: 0, sse: true, websocket: true },
    drain: 0,
  };
}
const SERVERS: Record<string, object> = {
  up: { transport: () => inProcessTransport({ only: ["echo", "progress", "slow"] }) },
  more: { transport: () => inProcessTransport({ name: "more", prefix: "more_", only: ["echo"] }) },
};

const PIPES = { http: httpPipe, sse: ssePipe, websocket: socketPipe };

async function client({ url }: TestHost, into: keyof typeof PIPES, who: keyof typeof KEYS): Promise<RawClient> {
  const raw = await RawClient.open((deliver) => PIPES[into](url, deliver, bearer(who)));
  await raw.initialize();
  return raw;
}

const names = async (raw: RawClient): Promise<string[]> => (await raw.request("tools/list")).result.tools.map(({ name }: Message) => name);
const news = (raw: RawClient): number => raw.all("notifications/tools/list_changed").length;

describe.each(["http", "sse", "websocket"] as const)("a session over %s that is open while the rules change", (into) => {
  test("sees and may do what the new rules say, and is told once", async () => {
    await using running = await startHost(config({ ada: ["dev"], bob: ["ops"] }, [...ALL, { roles: ["ops"], allow: { tools: ["echo"] } }]));
    const [ada, bob] = await Promise.all([client(running, into, "ada"), client(running, into, "bob")]);
    expect([await names(ada), await names(bob)]).toEqual([["echo", "progress", "slow"], ["echo"]]);
    // What was allowed when it began is done.
    const begun = ada.call("progress", { steps: 15, delayMs: 20 }, { _meta: { progressToken: "p" } });
    await ada.next(({ method }) => method === "notifications/progress");
    await running.host.reload(
      config({ ada: ["dev"], bob: ["ops"] }, [
        { roles: ["dev"], allow: { tools: ["echo", "slow"] } },
        { roles: ["ops"], allow: { tools: ["echo"] } },
      ]),
    );
    expect(await names(ada)).toEqual(["echo", "slow"]);
    expect((await ada.call("progress")).error.message).toBe("Unknown tool: progress");
    expect((await begun).result.structuredContent).toMatchObject({ steps: 15 });
    expect((await ada.call("echo")).result).toBeDefined();
    await vi.waitFor(() => expect(news(ada)).toBe(1));
    expect([await names(bob), news(bob)]).toEqual([["echo"], 0]);
    await Promise.all([ada, bob].map((raw) => raw.pipe.close()));
  });

  test("ends for whom a key was taken away or got other roles, and goes on for the others", async () => {
    await using running = await startHost(config({ ada: ["dev"], bob: ["dev"] }));
    const [ada, bob] = await Promise.all([client(running, into, "ada"), client(running, into, "bob")]);
    expect(await names(bob)).toEqual(["echo", "progress", "slow"]);
    await running.host.reload(config({ ada: ["dev"] }, ALL, ["more"]));
    await vi.waitFor(() =>
      expect(running.logs).toContainEqual(expect.objectContaining({ message: expect.stringContaining("not who it was") })),
    );
    expect(running.logs.filter(({ message }) => String(message).includes("not who it was"))).toHaveLength(1);
    await vi.waitFor(() => expect(news(ada)).toBe(1));
    expect(await names(ada)).toEqual(["echo", "progress", "slow", "more_echo"]);
    expect(news(bob)).toBe(0);
    await expect(RawHttp.open(running.url, { headers: bearer("bob") })).rejects.toThrow("HTTP 401");
    // A session over HTTP stays for whom it belongs to, if that one comes back; the others were their connections.
    await vi.waitFor(() => expect(running.host.status().sessions).toBe(into === "http" ? 2 : 1));
    await Promise.all([ada, bob].map((raw) => raw.pipe.close()));
  });
});

test("a WebSocket of somebody with other roles is closed as a breach of policy, and one made anew has them", async () => {
  await using running = await startHost(config({ ada: ["dev"] }));
  const open = await SocketClient.connect(running.url, { headers: bearer("ada") });
  await running.host.reload(config({ ada: ["ops"] }, [...ALL, { roles: ["ops"], allow: { tools: ["echo"] } }]));
  expect(await open.closed).toEqual({ code: 1008, reason: "the session has ended" });
  const again = await SocketClient.connect(running.url, { headers: bearer("ada") });
  expect((await again.request("tools/list")).result.tools).toHaveLength(1);
  again.socket.close();
  await again.closed;
});

test("over HTTP the standing stream of a key that was taken away ends, and its requests are refused", async () => {
  await using running = await startHost(config({ ada: ["dev"], bob: ["dev"] }));
  const [ada, bob] = await Promise.all((["ada", "bob"] as const).map((who) => RawHttp.open(running.url, { headers: bearer(who) })));
  const [stream] = await Promise.all([ada?.listen(), bob?.listen()]);
  await running.host.reload(config({ ada: ["dev"] }));
  expect((await bob?.request("GET", { accept: "text/event-stream" }))?.status).toBe(401);
  await vi.waitFor(() => expect(running.logs.some(({ message }) => String(message).includes("not who it was"))).toBe(true));
  // The stream of the other one is there still.
  expect((await ada?.ask("ping"))?.result).toEqual({});
  expect(stream).toMatchObject({ status: 200, isOpen: true });
  stream?.close();
});

test("a reload that changes servers only asks nobody who they are", async () => {
  const before = config({ ada: ["dev"] });
  await using running = await startHost(before);
  const open = await SocketClient.connect(running.url, { headers: bearer("ada") });
  await running.host.reload({ ...before, mcpServers: { ...before.mcpServers, more: SERVERS.more } });
  expect((await open.request("tools/list")).result.tools).toHaveLength(4);
  open.socket.close();
  await open.closed;
});

import { definePlugin } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { createWorld, inProcessTransport } from "../fixtures/upstream.mjs";
import { httpTransport, memoryTransport, sdkClient } from "../harness/clients.ts";
import { startHost, upstream } from "../harness/hosts.ts";

type Json = Record<string, unknown>;

/** A raw client in process: sends what it is told, keeps what it gets. */
async function rawClient(
  host: Parameters<typeof memoryTransport>[0],
): Promise<{ send: (message: Json) => void; answer: (id: number) => Promise<Json> }> {
  const transport = await memoryTransport(host);
  const got: Json[] = [];
  transport.onmessage = (message) => void got.push(message as unknown as Json);
  await transport.start();
  return {
    send: (message) => void transport.send({ jsonrpc: "2.0", ...message } as unknown as Parameters<typeof transport.send>[0]),
    async answer(id) {
      await expect.poll(() => got.some((message) => message.id === id)).toBe(true);
      return got.find((message) => message.id === id) as Json;
    },
  };
}

const INITIALIZE = {
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: { sampling: {} }, clientInfo: { name: "raw", version: "1" } },
};

test("requests that are written before the answer to initialize wait for it", async () => {
  await using running = await startHost({ listen: null, mcpServers: { up: upstream() } });
  const client = await rawClient(running.host);
  client.send({ id: 1, ...INITIALIZE });
  client.send({ method: "notifications/initialized" });
  client.send({ id: 2, method: "tools/call", params: { name: "echo" } });
  expect(await client.answer(2)).toHaveProperty("result.structuredContent");
});

test("a notification before initialize reaches no upstream, and the upstream learns the client's real capabilities", async () => {
  await using running = await startHost({ listen: null, mcpServers: { up: { transport: () => inProcessTransport({ name: "up" }) } } });
  const client = await rawClient(running.host);
  client.send({ method: "notifications/vendor/early" });
  client.send({ method: "notifications/roots/list_changed" });
  client.send({ id: 1, ...INITIALIZE });
  client.send({ id: 2, method: "tools/call", params: { name: "capabilities" } });
  expect(await client.answer(2)).toMatchObject({
    result: { structuredContent: { capabilities: { sampling: {} }, clientInfo: { name: "raw" } } },
  });
});

test("a client sees the instructions of servers only of which it may use something", async () => {
  const deny = definePlugin({
    name: "deny",
    host: "^1.0.0",
    apply(host) {
      host.hooks.permit.tap("deny", ({ upstream }, { principal: { roles } }) =>
        upstream === "secret" && !roles.includes("staff") ? false : undefined,
      );
    },
  });
  const upstreams = {
    open: fakeUpstream({ instructions: "Read me.", tools: { look: () => "seen" } }),
    secret: fakeUpstream({ instructions: "Nobody knows.", tools: { hide: () => "hidden" } }),
  };
  await using host = await createTestHost({ upstreams, plugins: [deny()], client: false });
  const instructions = async (...roles: string[]): Promise<unknown> =>
    (await host.connect({ principal: { id: "somebody", roles } })).initialized.instructions;
  expect(await instructions("staff")).toBe("## open\n\nRead me.\n\n## secret\n\nNobody knows.");
  expect(await instructions()).toBe("## open\n\nRead me.");
});

test("a client sees the instructions of its own connections only", async () => {
  let made = 0;
  const transport = () =>
    inProcessTransport({ name: "up", instructions: `for client ${++made}`, delays: made === 2 ? { initialize: 4_000 } : {} });
  await using running = await startHost({ mcpServers: { up: { transport, isolation: "session" } } });
  const instructions = async (): Promise<string | undefined> => {
    const client = sdkClient();
    await client.connect(httpTransport(running.url));
    return client.getInstructions();
  };
  expect(await instructions()).toBe("for client 1");
  expect(await instructions()).toBeUndefined();
});

test("a vendor notification passes permit and transform like a request", async () => {
  const world = createWorld({ name: "up" });
  const seen: string[] = [];
  const plugin = definePlugin({
    name: "gate",
    host: "^1.0.0",
    apply(host) {
      host.hooks.permit.tap("gate", ({ kind, name }) => (kind === "method" && name.endsWith("/denied") ? false : undefined));
      host.hooks.transform.for("*").tap("gate", (params, exchange) => {
        seen.push(exchange.method);
        return { ...params, marked: true };
      });
    },
  });
  await using running = await startHost({
    listen: null,
    mcpServers: { up: { transport: () => inProcessTransport({}, world) } },
    plugins: [plugin()],
  });
  const client = await rawClient(running.host);
  client.send({ id: 1, ...INITIALIZE });
  await client.answer(1);
  client.send({ method: "notifications/vendor/denied", params: {} });
  client.send({ method: "notifications/vendor/allowed", params: {} });
  client.send({ id: 2, method: "tools/call", params: { name: "received", arguments: { all: true } } });
  const { received } = ((await client.answer(2)).result as { structuredContent: { received: { method?: string; params?: Json }[] } })
    .structuredContent;
  expect(received.filter(({ method }) => method?.startsWith("notifications/vendor/"))).toMatchObject([
    { method: "notifications/vendor/allowed", params: { marked: true } },
  ]);
  expect(seen).not.toContain("notifications/vendor/denied");
});

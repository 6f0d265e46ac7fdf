import { expect, test, vi } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { memoryTransport, sdkClient } from "../harness/clients.ts";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A server that can be connected once the test says so. */
function slow(options: Parameters<typeof inProcessTransport>[0] = {}) {
  let open!: () => void;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const transport = async () => {
    await gate;
    return inProcessTransport({ only: ["echo"], ...options });
  };
  return { open, config: { transport } };
}

test("a client that has its servers to itself gets what they have, however long they take to start", async () => {
  const server = slow({ instructions: "Echo what matters." });
  await using running = await startHost({ mcpServers: { server: server.config }, listen: null });
  const client = sdkClient();
  const connected = client.connect(await memoryTransport(running.host));
  let isConnected = false;
  void connected.then(() => (isConnected = true));
  const before = performance.now();
  await vi.waitFor(() => expect(performance.now() - before).toBeGreaterThan(2_500)); // longer than others wait
  expect(isConnected).toBe(false);
  server.open();
  await connected;
  expect(client.getInstructions()).toBe("Echo what matters.");
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["echo"]);
  await client.close();
});

test("with a wait in the config it gets what is there by then, and is told of the rest", async () => {
  const server = slow();
  await using running = await startHost({ mcpServers: { server: server.config }, listen: null, wait: "50ms" });
  const client = sdkClient();
  await client.connect(await memoryTransport(running.host));
  const list = await client.listTools();
  expect([list.tools, list._meta]).toEqual([[], { "io.mcp-host/partial": ["server"] }]);
  server.open();
  await expect.poll(async () => (await client.listTools()).tools.map(({ name }) => name)).toEqual(["echo"]);
  await client.close();
});

test("a call by a name that a starting server may have waits for it", async () => {
  const server = slow();
  await using running = await startHost({ mcpServers: { server: server.config }, wait: "20ms" });
  const client = await RawHttp.open(running.url);
  const call = client.call("echo");
  const prompt = client.ask("prompts/get", { name: "none" });
  expect((await client.ask("tools/list")).result.tools).toEqual([]);
  server.open();
  expect((await call).result.structuredContent).toBeDefined();
  expect((await prompt).error).toMatchObject({ code: -32602, message: "Unknown prompt: none" });
  await client.close();
});

test("a call by a name that nobody turned out to have may be tried again where a server did not come up", async () => {
  const mcpServers = { server: { ...slow().config, startTimeout: "200ms" } };
  await using running = await startHost({ mcpServers, wait: "20ms" });
  const client = await RawHttp.open(running.url);
  const { error } = await client.call("echo");
  expect(error).toMatchObject({ code: -31503, data: { type: "upstream_down", retryable: true, sent: "no", upstream: "server" } });
  expect(error.message).toContain('Unknown tool: echo; upstream "server", which may have it, could not be reached in time');
  await client.close();
});

test("whoever gives up a call that waits for a server is out at once", async () => {
  const server = slow();
  await using running = await startHost({ mcpServers: { server: server.config }, listen: null, wait: "20ms", drain: 0 });
  const caller = new AbortController();
  const call = running.host.callTool("echo", {}, { signal: caller.signal });
  await expect.poll(() => running.host.stats().inFlight).toBe(1);
  caller.abort(new Error("enough"));
  await expect(call).rejects.toMatchObject({ type: "cancelled" });
  await expect.poll(() => running.host.stats().inFlight).toBe(0);
  server.open();
});

import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { startHost, upstream } from "../harness/hosts.ts";

// Whatever an upstream does, a host that is told to stop stops.

/** An HTTP upstream that answers initialize and drips its answer to DELETE for ever. */
async function drippingServer(): Promise<{ url: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server = http.createServer(async (request, response) => {
    if (request.method === "DELETE") {
      response.writeHead(200);
      const drip = setInterval(() => response.write("."), 100);
      response.once("close", () => clearInterval(drip));
      return;
    }
    if (request.method !== "POST") return void response.writeHead(405).end();
    let body = "";
    for await (const chunk of request) body += chunk;
    const { id, method } = JSON.parse(body) as { id?: number; method: string };
    if (id === undefined) return void response.writeHead(202).end();
    const result =
      method === "initialize" ? { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "drip", version: "0" } } : {};
    response
      .writeHead(200, { "content-type": "application/json", "mcp-session-id": "drip" })
      .end(JSON.stringify({ jsonrpc: "2.0", id, result }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

test("an HTTP upstream that never finishes its answer to DELETE does not hold the host", async () => {
  await using server = await drippingServer();
  const running = await startHost({ mcpServers: { drip: { url: server.url } } });
  await expect.poll(() => running.host.status().upstreams[0]?.state).toBe("ready");
  await running.host.close();
});

test("a transport that never finishes closing does not hold the host", async () => {
  const transport = () => Object.assign(inProcessTransport(), { close: () => new Promise<void>(() => {}) });
  const running = await startHost({ mcpServers: { up: { transport } } });
  await expect.poll(() => running.host.status().upstreams[0]?.state).toBe("ready");
  await running.host.close();
});

test("a call that the end of the host cut off is not said to be unsent", async () => {
  const running = await startHost({ mcpServers: { up: upstream() }, drain: "50ms" });
  const client = sdkClient();
  await client.connect(httpTransport(running.url));
  let progress = 0;
  const call = client.callTool({ name: "slow" }, undefined, { onprogress: () => progress++ });
  const failed = expect(call).rejects.toMatchObject({ code: -31509, data: { type: "shutting_down", sent: "unknown", retryable: false } });
  await expect.poll(() => progress).toBeGreaterThan(0);
  await running.host.close();
  await failed;
  await client.close();
});

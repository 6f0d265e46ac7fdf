import { PassThrough, Writable } from "node:stream";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, test, vi } from "vitest";
import { inProcessTransport, type Message } from "../fixtures/upstream.mjs";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { SocketClient } from "../harness/socket.ts";
import { ask, initialize, open } from "../harness/wire.ts";

/** A client on a wire that carries its messages one after the other. */
interface Client {
  /** Sends one JSON value. */
  send(value: unknown): Promise<void>;
  /** The JSON values that have come so far, batches as they came. */
  received(): unknown[];
  leave(): void;
}

const WIRES: Record<string, (host: TestHost) => Promise<Client>> = {
  async stdio({ host }) {
    const input = new PassThrough();
    let text = "";
    const output = new Writable({
      write(chunk, _encoding, done) {
        text += chunk;
        done();
      },
    });
    void host.serveStdio({ input, output });
    return {
      send: async (value) => void input.write(`${JSON.stringify(value)}\n`),
      received: () =>
        text
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line)),
      leave: () => void input.end(),
    };
  },
  async "HTTP+SSE"({ url }) {
    const stream = await open(url, { path: "/sse", headers: { accept: "text/event-stream" } });
    const endpoint = await vi.waitFor(() => {
      const [, path] = /^event: endpoint\ndata: (.*)\n\n/.exec(stream.text()) ?? [];
      if (!path) throw new Error("no endpoint came");
      return `/${path}`;
    });
    return {
      async send(body) {
        const { status, json } = await ask(url, { path: endpoint, body });
        if (status !== 202) refused.push(json);
      },
      received: () => [
        ...refused,
        ...stream
          .text()
          .split("\n\n")
          .slice(1, -1)
          .map((event) => JSON.parse(event.replace("event: message\ndata: ", ""))),
      ],
      leave: stream.leave,
    };
  },
  async WebSocket({ url }) {
    const client = await SocketClient.open(url);
    return { send: async (value) => client.send(value), received: () => client.received, leave: () => client.socket.terminate() };
  },
  async "an SDK transport"({ host }) {
    const [client, server] = InMemoryTransport.createLinkedPair();
    const received: unknown[] = [];
    client.onmessage = (message) => void received.push(message);
    await host.connect(server);
    // What custom transports deliver need not be what the SDK's types say.
    return { send: (value) => client.send(value as JSONRPCMessage), received: () => received, leave: () => void client.close() };
  },
};
/** Over HTTP+SSE a refusal is the answer to the POST. */
let refused: unknown[] = [];

async function connect(host: TestHost, wire: string, version: string): Promise<Client> {
  refused = [];
  const client = await (WIRES[wire] as (typeof WIRES)[string])(host); // one of the keys
  await client.send(initialize(version));
  await vi.waitFor(() => expect(client.received()).toHaveLength(1));
  await client.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  return client;
}

const start = (): Promise<TestHost> =>
  startHost({ mcpServers: { up: { transport: () => inProcessTransport({ name: "up" }) } }, listen: { sse: true, websocket: true } });

const ping = (id: unknown): Message => ({ jsonrpc: "2.0", id, method: "ping" });

describe.each(Object.keys(WIRES))("over %s", (wire) => {
  test("a batch of 2025-03-26 is answered as one array; what precedes an answer goes at once", async () => {
    await using host = await start();
    const client = await connect(host, wire, "2025-03-26");
    const call = (id: string): Message => ({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: { name: "progress", arguments: { steps: 1 }, _meta: { progressToken: id } },
    });
    const news = { jsonrpc: "2.0", method: "notifications/x" };
    const slow = { jsonrpc: "2.0", id: "gone", method: "tools/call", params: { name: "slow", arguments: { ms: 60_000 } } };
    await client.send([call("a"), news, ping("b"), { jsonrpc: "2.0", id: 99, result: {} }, slow]);
    await vi.waitFor(() => expect(client.received()).toHaveLength(2));
    expect(client.received()[1], "the others wait for the last").toMatchObject({ method: "notifications/progress" });
    // A cancelled request has no answer: the others do not wait for it.
    await client.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "gone" } });
    await vi.waitFor(() => expect(client.received()).toHaveLength(3));
    expect(client.received()[2]).toMatchObject([
      { id: "b", result: {} },
      { id: "a", result: {} },
    ]);
    await client.send([news]); // has no answer
    await client.send([ping("c")]);
    await vi.waitFor(() => expect(client.received().slice(3)).toEqual([[{ jsonrpc: "2.0", id: "c", result: {} }]]));
    client.leave();
  });

  test("a batch of another version, of nothing, too many or initialize is refused as a whole", async () => {
    await using host = await start();
    for (const [version, batches] of [
      ["2025-11-25", [[ping(1)]]],
      ["2024-11-05", [[ping(1)]]],
      ["2025-03-26", [[], Array.from({ length: 51 }, (_, id) => ping(id)), [ping(1), { jsonrpc: "2.0" }], [ping(1), initialize()]]],
    ] as const) {
      const client = await connect(host, wire, version);
      for (const batch of batches) await client.send(batch);
      await client.send(ping("after"));
      await vi.waitFor(() => expect(client.received()).toHaveLength(batches.length + 2));
      const errors = client.received().filter((value) => (value as Message).error);
      expect(errors).toMatchObject(batches.map(() => ({ id: null, error: { code: -32600 } })));
      client.leave();
    }
  });
});

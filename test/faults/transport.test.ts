import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { expect, test } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { startHost } from "../harness/hosts.ts";

/** A transport that others wrote, and not well. Its faults are what no type allows. */
async function over(faults: (sound: Transport) => object) {
  const make = (): Transport => {
    const sound = inProcessTransport({ name: "up", only: ["echo"] });
    const send = sound.send.bind(sound);
    return Object.assign(sound, { send, ...faults(Object.assign(Object.create(sound) as Transport, { send })) });
  };
  return startHost({ listen: null, drain: 0, mcpServers: { up: { transport: make, timeout: "2s" } } });
}

const isCall = (message: JSONRPCMessage): boolean => (message as Message).method === "tools/call";

test.each([
  [
    "throws",
    () => {
      throw new Error("a secret of the wire");
    },
  ],
  ["rejects without a reason", () => Promise.reject(undefined)],
])("one whose send %s fails the call in the name of its server", async (_, fault) => {
  await using running = await over((sound) => ({ send: (message: JSONRPCMessage) => (isCall(message) ? fault() : sound.send(message)) }));
  const failed = await running.host.callTool("echo").then(
    () => undefined,
    (error: Error) => error,
  );
  expect(failed).toMatchObject({ type: "upstream_lost", message: 'upstream "up" could not be sent to', sent: "unknown" });
});

test("one that brings a key that changes prototypes fails the call", async () => {
  await using running = await over((sound) => ({
    send(this: Transport, message: JSONRPCMessage) {
      if (!isCall(message)) return sound.send(message);
      const { id } = message as Message;
      this.onmessage?.(JSON.parse(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"a":[{"constructor":{"prototype":1}}]}}`));
      return Promise.resolve();
    },
  }));
  await expect(running.host.callTool("echo")).rejects.toMatchObject({ type: "upstream_protocol", sent: "yes" });
});

test("one whose send gives no promise serves", async () => {
  await using running = await over((sound) => ({ send: (message: JSONRPCMessage) => void sound.send(message) }));
  expect((await running.host.callTool("echo", { text: "here" })).structuredContent).toMatchObject({ arguments: { text: "here" } });
});

test.each([[undefined], ["words"], [{ message: 5 }]])("one that reports %j as an error goes on", async (error) => {
  let reported = false;
  await using running = await over((sound) => ({
    send(this: Transport, message: JSONRPCMessage) {
      if (isCall(message)) this.onerror?.(error as never);
      reported ||= isCall(message);
      return sound.send(message);
    },
  }));
  await running.host.callTool("echo");
  expect(reported).toBe(true);
  expect(running.logs.filter(({ level }) => level === "error")).toEqual([]);
});

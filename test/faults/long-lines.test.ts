import { describe, expect, test, vi } from "vitest";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { scripted } from "../harness/scripted.ts";

/** A server that keeps calls of `bad` with the argument `wait` until one without comes, which it gives an answer of 100,000 characters. */
const answering = (line: string): string => `
  if (method === undefined) (state.told ??= []).push(message);
  if (params.name === "ok") return { content: [], structuredContent: { told: state.told ?? [] } };
  if (params.name !== "bad") return;
  if (params.arguments.wait) {
    state.waiting = id;
    return null;
  }
  const long = "x".repeat(100_000);
  say(${line});
  if (state.waiting !== undefined) say({ jsonrpc: "2.0", id: state.waiting, result: { content: [] } });
  return null;`;

async function beside(line: string) {
  const running = await startHost({
    mcpServers: { one: { ...scripted(answering(line)), timeout: "3s" } },
    limits: { messageBytes: "64kb" },
  });
  const client = await RawHttp.open(running.url);
  const connection = () => running.host.status().upstreams[0]?.connections[0];
  return { client, connection, [Symbol.asyncDispose]: () => running.host.close() };
}

/** What becomes of a call that waits, and of one that is given what is too long. */
async function both({ client, connection }: Awaited<ReturnType<typeof beside>>) {
  const waiting = client.call("bad", { wait: true });
  await vi.waitFor(() => expect(connection()?.inFlight).toBe(1));
  const long = client.call("bad");
  return { waiting: await waiting, long: await long };
}

const tooLarge = { error: { code: -31413, data: { type: "payload_too_large", upstream: "one", sent: "yes", retryable: false } } };

describe("a line of a stdio server that is too long", () => {
  test.each([
    ["at its beginning", `'{"jsonrpc":"2.0","id":' + id + ',"result":{"content":[],"x":"' + long + '"}}'`],
    ["at its end", `'{"result":{"id":1,"x":"' + long + '"},"jsonrpc":"2.0","id":' + id + "}"`],
    ["behind a short member", `'{ "result" : "short", "y": [{"id":1},"{"], "id": ' + id + ', "x": "' + long + '"}'`],
  ])("fails the call whose id stands %s, and no other", async (_, line) => {
    await using here = await beside(line);
    const pid = here.connection()?.pid;
    const { waiting, long } = await both(here);
    expect(long).toMatchObject(tooLarge);
    expect(waiting.result).toEqual({ content: [] });
    expect(here.connection()).toMatchObject({ pid, state: "ready", garbage: 1, unexpected: 0 });
  });

  test.each([
    ["has its id in what is long", `'{"jsonrpc":"2.0","result":{"x":"' + long + '","id":' + id + "}}"`],
    ["is no message", `"{" + long`],
    ["has an id that the first bytes cut", `'{"x":"' + "y".repeat(4_082) + '","id":' + id + '000,"z":"' + long + '"}'`],
  ])("fails every call in flight if it %s, and the process goes on", async (_, line) => {
    await using here = await beside(line);
    const pid = here.connection()?.pid;
    const { waiting, long } = await both(here);
    const lost = { error: { code: -31502, data: { type: "upstream_protocol", sent: "unknown" } } };
    expect([waiting, long]).toMatchObject([lost, lost]);
    expect((await here.client.call("ok")).result).toBeDefined();
    expect(here.connection()).toMatchObject({ pid, state: "ready" });
  });

  test("is refused if it is a request, and fails no call", async () => {
    await using here = await beside(`'{"jsonrpc":"2.0","id":' + id + ',"method":"roots/list","params":{"x":"' + long + '"}}'`);
    const { waiting, long } = await both(here);
    expect(waiting.result).toEqual({ content: [] });
    expect(long.error.data.type).toBe("upstream_timeout");
    const { told } = (await here.client.call("ok")).result.structuredContent;
    expect(told).toMatchObject([{ id: expect.any(Number), error: { code: -32600, message: expect.stringContaining("65536 bytes") } }]);
  });

  test("is left out if it is a notification", async () => {
    await using here = await beside(`'{"jsonrpc":"2.0","method":"notifications/message","params":{"id":' + id + ',"x":"' + long + '"}}'`);
    const { waiting } = await both(here);
    expect(waiting.result).toEqual({ content: [] });
    expect((await here.client.call("ok")).result.structuredContent).toEqual({ told: [] });
  });
});

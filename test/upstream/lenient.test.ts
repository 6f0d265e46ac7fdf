import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { faulty } from "../harness/faulty.ts";
import { answerTo, faultySse, faultyWebSocket } from "../harness/faulty-wires.ts";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

const MARK = "\ufeff";
const withNull = (message: Message): string => JSON.stringify({ ...JSON.parse(answerTo(message)), error: null });

/** The answer of the one server of a config to a call of `bad`. */
async function called(server: Record<string, unknown>): Promise<Message> {
  await using running = await startHost({ mcpServers: { one: server } });
  return await (await RawHttp.open(running.url)).call("bad");
}

const OK = { result: { content: [{ text: "ok" }] } };

describe("over HTTP a server may answer", () => {
  const as =
    (type: string, body: (message: Message) => string) =>
    (response: ServerResponse, message: Message): void =>
      void response.writeHead(200, { "content-type": type }).end(body(message));

  test.each<[string, string, (message: Message) => string]>([
    ["with a media type in capitals", "Application/JSON; Charset=UTF-8", answerTo],
    ["with an event stream in capitals", "Text/Event-Stream", (message) => `data: ${answerTo(message)}\n\n`],
    ["with a byte order mark", "application/json", (message) => MARK + answerTo(message)],
    ["with a byte order mark in an event stream", "text/event-stream", (message) => `${MARK}data: ${answerTo(message)}\n\n`],
    ["with CR at the ends of lines", "text/event-stream", (message) => `id: 1\rdata: ${answerTo(message)}\r\r`],
    ["after an event without data", "text/event-stream", (message) => `id: 1\ndata:\n\ndata: ${answerTo(message)}\n\n`],
    ["with an error that is null", "application/json", withNull],
  ])("%s", async (_, type, body) => {
    await using bad = await faulty(as(type, body));
    expect(await called({ url: bad.url, type: "http" })).toMatchObject(OK);
  });

  test.each(["application/json", "text/event-stream"])("with an error without an id (%s), and is heard", async (type) => {
    const error = { code: -32700, message: "I could not read that", data: { at: 7 } };
    const text = JSON.stringify({ jsonrpc: "2.0", id: null, error });
    await using bad = await faulty(as(type, () => (type === "application/json" ? text : `data: ${text}\n\n`)));
    expect((await called({ url: bad.url })).error).toEqual(error);
  });
});

test("over the SSE of old", async () => {
  await using bad = await faultySse({ call: (stream, message) => stream.write(`data:\r\rdata: ${withNull(message)}\r\r`) });
  expect(await called({ url: bad.url, type: "sse" })).toMatchObject(OK);
});

test("over WebSocket", async () => {
  await using bad = await faultyWebSocket({ call: (socket, message) => socket.send(MARK + withNull(message)) });
  expect(await called({ url: bad.url })).toMatchObject(OK);
});

test("over stdio", async () => {
  const script = `
    const results = { initialize: (params) => ({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "x", version: "1" } }),
      "tools/list": () => ({ tools: [{ name: "bad", inputSchema: { type: "object" } }] }), "tools/call": () => ({ content: [{ type: "text", text: "ok" }] }) };
    let mark = ${JSON.stringify(MARK)};
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method, params } = JSON.parse(line);
      if (id === undefined) return;
      console.log(mark + JSON.stringify({ jsonrpc: "2.0", id, result: results[method]?.(params) ?? {}, error: null }));
      mark = "";
    });`;
  expect(await called({ command: process.execPath, args: ["-e", script] })).toMatchObject(OK);
});

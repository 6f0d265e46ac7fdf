import http from "node:http";
import { expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { answerTo, faultySse, listening } from "../harness/faulty-wires.ts";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/**
 * A server that sends `initialize` from its address to another, and knows nothing else there: nothing arrives that
 * does not go where it is.
 */
async function moving(status: number) {
  const arrived: string[] = [];
  const strays: string[] = [];
  let stream: http.ServerResponse | undefined;
  let called: Message | undefined;
  const server = http.createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    let body = "";
    for await (const chunk of request) body += chunk;
    const message: Message | undefined = body === "" ? undefined : JSON.parse(body);
    const what = `${message ? (message.method ?? "answer") : method}${headers["last-event-id"] === undefined ? "" : " resumed"}`;
    const isFirst = message?.method === "server/discover" || message?.method === "initialize";
    if (url === "/mcp" && isFirst) return void response.writeHead(status, { location: "/new/mcp?at=1" }).end();
    if (url !== "/new/mcp?at=1") {
      strays.push(what);
      return void response.writeHead(400).end();
    }
    arrived.push(what);
    if (method === "DELETE") return void response.writeHead(204).end();
    const events = { "content-type": "text/event-stream" };
    if (method === "GET") {
      response.writeHead(200, events).write(": open\n\n");
      if (headers["last-event-id"] === undefined) stream = response;
      else response.end(`data: ${answerTo(called as Message)}\n\n`); // what is resumed was called
      return;
    }
    if (message?.id === undefined || message.method === undefined) return void response.writeHead(202).end();
    if (message.method === "initialize") response.setHeader("mcp-session-id", "one");
    if (message.method !== "tools/call") return void response.writeHead(200, { "content-type": "application/json" }).end(answerTo(message));
    called = message;
    response.writeHead(200, events);
    const { resume } = message.params.arguments;
    response.write(`id: 1\nretry: 10\ndata: ${JSON.stringify({ jsonrpc: "2.0", id: 7, method: "ping" })}\n\n`);
    if (resume) response.end();
  });
  const { url, close } = await listening(server);
  return { url: `${url}/mcp`, arrived, strays, stream: () => stream, [Symbol.asyncDispose]: close };
}

test.each([307, 308])("what a server says with %i once, holds for everything that is sent to it afterwards", async (status) => {
  await using upstream = await moving(status);
  const running = await startHost({ mcpServers: { one: { url: upstream.url } } });
  const client = await RawHttp.open(running.url);
  expect((await client.call("bad", { resume: true })).result.content[0].text).toBe("ok");
  await vi.waitFor(() => expect(upstream.stream()).toBeDefined());
  const cancelled = client.call("ok", {}, { id: 77 }).catch(() => "not answered");
  await vi.waitFor(() => expect(running.host.status().upstreams[0]?.connections[0]?.inFlight).toBe(1));
  await client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 77 } });
  await vi.waitFor(() => expect(upstream.arrived).toContain("notifications/cancelled"));
  expect(await cancelled).toBe("not answered");
  await running.host.close();
  expect(new Set(upstream.arrived)).toEqual(
    new Set([
      "server/discover",
      "initialize",
      "notifications/initialized",
      "GET",
      "GET resumed",
      "tools/list",
      "tools/call",
      "answer",
      "notifications/cancelled",
      "DELETE",
    ]),
  );
  expect(upstream.strays).toEqual([]);
});

/** A server without sessions that is where the test says, sends everything else there, and answers requests as the test says. */
async function wandering(answers: { at: string; status?: number }) {
  const arrived: string[] = [];
  const server = http.createServer(async (request, response) => {
    const { method, url } = request;
    let body = "";
    for await (const chunk of request) body += chunk;
    if (method !== "POST") return response.writeHead(405).end();
    const message: Message = JSON.parse(body);
    arrived.push(`${url} ${message.method}`);
    if (url === "/mcp" && answers.at !== url) return response.writeHead(307, { location: answers.at }).end();
    if (url !== answers.at) return response.writeHead(404).end();
    if (message.id === undefined) return response.writeHead(202).end();
    const status = message.method === "tools/call" ? (answers.status ?? 200) : 200;
    return response.writeHead(status, { "content-type": "application/json" }).end(answerTo(message));
  });
  const { url, close } = await listening(server);
  return { url: `${url}/mcp`, arrived, [Symbol.asyncDispose]: close };
}

test("a server that moved on is asked for at its own address again", async () => {
  const answers = { at: "/a" };
  await using upstream = await wandering(answers);
  await using running = await startHost({ mcpServers: { one: { url: upstream.url, healthInterval: 0 } } });
  const client = await RawHttp.open(running.url);
  expect((await client.call("ok")).result).toBeDefined();
  expect(upstream.arrived.at(-1)).toBe("/a tools/call");
  answers.at = "/b";
  expect((await client.call("ok")).result).toBeDefined();
  expect(upstream.arrived.slice(-3)).toEqual(["/a tools/call", "/mcp tools/call", "/b tools/call"]);
});

test("a place where a request was refused is no new address", async () => {
  const answers: { at: string; status?: number } = { at: "/mcp" };
  await using upstream = await wandering(answers);
  await using running = await startHost({ mcpServers: { one: { url: upstream.url, healthInterval: 0 } } });
  const client = await RawHttp.open(running.url);
  expect((await client.call("ok")).result).toBeDefined();
  Object.assign(answers, { at: "/maintenance", status: 503 });
  expect((await client.call("ok")).error).toMatchObject({ data: { type: "upstream_error" } });
  Object.assign(answers, { at: "/mcp", status: 200 });
  expect((await client.call("ok")).result).toBeDefined();
  expect(upstream.arrived.slice(-3)).toEqual(["/mcp tools/call", "/maintenance tools/call", "/mcp tools/call"]);
});

test("over the SSE of old, what is posted goes where the server sent it, too", async () => {
  await using bad = await faultySse({
    post: (response, _, nth) => {
      if (nth === 1) response.writeHead(308, { location: "/messages?moved" }).end();
      return nth === 1;
    },
  });
  await using running = await startHost({ mcpServers: { one: { url: bad.url, type: "sse" } } });
  const client = await RawHttp.open(running.url);
  expect((await client.call("bad")).result).toBeDefined();
  const before = bad.heads.length;
  for (let n = 0; n < 3; n++) expect((await client.call("bad")).result).toBeDefined();
  expect(bad.heads.slice(before).map(({ method, url }) => `${method} ${url}`)).toEqual(Array(3).fill("POST /messages?moved"));
});

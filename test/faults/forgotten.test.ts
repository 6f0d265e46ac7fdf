import http, { type ServerResponse } from "node:http";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { answerTo, listening } from "../harness/faulty-wires.ts";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A server that refuses what comes without a session that it knows, as the test says, and can forget them all. */
async function forgetful(refuse: (response: ServerResponse, message: Message | undefined) => void) {
  const known = new Set<unknown>();
  let sessions = 0;
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const message: Message | undefined = body === "" ? undefined : JSON.parse(body);
    const json = { "content-type": "application/json" };
    if (message?.method === "initialize") {
      const session = `session-${++sessions}`;
      known.add(session);
      return void response.writeHead(200, { ...json, "mcp-session-id": session }).end(answerTo(message));
    }
    if (!known.has(request.headers["mcp-session-id"])) return refuse(response, message);
    if (request.method === "GET") return void response.writeHead(405).end();
    if (message?.id === undefined) return void response.writeHead(202).end();
    return void response.writeHead(200, json).end(answerTo(message));
  });
  const { url, close } = await listening(server);
  return { url: `${url}/mcp`, known, sessions: () => sessions, [Symbol.asyncDispose]: close };
}

const WORDS = "Bad Request: No valid session ID provided";
const rpc = (id: unknown, message: string): string => JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32000, message } });

describe("a server that forgot its sessions, and says so with", () => {
  test.each<[string, string]>([
    ["400 and an error", rpc(null, WORDS)],
    ["400 and an error that is not initialized", rpc(null, "Bad Request: Server not initialized")],
    ["400 and text", "Invalid or missing session ID"],
  ])("%s is initialized again, and the rejected call sent once more", async (_, text) => {
    await using upstream = await forgetful((response) => void response.writeHead(400).end(text));
    await using running = await startHost({ mcpServers: { one: { url: upstream.url, healthInterval: 0 } } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("ok")).result).toBeDefined();
    upstream.known.clear();
    expect((await client.call("ok")).result).toBeDefined();
    expect(upstream.sessions()).toBe(2);
  });

  test.each([400, 503, 500])("%i and no word is initialized again however much it is used", async (status) => {
    await using upstream = await forgetful((response) => void response.writeHead(status).end());
    await using running = await startHost({ mcpServers: { one: { url: upstream.url, healthInterval: "100ms" } } });
    const client = await RawHttp.open(running.url);
    upstream.known.clear();
    const lanes = [1, 2, 3].map(async () => {
      while (upstream.sessions() < 2) await client.call("ok");
    });
    await vi.waitFor(() => expect(upstream.sessions()).toBe(2), { timeout: 10_000 });
    await Promise.all(lanes);
    await vi.waitFor(async () => expect((await client.call("ok")).result).toBeDefined());
  });
});

test("400 in answer to one call is the refusal of that call, whatever its words, and of a body without end the status is told", async () => {
  await using upstream = await forgetful((response, message) => {
    response.writeHead(400, { "content-type": "application/json" });
    if (message?.params?.name === "bad") response.write("x".repeat(100));
    else response.end(rpc(message?.id ?? null, "there is no such chat session"));
  });
  await using running = await startHost({ mcpServers: { one: { url: upstream.url, healthInterval: 0 } } });
  const client = await RawHttp.open(running.url);
  expect((await client.call("ok")).result).toBeDefined();
  upstream.known.clear();
  for (const name of ["ok", "bad"])
    expect((await client.call(name)).error).toMatchObject({
      message: 'upstream "one" answered HTTP 400',
      data: { type: "upstream_error", sent: "no" },
    });
  expect(upstream.sessions()).toBe(1);
});

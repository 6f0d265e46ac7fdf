import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { inProcessTransport, type Message } from "../fixtures/upstream.mjs";
import { sdkClient, sseTransport } from "../harness/clients.ts";
import { startHost } from "../harness/hosts.ts";
import { type Answer, ask, bearer, type Incoming, initialize, open, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };
const listen = { sse: true };
const ping = (id: unknown = 1): Message => ({ jsonrpc: "2.0", id, method: "ping" });

afterEach(() => void vi.useRealTimers());

/** A client of 2024-11-05, spoken by hand. */
class SseClient {
  readonly stream: Incoming;
  readonly endpoint: URL;
  readonly #headers: Record<string, string>;

  private constructor(stream: Incoming, endpoint: URL, headers: Record<string, string>) {
    this.stream = stream;
    this.endpoint = endpoint;
    this.#headers = headers;
  }

  static async open(url: URL, headers: Record<string, string> = {}, path = "/sse"): Promise<SseClient> {
    const stream = await open(url, { path, headers: { accept: "text/event-stream", ...headers } });
    if (stream.status !== 200) throw new Error(`HTTP ${stream.status} ${stream.text()}`);
    const [, endpoint = ""] = await vi.waitFor(() => {
      const found = /^event: endpoint\ndata: (.*)\n\n/.exec(stream.text());
      if (!found) throw new Error("no endpoint came");
      return found;
    });
    return new SseClient(stream, new URL(endpoint, new URL(path, url)), headers);
  }

  static async connect(url: URL, version = "2024-11-05", headers: Record<string, string> = {}): Promise<SseClient> {
    const client = await SseClient.open(url, headers);
    await client.post(initialize(version));
    const { result } = await client.answer(0);
    expect(result.protocolVersion).toBe(version);
    await client.post({ jsonrpc: "2.0", method: "notifications/initialized" });
    return client;
  }

  post(body: unknown, headers: Record<string, string | undefined> = {}): Promise<Answer> {
    return ask(this.endpoint, { path: this.endpoint.pathname + this.endpoint.search, body, headers: { ...this.#headers, ...headers } });
  }

  get messages(): Message[] {
    const events = this.stream.text().split("\n\n").slice(1, -1);
    return events.filter((event) => !event.startsWith(":")).map((event) => JSON.parse(event.replace("event: message\ndata: ", "")));
  }

  answer(id: unknown): Promise<Message> {
    return vi.waitFor(
      () => {
        const found = this.messages.find((message) => message.method === undefined && message.id === id);
        if (!found) throw new Error(`no answer to ${id}: ${this.stream.text().slice(0, 500)}`);
        return found;
      },
      { interval: 2 },
    );
  }
}

test("the SDK's client calls, gets progress and news, and its end ends the session", async () => {
  await using host = await startHost({ mcpServers, listen });
  const client = sdkClient();
  const news: string[] = [];
  client.fallbackNotificationHandler = async ({ method }) => void news.push(method);
  await client.connect(sseTransport(host.url));
  const steps: number[] = [];
  const onprogress = ({ progress }: { progress: number }): void => void steps.push(progress);
  await client.callTool({ name: "progress", arguments: { steps: 3 } }, undefined, { onprogress });
  expect(steps).toEqual([1, 2, 3]);
  await client.callTool({ name: "change", arguments: { kinds: ["tools"] } });
  await vi.waitFor(() => expect(news).toEqual(["notifications/tools/list_changed"]));
  await client.close();
  await vi.waitFor(() => expect(host.host.status().sessions).toBe(0));
});

test("messages are taken with 202 and answered on the stream; versions are negotiated as elsewhere", async () => {
  await using host = await startHost({ mcpServers, listen });
  for (const version of ["2024-11-05", "2025-11-25"]) {
    const client = await SseClient.connect(host.url, version);
    expect(client.stream.headers).toMatchObject({ "content-type": "text/event-stream", "x-accel-buffering": "no" });
    const { status, text } = await client.post(ping("x"));
    expect([status, text]).toEqual([202, ""]);
    expect((await client.answer("x")).result).toEqual({});
    client.stream.leave();
  }
});

test("the address for messages is relative, so that a proxy may serve the host under a path of its own", async () => {
  await using host = await startHost({ mcpServers, listen });
  const proxy = http.createServer((request, response) => {
    const { method, headers } = request;
    const path = request.url?.replace(/^\/gateway/, "");
    const onward = http.request(host.url, { method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
    response.once("close", () => onward.destroy());
  });
  await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
  const { port } = proxy.address() as AddressInfo; // it listens on TCP
  for (const path of ["/gateway/sse", "/gateway/sse/"]) {
    const client = await SseClient.open(new URL(`http://127.0.0.1:${port}`), { host: host.url.host }, path);
    expect(client.endpoint.pathname).toBe("/gateway/messages");
    await client.post(initialize());
    expect((await client.answer(0)).result.protocolVersion).toBe("2025-11-25");
    client.stream.leave();
  }
  proxy.closeAllConnections();
  await new Promise((closed) => proxy.close(closed));
});

test("bad messages are refused on their POST, and an id that is in flight may not be used again", async () => {
  await using host = await startHost({ mcpServers, listen, limits: { requestBytes: "1kb" } });
  const client = await SseClient.connect(host.url);
  const refusals = [
    await client.post("{"),
    await client.post([ping()]),
    await client.post(ping(), { "content-type": "text/plain" }),
    await client.post({ ...ping(), params: { x: "x".repeat(1_100) } }),
    await client.post(ping(), { "mcp-protocol-version": "1999-01-01" }),
    await ask(host.url, { path: "/messages", body: ping() }),
    await ask(host.url, { path: `/messages?sessionId=${"0".repeat(32)}`, body: ping() }),
    await ask(host.url, { path: "/sse", body: initialize() }),
    await ask(host.url, { path: client.endpoint.pathname + client.endpoint.search }),
    await ask(host.url, { path: "/sse", headers: { accept: "application/json" } }),
  ];
  expect(refusals.map(({ status }) => status)).toEqual([400, 400, 415, 413, 400, 400, 404, 405, 405, 406]);
  const slow = { jsonrpc: "2.0", id: "same", method: "tools/call", params: { name: "slow", arguments: { ms: 150 } } };
  await client.post(slow);
  await client.post(slow);
  await vi.waitFor(() => expect(client.messages.filter(({ id }) => id === "same")).toHaveLength(2));
  const [refused, answered] = client.messages.filter(({ id }) => id === "same");
  expect(refused?.error).toMatchObject({ code: -32600, data: { type: "invalid_request" } });
  expect(answered?.result.structuredContent).toMatchObject({ waited: 150 });
  client.stream.leave();
});

test("Origin and Host are checked at both addresses", async () => {
  await using host = await startHost({ mcpServers, listen });
  const client = await SseClient.connect(host.url);
  for (const headers of [{ origin: "http://evil.example" }, { origin: "null" }, { host: "evil.example" }]) {
    expect((await ask(host.url, { path: "/sse", headers })).status).toBe(403);
    expect((await client.post(ping("never"), headers)).status).toBe(403);
  }
  await client.post(ping("seen"));
  await client.answer("seen");
  expect(client.messages.filter(({ id }) => id === "never")).toEqual([]);
  client.stream.leave();
});

test("a session is its principal's: for others it is unknown, and each has only so many", async () => {
  await using host = await startHost({ mcpServers, listen, plugins: [bearer()], limits: { sessionsPerPrincipal: 1 } });
  expect((await ask(host.url, { path: "/sse" })).status).toBe(401);
  const client = await SseClient.connect(host.url, "2024-11-05", { authorization: "Bearer alice:admin" });
  expect((await client.post(ping(), { authorization: undefined })).status).toBe(401);
  const unknown = await ask(host.url, { path: "/messages?sessionId=x", body: ping(), headers: { authorization: "Bearer bob" } });
  for (const authorization of ["Bearer bob:admin", "Bearer alice:reader"]) {
    const { status, text } = await client.post(ping("theirs"), { authorization });
    expect([status, text]).toEqual([404, unknown.text]);
  }
  expect((await ask(host.url, { path: "/sse", headers: { authorization: "Bearer alice:admin" } })).status).toBe(503);
  await client.post(ping("mine"));
  await client.answer("mine");
  expect(client.messages.map(({ id }) => id)).toEqual([0, "mine"]);
  client.stream.leave();
});

test("a session of one way in is none of another", async () => {
  await using host = await startHost({ mcpServers, listen });
  const [old, current] = await Promise.all([SseClient.connect(host.url), WireClient.connect(host.url)]);
  const id = old.endpoint.searchParams.get("sessionId") ?? "";
  expect((await ask(host.url, { body: ping(), headers: { "mcp-session-id": id } })).status).toBe(404);
  expect((await ask(host.url, { method: "DELETE", headers: { "mcp-session-id": id } })).status).toBe(404);
  expect((await ask(host.url, { path: `/messages?sessionId=${current.session}`, body: ping() })).status).toBe(404);
  old.stream.leave();
});

test("a client that leaves ends its session, and what it asked for is cancelled", async () => {
  await using host = await startHost({ mcpServers, listen });
  const [client, other] = await Promise.all([SseClient.connect(host.url), WireClient.connect(host.url)]);
  await client.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "slow", arguments: { ms: 60_000 } } });
  await vi.waitFor(() => expect(host.host.status().inFlight).toBe(1));
  client.stream.leave();
  await vi.waitFor(() => expect(host.host.status()).toMatchObject({ inFlight: 0, sessions: 1 }));
  expect((await client.post(ping())).status).toBe(404);
  expect((await other.request("ping")).json.result).toEqual({});
});

test("the stream is kept alive, and a client that never begins is closed", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  await using host = await startHost({ mcpServers, listen });
  const idle = await SseClient.open(host.url);
  const busy = await SseClient.connect(host.url);
  await busy.post(ping("begun"));
  await busy.answer("begun");
  vi.advanceTimersByTime(16_000);
  await vi.waitFor(() => expect(busy.stream.text()).toMatch(/: keep-alive\n\n$/));
  vi.advanceTimersByTime(20_000);
  await idle.stream.ended;
  expect((await idle.post(ping())).status).toBe(404);
  expect((await busy.post(ping("still"))).status).toBe(202);
  busy.stream.leave();
});

test("a client that does not read is dropped at limits.clientQueueBytes, and others are served", async () => {
  await using host = await startHost({ mcpServers, listen, limits: { clientQueueBytes: "256kb" } });
  const [slow, other] = await Promise.all([SseClient.connect(host.url), SseClient.connect(host.url)]);
  slow.stream.pause();
  const text = "x".repeat(512 * 1024);
  for (let n = 1; n <= 40 && host.host.status().sessions === 2; n++)
    await slow.post({ jsonrpc: "2.0", id: n, method: "tools/call", params: { name: "echo", arguments: { text } } });
  await vi.waitFor(() => expect(host.host.status().sessions).toBe(1));
  await other.post(ping("fine"));
  expect((await other.answer("fine")).result).toEqual({});
  other.stream.leave();
});

test("a host that stops answers what is in flight and ends the stream; without `sse` there is none", async () => {
  const host = await startHost({ mcpServers, listen });
  const client = await SseClient.connect(host.url);
  await client.post({ jsonrpc: "2.0", id: "late", method: "tools/call", params: { name: "slow", arguments: { ms: 200 } } });
  await vi.waitFor(() => expect(host.host.status().inFlight).toBe(1));
  const stopped = host.host.close();
  expect((await ask(host.url, { path: "/sse" })).status).toBe(503);
  await client.stream.ended;
  expect(client.messages.at(-1)).toMatchObject({ id: "late", result: { structuredContent: { waited: 200 } } });
  await stopped;
  await using plain = await startHost({ mcpServers });
  for (const path of ["/sse", "/messages"]) expect((await ask(plain.url, { path })).status).toBe(404);
});

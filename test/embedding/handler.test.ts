import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import express from "express";
import {
  type Config,
  createHost,
  createLogger,
  definePlugin,
  type HandlerOptions,
  type Host,
  type HostOptions,
  type PluginHost,
} from "mcp-host";
import { expect, test } from "vitest";
import { createWorld, inProcessTransport } from "../fixtures/upstream.mjs";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { temporary } from "../harness/hosts.ts";

const log = createLogger({ level: "silent" });
const one = { transport: () => inProcessTransport({ name: "one" }) };

function embedded(config: Config = {}, options: HostOptions = {}): Host {
  return createHost({ mcpServers: { one }, drain: 0, ...config }, { log, ...options });
}

/** A server on a free port, with its address. */
async function serving(listener: RequestListener): Promise<{ url: URL; [Symbol.asyncDispose](): Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

/** Sends `initialize` as it is written; gives status and body. */
async function initialize(url: URL, headers: Record<string, string> = {}, body: unknown = INITIALIZE) {
  return new Promise<{ status: number; headers: IncomingMessage["headers"]; body: Record<string, unknown> }>((resolve, reject) => {
    const sent = httpRequest(
      url,
      {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream", connection: "close", ...headers },
      },
      async (response) => {
        let text = "";
        for await (const chunk of response) text += chunk;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text || "{}") });
      },
    );
    sent.once("error", reject);
    sent.end(JSON.stringify(body));
  });
}

const refusal = (status: number, message: string) => ({ status, body: { error: { message: expect.stringContaining(message) } } });

test("the first request starts the host; calls, progress and the session's own stream go through another's server", async () => {
  await using host = embedded();
  await using server = await serving(host.handler());
  const client = sdkClient();
  await client.connect(httpTransport(server.url));
  const steps: number[] = [];
  await client.callTool({ name: "progress", arguments: { steps: 2 } }, undefined, {
    onprogress: ({ progress }) => void steps.push(progress),
  });
  expect(steps).toEqual([1, 2]);
  const changed = new Promise<void>((told) => client.setNotificationHandler(ToolListChangedNotificationSchema, () => told()));
  await client.callTool({ name: "change", arguments: { kinds: ["tools"], name: "fresh" } });
  await changed;
  expect(host.url).toBeUndefined();
  await client.close();
});

test("Host and Origin are checked, by the port that the request came to and the names that the options say", async () => {
  await using host = embedded({}, { insecureNoAuth: true });
  await using server = await serving(host.handler({ hosts: ["api.example.com"], origins: ["https://app.example.com"] }));
  const { port } = server.url;
  for (const name of ["api.example.com", `api.example.com:${port}`, `localhost:${port}`, `[::1]:${port}`])
    expect(await initialize(server.url, { host: name })).toMatchObject({ status: 200 });
  for (const name of ["evil.example", "api.example.com.evil.example", "localhost:1"])
    expect(await initialize(server.url, { host: name })).toMatchObject(refusal(403, "add it to handler's hosts"));
  expect(await initialize(server.url, { origin: "https://evil.example" })).toMatchObject(refusal(403, "add it to handler's origins"));
  expect(await initialize(server.url, { origin: "https://app.example.com" })).toMatchObject({
    status: 200,
    headers: { "access-control-allow-origin": "https://app.example.com", "x-content-type-options": "nosniff" },
  });
});

test("a reload that takes out the auth plugin closes the handler to other machines, whoever comes through a proxy included", async () => {
  const door = definePlugin({
    name: "door",
    host: "^1.0.0",
    apply: ({ hooks }) => hooks.authenticate.tap("door", () => ({ id: "ada", roles: [] })),
  });
  await using host = embedded({ plugins: [door()] });
  await using server = await serving(host.handler({ hosts: ["api.example.com"] }));
  expect(await initialize(server.url, { host: "api.example.com" })).toMatchObject({ status: 200 });
  await host.reload({ mcpServers: { one }, drain: 0 });
  for (const name of ["api.example.com", server.url.host])
    expect(await initialize(server.url, { host: name })).toMatchObject(refusal(403, "only this machine may call"));
});

test("where nobody says who clients are, other machines may not call", async () => {
  await using host = embedded();
  const mcp = host.handler();
  await using server = await serving((request, response) => {
    if (request.headers["x-from"]) Object.defineProperty(request.socket, "remoteAddress", { value: request.headers["x-from"] });
    mcp(request, response);
  });
  expect(await initialize(server.url, { "x-from": "192.0.2.1" })).toMatchObject(refusal(403, "only this machine may call"));
  expect(await initialize(server.url, { "x-from": "::ffff:127.0.0.1" })).toMatchObject({ status: 200 });

  const named = embedded();
  named.handler({ hosts: ["api.example.com"] });
  await expect(named.start()).rejects.toThrow('handler: "api.example.com" can be reached from other machines');
  await named.close();

  await using near = embedded();
  near.handler({ hosts: ["localhost:8080", "[::1]:8080"] });
  await near.start();
});

test("routes of plugins are for whom `authenticate` lets in", async () => {
  const board = definePlugin({
    name: "board",
    host: "^1.0.0",
    apply: ({ hooks }: PluginHost) => hooks.http.tap("board", (app) => void app.get("/board", (context) => context.text("figures"))),
  });
  const authenticate: HandlerOptions["authenticate"] = ({ headers }) =>
    headers["x-user"] === undefined ? undefined : { id: String(headers["x-user"]), roles: [] };
  await using host = embedded({ plugins: [board()] });
  await using server = await serving(host.handler({ authenticate }));
  const url = new URL("/board", server.url);
  expect((await fetch(url)).status).toBe(401);
  expect(await (await fetch(url, { headers: { "x-user": "eve" } })).text()).toBe("figures");
});

test("an auth plugin stays in force; `authenticate` is asked before it and alone", async () => {
  const who = definePlugin({
    name: "who",
    host: "^1.0.0",
    apply: ({ hooks }: PluginHost) =>
      hooks.respond.for("initialize").tap("who", (result, { principal }) => ({ ...result, _meta: { id: principal.id } })),
  });
  const keys = definePlugin({
    name: "keys",
    host: "^1.0.0",
    apply: ({ hooks }: PluginHost) =>
      hooks.authenticate.tap("keys", ({ headers }) => (headers.authorization === "Bearer of-ada" ? { id: "ada", roles: [] } : undefined)),
  });
  const authenticate: HandlerOptions["authenticate"] = ({ headers }) =>
    headers["x-user"] === undefined ? undefined : { id: String(headers["x-user"]), roles: [] };
  await using host = embedded({ plugins: [who()] });
  await using server = await serving(host.handler({ authenticate, hosts: ["api.example.com"] }));
  expect(await initialize(server.url)).toMatchObject(refusal(401, "not authenticated"));
  expect(await initialize(server.url, { "x-user": "eve" })).toMatchObject({ status: 200, body: { result: { _meta: { id: "eve" } } } });

  await using guarded = embedded({ plugins: [who(), keys()] });
  await using both = await serving(guarded.handler({ authenticate }));
  expect(await initialize(both.url)).toMatchObject({ status: 401 });
  expect(await initialize(both.url, { authorization: "Bearer of-ada" })).toMatchObject({ body: { result: { _meta: { id: "ada" } } } });
  expect(await initialize(both.url, { "x-user": "eve" })).toMatchObject({ body: { result: { _meta: { id: "eve" } } } });
});

test("in Express the endpoint is where it is mounted, however deep, with what Express has set kept", async () => {
  await using host = embedded();
  const app = express();
  const inner = express.Router();
  inner.use("/mcp", host.handler());
  app.use((_request, response, next) => {
    response.setHeader("x-own", "kept");
    next();
  });
  app.use("/deep", inner);
  app.use("/other", host.handler());
  await using server = await serving(app);
  for (const path of ["/deep/mcp", "/deep/mcp/", "/deep/mcp?a=b", "/other", "/other/mcp"])
    expect(await initialize(new URL(path, server.url))).toMatchObject({ status: 200, headers: { "x-own": "kept" } });
  expect(await initialize(new URL("/other/thing", server.url))).toMatchObject(refusal(404, "there is nothing here"));
  expect(await (await fetch(new URL("/other/healthz", server.url))).json()).toEqual({ status: "ok" });
});

test("elsewhere the endpoint is at `path`", async () => {
  await using host = embedded();
  await using server = await serving(host.handler({ path: "/api/tools" }));
  expect(await initialize(new URL("/api/tools", server.url))).toMatchObject({ status: 200 });
  expect(await initialize(server.url)).toMatchObject(refusal(404, "the MCP endpoint is /api/tools"));
  const wrong = embedded();
  wrong.handler({ path: "tools" });
  await expect(wrong.start()).rejects.toThrow('listen.path: must begin with "/"');
  await wrong.close();
});

test("a body that a parser has read is taken from request.body, within the limits; without it the error says what to do", async () => {
  await using host = embedded({ limits: { requestBytes: 2_000 } });
  const mcp = host.handler();
  const app = express();
  app.use("/json", express.json(), mcp);
  app.use("/text", express.text({ type: "*/*" }), mcp);
  app.use("/raw", express.raw({ type: "*/*" }), mcp);
  app.use("/lost", async (request, response) => {
    for await (const _ of request);
    mcp(request, response);
  });
  app.use("/whole", mcp);
  await using server = await serving(app);
  const large = { ...INITIALIZE, params: { ...INITIALIZE.params, padding: "x".repeat(2_000) } };
  for (const path of ["/json", "/text", "/raw", "/whole"]) {
    expect(await initialize(new URL(path, server.url))).toMatchObject({ status: 200 });
    expect(await initialize(new URL(path, server.url), {}, large)).toMatchObject(refusal(413, "larger than 2000 bytes"));
  }
  expect(await initialize(new URL("/lost", server.url))).toMatchObject(refusal(500, "mount the handler before body parsers"));
});

test("a host that cannot start answers 500 and says nothing of why; one that is closed answers 503", async () => {
  using folder = temporary();
  await using broken = embedded({ plugins: ["./missing.ts"] }, { folder: folder.path });
  await using first = await serving(broken.handler());
  const { status, body } = await initialize(first.url);
  expect({ status, body }).toMatchObject(refusal(500, "the host could not start; its log has the reason"));
  expect(JSON.stringify(body)).not.toContain(folder.path);

  const host = embedded();
  const used = host.handler();
  await using second = await serving(used);
  expect(await initialize(second.url)).toMatchObject({ status: 200 });
  await host.close();
  expect(await initialize(second.url)).toMatchObject({ status: 503 });
  await using third = await serving(host.handler());
  expect(await initialize(third.url)).toMatchObject(refusal(503, "the host is stopping"));
});

test("a host may listen itself besides, and all ways in share its servers", async () => {
  const world = createWorld({ only: ["echo"] });
  await using host = createHost(
    { mcpServers: { one: { transport: () => inProcessTransport(world.settings, world) } }, listen: { port: 0 }, drain: 0 },
    { log },
  );
  await using server = await serving(host.handler());
  await host.start();
  for (const url of [new URL(host.url ?? ""), server.url]) {
    const client = sdkClient();
    await client.connect(httpTransport(url));
    expect((await client.callTool({ name: "echo" })).isError).not.toBe(true);
    await client.close();
  }
  await host.callTool("echo");
  expect(world.received.filter(({ method }) => method === "initialize")).toHaveLength(1);
});

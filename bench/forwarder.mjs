// The yardstick: the least that a gateway in Node does for a call. It parses, finds the upstream by the tool's name, gives the
// message an id of its own, sends it on, and sends the answer back under the id that the client chose. It checks nothing, keeps
// no sessions, and relays neither progress nor anything else that a server says by itself: not a product.
//   node forwarder.mjs CONFIG          for a client on standard input and output
//   node forwarder.mjs CONFIG --http   on a free port, which it prints
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { framed } from "./frames.mjs";

const [file, mode] = process.argv.slice(2);
const initialize = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "forwarder", version: "1.0.0" } };

/** What a request to a server of 2026-07-28 says, instead of what came with it. */
const envelope = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": initialize.clientInfo,
  "io.modelcontextprotocol/clientCapabilities": {},
};
const stamped = (params) => ({ ...params, _meta: { ...params._meta, ...envelope } });

/** `send(method, params, done)` of a server over stdio: `done` gets the answer. */
function overStdio({ command, args, env, protocol }) {
  const isModern = protocol === "modern";
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"], env: { ...process.env, ...env } });
  const waiting = new Map();
  let last = 0;
  framed(child.stdout, (line) => {
    const answer = JSON.parse(line);
    const done = waiting.get(answer.id);
    waiting.delete(answer.id);
    done?.(answer);
  });
  return (method, params, done) => {
    const id = ++last;
    waiting.set(id, done);
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params: isModern ? stamped(params) : params })}\n`);
  };
}

/** The same over HTTP. */
function overHttp({ url, protocol }) {
  const isModern = protocol === "modern";
  const { hostname: host, port, pathname: path } = new URL(url);
  const agent = new Agent({ keepAlive: true });
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  if (isModern) headers["mcp-protocol-version"] = "2026-07-28";
  let last = 0;
  return (method, params, done) => {
    const id = ++last;
    const body = JSON.stringify({ jsonrpc: "2.0", id, method, params: isModern ? stamped(params) : params });
    const failed = ({ message }) => done({ jsonrpc: "2.0", error: { code: -32000, message } });
    const sent = { ...headers, "content-length": Buffer.byteLength(body) };
    if (isModern) sent["mcp-method"] = method;
    if (isModern && params.name !== undefined) sent["mcp-name"] = params.name;
    request({ host, port, path, method: "POST", agent, headers: sent }, (response) => {
      const session = response.headers["mcp-session-id"];
      if (session) headers["mcp-session-id"] = session;
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => done(JSON.parse(Buffer.concat(chunks).toString())));
    })
      .on("error", failed)
      .end(body);
  };
}

const routes = new Map();
const tools = [];
await Promise.all(
  Object.entries(JSON.parse(readFileSync(file, "utf8")).mcpServers).map(async ([key, server]) => {
    const send = server.url ? overHttp(server) : overStdio(server);
    await new Promise((done) => (server.protocol === "modern" ? send("server/discover", {}, done) : send("initialize", initialize, done)));
    const { result } = await new Promise((done) => send("tools/list", {}, done));
    for (const tool of result.tools) {
      const name = `${key}__${tool.name}`;
      routes.set(name, { send, native: tool.name });
      tools.push({ ...tool, name });
    }
  }),
);

function serve({ id, method, params }, reply) {
  if (method === "initialize") {
    const serverInfo = { name: "forwarder", version: "1.0.0" };
    return reply({ jsonrpc: "2.0", id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } });
  }
  if (method === "server/discover")
    return reply({
      jsonrpc: "2.0",
      id,
      result: { supportedVersions: ["2026-07-28"], capabilities: { tools: {} }, resultType: "complete" },
    });
  if (method === "tools/list") return reply({ jsonrpc: "2.0", id, result: { tools } });
  const route = method === "tools/call" ? routes.get(params.name) : undefined;
  if (!route) return reply({ jsonrpc: "2.0", id, error: { code: -32602, message: "unknown" } });
  route.send("tools/call", { ...params, name: route.native }, (answer) => {
    answer.id = id;
    reply(answer);
  });
}

function serveStdio() {
  framed(process.stdin, (line) => {
    const message = JSON.parse(line);
    if (message.id !== undefined) serve(message, (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
  });
}

function serveHttp() {
  const server = createServer((incoming, response) => {
    // A client's standing stream: open, and never used.
    if (incoming.method === "GET") return void response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    if (incoming.method !== "POST") return void response.writeHead(200).end();
    const chunks = [];
    incoming.on("data", (chunk) => chunks.push(chunk));
    incoming.on("end", () => {
      const message = JSON.parse(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
      if (message.id === undefined) return response.writeHead(202).end();
      serve(message, (answer) => {
        const body = JSON.stringify(answer);
        const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
        if (message.method === "initialize") headers["mcp-session-id"] = randomUUID();
        response.writeHead(200, headers).end(body);
      });
    });
  });
  server.keepAliveTimeout = 65_000; // as the host's: between two rounds a connection may rest longer than Node's five seconds
  server.listen(0, "127.0.0.1", () => process.stderr.write(`listens at http://127.0.0.1:${server.address().port}/mcp\n`));
}

if (mode === "--http") serveHttp();
else serveStdio();
// A profile of it is written at its end, which a signal alone would not give.
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(0));
process.stdin.resume().on("end", () => process.exit(0));

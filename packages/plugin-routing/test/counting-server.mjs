/**
 * A member that counts: `node counting-server.mjs NAME LEDGER [PORT]`. Every call that it begins is a line in the ledger before it is
 * answered, so that whoever kills it knows what it did. Over stdio, or with a port over HTTP. Over stdio it dies by its own hand once
 * somebody connects to the port in LEDGER.door: nobody has to know its pid, which may be another's by then.
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

const [name, ledger, port] = process.argv.slice(2);
const tool = (called) => ({ name: called, inputSchema: { type: "object", properties: { id: { type: "string" } } } });

async function answer({ id, method, params }) {
  if (id === undefined) return undefined;
  const result = await resultOf(method, params);
  return JSON.stringify({ jsonrpc: "2.0", id, ...(result ? { result } : { error: { code: -32601, message: "no such method" } }) });
}

async function resultOf(method, params) {
  if (method === "initialize") {
    const { protocolVersion } = params;
    return { protocolVersion, capabilities: { tools: {} }, serverInfo: { name, version: "1" } };
  }
  if (method === "ping") return {};
  if (method === "tools/list") return { tools: [tool("once"), tool("again")] };
  if (method !== "tools/call") return undefined;
  appendFileSync(ledger, `${params.name} ${params.arguments.id}\n`);
  await pause(Math.random() * 8);
  return { content: [{ type: "text", text: name }] };
}

if (port === undefined) {
  createInterface({ input: process.stdin }).on("line", async (line) => {
    const text = await answer(JSON.parse(line));
    if (text) process.stdout.write(`${text}\n`);
  });
  process.stdin.on("end", () => process.exit());
  const door = createTcpServer(() => process.kill(process.pid, "SIGKILL"));
  door.listen(0, "127.0.0.1", () => writeFileSync(`${ledger}.door`, String(door.address().port)));
} else {
  const server = createServer(async (request, response) => {
    if (request.method !== "POST") return response.writeHead(405).end();
    let body = "";
    for await (const chunk of request) body += chunk;
    const text = await answer(JSON.parse(body));
    response.writeHead(text ? 200 : 202, { "content-type": "application/json" }).end(text);
  });
  server.listen(Number(port), "127.0.0.1");
  process.on("disconnect", () => process.exit());
}
